//! Accepting tasks.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;
use troupe_core::view::{Durability, NewTask, TaskStatus, TaskView};
use troupe_core::{Caller, Code, Effect, Error, Result, Scope, SkillName, TaskId, TenantId, limits};
use troupe_sandbox::StopReason;
use troupe_store::{Creation, TaskRow};

use super::accepted::Accepted;
use super::query::view;
use crate::Runtime;
use crate::route::Route;

/// What came of submitting a task.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The task as it stands.
    pub task: TaskView,
    /// Whether this request made it; otherwise its idempotency key found it.
    pub is_new: bool,
}

impl Runtime {
    /// Accepts a task; with `wait`, answers when it has ended or the wait is over.
    ///
    /// # Errors
    /// [`Code::AgentNotFound`], [`Code::SkillNotFound`], [`Code::InputInvalid`] naming the
    /// place, [`Code::ConflictIdempotency`], [`Code::LimitConcurrency`]. A task that was
    /// accepted and failed is not an error: its failure is in the task.
    pub async fn submit(&self, caller: &Caller, request: NewTask, wait: Option<Duration>) -> Result<Submitted> {
        caller.require(Scope::Run)?;
        self.require_ready()?;
        let route = self.route(&caller.tenant, &request.agent)?;
        let row = self.task_row(caller, &route, &request)?;
        let wait = wait.map(|wait| wait.min(limits::WAIT_MAX));
        match (request.durability, wait, &request.idempotency_key) {
            (Durability::None, Some(wait), None) => self.run_fleeting(&route, row, wait).await,
            (Durability::None, ..) => Err(Error::new(
                Code::RequestInvalid,
                "durability `none` needs a wait and takes no idempotency key: nothing is kept to come back to",
            )),
            (Durability::Full, Some(wait), None) => self.run_held(row, route, wait).await,
            (Durability::Full, wait, _) => self.queue_task(row, wait).await,
        }
    }

    /// Cancels a task. A running one ends within a tick.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::TaskEnded`] if there is nothing left to cancel.
    pub async fn cancel(&self, caller: &Caller, task: TaskId) -> Result<TaskView> {
        caller.require(Scope::Run)?;
        let row = self.store.cancel(&caller.tenant, task).await?;
        self.workers.stop(&caller.tenant, task, StopReason::Cancelled);
        if row.status.is_final() {
            self.watchers.end(task, || view(&row));
        }
        Ok(view(&row))
    }

    fn task_row(&self, caller: &Caller, route: &Route, request: &NewTask) -> Result<TaskRow> {
        let input = match &request.input {
            Value::Null => Value::Object(Map::new()),
            input => input.clone(),
        };
        let text = input.to_string();
        if text.len() > limits::INPUT_BYTES_MAX {
            let most = limits::bytes(limits::INPUT_BYTES_MAX as u64);
            let message = format!("the input has {} bytes; a skill's input may have {most}", text.len());
            return Err(Error::new(Code::LimitRequest, message));
        }
        let skill = route.skill(&request.skill)?;
        skill.check_input(&input)?;
        if request.durability == Durability::None && skill.effect != Effect::Read {
            let message =
                format!("durability `none` is for skills of effect class `read`; this one is `{}`", skill.effect);
            return Err(Error::new(Code::RequestInvalid, message));
        }
        if request
            .idempotency_key
            .as_ref()
            .is_some_and(|key| key.is_empty() || key.len() > limits::IDEMPOTENCY_KEY_BYTES_MAX)
        {
            let most = limits::IDEMPOTENCY_KEY_BYTES_MAX;
            return Err(Error::new(Code::RequestInvalid, format!("an idempotency key is 1 to {most} bytes")));
        }
        let time = request.timeout_ms.map_or(route.time, Duration::from_millis);
        if time.is_zero() || time > limits::INVOCATION_TIME_MAX {
            let most = limits::INVOCATION_TIME_MAX.as_millis();
            return Err(Error::new(Code::RequestInvalid, format!("`timeout_ms` is 1 to {most}")));
        }
        Ok(TaskRow {
            id: TaskId::generate(&*self.clock, &*self.entropy),
            tenant: caller.tenant.clone(),
            agent: route.row.agent.clone(),
            skill: request.skill.parse::<SkillName>()?,
            input: text,
            status: TaskStatus::Pending,
            priority: request.priority,
            attempt: 0,
            principal: caller.principal.clone(),
            idempotency_key: request.idempotency_key.clone(),
            caused_by: None,
            timeout_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            release: None,
            output: None,
            failure: None,
            lease: None,
            created_at: self.clock.now(),
            started_at: None,
            ended_at: None,
        })
    }

    /// An awaited call of which nothing is kept.
    async fn run_fleeting(&self, route: &Arc<Route>, row: TaskRow, wait: Duration) -> Result<Submitted> {
        let slot = self.slot(wait).await?;
        let (row, pin, head) = self.begin_attempt(row, route)?;
        let accepted = Arc::new(Accepted::fleeting(self.store.clone(), pin, head.clone(), row.clone()));
        let run = self.run_attempt(accepted, row, head, Arc::clone(route), slot);
        let row = tokio::time::timeout(wait, run).await.map_err(|_| {
            Error::new(Code::LimitDeadline, "the task did not end within its wait, and nothing of it is kept")
        })?;
        Ok(Submitted { task: view(&row?), is_new: true })
    }

    /// An awaited call: it is kept when it writes, when its wait ends, or with its end.
    async fn run_held(&self, row: TaskRow, route: Arc<Route>, wait: Duration) -> Result<Submitted> {
        let until = tokio::time::Instant::now() + wait;
        let Ok(slot) = self.slot(wait).await else {
            // Nothing is free: it waits its turn on disk.
            return self.queue_task(row, Some(Duration::ZERO)).await;
        };
        let (row, pin, head) = self.begin_attempt(row, &route)?;
        let accepted = Arc::new(Accepted::held(self.store.clone(), pin, head.clone(), row.clone()));
        // The attempt goes on when the client goes away.
        let runtime = self.clone();
        let attempt = Arc::clone(&accepted);
        let run = tokio::spawn(async move { runtime.run_attempt(attempt, row, head, route, slot).await });
        let row = match tokio::time::timeout_at(until, run).await {
            Ok(ended) => ended.map_err(Error::internal)??,
            Err(_) => accepted.keep().await?,
        };
        Ok(Submitted { task: view(&row), is_new: true })
    }

    /// A task that waits its turn on disk.
    async fn queue_task(&self, row: TaskRow, wait: Option<Duration>) -> Result<Submitted> {
        self.queue.require_room()?;
        let (row, is_new) = match self.store.create_task(row).await? {
            Creation::New(row) => (row, true),
            Creation::Existing(row) => (row, false),
        };
        let changes = self.store.watch();
        if is_new {
            self.queue.push(row.priority, row.tenant.clone(), row.id);
        }
        let row = match wait {
            Some(wait) if !row.status.is_final() => self.ended(&row.tenant, row.id, changes, wait).await?,
            _ => row,
        };
        Ok(Submitted { task: view(&row), is_new })
    }

    /// Waits for a task's end, or for the time to pass; returns the task as it then is.
    async fn ended(
        &self,
        tenant: &TenantId,
        task: TaskId,
        mut changes: watch::Receiver<u64>,
        wait: Duration,
    ) -> Result<TaskRow> {
        let until = tokio::time::Instant::now() + wait;
        loop {
            changes.borrow_and_update();
            let row = self.store.task(tenant, task).await?;
            let row = row.ok_or_else(|| Error::new(Code::TaskNotFound, format!("there is no task {task}")))?;
            let changed = !row.status.is_final()
                && tokio::time::timeout_at(until, changes.changed()).await.is_ok_and(|changed| changed.is_ok());
            if !changed {
                return Ok(row);
            }
        }
    }

    /// Waits for a task, as a door's `GET …?wait=` does.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`].
    pub async fn wait_for_task(&self, caller: &Caller, task: TaskId, wait: Duration) -> Result<TaskView> {
        caller.require(Scope::Read)?;
        let row = self.ended(&caller.tenant, task, self.store.watch(), wait.min(limits::WAIT_MAX)).await?;
        Ok(view(&row))
    }
}
