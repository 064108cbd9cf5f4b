//! Making a group's tasks: what goes into them, and whether there is room for them.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};
use troupe_core::view::{Member, NewStep, NewTask, OwnDocument, StepStatus};
use troupe_core::{Caller, Code, Error, Result, StepName, limits};
use troupe_store::{GroupRow, TaskRow, task_not_found};

use super::drawing::Drawing;
use super::machine::{Call, Does, State};
use super::wiring::{Sum, at, filled, items};
use crate::Runtime;
use crate::tasks::Room;

/// What comes of reading something that may stand at any depth.
type Reading<'s> = Pin<Box<dyn Future<Output = Result<Arc<Value>>> + Send + 's>>;

/// What is read and made of a group while it is looked at.
pub(super) struct Making<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) row: &'a GroupRow,
    pub(super) drawing: &'a Drawing,
    /// Outputs of steps that were read already, and inputs of groups that were made, by the places of the steps; null
    /// of one that failed and may.
    outputs: HashMap<usize, Arc<Value>>,
    inputs: HashMap<usize, Arc<Value>>,
    /// How many bytes they have as JSON.
    bytes: u64,
    /// The tasks that are to be made, each with its place in the queue.
    pub(super) made: Vec<(TaskRow, Room)>,
}

impl<'a> Making<'a> {
    pub(super) fn new(runtime: &'a Runtime, row: &'a GroupRow, drawing: &'a Drawing) -> Self {
        Self { runtime, row, drawing, outputs: HashMap::new(), inputs: HashMap::new(), bytes: 0, made: Vec::new() }
    }

    /// How many calls a step has; none of one that is a group, which begins if its input can be made.
    ///
    /// # Errors
    /// [`Code::GroupWiring`]; [`Code::LimitGroupSize`]; what may pass is retryable.
    pub(super) async fn calls(&mut self, state: &State, place: usize) -> Result<usize> {
        let step = self.step(place)?;
        if step.group.is_some() {
            return self.input_of(state, place).await.map(|_| 0);
        }
        let Some(each) = &step.for_each else { return Ok(1) };
        let output = self.source(state, place, &each.from).await?;
        let items = items(&output, &each.at, &whose(&each.from))?.len();
        let before: usize = state.steps.iter().map(|step| step.calls.len()).sum();
        if items > limits::GROUP_ITEMS_MAX || before + items > limits::GROUP_TASKS_MAX {
            let (most, all) = (limits::GROUP_ITEMS_MAX, limits::GROUP_TASKS_MAX);
            let message = format!(
                "{} has an array of {items}, and {before} tasks were made before; a step makes at most {most}, a task \
                 group {all}",
                whose(&each.from)
            );
            return Err(Error::new(Code::LimitGroupSize, message).with("items", items));
        }
        Ok(items)
    }

    /// Makes the task of a call, or the one that undoes it.
    ///
    /// # Errors
    /// Why it cannot be made; what may pass is retryable.
    pub(super) async fn make(&mut self, state: &State, call: Call, does: Does) -> Result<()> {
        let task = match does {
            Does::Work => self.work(state, call).await?,
            Does::Undo => self.undo(call).await?,
        };
        let head = &self.row.head;
        let caller = Caller::absent(&head.tenant, &head.principal);
        let group = Some(self.member(call, does)?);
        let row = TaskRow { group, ..self.runtime.task_asked(&caller, task).await? };
        let room = self.runtime.queue.room(&(row.tenant.clone(), row.agent.clone()))?;
        self.made.push((row, room));
        Ok(())
    }

    /// As what a task is of the group.
    pub(super) fn member(&self, call: Call, does: Does) -> Result<Member> {
        let step = self.name(call.step)?.clone();
        let item = u32::try_from(call.item).map_err(Error::internal)?;
        Ok(Member { group: self.row.head.id, step, item, compensates: does == Does::Undo })
    }

    /// The task of a call, with its item and what it is wired to.
    async fn work(&mut self, state: &State, call: Call) -> Result<NewTask> {
        let step = self.step(call.step)?;
        let task = step.task.as_ref().ok_or_else(|| Error::internal("a group is no task"))?;
        let (mut values, mut sum) = (Vec::with_capacity(step.wires.len() + 1), Sum::default());
        if let Some(each) = &step.for_each {
            let output = self.source(state, call.step, &each.from).await?;
            let items = items(&output, &each.at, &whose(&each.from))?;
            let item = items.get(call.item).ok_or_else(|| {
                let message = format!("{} has no item {} any more", whose(&each.from), call.item);
                Error::new(Code::GroupWiring, message)
            })?;
            values.push((each.to.as_str(), sum.with(item)?));
        }
        values.extend(self.wired(state, call.step, &mut sum).await?);
        Ok(NewTask { input: filled(&task.input, values)?, ..task.clone() })
    }

    /// What a step is wired to, each with its place in the input; `sum` bounds what it is together.
    async fn wired(&mut self, state: &State, place: usize, sum: &mut Sum) -> Result<Vec<(&'a str, Value)>> {
        let step = self.step(place)?;
        let mut values = Vec::with_capacity(step.wires.len());
        for wire in &step.wires {
            // Of a step that failed and may there is null, wherever one looks.
            let value = match self.has_failed(state, place, &wire.from) {
                true => Value::Null,
                false => {
                    let source = self.source(state, place, &wire.from).await?;
                    sum.with(at(&source, &wire.at, &whose(&wire.from))?)?
                }
            };
            values.push((wire.to.as_str(), value));
        }
        Ok(values)
    }

    /// What a step that is a group is asked, of which its own steps are wired.
    async fn input_of(&mut self, state: &State, group: usize) -> Result<Arc<Value>> {
        if let Some(input) = self.inputs.get(&group) {
            return Ok(Arc::clone(input));
        }
        let inner = self.step(group)?.group.as_ref().ok_or_else(|| Error::internal("a task is no group"))?;
        let mut sum = Sum::of(&inner.input);
        let values = self.wired(state, group, &mut sum).await?;
        let input = Arc::new(filled(&inner.input, values)?);
        self.holds(sum.bytes());
        self.inputs.insert(group, Arc::clone(&input));
        Ok(input)
    }

    /// What the step at `place` calls by a name: the output of one beside it, or, without a name, the input of the group
    /// that it is of.
    fn source<'s>(&'s mut self, state: &'s State, place: usize, from: &'s str) -> Reading<'s> {
        Box::pin(async move {
            if !from.is_empty() {
                return self.output(state, self.place(place, from)?).await;
            }
            let group = self.drawing.plan.steps.get(place).and_then(|step| step.within);
            self.input_of(state, group.ok_or_else(|| Error::internal("a wire leads from no group"))?).await
        })
    }

    /// The task that undoes a call, with what it is wired to of that.
    async fn undo(&self, call: Call) -> Result<NewTask> {
        let step = self.step(call.step)?;
        let undo = step.compensate.as_ref().ok_or_else(|| Error::internal("nothing undoes this step"))?;
        let tenant = &self.row.head.tenant;
        let id = self.runtime.store.member_task(tenant, &self.member(call, Does::Work)?).await?;
        let id = id.ok_or_else(|| Error::internal("a call that completed has no task"))?;
        let row = self.runtime.store.task(tenant, id).await?.ok_or_else(|| task_not_found(id))?;
        let (mut values, mut sum) = (Vec::with_capacity(undo.wires.len()), Sum::default());
        let (mut input, mut output) = (None, None);
        for wire in &undo.wires {
            let (held, text, whose) = match wire.from {
                OwnDocument::Input => (&mut input, Some(row.input.as_str()), "the input of the task that it undoes"),
                OwnDocument::Output => (&mut output, row.output.as_deref(), "the output of the task that it undoes"),
            };
            let whole = match held {
                Some(whole) => whole,
                None => held.insert(document(text, whose)?),
            };
            values.push((wire.to.as_str(), sum.with(at(whole, &wire.at, whose)?)?));
        }
        let input = filled(&undo.task.input, values)?;
        Ok(NewTask { input, ..undo.task.clone() })
    }

    /// The output of a step that has ended; of a group that of each of its steps, by their names.
    fn output<'s>(&'s mut self, state: &'s State, place: usize) -> Reading<'s> {
        Box::pin(async move {
            if let Some(output) = self.outputs.get(&place) {
                return Ok(Arc::clone(output));
            }
            let is_group = self.drawing.plan.steps.get(place).is_some_and(|step| step.inner.is_some());
            let output = match is_group {
                _ if state.steps.get(place).is_some_and(|step| step.status == StepStatus::Failed) => Value::Null,
                true => self.document_of(state, place).await?,
                false => self.read(state, place).await?,
            };
            let output = Arc::new(output);
            self.outputs.insert(place, Arc::clone(&output));
            Ok(output)
        })
    }

    /// The outputs of the steps of a group, by their names, if they are not too much together.
    async fn document_of(&mut self, state: &State, group: usize) -> Result<Value> {
        let (head, steps) = (&self.row.head, &self.drawing.plan.steps);
        let is_task = |place: &usize| steps.get(*place).is_some_and(|step| step.inner.is_none());
        let mut bytes = 0;
        for place in (0..steps.len()).filter(is_task).filter(|place| self.drawing.plan.is_in(*place, group)) {
            bytes += self.runtime.store.step_output_bytes(&head.tenant, head.id, self.name(place)?).await?;
        }
        check_bytes(bytes, self.name(group)?.as_str())?;
        self.holds(bytes);
        let mut document = Map::new();
        for (place, step) in steps.iter().enumerate() {
            if step.within == Some(group) {
                let output = self.output(state, place).await?;
                document.insert(self.name(place)?.own().to_owned(), Value::clone(&output));
            }
        }
        Ok(Value::Object(document))
    }

    async fn read(&mut self, state: &State, place: usize) -> Result<Value> {
        let (head, name) = (&self.row.head, self.name(place)?);
        let bytes = self.runtime.store.step_output_bytes(&head.tenant, head.id, name).await?;
        check_bytes(bytes, name.as_str())?;
        self.holds(bytes);
        let outputs = self.runtime.store.step_outputs(&head.tenant, head.id, name).await?;
        let whose = whose(name.as_str());
        if !self.drawing.plan.steps.get(place).is_some_and(|step| step.is_many) {
            let text = outputs.first().and_then(|(_, text)| text.as_deref());
            return document(text, &whose);
        }
        let calls = state.steps.get(place).map_or(0, |step| step.calls.len());
        let mut all = vec![Value::Null; calls];
        for (item, text) in outputs {
            let slot = usize::try_from(item).ok().and_then(|item| all.get_mut(item));
            if let (Some(slot), Some(text)) = (slot, text) {
                *slot = document(Some(&text), &whose)?;
            }
        }
        Ok(Value::Array(all))
    }

    /// Counts what is about to be held; if that is too much with all the rest, the rest is let go, and read and made
    /// again when it is needed.
    fn holds(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.bytes > limits::GROUP_WIRED_BYTES_MAX {
            self.outputs.clear();
            self.inputs.clear();
            self.bytes = bytes;
        }
    }

    fn has_failed(&self, state: &State, place: usize, from: &str) -> bool {
        let step = self.place(place, from).ok().and_then(|place| state.steps.get(place));
        step.is_some_and(|step| step.status == StepStatus::Failed)
    }

    /// The place of the step that the one at `place` calls by a name.
    fn place(&self, place: usize, from: &str) -> Result<usize> {
        self.drawing.beside(place, from).ok_or_else(|| Error::internal("a wire leads to no step"))
    }

    fn step(&self, place: usize) -> Result<&'a NewStep> {
        self.drawing.step(&self.row.group, place).ok_or_else(|| Error::internal("there is no such step"))
    }

    fn name(&self, place: usize) -> Result<&'a StepName> {
        self.drawing.names.get(place).ok_or_else(|| Error::internal("there is no such step"))
    }
}

/// Checks that a step can be made of what another put out.
fn check_bytes(bytes: u64, step: &str) -> Result<()> {
    if bytes <= limits::GROUP_WIRED_BYTES_MAX {
        return Ok(());
    }
    let (bytes, most) = (limits::bytes(bytes), limits::bytes(limits::GROUP_WIRED_BYTES_MAX));
    let message = format!("{} has {bytes}; a step can be made of {most}", whose(step));
    Err(Error::new(Code::LimitGroupSize, message))
}

fn whose(step: &str) -> String {
    match step {
        "" => "the input of its group".to_owned(),
        step => format!("the output of step `{step}`"),
    }
}

/// A document that was kept; one that was redacted is not.
fn document(text: Option<&str>, whose: &str) -> Result<Value> {
    let text = text.ok_or_else(|| Error::new(Code::GroupWiring, format!("{whose} is not kept any more")))?;
    serde_json::from_str(text).map_err(Error::internal)
}
