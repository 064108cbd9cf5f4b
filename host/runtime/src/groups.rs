//! Task groups: tasks that need one another.
//!
//! ```text
//!   asked for ── drawn, each task held against its skill ──▸ a row, due
//!                                                             │  ▲
//!          its state, and what it makes, in one commit ◂── looked at (driver.rs): machine.rs says
//!                     │                                          what follows from what has happened
//!                     ▼                                          │
//!               tasks like any other ── each end counts as a change of the group, in its own commit
//! ```
//!
//! `drawing.rs` reads the document, `wiring.rs` makes inputs of outputs, `query.rs` shows a group, and
//! `watch.rs` tells how it goes on.
//!
//! *The attack:* a group does for somebody what they may not do themselves, or fills the host: with
//! steps that are made of one another's outputs, or with groups that never end. *The rule:* asking for
//! one takes `run` for the agent of each of its tasks, those that undo something included; its tasks are
//! those of whoever asked, and wait in the queue within the same shares; steps, items, bytes and groups
//! under way are counted. Cancelling one takes `run` for all of its agents, too. *The default:* a step
//! that fails stops its group.
//!
//! A step may be a group itself. Its steps are drawn into the same plan, each knowing the group that it is of, so one
//! row, one machine and one look serve all of them: what is asked for, wired, cancelled and undone is the same at
//! whichever depth, and the limits count all of it. A group is within another by where its document stands, so
//! none is within itself.
//!
//! A task that cannot be made for good is a failure of its step; what may pass, a full queue, a
//! disabled tenant, an agent in quarantine, leaves the group due.

mod again;
mod course;
mod drawing;
mod driver;
mod inputs;
mod machine;
mod query;
mod watch;
mod wiring;

#[cfg(test)]
mod machine_tests;

use std::time::Duration;

use troupe_core::view::{GroupView, NewGroup, NewTask};
use troupe_core::{Caller, Code, Error, GroupId, Result, Scope, limits};
use troupe_store::{GroupCreation, GroupRow, NewGroupRow, group_not_found};

use crate::schedules::check_later;
use crate::tasks::check_key;
use crate::{Runtime, agents};
use drawing::{Drawing, of_step, open_places};
use machine::State;
use query::{progress, state_of};

pub use query::GroupQuery;
pub use watch::{GroupEvent, GroupEvents};

pub(crate) use driver::Groups;

/// What came of asking for a group.
#[derive(Debug, Clone)]
pub struct CreatedGroup {
    /// The group as it stands.
    pub group: GroupView,
    /// Whether this request made it; otherwise its idempotency key found it.
    pub is_new: bool,
}

impl Runtime {
    /// Accepts a group; with `wait`, answers when it has ended or the wait is over.
    ///
    /// # Errors
    /// [`Code::AuthScope`] for an agent that the caller may not run; [`Code::GroupInvalid`],
    /// [`Code::GroupCycle`] and [`Code::LimitGroupSize`] for what the document cannot mean;
    /// [`Code::ConflictIdempotency`]; [`Code::LimitGroups`]; those of [`Runtime::submit`] that one of
    /// its tasks would meet whatever the others put out, naming the step.
    pub async fn create_group(&self, caller: &Caller, group: NewGroup, wait: Option<Duration>) -> Result<CreatedGroup> {
        may_run(caller, &group)?;
        self.require_room()?;
        let (row, is_new) = self.group_once(caller, group, None).await?;
        self.created(caller, &row, is_new, wait).await
    }

    /// The group that was asked for under this key before, or a new one, and whether it is new; `retry_of` is the one
    /// that it asks for once more.
    async fn group_once(
        &self,
        caller: &Caller,
        group: NewGroup,
        retry_of: Option<GroupId>,
    ) -> Result<(GroupRow, bool)> {
        let kept = match &group.idempotency_key {
            Some(key) => {
                check_key(key)?;
                // Before all else, so that what was accepted once is found whatever has changed.
                self.store.group_by_key(&caller.tenant, &group).await?
            }
            None => None,
        };
        match kept {
            Some(row) => Ok((row, false)),
            None => self.accept_group(caller, group, retry_of).await,
        }
    }

    /// What is answered of a group that was asked for.
    async fn created(
        &self,
        caller: &Caller,
        row: &GroupRow,
        is_new: bool,
        wait: Option<Duration>,
    ) -> Result<CreatedGroup> {
        let id = row.head.id;
        let group = match wait {
            Some(wait) if !row.head.status.is_final() => self.group_after(caller, id, wait).await?,
            _ => self.group_seen(caller, id).await?,
        };
        Ok(CreatedGroup { group, is_new })
    }

    /// Cancels a group: nothing of it begins any more, what runs is cancelled, and what it did is undone.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::GroupNotFound`]; [`Code::GroupEnded`] if there is nothing left to
    /// cancel.
    pub async fn cancel_group(&self, caller: &Caller, id: GroupId) -> Result<GroupView> {
        caller.require_for_some(Scope::Run)?;
        self.require_ready()?;
        let row = self.store.group(&caller.tenant, id).await?.ok_or_else(|| group_not_found(id))?;
        may_run(caller, &row.group)?;
        self.store.cancel_group(&caller.tenant, id, &caller.principal).await?;
        self.groups.happened();
        self.group_seen(caller, id).await
    }

    /// Accepts a group that nobody has asked for under its key; `retry_of` is the one that it asks for once more.
    async fn accept_group(
        &self,
        caller: &Caller,
        group: NewGroup,
        retry_of: Option<GroupId>,
    ) -> Result<(GroupRow, bool)> {
        let drawing = Drawing::of(&group)?;
        let bytes = serde_json::to_vec(&group).map_err(Error::internal)?.len();
        if bytes > limits::GROUP_BYTES_MAX {
            let most = limits::bytes(limits::GROUP_BYTES_MAX as u64);
            let message = format!("the task group has {bytes} bytes; it may have {most}");
            return Err(Error::new(Code::LimitGroupSize, message));
        }
        for (name, step) in drawing.tasks(&group) {
            let of_step = |error| of_step(name.as_str(), error);
            let task = step.task.as_ref().ok_or_else(|| Error::internal("a step asks for nothing"))?;
            self.check_task(caller, task, &open_places(step)).await.map_err(of_step)?;
            if let Some(undo) = &step.compensate {
                let open: Vec<String> = undo.wires.iter().map(|wire| wire.to.clone()).collect();
                let came = self.check_task(caller, &undo.task, &open).await;
                came.map_err(|error| of_step(error.context("its compensation")))?;
            }
        }
        let state = State::new(&drawing.plan);
        let new = NewGroupRow {
            tenant: caller.tenant.clone(),
            id: GroupId::generate(&*self.clock, &*self.entropy),
            group,
            principal: caller.principal.clone(),
            retry_of,
            progress: progress(&state),
            state: serde_json::to_string(&state).map_err(Error::internal)?,
        };
        match self.store.create_group(new).await? {
            GroupCreation::New(row) => {
                let (tenant, group, by) = (&row.head.tenant, row.head.id, &row.head.principal);
                tracing::info!(%tenant, %group, by, steps = row.group.steps.len(), "a task group was accepted");
                self.groups.happened();
                Ok((*row, true))
            }
            GroupCreation::Existing(row) => Ok((*row, false)),
        }
    }

    /// Checks what is known beforehand of a task of a group.
    async fn check_task(&self, caller: &Caller, task: &NewTask, open: &[String]) -> Result<()> {
        check_later(task, "a step")?;
        self.task_asked_in_part(caller, task.clone(), open).await.map(drop)
    }
}

/// Checks that a caller may run every agent that a group asks.
fn may_run(caller: &Caller, group: &NewGroup) -> Result<()> {
    caller.require_for_some(Scope::Run)?;
    agents_of(group).try_for_each(|agent| agents::permitted(caller, Scope::Run, agent).map(drop))
}

/// The agents that a group asks, those that undo something included.
pub(crate) fn agents_of(group: &NewGroup) -> impl Iterator<Item = &str> {
    group.tasks().into_iter().flat_map(|step| {
        let undo = step.compensate.as_ref().map(|undo| &undo.task);
        step.task.iter().chain(undo).map(|task| task.agent.as_str())
    })
}

/// The state of a group, as it is kept, without the words of what failed.
pub(crate) fn state_without_words(row: &GroupRow) -> Result<String> {
    let mut state = state_of(row)?;
    state.forget_words();
    serde_json::to_string(&state).map_err(Error::internal)
}
