//! Watching a group: how it stands, whenever that changes, and how far its tasks are.
//!
//! A group is told whole each time, so that only the newest counts; whoever comes back is not told the
//! same again, and is told the newest report of each task that runs. Outputs, and the tasks of a step
//! that makes them of an array, are left out: they are there to be read.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use troupe_core::view::{GroupReport, GroupView, Member, StepView, StreamEnd, StreamEndReason, TaskStatus};
use troupe_core::{Caller, GroupId, Result, Scope, TaskId, TenantId, limits};

use crate::Runtime;
use crate::streams::{STATE_DIGITS, not_of_this_stream, state};
use crate::tasks::{Reader, TaskEvent, Wait};

/// What a stream of a group tells.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum GroupEvent {
    /// The group as it stands, without outputs.
    Group(Box<GroupView>),
    /// How far a task of it is.
    Report(Box<GroupReport>),
    /// Nothing more comes.
    End(StreamEnd),
}

/// The states of one group, from now to its end.
#[derive(Debug)]
pub struct GroupEvents {
    runtime: Runtime,
    tenant: TenantId,
    group: GroupId,
    first: Option<GroupView>,
    going: Option<Going>,
    /// What was told last; empty if nothing was.
    told: String,
    /// What `end` is yet to say.
    ending: Option<StreamEndReason>,
    reader: Reader,
}

/// A group that has not ended.
#[derive(Debug)]
struct Going {
    changed: watch::Receiver<()>,
    /// Before this it is not told again: no faster than a person reads.
    next_at: Instant,
    counted: Wait,
    /// Those that listen to its tasks, and which of them were listened to.
    listening: JoinSet<()>,
    /// How many of them there may be.
    listening_max: usize,
    heard: HashSet<TaskId>,
    reports: (mpsc::Sender<GroupReport>, mpsc::Receiver<GroupReport>),
}

/// What comes next of a group.
enum Next {
    Changed,
    Report(GroupReport),
    Over(StreamEndReason),
}

impl Going {
    async fn next(&mut self, reader: &mut Reader) -> Next {
        let (changed, next_at) = (&mut self.changed, self.next_at);
        let changed = async {
            // The wait comes first: a change that was taken note of must not be dropped.
            tokio::time::sleep_until(next_at).await;
            changed.changed().await.is_ok()
        };
        tokio::select! {
            biased;
            () = reader.refused() => Next::Over(StreamEndReason::Refused),
            true = changed => Next::Changed,
            Some(report) = self.reports.1.recv() => Next::Report(report),
            () = self.counted.closed() => Next::Over(StreamEndReason::HostStopping),
        }
    }

    /// Listens to the tasks of a group that run.
    fn listen(&mut self, runtime: &Runtime, tenant: &TenantId, group: &GroupView) {
        while self.listening.try_join_next().is_some() {}
        for (task, member) in running(group) {
            if self.listening.len() >= self.listening_max || !self.heard.insert(task) {
                continue;
            }
            let (runtime, tenant, counted) = (runtime.clone(), tenant.clone(), self.counted.clone());
            let reports = self.reports.0.clone();
            self.listening.spawn(async move {
                // A task that cannot be watched tells nothing of how far it is.
                let Ok(mut events) = runtime.watch(&tenant, task, Some(counted)).await else { return };
                while let Some(event) = events.next().await {
                    if let TaskEvent::Progress(progress) = event {
                        let report = GroupReport { member: member.clone(), task, progress };
                        if reports.send(report).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    }
}

/// The tasks of a group that run, and as what.
fn running(group: &GroupView) -> impl Iterator<Item = (TaskId, Member)> {
    let id = group.summary.id;
    group.all_steps().into_iter().flat_map(move |step| {
        let member = move |item, compensates| Member { group: id, step: step.name.clone(), item, compensates };
        let tasks = step.tasks.iter().filter(|task| task.status == TaskStatus::Running);
        let undo = step.compensations.iter().filter(|undo| undo.status.is_under_way());
        let undo = undo.filter_map(move |undo| Some((undo.task?, member(undo.item, true))));
        tasks.map(move |task| (task.task, member(task.item, false))).chain(undo)
    })
}

impl GroupEvents {
    /// The next state or report; the last is `End`, after which there is nothing.
    pub async fn next(&mut self) -> Option<GroupEvent> {
        loop {
            let view = match (self.first.take(), self.going.as_mut()) {
                (Some(first), _) => first,
                (None, None) => return self.end(),
                (None, Some(going)) => match going.next(&mut self.reader).await {
                    Next::Report(report) => return Some(GroupEvent::Report(Box::new(report))),
                    Next::Over(why) => {
                        self.leave(why);
                        continue;
                    }
                    Next::Changed => match self.runtime.group_view(&self.tenant, self.group, false).await {
                        Ok(view) => view,
                        Err(_) => {
                            self.leave(StreamEndReason::Unavailable);
                            continue;
                        }
                    },
                },
            };
            if let Some(going) = &mut self.going {
                going.next_at = Instant::now() + Duration::from_secs(1) / limits::PROGRESS_PER_SECOND;
                going.listen(&self.runtime, &self.tenant, &view);
            }
            if view.summary.status.is_final() {
                self.leave(StreamEndReason::Done);
            }
            let view = told(view);
            let state = state(&view);
            if std::mem::replace(&mut self.told, state.clone()) != state {
                return Some(GroupEvent::Group(Box::new(view)));
            }
        }
    }

    /// Whether whoever comes back has been told everything.
    pub const fn is_over(&self) -> bool {
        self.first.is_none() && self.going.is_none()
    }

    /// Where a reader goes on who has read every event so far: the id of the last.
    pub fn position(&self) -> &str {
        &self.told
    }

    fn leave(&mut self, why: StreamEndReason) {
        self.going = None;
        self.ending = Some(why);
    }

    fn end(&mut self) -> Option<GroupEvent> {
        let reason = self.ending.take()?;
        let resume = (reason != StreamEndReason::Done).then(|| self.told.clone());
        Some(GroupEvent::End(StreamEnd { reason, resume }))
    }
}

/// A group as its stream tells it.
fn told(group: GroupView) -> GroupView {
    GroupView { steps: group.steps.into_iter().map(without_items).collect(), ..group }
}

fn without_items(step: StepView) -> StepView {
    let tasks = if step.items.is_some() { Vec::new() } else { step.tasks };
    StepView { tasks, steps: step.steps.into_iter().map(without_items).collect(), ..step }
}

impl Runtime {
    /// Watches a group: its state now, then whatever changes until its end and how far its tasks are,
    /// until the caller is let in no more, or until the host stops. With the id of an event that was
    /// read before, what came after it.
    ///
    /// # Errors
    /// [`troupe_core::Code::GroupNotFound`]; [`troupe_core::Code::LimitConcurrency`] if it has not ended
    /// and too many wait already; [`troupe_core::Code::RequestInvalid`] for what is no id of an event.
    pub async fn watch_group(&self, caller: &Caller, id: GroupId, after: Option<&str>) -> Result<GroupEvents> {
        caller.require(Scope::Read)?;
        let read = match after {
            Some(after) if after.len() == STATE_DIGITS && after.bytes().all(|b| b.is_ascii_hexdigit()) => {
                after.to_owned()
            }
            Some(_) => return Err(not_of_this_stream()),
            None => String::new(),
        };
        let mut events = self.group_events(caller, id, limits::GROUP_REPORTING_MAX).await?;
        self.check_caller(caller).await?;
        let is_told = events.first.as_ref().is_some_and(|first| state(&told(first.clone())) == read);
        if is_told && events.first.as_ref().is_some_and(|first| first.summary.status.is_final()) {
            events.first = None;
            events.ending = Some(StreamEndReason::Done);
        }
        events.told = read;
        Ok(events)
    }

    /// The states of a group from now on, and the reports of so many of its tasks.
    async fn group_events(&self, caller: &Caller, group: GroupId, listening_max: usize) -> Result<GroupEvents> {
        let reader = Reader::new(self, caller);
        // Watching begins before reading, so an end in between is not missed.
        let changed = self.groups.watch(group);
        self.require_ready()?;
        let first = self.group_view(&caller.tenant, group, false).await?;
        let going = match first.summary.status.is_final() {
            true => None,
            false => Some(Going {
                changed,
                next_at: Instant::now(),
                counted: self.waits.enter(&caller.tenant)?,
                listening: JoinSet::new(),
                listening_max,
                heard: HashSet::new(),
                reports: mpsc::channel(limits::GROUP_REPORTING_MAX),
            }),
        };
        let (runtime, tenant) = (self.clone(), caller.tenant.clone());
        let (told, ending) = (String::new(), first.summary.status.is_final().then_some(StreamEndReason::Done));
        Ok(GroupEvents { runtime, tenant, group, first: Some(first), going, told, ending, reader })
    }

    /// Waits for a group's end, or for the time to pass; returns it as it then is.
    ///
    /// # Errors
    /// Those of [`Runtime::watch_group`].
    pub async fn wait_for_group(&self, caller: &Caller, id: GroupId, wait: Duration) -> Result<GroupView> {
        caller.require(Scope::Read)?;
        self.group_after(caller, id, wait).await
    }

    /// The same for whoever asked for it.
    pub(super) async fn group_after(&self, caller: &Caller, id: GroupId, wait: Duration) -> Result<GroupView> {
        let until = Instant::now() + wait.min(limits::WAIT_MAX);
        let mut events = self.group_events(caller, id, 0).await?;
        while let Ok(Some(event)) = tokio::time::timeout_at(until, events.next()).await {
            if matches!(&event, GroupEvent::Group(view) if view.summary.status.is_final()) {
                break;
            }
        }
        self.check_caller(caller).await?;
        self.group_seen(caller, id).await
    }
}
