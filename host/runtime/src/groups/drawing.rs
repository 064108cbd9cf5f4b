//! Reading the document of a group: what is refused before anything is made of it, and the plan that
//! the machine goes by.
//!
//! *The attack:* a document that makes the host work without end, or that nobody can tell what it
//! means: steps that need themselves, names that stand for two, wires that lead nowhere or over one
//! another. *The rule:* everything that the document alone tells is told at once, by the name of the
//! step and, of a cycle, by all of its names. *The default:* a step needs nothing but what it is wired to.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};
use troupe_core::view::{NewGroup, NewStep};
use troupe_core::{Code, Error, Result, StepName, limits, pointer, shown};

use super::machine::{Plan, PlanStep};

/// A group as its document draws it: its steps and those of the groups within it, each behind the group that it is of.
#[derive(Debug, Clone, Default)]
pub(super) struct Drawing {
    pub(super) plan: Plan,
    /// The names of the steps, in the order of the document.
    pub(super) names: Vec<StepName>,
    /// Where each stands in the document: the place of the step, and of each around it before.
    ways: Vec<Vec<usize>>,
}

impl Drawing {
    /// Reads a document.
    ///
    /// # Errors
    /// [`Code::LimitGroupSize`]; [`Code::GroupInvalid`]; [`Code::GroupCycle`].
    pub(super) fn of(group: &NewGroup) -> Result<Self> {
        let mut drawing = Self::default();
        drawing.plan.on_failure = group.on_failure;
        drawing.draw(&group.steps, None)?;
        drawing.check_order()?;
        Ok(drawing)
    }

    /// Draws the steps of the outermost group, or of one within another.
    fn draw(&mut self, steps: &[NewStep], within: Option<usize>) -> Result<()> {
        self.check_count(steps, within)?;
        let first = self.names.len();
        let mut places = HashMap::new();
        for (at, step) in steps.iter().enumerate() {
            let name = self.name_of(step, within)?;
            if places.insert(step.name.as_str(), first + at).is_some() {
                return Err(Error::new(Code::GroupInvalid, format!("two steps are called `{name}`")));
            }
            let mut way = within.and_then(|group| self.ways.get(group)).cloned().unwrap_or_default();
            way.push(at);
            self.ways.push(way);
            self.names.push(name);
        }
        for (at, step) in steps.iter().enumerate() {
            let drawn = drawn(step, &places, within).map_err(|error| of_step(self.name(first + at), error))?;
            self.plan.steps.push(drawn);
        }
        for (at, step) in steps.iter().enumerate() {
            if let Some(group) = &step.group {
                let named = |error| of_step(self.name(first + at), error);
                if self.ways.get(first + at).is_some_and(|way| way.len() >= limits::GROUP_DEPTH_MAX) {
                    let message = format!("groups stand in groups {} deep at most", limits::GROUP_DEPTH_MAX);
                    return Err(named(Error::new(Code::LimitGroupSize, message)));
                }
                self.draw(&group.steps, Some(first + at))?;
            }
        }
        Ok(())
    }

    fn check_count(&self, steps: &[NewStep], within: Option<usize>) -> Result<()> {
        let (count, most) = (steps.len(), limits::GROUP_STEPS_MAX);
        if !(1..=most).contains(&count) {
            let message = match within {
                None => format!("a task group has 1 to {most} steps; this one has {count}"),
                Some(group) => format!("a task group has 1 to {most} steps; `{}` has {count}", self.name(group)),
            };
            let code = if count == 0 { Code::GroupInvalid } else { Code::LimitGroupSize };
            return Err(Error::new(code, message));
        }
        let most = limits::GROUP_STEPS_IN_ALL_MAX;
        if self.names.len() + count > most {
            let message = format!("a task group and all within it have at most {most} steps");
            return Err(Error::new(Code::LimitGroupSize, message));
        }
        Ok(())
    }

    fn name_of(&self, step: &NewStep, within: Option<usize>) -> Result<StepName> {
        let named =
            |error: Error| Error::new(Code::GroupInvalid, format!("step `{}`: {}", shown(&step.name), error.message));
        // A path is made of names, and is none.
        let own: StepName = step.name.parse().map_err(named)?;
        if own.own() != own.as_str() {
            return Err(named(Error::new(Code::GroupInvalid, "a step's name has no `/`")));
        }
        match within.and_then(|group| self.names.get(group)) {
            Some(group) => group.within(own.as_str()).map_err(named),
            None => Ok(own),
        }
    }

    fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", StepName::as_str)
    }

    /// A step as its document has it.
    pub(super) fn step<'a>(&self, group: &'a NewGroup, place: usize) -> Option<&'a NewStep> {
        let (first, rest) = self.ways.get(place)?.split_first()?;
        let mut step = group.steps.get(*first)?;
        for at in rest {
            step = step.group.as_ref()?.steps.get(*at)?;
        }
        Some(step)
    }

    /// The steps that ask for a task, each with its name.
    pub(super) fn tasks<'a>(&self, group: &'a NewGroup) -> Vec<(StepName, &'a NewStep)> {
        let of = |(place, name): (usize, &StepName)| Some((name.clone(), self.step(group, place)?));
        let all = self.names.iter().enumerate().filter_map(of);
        all.filter(|(_, step)| step.group.is_none()).collect()
    }

    /// The place of the step that a step of the same group is called by `name`.
    pub(super) fn beside(&self, place: usize, name: &str) -> Option<usize> {
        let within = self.plan.steps.get(place)?.within;
        let mut all = self.plan.steps.iter().zip(&self.names);
        all.position(|(step, found)| step.within == within && found.own() == name)
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

fn drawn(step: &NewStep, places: &HashMap<&str, usize>, within: Option<usize>) -> Result<PlanStep> {
    check_kind(step)?;
    let froms = step.wires.iter().map(|wire| &wire.from).chain(step.for_each.as_ref().map(|each| &each.from));
    let mut needs = BTreeSet::new();
    for name in step.needs.iter().chain(froms.filter(|from| !from.is_empty() || within.is_none())) {
        let place = places.get(name.as_str()).ok_or_else(|| {
            let message = match name.is_empty() {
                true => {
                    "a wire without `from` leads from the input of the group around it, and there is none".to_owned()
                }
                false => format!("there is no step `{}` that it could need", shown(name)),
            };
            Error::new(Code::GroupInvalid, message)
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
    let known = step.task.as_ref().map(|task| &task.input).or(step.group.as_ref().map(|group| &group.input));
    check_places(known.unwrap_or(&Value::Null), &open_places(step))?;
    if let Some(undo) = &step.compensate {
        undo.wires.iter().try_for_each(|wire| pointer::tokens(&wire.at).map(drop))?;
        let places: Vec<String> = undo.wires.iter().map(|wire| wire.to.clone()).collect();
        check_places(&undo.task.input, &places).map_err(|error| error.context("its compensation"))?;
    }
    Ok(PlanStep {
        needs: needs.into_iter().collect(),
        is_many: step.for_each.is_some(),
        at_once,
        may_fail: step.may_fail,
        is_undone: step.compensate.is_some(),
        within,
        inner: step.group.as_ref().map(|group| group.on_failure),
    })
}

/// Checks that a step is a task or a group, and of a group that it says nothing that is said of tasks.
fn check_kind(step: &NewStep) -> Result<()> {
    let message = match (&step.task, &step.group) {
        (Some(_), None) => return Ok(()),
        (None, None) => "it is a `task` or a `group`, and says neither",
        (Some(_), Some(_)) => "it is a `task` or a `group`, and not both",
        (None, Some(_)) if step.for_each.is_some() => "`for_each` makes tasks; a group has it in its own steps",
        (None, Some(_)) if step.compensate.is_some() => {
            "what a group did is undone by what its own steps name; `compensate` is for tasks"
        }
        (None, Some(_)) => return Ok(()),
    };
    Err(Error::new(Code::GroupInvalid, message))
}

/// The places of a step's input that are known once it begins, in the order in which they are filled.
pub(super) fn open_places(step: &NewStep) -> Vec<String> {
    let item = step.for_each.iter().map(|each| each.to.clone());
    item.chain(step.wires.iter().map(|wire| wire.to.clone())).collect()
}

/// Checks that an input can have these places, and that none is filled over one before.
fn check_places(known: &Value, places: &[String]) -> Result<()> {
    let mut probe = if known.is_null() { Value::Object(Map::new()) } else { known.clone() };
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

    fn group(name: &str, steps: Value) -> Value {
        json!({ "name": name, "group": { "steps": steps } })
    }

    #[test]
    fn groups_in_groups_are_drawn_each_behind_what_it_is_of_and_within_their_bounds() {
        let inner = group("inner", json!([step("one", json!({ "wires": [{ "to": "/x" }] }))]));
        let deploy =
            group("deploy", json!([step("check", json!({})), inner, step("last", json!({ "needs": ["inner"] }))]));
        let steps = json!([deploy, step("after", json!({ "needs": ["deploy"] }))]);
        let document: NewGroup = serde_json::from_value(json!({ "steps": steps })).unwrap();
        let drawing = Drawing::of(&document).unwrap();
        let names: Vec<&str> = drawing.names.iter().map(StepName::as_str).collect();
        assert_eq!(names, ["deploy", "after", "deploy/check", "deploy/inner", "deploy/last", "deploy/inner/one"]);
        let within: Vec<_> = drawing.plan.steps.iter().map(|step| step.within).collect();
        assert_eq!(within, [None, None, Some(0), Some(0), Some(0), Some(3)]);
        assert_eq!((drawing.plan.steps[4].needs.clone(), drawing.beside(4, "inner")), (vec![3], Some(3)));
        assert_eq!(drawing.beside(4, "after"), None, "of another group it knows nothing");
        assert_eq!(drawing.step(&document, 5).unwrap().name, "one");

        let nested = |depth: usize| (1..depth).fold(step("a", json!({})), |inner, _| group("g", json!([inner])));
        assert!(Drawing::of(&serde_json::from_value(json!({ "steps": [nested(4)] })).unwrap()).is_ok());
        assert_snapshot!(refused(json!([nested(5)])), @"step `g/g/g/g`: groups stand in groups 4 deep at most [limit.group_size]");
        let many = |name: &str| group(name, (0..64).map(|at| step(&format!("s{at}"), json!({}))).collect());
        assert_snapshot!(refused(json!([many("a"), many("b"), many("c"), many("d")])), @"a task group and all within it have at most 256 steps [limit.group_size]");
        assert_snapshot!(refused(json!([group("a", json!([]))])), @"a task group has 1 to 64 steps; `a` has 0 [group.invalid]");
        assert_snapshot!(refused(json!([json!({ "name": "a" })])), @"step `a`: it is a `task` or a `group`, and says neither [group.invalid]");
        assert_snapshot!(refused(json!([step("a", json!({ "group": { "steps": [] } }))])), @"step `a`: it is a `task` or a `group`, and not both [group.invalid]");
        assert_snapshot!(refused(json!([step("a/b", json!({}))])), @"step `a/b`: a step's name has no `/` [group.invalid]");
        assert_snapshot!(refused(json!([step("a", json!({ "wires": [{ "to": "/x" }] }))])), @"step `a`: a wire without `from` leads from the input of the group around it, and there is none [group.invalid]");
        let round = json!([step("a", json!({ "needs": ["b"] })), step("b", json!({ "needs": ["a"] }))]);
        assert_snapshot!(refused(json!([group("g", round)])), @"`g/a → g/b → g/a`: each of these steps needs the next, so none can begin [group.cycle]");
        assert_snapshot!(refused(json!([step("a", json!({})), group("g", json!([step("b", json!({ "needs": ["a"] }))]))])), @"step `g/b`: there is no step `a` that it could need [group.invalid]");
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
