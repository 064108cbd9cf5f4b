//! Reading the document of a group: what is refused before anything is made of it, and the plan that
//! the machine goes by.
//!
//! *The attack:* a document that makes the host work without end, or that nobody can tell what it
//! means: steps that need themselves, names that stand for two, wires that lead nowhere or over one
//! another. *The rule:* everything that the document alone tells is told at once, by the name of the
//! step and, of a cycle, by all of its names. *The default:* a step needs nothing but what it is wired to.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};
use troupe_core::view::{NewGroup, NewStep, NewTask};
use troupe_core::{Code, Error, Result, StepName, limits, pointer, shown};

use super::machine::{Plan, PlanStep};

/// A group as its document draws it.
#[derive(Debug, Clone)]
pub(super) struct Drawing {
    pub(super) plan: Plan,
    /// The names of the steps, in the order of the document.
    pub(super) names: Vec<StepName>,
}

impl Drawing {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Code::LimitGroupSize`]; [`Code::GroupInvalid`]; [`Code::GroupCycle`].
    pub(super) fn of(group: &NewGroup) -> Result<Self> {
        let steps = group.steps.len();
        if !(1..=limits::GROUP_STEPS_MAX).contains(&steps) {
            let message = format!("a task group has 1 to {} steps; this one has {steps}", limits::GROUP_STEPS_MAX);
            let code = if steps == 0 { Code::GroupInvalid } else { Code::LimitGroupSize };
            return Err(Error::new(code, message));
        }
        let names = group.steps.iter().map(name_of).collect::<Result<Vec<_>>>()?;
        let mut places = HashMap::new();
        for (place, name) in names.iter().enumerate() {
            if places.insert(name.as_str(), place).is_some() {
                return Err(Error::new(Code::GroupInvalid, format!("two steps are called `{name}`")));
            }
        }
        let steps = group.steps.iter().map(|step| drawn(step, &places).map_err(|error| of_step(&step.name, error)));
        let drawing = Self {
            plan: Plan { on_failure: group.on_failure, steps: steps.collect::<Result<_>>()? },
            names: names.clone(),
        };
        drawing.check_order()?;
        Ok(drawing)
    }

    /// The place of a step.
    pub(super) fn place(&self, step: &StepName) -> Option<usize> {
        self.names.iter().position(|name| name == step)
    }

    /// Checks that no step needs itself, by others or not.
    fn check_order(&self) -> Result<()> {
        let mut is_clear = vec![false; self.names.len()];
        for start in 0..self.names.len() {
            let mut path = vec![(start, 0)];
            while let Some((step, next)) = path.last().copied() {
                let need = self.plan.steps.get(step).and_then(|step| step.needs.get(next)).copied();
                let Some(need) = need.filter(|_| is_clear.get(step) != Some(&true)) else {
                    if let Some(clear) = is_clear.get_mut(step) {
                        *clear = true;
                    }
                    path.pop();
                    continue;
                };
                if let Some(last) = path.last_mut() {
                    last.1 += 1;
                }
                if let Some(from) = path.iter().position(|(on_path, _)| *on_path == need) {
                    return Err(self.cycle(path.iter().skip(from).map(|(step, _)| *step).chain([need])));
                }
                path.push((need, 0));
            }
        }
        Ok(())
    }

    fn cycle(&self, steps: impl Iterator<Item = usize>) -> Error {
        let names: Vec<&str> = steps.filter_map(|step| self.names.get(step)).map(StepName::as_str).collect();
        let message = format!("`{}`: each of these steps needs the next, so none can begin", names.join(" → "));
        Error::new(Code::GroupCycle, message).with("cycle", names)
    }
}

/// The same error, by the step that it is about.
pub(super) fn of_step(name: &str, error: Error) -> Error {
    error.context(format!("step `{}`", shown(name))).with("step", shown(name))
}

fn name_of(step: &NewStep) -> Result<StepName> {
    step.name.parse().map_err(|error| {
        let error: Error = error;
        Error::new(Code::GroupInvalid, format!("step `{}`: {}", shown(&step.name), error.message))
    })
}

fn drawn(step: &NewStep, places: &HashMap<&str, usize>) -> Result<PlanStep> {
    let froms = step.wires.iter().map(|wire| &wire.from).chain(step.for_each.as_ref().map(|each| &each.from));
    let mut needs = BTreeSet::new();
    for name in step.needs.iter().chain(froms) {
        let place = places.get(name.as_str()).ok_or_else(|| {
            Error::new(Code::GroupInvalid, format!("there is no step `{}` that it could need", shown(name)))
        })?;
        needs.insert(*place);
    }
    let mut at_once = 1;
    if let Some(each) = &step.for_each {
        at_once = each.at_once.map_or(limits::GROUP_ITEMS_MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        if !(1..=limits::GROUP_ITEMS_MAX).contains(&at_once) {
            let message = format!("`for_each.at_once` is 1 to {}", limits::GROUP_ITEMS_MAX);
            return Err(Error::new(Code::GroupInvalid, message));
        }
        pointer::tokens(&each.at)?;
    }
    step.wires.iter().try_for_each(|wire| pointer::tokens(&wire.at).map(drop))?;
    check_places(&step.task, &open_places(step))?;
    if let Some(undo) = &step.compensate {
        undo.wires.iter().try_for_each(|wire| pointer::tokens(&wire.at).map(drop))?;
        let places: Vec<String> = undo.wires.iter().map(|wire| wire.to.clone()).collect();
        check_places(&undo.task, &places).map_err(|error| error.context("its compensation"))?;
    }
    Ok(PlanStep {
        needs: needs.into_iter().collect(),
        is_many: step.for_each.is_some(),
        at_once,
        may_fail: step.may_fail,
        is_undone: step.compensate.is_some(),
    })
}

/// The places of a step's input that are known once it begins, in the order in which they are filled.
pub(super) fn open_places(step: &NewStep) -> Vec<String> {
    let item = step.for_each.iter().map(|each| each.to.clone());
    item.chain(step.wires.iter().map(|wire| wire.to.clone())).collect()
}

/// Checks that an input can have these places, and that none is filled over one before.
fn check_places(task: &NewTask, places: &[String]) -> Result<()> {
    let mut probe = if task.input.is_null() { Value::Object(Map::new()) } else { task.input.clone() };
    let mut before: Vec<Vec<String>> = Vec::new();
    for place in places {
        let tokens = pointer::tokens(place)?;
        let is_next = tokens.last().is_some_and(|last| last == "-");
        if !is_next && before.iter().any(|earlier| earlier.starts_with(&tokens)) {
            let message = format!("two wires lead to `{}` of its input", shown(place));
            return Err(Error::new(Code::GroupInvalid, message));
        }
        pointer::set(&mut probe, place, Value::Null).map_err(|error| Error::new(Code::GroupInvalid, error.message))?;
        before.push(tokens);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn refused(steps: Value) -> String {
        let group: NewGroup = serde_json::from_value(json!({ "steps": steps })).unwrap();
        let error = Drawing::of(&group).unwrap_err();
        format!("{} [{}]", error.message, error.code)
    }

    fn step(name: &str, more: Value) -> Value {
        let mut step = json!({ "name": name, "task": { "agent": "echo", "skill": "echo" } });
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    }

    #[test]
    fn a_cycle_is_named_as_it_goes() {
        assert_snapshot!(refused(json!([step("a", json!({ "needs": ["a"] }))])), @"`a → a`: each of these steps needs the next, so none can begin [group.cycle]");
        let wire = json!({ "wires": [{ "from": "c", "to": "/x" }] });
        let steps = json!([
            step("first", json!({})),
            step("a", json!({ "needs": ["first", "b"] })),
            step("b", wire),
            step("c", json!({ "for_each": { "from": "a", "to": "/x" } }))
        ]);
        assert_snapshot!(refused(steps), @"`a → b → c → a`: each of these steps needs the next, so none can begin [group.cycle]");
    }

    #[test]
    fn steps_that_share_what_they_need_are_no_cycle() {
        let steps = json!([
            step("d", json!({ "needs": ["b", "c"] })),
            step("b", json!({ "needs": ["a"] })),
            step("c", json!({ "needs": ["a", "b"] })),
            step("a", json!({}))
        ]);
        let group: NewGroup = serde_json::from_value(json!({ "steps": steps })).unwrap();
        let needs: Vec<_> = Drawing::of(&group).unwrap().plan.steps.into_iter().map(|step| step.needs).collect();
        assert_eq!(needs, [vec![1, 2], vec![3], vec![1, 3], vec![]]);
    }

    #[test]
    fn what_a_document_cannot_mean_is_refused_by_the_step() {
        assert_snapshot!(refused(json!([])), @"a task group has 1 to 64 steps; this one has 0 [group.invalid]");
        assert_snapshot!(refused(json!([step("A b", json!({}))])), @"step `A b`: a step's name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter [group.invalid]");
        assert_snapshot!(refused(json!([step("a", json!({})), step("a", json!({}))])), @"two steps are called `a` [group.invalid]");
        assert_snapshot!(refused(json!([step("a", json!({ "needs": ["b"] }))])), @"step `a`: there is no step `b` that it could need [group.invalid]");
        assert_snapshot!(refused(json!([step("a", json!({})), step("b", json!({ "wires": [{ "from": "a", "to": "x" }] }))])), @"step `b`: `x` is no JSON Pointer; write it like `/regions/0`, or empty for all of it [group.invalid]");
        let twice = json!({ "wires": [{ "from": "a", "to": "/x/y" }, { "from": "a", "to": "/x" }] });
        assert_snapshot!(refused(json!([step("a", json!({})), step("b", twice)])), @"step `b`: two wires lead to `/x` of its input [group.invalid]");
        let beyond = json!({ "compensate": { "task": { "agent": "echo", "skill": "echo", "input": { "n": 1 } }, "wires": [{ "from": "output", "to": "/n/x" }] } });
        assert_snapshot!(refused(json!([step("a", beyond)])), @"step `a`: its compensation: there can be nothing at `/n/x` of the input as it is [group.invalid]");
        let steps: Vec<Value> = (0..65).map(|at| step(&format!("s{at}"), json!({}))).collect();
        assert_snapshot!(refused(json!(steps)), @"a task group has 1 to 64 steps; this one has 65 [limit.group_size]");
    }
}
