//! Seeing groups: one, and those of a tenant.

use std::collections::HashMap;

use serde_json::Value;
use troupe_core::view::{
    CompensationView, GroupProgress, GroupStatus, GroupSummary, GroupView, ItemCounts, Page, StepStatus, StepTask,
    StepView, TaskStatus,
};
use troupe_core::{Caller, Error, GroupId, Result, Scope, StepName, TenantId, limits};
use troupe_store::{GroupFilter, GroupHead, GroupRow, MemberRow, group_not_found};

use super::drawing::Drawing;
use super::machine::{CallStatus, State, StepState};
use crate::Runtime;

/// Which groups to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct GroupQuery {
    /// Those in one status.
    pub status: Option<GroupStatus>,
    /// Those older than this one.
    pub after: Option<GroupId>,
    /// How many; capped.
    pub limit: Option<u32>,
}

impl Runtime {
    /// Lists groups, newest first.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`], or a store that cannot be read.
    pub async fn groups(&self, caller: &Caller, query: GroupQuery) -> Result<Page<GroupSummary>> {
        caller.require(Scope::Read)?;
        let limit = limits::page(query.limit);
        let filter = GroupFilter { status: query.status, after: query.after };
        let rows = self.store.groups(&caller.tenant, filter, limit + 1).await?;
        Ok(Page::of(rows, limit, |head| head.id.to_string(), summary))
    }

    /// One group, with the outputs of its steps.
    ///
    /// # Errors
    /// [`troupe_core::Code::GroupNotFound`].
    pub async fn group(&self, caller: &Caller, id: GroupId) -> Result<GroupView> {
        caller.require(Scope::Read)?;
        self.group_view(&caller.tenant, id, true).await
    }

    /// One group as `caller` may see it who asked for it or cancelled it: what its tasks answered is for
    /// readers.
    pub(crate) async fn group_seen(&self, caller: &Caller, id: GroupId) -> Result<GroupView> {
        self.group_view(&caller.tenant, id, caller.require(Scope::Read).is_ok()).await
    }

    /// One group, with the outputs of its steps or without.
    pub(super) async fn group_view(&self, tenant: &TenantId, id: GroupId, with_outputs: bool) -> Result<GroupView> {
        let row = self.store.group(tenant, id).await?.ok_or_else(|| group_not_found(id))?;
        let members = self.store.group_members(tenant, id).await?;
        let (drawing, state) = (Drawing::of(&row.group)?, state_of(&row)?);
        let mut of_steps: HashMap<&str, Vec<&MemberRow>> = HashMap::new();
        for member in &members {
            of_steps.entry(member.member.step.as_str()).or_default().push(member);
        }
        let (mut steps, mut bytes) = (Vec::with_capacity(drawing.names.len()), 0);
        for (place, name) in drawing.names.iter().enumerate() {
            let of_step = of_steps.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let mut view = step_view(&row, &drawing, &state, place, of_step)?;
            if with_outputs && view.status == StepStatus::Completed {
                bytes += of_step.iter().filter_map(|member| member.output_bytes).sum::<u64>();
                let is_task = drawing.plan.steps.get(place).is_some_and(|step| step.inner.is_none());
                if is_task && bytes <= limits::STORE_PAGE_BYTES_MAX {
                    let count = view.items.map(|items| items.all);
                    view.output = Some(self.step_output(tenant, id, name, count).await?);
                }
            }
            steps.push(view);
        }
        let steps = nested(&drawing, steps, with_outputs);
        Ok(GroupView { on_failure: row.group.on_failure, summary: summary(row.head), steps })
    }

    /// The output of a step that has completed; of one that makes tasks of an array, of all of them.
    async fn step_output(&self, tenant: &TenantId, id: GroupId, name: &StepName, count: Option<u32>) -> Result<Value> {
        let document =
            |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
        let outputs = self.store.step_outputs(tenant, id, name).await?;
        let Some(count) = count else {
            return Ok(outputs.into_iter().next().map_or(Value::Null, |(_, text)| document(text)));
        };
        let mut all: HashMap<u32, Option<String>> = outputs.into_iter().collect();
        Ok((0..count).map(|item| document(all.remove(&item).flatten())).collect())
    }
}

/// Puts the steps of each group within a group under it, and has it show what they put out.
fn nested(drawing: &Drawing, steps: Vec<StepView>, with_outputs: bool) -> Vec<StepView> {
    let mut all: Vec<Option<StepView>> = steps.into_iter().map(Some).collect();
    let mut outermost = Vec::new();
    // Those of a group stand behind it, so each is whole when it is put in its place; the order is turned round once more.
    for place in (0..all.len()).rev() {
        let Some(mut view) = all.get_mut(place).and_then(Option::take) else { continue };
        view.steps.reverse();
        if with_outputs && view.status == StepStatus::Completed && !view.steps.is_empty() {
            let is_there = |step: &StepView| step.output.is_some() || step.status == StepStatus::Failed;
            let output = |step: &StepView| (step.name.own().to_owned(), step.output.clone().unwrap_or(Value::Null));
            let outputs = || Value::Object(view.steps.iter().map(output).collect());
            view.output = view.steps.iter().all(is_there).then(outputs);
        }
        let around = drawing.plan.steps.get(place).and_then(|step| step.within);
        match around.and_then(|group| all.get_mut(group)).and_then(Option::as_mut) {
            Some(group) => group.steps.push(view),
            None => outermost.push(view),
        }
    }
    outermost.reverse();
    outermost
}

fn step_view(
    row: &GroupRow,
    drawing: &Drawing,
    state: &State,
    place: usize,
    members: &[&MemberRow],
) -> Result<StepView> {
    let parts = (drawing.step(&row.group, place), drawing.plan.steps.get(place), state.steps.get(place));
    let ((Some(step), Some(drawn), Some(now)), Some(name)) = (parts, drawing.names.get(place)) else {
        return Err(Error::internal("the state of a group does not fit its document"));
    };
    let of_work = || members.iter().filter(|member| !member.member.compensates);
    let tasks = of_work().map(|row| StepTask { task: row.task, item: row.member.item, status: row.status }).collect();
    let undo = state.undos().filter(|undo| undo.call.step == place);
    let compensations = undo.map(|undo| {
        let item = u32::try_from(undo.call.item).unwrap_or(u32::MAX);
        let is_its = |row: &&&MemberRow| row.member.compensates && row.member.item == item;
        let task = members.iter().find(is_its);
        let status = as_its_tasks_stand(undo.status, task.map(|row| row.status));
        CompensationView { item, status, task: task.map(|row| row.task), failure: undo.failure.clone() }
    });
    Ok(StepView {
        name: name.clone(),
        agent: step.task.as_ref().map(|task| task.agent.clone()).unwrap_or_default(),
        skill: step.task.as_ref().map(|task| task.skill.clone()).unwrap_or_default(),
        needs: drawn.needs.iter().filter_map(|need| drawing.names.get(*need)).cloned().collect(),
        status: as_its_tasks_stand(now.status, of_work().map(|row| row.status)),
        items: (drawn.is_many && now.has_begun()).then(|| counts(now)),
        tasks,
        output: None,
        failure: now.failure.clone(),
        compensations: compensations.collect(),
        steps: Vec::new(),
    })
}

/// What is shown of something that runs: that it waits for an approval, or is suspended, where that is all that its
/// tasks do.
fn as_its_tasks_stand(status: StepStatus, tasks: impl IntoIterator<Item = TaskStatus>) -> StepStatus {
    if status != StepStatus::Running {
        return status;
    }
    let under_way = tasks.into_iter().filter(|task| !task.is_final()).map(|task| match task {
        TaskStatus::AwaitingApproval => StepStatus::AwaitingApproval,
        TaskStatus::Suspended => StepStatus::Suspended,
        _ => StepStatus::Running,
    });
    // One that runs goes before those that wait, and an approval is what somebody can do something about.
    let first =
        |status: &StepStatus| [StepStatus::Running, StepStatus::AwaitingApproval].iter().position(|s| s == status);
    under_way.min_by_key(|status| first(status).unwrap_or(usize::MAX)).unwrap_or(StepStatus::Running)
}

impl StepState {
    fn has_begun(&self) -> bool {
        !matches!(self.status, StepStatus::Waiting | StepStatus::Skipped)
    }
}

fn counts(step: &StepState) -> ItemCounts {
    let count = |those: &[CallStatus]| {
        u32::try_from(step.calls.iter().filter(|call| those.contains(call)).count()).unwrap_or(u32::MAX)
    };
    ItemCounts {
        all: u32::try_from(step.calls.len()).unwrap_or(u32::MAX),
        running: count(&[CallStatus::Running]),
        completed: count(&[CallStatus::Completed]),
        failed: count(&[CallStatus::Failed, CallStatus::Cancelled]),
    }
}

fn summary(head: GroupHead) -> GroupSummary {
    let GroupHead { id, status, progress, principal, retry_of, failure, created_at, ended_at, redacted, .. } = head;
    GroupSummary { id, status, progress, principal, retry_of, failure, created_at, ended_at, redacted }
}

/// How far a group is.
pub(super) fn progress(state: &State) -> GroupProgress {
    let part = |step: &StepState| match step.status.is_final() {
        true => 1.0,
        false => {
            let ended = step.calls.iter().filter(|call| call.has_ended()).count();
            ended as f64 / step.calls.len().max(1) as f64
        }
    };
    let steps = state.steps.len();
    let ended = state.steps.iter().filter(|step| step.status.is_final()).count();
    GroupProgress {
        ended: u32::try_from(ended).unwrap_or(u32::MAX),
        steps: u32::try_from(steps).unwrap_or(u32::MAX),
        fraction: state.steps.iter().map(part).sum::<f64>() / steps.max(1) as f64,
    }
}

/// Where each step of a group is, as it was kept.
pub(super) fn state_of(row: &GroupRow) -> Result<State> {
    serde_json::from_str(&row.state).map_err(Error::internal)
}
