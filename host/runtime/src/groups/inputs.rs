//! Making a group's tasks: what goes into them, and whether there is room for them.

use std::collections::HashMap;

use serde_json::Value;
use troupe_core::view::{Member, NewStep, NewTask, OwnDocument, StepStatus};
use troupe_core::{Caller, Code, Error, Result, StepName, limits};
use troupe_store::{GroupRow, TaskRow, task_not_found};

use super::drawing::Drawing;
use super::machine::{Call, Does, State};
use super::wiring::{at, filled, items};
use crate::Runtime;
use crate::tasks::Room;

/// What is read and made of a group while it is looked at.
pub(super) struct Making<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) row: &'a GroupRow,
    pub(super) drawing: &'a Drawing,
    /// Outputs of steps that were read already, by their places; null of one that failed and may.
    outputs: HashMap<usize, Value>,
    /// How many bytes of them.
    bytes: u64,
    /// The tasks that are to be made, each with its place in the queue.
    pub(super) made: Vec<(TaskRow, Room)>,
}

impl<'a> Making<'a> {
    pub(super) fn new(runtime: &'a Runtime, row: &'a GroupRow, drawing: &'a Drawing) -> Self {
        Self { runtime, row, drawing, outputs: HashMap::new(), bytes: 0, made: Vec::new() }
    }

    /// How many calls a step has.
    ///
    /// # Errors
    /// [`Code::GroupWiring`]; [`Code::LimitGroupSize`]; what may pass is retryable.
    pub(super) async fn calls(&mut self, state: &State, place: usize) -> Result<usize> {
        let step = self.step(place)?;
        let Some(each) = &step.for_each else { return Ok(1) };
        let output = self.output(state, &each.from).await?;
        let items = items(output, &each.at, &whose(&each.from))?.len();
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
        let mut values = Vec::with_capacity(step.wires.len() + 1);
        if let Some(each) = &step.for_each {
            let items = items(self.output(state, &each.from).await?, &each.at, &whose(&each.from))?;
            let item = items.get(call.item).cloned().ok_or_else(|| {
                let message = format!("{} has no item {} any more", whose(&each.from), call.item);
                Error::new(Code::GroupWiring, message)
            })?;
            values.push((each.to.as_str(), item));
        }
        for wire in &step.wires {
            // Of a step that failed and may there is null, wherever one looks.
            let value = match self.has_failed(state, &wire.from) {
                true => Value::Null,
                false => at(self.output(state, &wire.from).await?, &wire.at, &whose(&wire.from))?.clone(),
            };
            values.push((wire.to.as_str(), value));
        }
        let input = filled(&step.task.input, values)?;
        Ok(NewTask { input, ..step.task.clone() })
    }

    /// The task that undoes a call, with what it is wired to of that.
    async fn undo(&self, call: Call) -> Result<NewTask> {
        let step = self.step(call.step)?;
        let undo = step.compensate.as_ref().ok_or_else(|| Error::internal("nothing undoes this step"))?;
        let tenant = &self.row.head.tenant;
        let id = self.runtime.store.member_task(tenant, &self.member(call, Does::Work)?).await?;
        let id = id.ok_or_else(|| Error::internal("a call that completed has no task"))?;
        let row = self.runtime.store.task(tenant, id).await?.ok_or_else(|| task_not_found(id))?;
        let mut values = Vec::with_capacity(undo.wires.len());
        for wire in &undo.wires {
            let (text, whose) = match wire.from {
                OwnDocument::Input => (Some(row.input.as_str()), "the input of the task that it undoes"),
                OwnDocument::Output => (row.output.as_deref(), "the output of the task that it undoes"),
            };
            values.push((wire.to.as_str(), at(&document(text, whose)?, &wire.at, whose)?.clone()));
        }
        let input = filled(&undo.task.input, values)?;
        Ok(NewTask { input, ..undo.task.clone() })
    }

    /// The output of a step that has ended.
    async fn output(&mut self, state: &State, from: &str) -> Result<&Value> {
        let place = self.place(from)?;
        if !self.outputs.contains_key(&place) {
            let output = if self.has_failed(state, from) { Value::Null } else { self.read(state, place).await? };
            self.outputs.insert(place, output);
        }
        Ok(self.outputs.get(&place).unwrap_or(&Value::Null))
    }

    async fn read(&mut self, state: &State, place: usize) -> Result<Value> {
        let (head, name) = (&self.row.head, self.name(place)?);
        let bytes = self.runtime.store.step_output_bytes(&head.tenant, head.id, name).await?;
        if bytes > limits::GROUP_WIRED_BYTES_MAX {
            let (bytes, most) = (limits::bytes(bytes), limits::bytes(limits::GROUP_WIRED_BYTES_MAX));
            let message = format!("{} has {bytes}; a step can be made of {most}", whose(name.as_str()));
            return Err(Error::new(Code::LimitGroupSize, message));
        }
        self.bytes += bytes;
        if self.bytes > limits::GROUP_WIRED_BYTES_MAX {
            // What was read for other steps is not held beside it.
            self.outputs.clear();
            self.bytes = bytes;
        }
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

    fn has_failed(&self, state: &State, from: &str) -> bool {
        let step = self.place(from).ok().and_then(|place| state.steps.get(place));
        step.is_some_and(|step| step.status == StepStatus::Failed)
    }

    fn place(&self, from: &str) -> Result<usize> {
        let place = self.drawing.names.iter().position(|name| name.as_str() == from);
        place.ok_or_else(|| Error::internal("a wire leads to no step"))
    }

    fn step(&self, place: usize) -> Result<&'a NewStep> {
        self.row.group.steps.get(place).ok_or_else(|| Error::internal("there is no such step"))
    }

    fn name(&self, place: usize) -> Result<&'a StepName> {
        self.drawing.names.get(place).ok_or_else(|| Error::internal("there is no such step"))
    }
}

fn whose(step: &str) -> String {
    format!("the output of step `{step}`")
}

/// A document that was kept; one that was redacted is not.
fn document(text: Option<&str>, whose: &str) -> Result<Value> {
    let text = text.ok_or_else(|| Error::new(Code::GroupWiring, format!("{whose} is not kept any more")))?;
    serde_json::from_str(text).map_err(Error::internal)
}
