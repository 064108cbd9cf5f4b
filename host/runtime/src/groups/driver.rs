//! Looking at groups to which something has happened, and moving them.
//!
//! A look takes note of the ends that were not seen yet, asks the machine what follows, does what it
//! says as far as that goes in memory (reading outputs, making inputs, taking places in the queue), and
//! has the store keep the new state with the tasks that it makes, in one commit. Whoever dies before
//! that has done nothing; whoever dies after it leaves pending tasks, which the next start queues. Tasks
//! that are to be cancelled are asked to end before the commit, since asking twice does no harm.
//!
//! One task of the runtime looks, so that what groups read is in memory once.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use troupe_core::view::{GroupStatus, Member, TaskFailure, TaskStatus};
use troupe_core::{Code, Error, GroupId, Result, TenantId, limits};
use troupe_store::{GroupMove, GroupRow, MemberEnd, TaskRow};

use super::drawing::{Drawing, of_step};
use super::inputs::Making;
use super::machine::{Action, Call, Came, Cause, Does, Event, State};
use super::query::{progress, state_of};
use crate::Runtime;
use crate::tasks::Room;

/// What happens to groups: told to whoever moves them, and to whoever watches one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    due: Notify,
    watched: Mutex<HashMap<GroupId, watch::Sender<()>>>,
}

impl Groups {
    /// Something has happened to a group, one was made, or one need not wait any longer.
    pub(crate) fn happened(&self) {
        self.0.due.notify_one();
    }

    /// A task stands otherwise than before.
    pub(crate) fn heard_of(&self, task: &TaskRow) {
        let Some(member) = &task.group else { return };
        if task.status.is_final() {
            self.happened();
        }
        self.changed(member.group);
    }

    /// A group, or a task of it, stands otherwise than before.
    pub(crate) fn changed(&self, group: GroupId) {
        if let Some(sender) = self.lock().get(&group) {
            sender.send_replace(());
        }
    }

    /// Whether anybody watches a group.
    pub(crate) fn any_watched(&self) -> bool {
        self.lock().values().any(|sender| sender.receiver_count() > 0)
    }

    /// Watches a group from now on.
    pub(super) fn watch(&self, group: GroupId) -> watch::Receiver<()> {
        let mut watched = self.lock();
        watched.retain(|_, sender| sender.receiver_count() > 0);
        watched.entry(group).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GroupId, watch::Sender<()>>> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime {
    /// Moves groups, each when something has happened to it, until the host stops.
    pub(crate) fn keep_groups(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            while !runtime.is_stopping() {
                if let Err(error) = runtime.move_due().await {
                    tracing::warn!(cause = error.cause_chain(), "task groups were not looked at: {error}");
                }
                // What waits for room or a tenant is tried again.
                tokio::select! {
                    () = tokio::time::sleep(limits::LEASE_RENEWAL) => {}
                    () = runtime.groups.0.due.notified() => {}
                }
            }
        });
    }

    /// Moves what is due, each once, so that nobody's group stands in the way of others'.
    async fn move_due(&self) -> Result<()> {
        let mut last = None;
        loop {
            let due = self.store.due_groups(last.as_ref(), limits::GROUPS_AT_ONCE).await?;
            if due.is_empty() {
                return Ok(());
            }
            for (tenant, group) in due {
                if self.disabled.check(&tenant).is_ok()
                    && let Err(error) = self.look_at(&tenant, group).await
                {
                    let cause = error.cause_chain();
                    tracing::warn!(%tenant, %group, cause, "a task group waits: {error}");
                }
                last = Some((tenant, group));
            }
        }
    }

    /// Looks at a group and moves it as far as it goes.
    ///
    /// # Errors
    /// What may pass: then it is still due.
    async fn look_at(&self, tenant: &TenantId, id: GroupId) -> Result<()> {
        let Some(row) = self.store.group(tenant, id).await? else { return Ok(()) };
        let drawing = Drawing::of(&row.group)?;
        let mut state = state_of(&row)?;
        for end in self.store.group_ends(tenant, id, state.seen).await? {
            state.seen = end.number;
            if let Some(event) = heard(&drawing, end) {
                state.apply(&drawing.plan, event);
            }
        }
        if row.cancelled_by.is_some() {
            state.apply(&drawing.plan, Event::Cancelled);
        }
        let mut making = Making::new(self, &row, &drawing);
        let waits = self.go_on(&mut making, &mut state).await?;
        let made = std::mem::take(&mut making.made);
        // What is made and no longer wanted in one look can be cancelled once it is on disk.
        let is_cut_off = |action: &Action| matches!(action, Action::Cancel(_));
        let is_cut_off = !made.is_empty() && state.wants(&drawing.plan).iter().any(is_cut_off);
        self.keep_move(row, &drawing, state, made, waits.is_none() && !is_cut_off).await?;
        if is_cut_off {
            self.groups.happened();
        }
        waits.map_or(Ok(()), Err)
    }

    /// Does what a group wants, and what it wants by that; returns why something of it has to wait.
    async fn go_on(&self, making: &mut Making<'_>, state: &mut State) -> Result<Option<Error>> {
        let (plan, mut tried, mut waits) = (&making.drawing.plan, BTreeSet::new(), None);
        while let Some(action) = state.wants(plan).into_iter().find(|action| !tried.contains(action)) {
            tried.insert(action);
            let came = match action {
                Action::Open(step) => making.calls(state, step).await.map(|calls| Event::Opened(step, calls)),
                Action::Run(call) => making.make(state, call, Does::Work).await.map(|()| Event::Made(call, Does::Work)),
                Action::Undo(call) => {
                    making.make(state, call, Does::Undo).await.map(|()| Event::Made(call, Does::Undo))
                }
                Action::Cancel(call) => {
                    self.cancel_call(making, call).await?;
                    continue;
                }
            };
            match came {
                Ok(event) => state.apply(plan, event),
                Err(error) if error.retryable => waits = Some(error),
                Err(error) => state.apply(plan, lost(action, &error)),
            }
        }
        Ok(waits)
    }

    /// Asks for the end of a call's task, for whoever cancelled the group, else for whoever asked for it.
    async fn cancel_call(&self, making: &Making<'_>, call: Call) -> Result<()> {
        let head = &making.row.head;
        let task = self.store.member_task(&head.tenant, &making.member(call, Does::Work)?).await?;
        let by = making.row.cancelled_by.as_ref().unwrap_or(&head.principal);
        let Some(task) = task else { return Ok(()) };
        match self.cancel_task(&head.tenant, task, by).await {
            Err(error) if error.code != Code::TaskEnded => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps what a look came to.
    async fn keep_move(
        &self,
        row: GroupRow,
        drawing: &Drawing,
        state: State,
        made: Vec<(TaskRow, Room)>,
        is_whole: bool,
    ) -> Result<()> {
        let to = GroupMove {
            status: state.status(),
            progress: progress(&state),
            failure: failure(drawing, &state),
            state: serde_json::to_string(&state).map_err(Error::internal)?,
            made: made.iter().map(|(task, _)| task.clone()).collect(),
            is_whole,
        };
        if !is_whole && to.state == row.state {
            return Ok(());
        }
        let (runtime, group, status) = (self.clone(), row.head.id, to.status);
        // What gets on disk is queued.
        let kept = tokio::spawn(async move {
            let is_kept = runtime.store.move_group(&row, to).await?;
            for (task, room) in made {
                if is_kept {
                    runtime.push(&task);
                }
                drop(room);
            }
            if is_kept {
                runtime.groups.changed(group);
            }
            if is_kept && status.is_final() && status != row.head.status {
                let tenant = &row.head.tenant;
                tracing::info!(%tenant, %group, status = status.as_str(), "a task group has ended");
                metrics::counter!("troupe_task_groups_total", "status" => status.as_str()).increment(1);
            }
            Ok::<_, Error>(())
        });
        kept.await.map_err(Error::internal)?
    }
}

/// The end of a task, as the machine takes it.
fn heard(drawing: &Drawing, end: MemberEnd) -> Option<Event> {
    let MemberEnd { member: Member { step, item, compensates, .. }, status, failure, .. } = end;
    let call = Call { step: drawing.place(&step)?, item: usize::try_from(item).ok()? };
    let failure = failure.unwrap_or_else(|| {
        TaskFailure::from(&Error::new(Code::Internal, format!("its task has ended: {}", status.as_str())))
    });
    let came = match status {
        TaskStatus::Completed => Came::Completed,
        TaskStatus::Cancelled => Came::Cancelled(failure),
        _ => Came::Failed(failure),
    };
    Some(Event::Ended(call, if compensates { Does::Undo } else { Does::Work }, came))
}

/// What cannot be done for good, as the machine takes it.
fn lost(action: Action, error: &Error) -> Event {
    let failure = TaskFailure::from(error);
    match action {
        Action::Open(place) => Event::Unopened(place, failure),
        Action::Run(call) | Action::Cancel(call) => Event::Unmade(call, Does::Work, failure),
        Action::Undo(call) => Event::Unmade(call, Does::Undo, failure),
    }
}

/// Why a group does not complete, as far as that is known: what came first; once it has ended, what
/// could not be undone.
fn failure(drawing: &Drawing, state: &State) -> Option<TaskFailure> {
    let name = |place: usize| drawing.names.get(place).map_or("", |name| name.as_str());
    let cause = match state.cause()? {
        Cause::Cancelled => TaskFailure::from(&Error::new(Code::Cancelled, "the task group was cancelled")),
        Cause::Failed(place) => {
            let by = state.failed_by(place);
            let failure = state.steps.get(by).and_then(|step| step.failure.clone())?;
            TaskFailure::from(&of_step(name(by), failure.into()))
        }
    };
    let left: BTreeSet<&str> = state.unmade().map(|undo| name(undo.call.step)).collect();
    if left.is_empty() || state.status() != GroupStatus::Failed {
        return Some(cause);
    }
    let names: Vec<&str> = left.into_iter().collect();
    let message = format!(
        "what these steps did could not be undone: `{}`; it was to be, since: {}",
        names.join("`, `"),
        cause.message
    );
    let error = Error::new(Code::GroupCompensation, message);
    Some(TaskFailure::from(&error.with("steps", names).with("cause", cause.code)))
}
