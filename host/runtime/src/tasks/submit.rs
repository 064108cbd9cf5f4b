//! Accepting tasks.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;
use troupe_core::view::{Durability, NewTask, TaskBudget, TaskStatus, TaskUsage, TaskView};
use troupe_core::{Caller, Code, Effect, Error, InstanceId, Result, Scope, SkillName, TaskId, TenantId, limits};
use troupe_sandbox::{Stop, StopReason};
use troupe_store::{Asked, Creation, TaskRow, task_not_found};

use super::accepted::Accepted;
use super::decided::READING;
use super::goes_on::GoesOn;
use super::query::{view, view_for};
use super::waits::Wait;
use super::watch::TaskEvent;
use crate::blocking::checking;
use crate::route::Route;
use crate::swap::affinity;
use crate::{Runtime, agents};

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
    /// [`Code::AgentNotFound`], [`Code::DeploymentNotFound`] if none of its releases serves,
    /// [`Code::SkillNotFound`], [`Code::InstanceNotFound`], [`Code::InstanceStopped`], [`Code::InputInvalid`] naming the place, [`Code::ConflictIdempotency`], [`Code::LimitConcurrency`]. A task that was
    /// accepted and failed is not an error: its failure is in the task.
    pub async fn submit(&self, caller: &Caller, mut request: NewTask, wait: Option<Duration>) -> Result<Submitted> {
        agents::permitted(caller, Scope::Run, &request.agent)?;
        self.require_room()?;
        let wait = wait.map(|wait| wait.min(limits::WAIT_MAX));
        if request.durability == Durability::None && (wait.is_none() || request.idempotency_key.is_some()) {
            return Err(Error::new(
                Code::RequestInvalid,
                "durability `none` needs a wait and takes no idempotency key: nothing is kept to come back to",
            ));
        }
        if request.durability == Durability::None && (request.delay_ms.is_some() || request.retry.is_some()) {
            let message = "durability `none` takes neither `delay_ms` nor `retry`: nothing is kept to come back to";
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let (input, text) = input_of(&mut request)?;
        let instance = request.instance.as_deref().map(str::parse::<InstanceId>).transpose()?;
        if let Some(key) = &request.idempotency_key {
            check_key(key)?;
            // Before all else, so that what was accepted once is found whatever has changed.
            let asked = Asked { agent: &request.agent, skill: &request.skill, input: &text, instance };
            if let Some(row) = self.store.task_by_key(&caller.tenant, key, asked).await? {
                let wait = wait.filter(|_| !row.status.is_final());
                let counted = wait.map(|_| self.waits.enter(&caller.tenant)).transpose()?;
                return self.queued(row, false, wait.zip(counted)).await;
            }
        }
        let row = self.asked_of(caller, &request, (input, text), instance, &[]).await?;
        let held = self.held_back(&row).await?;
        if let Some(held) = &held {
            self.check_held_room(&row, held).await?;
        }
        match (request.durability, wait, &request.idempotency_key) {
            (Durability::None, wait, _) => match held {
                Some(held) => Err(held.refusal()),
                None => self.run_fleeting(row, wait.unwrap_or_default()).await,
            },
            (Durability::Full, Some(wait), None)
                if row.status == TaskStatus::Pending && row.wake_at.is_none() && held.is_none() =>
            {
                self.run_held(row, wait).await
            }
            (Durability::Full, wait, _) => {
                // Before it is accepted: who is refused has not been heard.
                let counted = wait.map(|_| self.waits.enter(&caller.tenant)).transpose()?;
                self.queue_task(row, wait.zip(counted)).await
            }
        }
    }

    /// The task that a request asks for, as it would be accepted now.
    ///
    /// # Errors
    /// Those of [`Runtime::submit`].
    pub(crate) async fn task_asked(&self, caller: &Caller, request: NewTask) -> Result<TaskRow> {
        self.task_asked_in_part(caller, request, &[]).await
    }

    /// The same of a request some places of whose input are filled later, each a JSON Pointer.
    ///
    /// # Errors
    /// Those of [`Runtime::submit`] that it would meet whatever is filled there.
    pub(crate) async fn task_asked_in_part(
        &self,
        caller: &Caller,
        mut request: NewTask,
        open: &[String],
    ) -> Result<TaskRow> {
        let input = input_of(&mut request)?;
        let instance = request.instance.as_deref().map(str::parse).transpose()?;
        self.asked_of(caller, &request, input, instance, open).await
    }

    async fn asked_of(
        &self,
        caller: &Caller,
        request: &NewTask,
        (input, text): (Value, String),
        instance: Option<InstanceId>,
        open: &[String],
    ) -> Result<TaskRow> {
        // A caller of whom nobody knows would tell the agent who speaks, and of what.
        if SkillName::CONVERSATION.contains(&request.skill.as_str()) {
            let message = "an agent's own conversation is asked for by a message in a session, not by a task";
            return Err(Error::new(Code::SkillNotFound, message));
        }
        self.asked_or_told(caller, request, (input, text), instance, open).await
    }

    pub(super) async fn asked_or_told(
        &self,
        caller: &Caller,
        request: &NewTask,
        (input, text): (Value, String),
        instance: Option<InstanceId>,
        open: &[String],
    ) -> Result<TaskRow> {
        affinity::check(request.affinity.as_deref())?;
        let route = self.serving(&caller.tenant, &request.agent).await?;
        let session = match instance {
            Some(instance) => self.store.check_instance(&caller.tenant, &route.row.agent, instance).await?,
            None => None,
        };
        // What is in a session is asked by whoever speaks in it alone.
        if let (Some(session), Some(instance)) = (session, instance)
            && self.own_session(caller, session).await.is_err()
        {
            let message = format!("agent `{}` has no instance {instance}", route.row.agent);
            return Err(Error::new(Code::InstanceNotFound, message));
        }
        let row = TaskRow { instance, session, ..self.task_row(caller, &route, request, (input, text), open).await? };
        let route = route.for_task(&row);
        let row = self.demand_approval(row, &route, route.performed(&request.skill)?.effect);
        if row.approval.is_some() && request.durability == Durability::None {
            let message = "the tenant's policy has this wait for approval, and with durability `none` nothing is kept \
                           that could; ask without it";
            return Err(Error::new(Code::RequestInvalid, message));
        }
        Ok(row)
    }

    /// Cancels a task. One that runs or is suspended is told, and ends within a few seconds; any other ends at
    /// once.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::TaskEnded`] if there is nothing left to cancel.
    pub async fn cancel(&self, caller: &Caller, task: TaskId) -> Result<TaskView> {
        self.task_permitted(caller, Scope::Run, task).await?;
        let row = self.cancel_task(&caller.tenant, task, &caller.principal).await?;
        Ok(view_for(caller, &row))
    }

    /// Cancels a task, as `by` asks, who may.
    ///
    /// # Errors
    /// Those of [`Runtime::cancel`].
    pub(crate) async fn cancel_task(&self, tenant: &TenantId, task: TaskId, by: &str) -> Result<TaskRow> {
        let row = self.store.cancel(tenant, task, by, READING).await?;
        self.workers.stop(tenant, task, StopReason::Cancelled);
        if row.status.is_final() {
            self.queue.remove(task);
            self.tell(&row);
        } else if row.status == TaskStatus::Pending {
            // It was suspended, and is resumed to be told, also where it was set aside. One whose turn it is by now
            // has no second one, whoever cancels it again.
            self.queue.push_again(row.priority, row.tenant.clone(), row.agent.clone(), task);
            self.tell(&row);
        }
        Ok(row)
    }

    /// The task that a request asks a route for, as it would be accepted now, for no instance.
    ///
    /// # Errors
    /// Those of [`Runtime::submit`].
    pub(crate) async fn task_row(
        &self,
        caller: &Caller,
        route: &Arc<Route>,
        request: &NewTask,
        (input, text): (Value, String),
        open: &[String],
    ) -> Result<TaskRow> {
        route.performed(&request.skill)?;
        let now = self.clock.now();
        let mut row = TaskRow {
            id: TaskId::generate(&*self.clock, &*self.entropy),
            tenant: caller.tenant.clone(),
            agent: route.row.agent.clone(),
            skill: request.skill.parse::<SkillName>()?,
            instance: None,
            input: text,
            status: TaskStatus::Pending,
            priority: request.priority,
            attempt: 0,
            principal: caller.principal.clone(),
            idempotency_key: request.idempotency_key.clone(),
            affinity: request.affinity.clone(),
            session: None,
            cause: None,
            retry_of: None,
            approval: None,
            group: None,
            timeout_ms: 0,
            lifetime_ms: request.lifetime_ms,
            retry: request.retry,
            budget: request.budget,
            retries: 0,
            artifacts: Vec::new(),
            usage: TaskUsage::default(),
            release: None,
            output: None,
            failure: None,
            lease: None,
            wake_at: None,
            created_at: now,
            started_at: None,
            ended_at: None,
        };
        // What it is held against is what it would run on now.
        let route = &route.for_task(&row);
        self.check_quarantine(route)?;
        let effect = route.performed(&request.skill)?.effect;
        let (checked_by, skill, open) = (Arc::clone(route), request.skill.clone(), open.to_vec());
        checking(row.input.len(), move || checked_by.performed(&skill)?.check_known(&input, &open)).await?;
        if request.durability == Durability::None && effect != Effect::Read {
            let message = format!("durability `none` is for skills of effect class `read`; this one is `{effect}`");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let time = request.timeout_ms.map_or(route.time, Duration::from_millis);
        if time.is_zero() || time > limits::INVOCATION_TIME_MAX {
            let most = limits::INVOCATION_TIME_MAX.as_millis();
            return Err(Error::new(Code::RequestInvalid, format!("`timeout_ms` is 1 to {most}")));
        }
        let lifetime = request.lifetime_ms.map(Duration::from_millis);
        if lifetime.is_some_and(|lifetime| lifetime < time || lifetime > limits::TASK_LIFETIME_MAX) {
            let (least, most) = (time.as_millis(), limits::TASK_LIFETIME_MAX.as_millis());
            let message = format!("`lifetime_ms` is {least}, as long as the task may run, to {most}");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        row.timeout_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        if let Some(retry) = &request.retry {
            retry.check()?;
        }
        request.budget.as_ref().map_or(Ok(()), TaskBudget::check)?;
        let delay = Duration::from_millis(request.delay_ms.unwrap_or(0));
        if delay > limits::TASK_DELAY_MAX {
            let most = limits::TASK_DELAY_MAX.as_millis();
            return Err(Error::new(Code::RequestInvalid, format!("`delay_ms` is at most {most}")));
        }
        row.wake_at = Some(now.plus(delay)).filter(|_| !delay.is_zero());
        Ok(row)
    }

    /// An awaited call: it is kept when it writes, when its wait ends, or with its end; one that
    /// is for an instance before it runs, so that the instance shows it and nobody who stops the
    /// instance overlooks it.
    async fn run_held(&self, row: TaskRow, wait: Duration) -> Result<Submitted> {
        let until = Instant::now() + wait;
        let key = (row.tenant.clone(), row.agent.clone());
        let seat = loop {
            let left = || until.saturating_duration_since(Instant::now());
            let is_let_in = self.let_in(&row.tenant, &row.agent, until).await?;
            let slot = if is_let_in { self.queue.slot(&key, row.priority, row.id, left()).await? } else { None };
            let Some(slot) = slot else {
                // Nothing became free: it waits its turn on disk.
                return self.queue_task(row, None).await;
            };
            match self.seat(&row, slot) {
                Err(error) if error.code == Code::SwapMigrating => {}
                // It waits its turn on disk, until the runtime is started.
                Err(error) if error.code == Code::RuntimeStopped => return self.queue_task(row, None).await,
                seat => break seat?,
            }
        };
        let (row, pin, head) = self.begin_attempt(row, seat.route())?;
        seat.place.holds(pin.lease_number);
        let accepted = Arc::new(Accepted::held(self.store.clone(), pin, head.clone(), row.clone()));
        let client = Awaiting { accepted: Some(Arc::clone(&accepted)), stop: seat.stop.clone() };
        // The attempt comes to its end when the client goes away, and so does what keeps it.
        let runtime = self.clone();
        let attempt = Arc::clone(&accepted);
        let run = GoesOn::new(async move {
            if row.instance.is_some() {
                attempt.keep().await?;
            }
            runtime.run_attempt(attempt, row, head, seat, None).await
        });
        let run = tokio::time::timeout_at(until, run).await;
        client.stays();
        let row = match run {
            Ok(run) => {
                let row = run?;
                // It was suspended, or starts over. Who is one too many waits no longer.
                if !row.status.is_final()
                    && let Ok(counted) = self.waits.enter(&row.tenant)
                {
                    let left = until.saturating_duration_since(Instant::now());
                    let task = self.ended(&row.tenant, row.id, left, Some(counted)).await?;
                    return Ok(Submitted { task, is_new: true });
                }
                row
            }
            Err(_) => tokio::spawn(async move { accepted.keep().await }).await.map_err(Error::internal)??,
        };
        Ok(Submitted { task: view(&row), is_new: true })
    }

    /// A task that waits its turn on disk.
    pub(super) async fn queue_task(&self, row: TaskRow, wait: Option<(Duration, Wait)>) -> Result<Submitted> {
        let room = match row.wake_at {
            // The store bounds how many wait for approval.
            None if row.status == TaskStatus::AwaitingApproval => None,
            None => Some(self.queue.room(&(row.tenant.clone(), row.agent.clone()))?),
            Some(_) => {
                self.timed.room(&row.tenant)?;
                None
            }
        };
        let runtime = self.clone();
        // What gets on disk is queued, also when the client goes away meanwhile.
        let made = tokio::spawn(async move {
            let (row, is_new) = match runtime.store.create_task(row).await? {
                Creation::New(row) => (row, true),
                Creation::Existing(row) => (row, false),
            };
            if is_new && row.wake_at.is_some() {
                runtime.timed.grow(&row.tenant);
            }
            runtime.push(&row);
            drop(room);
            Ok::<_, Error>((row, is_new))
        });
        let (row, is_new) = made.await.map_err(Error::internal)??;
        self.queued(row, is_new, wait).await
    }

    /// What came of a task that has a row, after a wait for its end.
    pub(super) async fn queued(&self, row: TaskRow, is_new: bool, wait: Option<(Duration, Wait)>) -> Result<Submitted> {
        self.push(&row);
        let task = match wait {
            Some((wait, counted)) if !row.status.is_final() => {
                self.ended(&row.tenant, row.id, wait, Some(counted)).await?
            }
            _ => view(&row),
        };
        Ok(Submitted { task, is_new })
    }

    /// Queues a task whose time has come.
    pub(crate) fn push(&self, row: &TaskRow) {
        if row.status == TaskStatus::AwaitingApproval {
            self.task_approvals.happened();
        }
        if row.status == TaskStatus::Pending && row.wake_at.is_none() {
            self.queue.push(row.priority, row.tenant.clone(), row.agent.clone(), row.id);
        }
    }

    /// Waits for a task's end, or for the time to pass; returns the task as it then is.
    pub(crate) async fn ended(
        &self,
        tenant: &TenantId,
        task: TaskId,
        wait: Duration,
        counted: Option<Wait>,
    ) -> Result<TaskView> {
        let until = Instant::now() + wait;
        let mut events = self.watch(tenant, task, counted).await?;
        while let Ok(Some(event)) = tokio::time::timeout_at(until, events.next()).await {
            if let TaskEvent::Task(task) = event
                && task.status.is_final()
            {
                return Ok(*task);
            }
        }
        let row = self.store.task(tenant, task).await?;
        row.as_ref().map(view).ok_or_else(|| task_not_found(task))
    }

    /// Waits for a task, as a door's `GET …?wait=` does.
    ///
    /// # Errors
    /// [`Code::TaskNotFound`]; [`Code::LimitConcurrency`] if it has not ended and too many
    /// wait already.
    pub async fn wait_for_task(&self, caller: &Caller, task: TaskId, wait: Duration) -> Result<TaskView> {
        if wait.is_zero() {
            return self.task(caller, task).await;
        }
        caller.require(Scope::Read)?;
        let task = self.ended(&caller.tenant, task, wait.min(limits::WAIT_MAX), None).await?;
        self.check_caller(caller).await?;
        Ok(task)
    }
}

/// A client that waits for a call whose id it does not know yet. If it goes away before
/// anything of the call is on disk, nobody can ask for the outcome: the call is cancelled.
struct Awaiting {
    accepted: Option<Arc<Accepted>>,
    stop: Stop,
}

impl Awaiting {
    /// The client is about to be answered, with the id at least.
    fn stays(mut self) {
        self.accepted = None;
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        if self.accepted.take().is_some_and(|accepted| accepted.is_unknown()) {
            self.stop.now(StopReason::Abandoned);
        }
    }
}

/// Takes a request's input, and writes it as JSON text.
pub(super) fn input_of(request: &mut NewTask) -> Result<(Value, String)> {
    let input = match std::mem::take(&mut request.input) {
        Value::Null => Value::Object(Map::new()),
        input => input,
    };
    let text = input.to_string();
    if text.len() > limits::INPUT_BYTES_MAX {
        let most = limits::bytes(limits::INPUT_BYTES_MAX as u64);
        let message = format!("the input has {} bytes; a skill's input may have {most}", text.len());
        return Err(Error::new(Code::LimitRequest, message));
    }
    Ok((input, text))
}

/// Checks an idempotency key.
///
/// # Errors
/// [`Code::RequestInvalid`] with its bounds.
pub(crate) fn check_key(key: &str) -> Result<()> {
    let most = limits::IDEMPOTENCY_KEY_BYTES_MAX;
    if (1..=most).contains(&key.len()) {
        return Ok(());
    }
    Err(Error::new(Code::RequestInvalid, format!("an idempotency key is 1 to {most} bytes")))
}
