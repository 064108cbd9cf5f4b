//! Running an attempt: from its turn to its end, or to where it is suspended.

use std::sync::Arc;
use std::time::Duration;

use troupe_core::breaker::Ending;
use troupe_core::view::{TaskFailure, TaskStatus, TaskUsage};
use troupe_core::{AgentName, Code, Digest, Error, Result, TaskId, TenantId, Timestamp, limits};
use troupe_sandbox::{Facts, Invocation, Outcome, Recording, Stop, StopReason};
use troupe_store::{Decided, FailedTry, JournalHead, JournalRow, Lease, Pin, Rest, TaskEnd, TaskRow};

use super::accepted::Accepted;
use super::decided::Made;
use super::ending::{ended_as, kept_of_cancelled};
use super::ledger::{StoreLedger, journalled};
use super::meter::{Running, observed, used};
use super::observe::{AgentObserver, TaskObserver};
use super::queue::{Slot, Turn};
use super::resume::Goes;
use super::shares::Key;
use super::workers::Place;
use crate::Runtime;
use crate::hold::migrating;
use crate::route::{Entered, Route, Shut};

/// Between two tries to keep the end of a task, at first and at most.
const END_PAUSE_MIN: Duration = Duration::from_millis(100);
const END_PAUSE_MAX: Duration = Duration::from_secs(2);

/// What an attempt runs in: one of the host's places to run in, a place among the workers, a route.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) slot: Slot,
    pub(super) place: Place,
    pub(super) entered: Entered,
    pub(super) stop: Stop,
    /// Whether how it ends says something of its release to whoever compares releases.
    pub(super) is_evidence: bool,
}

/// The last commit of a run.
#[derive(Debug, Clone)]
pub(super) enum Last {
    End(Box<TaskEnd>),
    /// The attempt is over, and the task is tried again.
    Retry(FailedTry),
    /// The task is taken up again then.
    Suspension(Rest),
}

impl Last {
    /// What the run used.
    const fn used(&self) -> TaskUsage {
        match self {
            Self::End(end) => end.used,
            Self::Retry(failed) => failed.used,
            Self::Suspension(rest) => rest.used,
        }
    }
}

impl Seat {
    pub(super) fn route(&self) -> &Route {
        &self.entered.route
    }
}

impl Runtime {
    /// A place to run in for a call whose client waits, waited for no longer than `wait`.
    ///
    /// # Errors
    /// [`Code::LimitConcurrency`].
    pub(crate) async fn slot(&self, key: &Key, priority: i32, wait: Duration) -> Result<Slot> {
        // Under a name of its own: a task may be replayed by several at once, and whoever
        // leaves the line takes nobody else out of it.
        let name = TaskId::generate(&*self.clock, &*self.entropy);
        let slot = self.queue.slot(key, priority, name, wait).await?;
        slot.ok_or_else(|| no_place(&key.1))
    }

    /// Starts working the queue off.
    pub(crate) fn dispatch(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            while let Some((turn, slot)) = runtime.queue.next().await {
                let runtime = runtime.clone();
                tokio::spawn(async move { runtime.run_pending(turn, slot).await });
            }
        });
    }

    async fn run_pending(&self, turn: Turn, slot: Slot) {
        let (tenant, task) = (turn.key.0.clone(), turn.task);
        match self.try_pending(turn, slot).await {
            Ok(()) => {}
            // Cancelled while it waited.
            Err(error) if matches!(error.code, Code::TaskEnded | Code::StaleEpoch) => {}
            Err(error) if matches!(error.code, Code::AgentQuarantined | Code::SwapMigrating) => {
                tracing::debug!(%tenant, %task, "a task waits to be resumed: {error}");
            }
            Err(error) => {
                tracing::error!(%tenant, %task, cause = error.cause_chain(), "a task did not run to its end: {error}");
            }
        }
    }

    /// A task that cannot be begun stays pending on disk and is queued again with the next
    /// renewal of leases.
    async fn try_pending(&self, turn: Turn, slot: Slot) -> Result<()> {
        let Some(row) = self.store.task(&turn.key.0, turn.task).await? else { return Ok(()) };
        if row.status != TaskStatus::Pending {
            return Ok(());
        }
        if row.release.is_some() && self.store.is_cancel_requested(&row.tenant, row.id).await? {
            return self.resume_to_tell(row, turn, slot).await;
        }
        let (tenant, agent) = (row.tenant.clone(), row.agent.clone());
        let is_enabled = || self.disabled.check(&tenant).is_ok();
        if !is_enabled() {
            self.park(turn, is_enabled);
            return Ok(());
        }
        let hold = self.routes.hold(&tenant, &agent);
        if hold.is_on() {
            self.park(turn, || !hold.is_on());
            return Ok(());
        }
        if row.release.is_none() && self.held_back(&row).await?.is_some() {
            return self.leave_held(row, turn).await;
        }
        let route = || self.route(&tenant, agent.as_str());
        if row.release.is_some() {
            let may_go_on = || self.may_resume(&row).is_ok();
            if !may_go_on() {
                self.park(turn, may_go_on);
                return Ok(());
            }
            return self.resume_pending(row, turn, slot, Goes::On).await;
        }
        if let Some(root) = row.cause.as_ref().and_then(|cause| cause.root)
            && let Some(ended) = self.store.end_over_budget(&tenant, row.id, root).await?
        {
            drop((turn, slot));
            self.tell(&ended);
            return Ok(());
        }
        if let Err(error) = route() {
            if error.code == Code::DeploymentNotFound {
                drop(turn);
                return self.settle_undeployed().await;
            }
            tracing::warn!(%tenant, task = %row.id, "a task waits until its agent serves again: {error}");
            self.park(turn, || route().is_ok());
            return Ok(());
        }
        let seat = match self.seat(&row, slot) {
            Err(error) if error.code == Code::AgentQuarantined => {
                let may_begin = |route: Arc<Route>| self.check_quarantine(&route.for_task(&row)).is_ok();
                self.park(turn, || route().is_ok_and(may_begin));
                return Ok(());
            }
            Err(error) if error.code == Code::SwapMigrating => {
                self.park(turn, || !hold.is_on());
                return Ok(());
            }
            Err(error) if error.code == Code::RuntimeStopped => return self.leave_held(row, turn).await,
            Err(error) if error.code == Code::DeploymentNotFound => {
                drop(turn);
                return self.settle_undeployed().await;
            }
            seat => seat?,
        };
        if !self.may_begin(&row, seat.route()).await? {
            return Ok(());
        }
        let (_, mut pin, head) = self.begin_attempt(row, seat.route())?;
        let row = self.store.claim(&tenant, turn.task, &self.owner, &head.release, &head).await?;
        self.tell(&row);
        drop(turn);
        pin.attempt = row.attempt;
        pin.lease_number = row.lease.as_ref().map_or(0, |lease| lease.number);
        seat.place.holds(pin.lease_number);
        let accepted = Arc::new(Accepted::claimed(self.store.clone(), pin, head.clone(), row.clone()));
        self.run_attempt(accepted, row, head, seat, None).await.map(drop)
    }

    /// Leaves a task on disk that waits for its instance or for the tenant's runtime.
    async fn leave_held(&self, row: TaskRow, turn: Turn) -> Result<()> {
        drop(turn);
        // It is queued again when that goes on, also if that was just now.
        if self.held_back(&row).await?.is_none() {
            self.push(&row);
        }
        Ok(())
    }

    /// Sets a task aside until its agent can serve; `may_begin` says whether that has come to
    /// pass in this very moment.
    fn park(&self, turn: Turn, may_begin: impl Fn() -> bool) {
        let (tenant, agent) = turn.key.clone();
        turn.park();
        if may_begin() {
            self.queue.resume(&tenant, &agent);
        }
    }

    /// A place among the workers for a task that does not run here, and its switch.
    pub(crate) fn place(&self, tenant: &TenantId, task: TaskId) -> Result<(Place, Stop)> {
        let stop = Stop::default();
        let place = self
            .workers
            .enter(tenant.clone(), task, stop.clone())
            .ok_or_else(|| Error::new(Code::StaleEpoch, format!("task {task} runs already, so it cannot be begun")))?;
        // Whoever disables a tenant does so first and then stops what it finds here.
        self.disabled.check(tenant)?;
        Ok((place, stop))
    }

    /// Seats a task on the route that is in force now.
    ///
    /// # Errors
    /// [`Code::SwapMigrating`] while new work is held back, [`Code::RuntimeStopped`], and what keeps the agent
    /// from taking the task.
    pub(super) fn seat(&self, row: &TaskRow, slot: Slot) -> Result<Seat> {
        let (place, stop) = self.place(&row.tenant, row.id)?;
        self.stopped.check(&row.tenant)?;
        loop {
            // A route that was retired since it was looked up takes no work; there is a newer
            // one by then.
            let route = self.route(&row.tenant, row.agent.as_str())?.for_task(row);
            match route.enter(row.id, stop.clone(), self.pass(&route)?) {
                Ok(entered) => return Ok(Seat { slot, place, entered, stop, is_evidence: true }),
                Err(Shut::Held) => return Err(migrating(&row.agent)),
                Err(Shut::Retired) => {}
            }
        }
    }

    /// Fixes what an attempt runs on, before guest code runs.
    pub(super) fn begin_attempt(&self, row: TaskRow, route: &Route) -> Result<(TaskRow, Pin, JournalHead)> {
        let now = self.clock.now();
        let mut seed = [0; 32];
        self.entropy.fill(&mut seed);
        let lease = Lease { owner: self.owner.clone(), number: 1, until: now.plus(limits::LEASE_TIME) };
        let pin = Pin {
            tenant: row.tenant.clone(),
            task: row.id,
            attempt: row.attempt + 1,
            agent: row.agent.clone(),
            instance: row.instance,
            epoch: route.row.epoch,
            lease_owner: lease.owner.clone(),
            lease_number: lease.number,
            generation: route.row.state_generation,
        };
        let head = JournalHead {
            release: route.ran_on(),
            configuration_revision: route.row.configuration_revision,
            grants_revision: route.row.grants_revision,
            deadline: now.plus(Duration::from_millis(row.timeout_ms)),
            seed,
            started_at: now,
        };
        let row = TaskRow {
            status: TaskStatus::Running,
            attempt: pin.attempt,
            release: Some(route.ran_on()),
            lease: Some(lease),
            started_at: Some(now),
            ..row
        };
        Ok((row, pin, head))
    }

    /// Runs an attempt to its end, or until it is suspended, and commits that. A resumed one
    /// has its recording.
    pub(super) async fn run_attempt(
        &self,
        accepted: Arc<Accepted>,
        row: TaskRow,
        head: JournalHead,
        seat: Seat,
        recording: Option<Recording>,
    ) -> Result<TaskRow> {
        let Seat { slot, place, mut entered, stop, is_evidence } = seat;
        let route = Arc::clone(&entered.route);
        let resumed = recording.is_some();
        let (time, life) = times(&row, &head, recording.as_ref(), self.clock.now());
        let agent =
            AgentObserver { tenant: row.tenant.clone(), agent: row.agent.to_string(), task: Some(row.id), swap: None };
        let invocation = Invocation {
            facts: facts(&row, &head, &route),
            grants: route.grants.clone(),
            ceiling: route.performed(row.skill.as_str()).map_or(troupe_core::Effect::Read, |skill| skill.effect),
            ledger: Box::new(StoreLedger(Arc::clone(&accepted), self.clone())),
            directories: Some(self.directories.of(row.tenant.clone(), row.agent.clone())),
            artifacts: Some(self.artifacts.clone()),
            observer: Arc::new(TaskObserver::new(row.id, row.attempt, agent, self.watchers.clone())),
            stop: stop.clone(),
            time,
            life,
            memory_bytes: route.memory_bytes,
            output_bytes: route.output_bytes,
            seed: head.seed,
            started_at: head.started_at,
            recording,
        };
        let running = Running::one();
        let started = tokio::time::Instant::now();
        let outcome = self.sandbox.perform(&route.agent, invocation, row.skill.as_str(), &row.input).await;
        let took = started.elapsed();
        drop(running);
        if resumed
            && let Err(error) = &outcome.result
            && matches!(error.code, Code::ReplayDiverged | Code::ReplayImpossible)
        {
            drop((slot, entered));
            let (decisions, echoes) = (outcome.decisions, outcome.usage.secret_echoes);
            let made = Made { decisions, echoes, ..Made::default() };
            self.settle_unresumed(&accepted, Some(&made), error).await?;
            drop(place);
            self.queue_pending().await?;
            return Ok(row);
        }
        // A check of an instance's health is asked by nobody: what is wrong with one says nothing of the agent.
        let pass = entered.pass.take().filter(|_| is_evidence && outcome.suspended.is_none());
        if let Some(pass) = pass {
            self.judge(&route, pass, Ending::of(outcome.result.as_ref().err()));
        }
        if outcome.suspended.is_none()
            && accepted.is_kept()
            && outcome.result.as_ref().is_err_and(|error| error.code == Code::SwapDrained)
            && let Some(row) = self.drained(&accepted, &outcome).await
        {
            drop((slot, entered, place));
            self.tell(&row);
            self.queue_pending().await?;
            return Ok(row);
        }
        let used = used(&outcome.usage, outcome.suspended.is_some());
        let last = match outcome.suspended {
            Some(until) => {
                let until = until.min(latest(&row, &head));
                Last::Suspension(Rest { until, awaits: outcome.awaits.clone(), used })
            }
            None => {
                let (status, output, failure) = ended_as(&route, row.skill.as_str(), outcome.result).await;
                let said = output.as_ref().and_then(|(_, answer)| self.own_words(&route, &row, status, answer));
                let output = output.map(|(text, _)| text).or_else(|| kept_of_cancelled(status, outcome.partial));
                let failure = self.told_why(&row, status, failure).await;
                let ended_at = self.clock.now();
                let end = TaskEnd { status, output, failure, said, ended_at, decided: Decided::default(), used };
                // One that was resumed did a part of its work elsewhere, and says nothing of its time.
                if let Some(call) = observed(&end, &outcome.usage, took).filter(|_| is_evidence && !resumed) {
                    route.tally.note(call);
                }
                self.ended_or_again(&row, end)
            }
        };
        drop(slot);
        route.meters().tell(&row, &last, &outcome.usage, self.clock.now());
        let kept = if stop.reason() == Some(StopReason::Lost) {
            // Whoever holds the task now ends it.
            accepted.give_up().await;
            Err(StopReason::Lost.error())
        } else {
            let journal: Vec<JournalRow> = outcome.rows.into_iter().map(journalled).collect();
            let (decisions, unseen) = (outcome.decisions, outcome.unseen);
            let made = Made { decisions, unseen, echoes: outcome.usage.secret_echoes };
            self.keep_last(&accepted, journal, last, made, entered).await
        };
        drop(place);
        if let Ok(row) = &kept {
            self.tell(row);
        }
        kept
    }

    /// Gives up an attempt whose release has drained, so that the task begins anew on the one
    /// that serves; nothing if it has written, or cannot be kept.
    async fn drained(&self, accepted: &Accepted, outcome: &Outcome) -> Option<TaskRow> {
        let made =
            Made { decisions: outcome.decisions.clone(), echoes: outcome.usage.secret_echoes, ..Made::default() };
        accepted.keep().await.ok()?;
        let decided = self.decided_before(accepted, Some(&made)).await;
        let given_up = self.store.start_over(&accepted.pin, decided).await;
        given_up.inspect_err(|error| tracing::warn!(task = %accepted.pin.task, "a drained task ends: {error}")).ok()?
    }

    /// Makes the last commit of a run. A disk that is full and a store that is busy are waited
    /// out for a while; what is on disk of a task whose last commit is not kept even
    /// then is settled when its lease is over.
    async fn keep_last(
        &self,
        accepted: &Accepted,
        journal: Vec<JournalRow>,
        mut last: Last,
        made: Made,
        entered: Entered,
    ) -> Result<TaskRow> {
        let until = tokio::time::Instant::now() + limits::TASK_END_TIME_MAX;
        let mut entered = Some(entered);
        let mut pause = END_PAUSE_MIN;
        let mut decided = self.decided(accepted, &last, &made, &journal).await;
        loop {
            let kept = match last.clone() {
                Last::End(end) => {
                    let decided = decided.clone();
                    accepted.end(journal.clone(), TaskEnd { decided, ..*end }).await
                }
                Last::Retry(failed) => {
                    accepted.retry(journal.clone(), FailedTry { decided: decided.clone(), ..failed }).await
                }
                Last::Suspension(rest) => accepted.suspend(journal.clone(), rest, decided.clone()).await,
            };
            let error = match kept {
                Ok(row) => return Ok(row),
                Err(error) => error,
            };
            // The guest is gone: no swap waits for the disk.
            drop(entered.take());
            if error.code == Code::Cancelled && !matches!(last, Last::End(_)) {
                // Somebody asked for its end in the moment in which it left off.
                let failure = Some(TaskFailure::from(&error));
                let (ended_at, decided_of, used) = (self.clock.now(), Decided::default(), last.used());
                let status = TaskStatus::Cancelled;
                last = Last::End(Box::new(TaskEnd {
                    status,
                    output: None,
                    failure,
                    said: None,
                    ended_at,
                    decided: decided_of,
                    used,
                }));
                decided = self.decided(accepted, &last, &made, &journal).await;
                continue;
            }
            let (tenant, task) = (&accepted.pin.tenant, accepted.pin.task);
            let may_pass = error.retryable && self.store.check().is_ok();
            if !may_pass || tokio::time::Instant::now() >= until {
                accepted.give_up().await;
                tracing::error!(%tenant, %task, cause = error.cause_chain(), "the end of a task was not kept: {error}");
                return Err(error);
            }
            tracing::warn!(%tenant, %task, cause = error.cause_chain(), "the end of a task is not kept yet: {error}");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(END_PAUSE_MAX);
        }
    }
}

/// The error for a call whose client waits no longer for a place to run it in.
pub(super) fn no_place(agent: &AgentName) -> Error {
    let message = format!("no place for a call of agent `{agent}` became free in time; try again later");
    Error::new(Code::LimitConcurrency, message)
}

/// The end of a task's time, suspended or not.
pub(super) fn latest(row: &TaskRow, head: &JournalHead) -> Timestamp {
    head.started_at.plus(Duration::from_millis(row.lifetime_ms.unwrap_or(row.timeout_ms)))
}

/// How long an attempt may run and its task may take, from now on. Of one that is resumed,
/// the time that the host was away counts, and that for which it was suspended does not.
fn times(row: &TaskRow, head: &JournalHead, recording: Option<&Recording>, now: Timestamp) -> (Duration, Duration) {
    let Some(recording) = recording else {
        let life = Duration::from_millis(row.lifetime_ms.unwrap_or(row.timeout_ms));
        return (Duration::from_millis(row.timeout_ms), life);
    };
    let deadline = head.deadline.plus(recording.suspended());
    let from = recording.suspended_since().unwrap_or(now);
    (deadline.since(from), latest(row, head).since(now))
}

/// What a guest may know of its attempt; the same whenever it is asked.
pub(crate) fn facts(row: &TaskRow, head: &JournalHead, route: &Route) -> Facts {
    Facts {
        tenant: row.tenant.clone(),
        session: row.session.map(|session| session.to_string()),
        instance: row.instance,
        user: Some(row.principal.clone()),
        trace: traceparent(&head.seed),
        attempt: row.attempt,
        deadline: head.deadline,
        latest: latest(row, head),
        configuration: Arc::clone(&route.configuration),
    }
}

/// An attempt's trace, sampled (W3C Trace Context, level 1, section 3.2.2). It follows from
/// the seed, so that a replayed guest is told the same.
pub(crate) fn traceparent(seed: &[u8; 32]) -> String {
    let hash = Digest::of(&[b"trace ".as_slice(), seed].concat()).hex();
    let (trace, rest) = hash.split_at(32);
    let (span, _) = rest.split_at(16);
    format!("00-{trace}-{span}-01")
}
