//! Schedules: tasks that are made again and again.
//!
//! ```text
//!          set, resumed                    its time has come
//!  somebody ─────────▸ next time on disk ─────────────────────▸ task and next time in one commit
//!                          ▲      │                                        │
//!                          └──────┼────────────────────────────────────────┘
//!                                 └── paused: no next time
//! ```
//!
//! *The attack:* a schedule does for somebody what they may not do themselves, or goes on for whoever
//! lost the right to it. *The rule:* setting one takes `run` and `operate` for its agent, each change
//! is in the audit, and whoever may operate the agent sees it, pauses it and removes it. Its tasks are
//! those of whoever set it. *The default:* there is none.
//!
//! Times that pass while no host runs, or while the queue is full, come to one task when that is
//! over: what is asked for again and again is seldom wanted twice at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use troupe_core::view::{Durability, NewSchedule, NewTask, Page, ScheduleView, TaskFailure};
use troupe_core::{Caller, Code, Error, Result, ScheduleName, Scope, Timestamp, limits};
use troupe_store::{Fired, NewScheduleRow, ScheduleRow, schedule_not_found};

use crate::cron::Times;
use crate::{Runtime, agents};

/// Tells whoever waits for the next time that there is an earlier one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schedules(Arc<Notify>);

impl Runtime {
    /// Sets a schedule, in place of the one of its name.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::ScheduleInvalid`]; [`Code::RequestInvalid`] for a task that cannot
    /// be made again and again; [`Code::LimitSchedules`]; those of [`Runtime::submit`] that its task
    /// would meet now.
    pub async fn set_schedule(&self, caller: &Caller, name: &str, schedule: NewSchedule) -> Result<ScheduleView> {
        let agent = may_schedule(caller, &schedule.task.agent)?;
        self.require_ready()?;
        let name: ScheduleName = name.parse()?;
        if let Some(before) = self.store.schedule(&caller.tenant, &name).await? {
            caller.require_for(Scope::Operate, &before.agent)?;
        }
        let next_at = self.next_of(&schedule)?;
        check_later(&schedule.task, "a schedule")?;
        self.task_asked(caller, schedule.task.clone()).await?;
        self.put(caller, NewScheduleRow { name, agent, schedule, next_at }).await
    }

    /// Has a schedule make no tasks from now on, or make them again.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::ScheduleNotFound`].
    pub async fn pause_schedule(&self, caller: &Caller, name: &str, paused: bool) -> Result<ScheduleView> {
        let row = self.schedule_to_change(caller, name).await?;
        // Whoever has it make tasks again asks for them, and may.
        let agent = if paused { row.agent } else { may_schedule(caller, row.agent.as_str())? };
        self.require_ready()?;
        let schedule = NewSchedule { paused, ..row.schedule };
        let next_at = self.next_of(&schedule)?;
        self.put(caller, NewScheduleRow { name: row.name, agent, schedule, next_at }).await
    }

    /// Removes a schedule, and returns what it was. The tasks that it made stay.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::ScheduleNotFound`].
    pub async fn remove_schedule(&self, caller: &Caller, name: &str) -> Result<ScheduleView> {
        let row = self.schedule_to_change(caller, name).await?;
        self.require_ready()?;
        let row = self.store.remove_schedule(&caller.tenant, &row.name, &caller.principal).await?;
        tracing::info!(tenant = %caller.tenant, schedule = %row.name, by = caller.principal, "a schedule was removed");
        Ok(view(row))
    }

    /// Lists schedules, by name.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn schedules(&self, caller: &Caller, after: &str, limit: Option<u32>) -> Result<Page<ScheduleView>> {
        caller.require(Scope::Read)?;
        let limit = limits::page(limit);
        let rows = self.store.schedules(&caller.tenant, after, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| row.name.to_string(), view))
    }

    /// One schedule.
    ///
    /// # Errors
    /// [`Code::ScheduleNotFound`].
    pub async fn schedule(&self, caller: &Caller, name: &str) -> Result<ScheduleView> {
        caller.require(Scope::Read)?;
        self.find_schedule(caller, name).await.map(view)
    }

    async fn find_schedule(&self, caller: &Caller, name: &str) -> Result<ScheduleRow> {
        // What is no name is the name of none.
        let parsed: ScheduleName = name.parse().map_err(|_| schedule_not_found(&troupe_core::shown(name)))?;
        self.store.schedule(&caller.tenant, &parsed).await?.ok_or_else(|| schedule_not_found(name))
    }

    /// A schedule that a caller may change.
    async fn schedule_to_change(&self, caller: &Caller, name: &str) -> Result<ScheduleRow> {
        caller.require_for_some(Scope::Operate)?;
        let row = self.find_schedule(caller, name).await?;
        caller.require_for(Scope::Operate, &row.agent)?;
        Ok(row)
    }

    /// When a schedule that is set now makes its first task; never while it is paused.
    fn next_of(&self, schedule: &NewSchedule) -> Result<Option<Timestamp>> {
        let times = Times::of(schedule)?;
        (!schedule.paused).then(|| times.first(self.clock.now())).transpose()
    }

    async fn put(&self, caller: &Caller, new: NewScheduleRow) -> Result<ScheduleView> {
        let row = self.store.set_schedule(&caller.tenant, new, &caller.principal).await?;
        self.schedules.0.notify_one();
        let (tenant, by, paused) = (&caller.tenant, &caller.principal, row.next_at.is_none());
        tracing::info!(%tenant, schedule = %row.name, by, paused, "a schedule was set");
        Ok(view(row))
    }

    /// Makes the tasks of schedules, each when it is its time, until the host stops.
    pub(crate) fn keep_schedules(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            while !runtime.is_stopping() {
                let pause = runtime.fire_due().await.unwrap_or_else(|error| {
                    tracing::warn!(cause = error.cause_chain(), "schedules were not looked at: {error}");
                    limits::LEASE_RENEWAL
                });
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = runtime.schedules.0.notified() => {}
                }
            }
        });
    }

    /// Makes what is due, and returns for how long nothing more will be, or until what waits is tried
    /// again. Each is looked at once, so that nobody's stand in the way of others'.
    async fn fire_due(&self) -> Result<Duration> {
        let (now, mut last) = (self.clock.now(), None);
        loop {
            let due = self.store.due_schedules(now, last.as_ref(), limits::SCHEDULES_AT_ONCE).await?;
            if due.is_empty() {
                break;
            }
            for row in due {
                if self.disabled.check(&row.tenant).is_ok()
                    && let Err(error) = self.fire(row.clone(), now).await
                {
                    let (tenant, schedule, cause) = (&row.tenant, &row.name, error.cause_chain());
                    tracing::warn!(%tenant, %schedule, cause, "the task of a schedule waits: {error}");
                }
                last = Some(row);
            }
        }
        let next = self.store.next_schedule(now).await?;
        Ok(next.map_or(limits::LEASE_RENEWAL, |next| next.since(self.clock.now()).min(limits::LEASE_RENEWAL)))
    }

    /// Has a time of a schedule pass.
    ///
    /// # Errors
    /// What may pass: then it is still due.
    async fn fire(&self, row: ScheduleRow, now: Timestamp) -> Result<()> {
        let next = Times::of(&row.schedule).ok().and_then(|times| times.after(now));
        let caller = Caller::absent(&row.tenant, &row.principal);
        let room = self.queue.room(&(row.tenant.clone(), row.agent.clone()))?;
        let made = match self.task_asked(&caller, row.schedule.task.clone()).await {
            Err(error) if error.retryable => return Err(error),
            made => made.map_err(|error| TaskFailure::from(&error)),
        };
        let runtime = self.clone();
        // What gets on disk is queued.
        let fired = tokio::spawn(async move {
            let fired = match runtime.store.fire_schedule(&row, next, made).await {
                Err(error) if !error.retryable => {
                    let failure = TaskFailure::from(&error);
                    runtime.store.fire_schedule(&row, next, Err(failure)).await?
                }
                fired => fired?,
            };
            let outcome = match &fired {
                Fired::Made(task) => {
                    runtime.push(task);
                    "made"
                }
                Fired::None => "none",
                Fired::Changed => "changed",
            };
            drop(room);
            metrics::counter!("troupe_schedules_total", "agent" => row.agent.to_string(), "outcome" => outcome)
                .increment(1);
            Ok::<_, Error>(())
        });
        fired.await.map_err(Error::internal)?
    }
}

/// The agent that a caller may schedule tasks of.
fn may_schedule(caller: &Caller, agent: &str) -> Result<troupe_core::AgentName> {
    agents::permitted(caller, Scope::Run, agent)?;
    agents::permitted(caller, Scope::Operate, agent)
}

/// Checks that a task can be made later than it is asked for, by what makes it.
///
/// # Errors
/// [`Code::RequestInvalid`].
pub(crate) fn check_later(task: &NewTask, whose: &str) -> Result<()> {
    let refused = |why: &str| Err(Error::new(Code::RequestInvalid, format!("the task of {whose} {why}")));
    if task.idempotency_key.is_some() {
        return refused("has no `idempotency_key`: each one is made for itself");
    }
    if task.delay_ms.is_some() {
        return refused("has no `delay_ms`: it begins when it is made");
    }
    if task.durability == Durability::None {
        return refused("is kept: nobody waits for it");
    }
    Ok(())
}

fn view(row: ScheduleRow) -> ScheduleView {
    let ScheduleRow { name, schedule, principal, changed_at, next_at, last_at, last_task, last_failure, .. } = row;
    ScheduleView { name, schedule, principal, changed_at, next_at, last_at, last_task, last_failure }
}
