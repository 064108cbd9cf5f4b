//! Running an attempt: from its turn to its end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{Code, Digest, Error, Result, TaskId, TenantId, limits};
use troupe_sandbox::{Facts, Invocation, Stop, StopReason};
use troupe_store::{JournalHead, Lease, Pin, TaskEnd, TaskRow};

use super::accepted::Accepted;
use super::ledger::{StoreLedger, journalled};
use super::observe::TaskObserver;
use super::query::view;
use crate::Runtime;
use crate::route::Route;

impl Runtime {
    /// A place to run in, waited for no longer than `wait`.
    pub(crate) async fn slot(&self, wait: Duration) -> Result<OwnedSemaphorePermit> {
        let slots = Arc::clone(&self.slots);
        match tokio::time::timeout(wait, Semaphore::acquire_owned(slots)).await {
            Ok(slot) => slot.map_err(Error::internal),
            Err(_) => Err(Error::new(
                Code::LimitConcurrency,
                format!(
                    "{} agents run already, the most this host runs at once; try again later",
                    limits::INVOCATIONS_MAX
                ),
            )),
        }
    }

    /// Queues what a former process left pending, and starts working the queue off.
    pub(crate) async fn dispatch_pending(&self) -> Result<()> {
        let most = u32::try_from(limits::PENDING_MAX).unwrap_or(u32::MAX);
        for (tenant, task) in self.store.next_pending(most).await? {
            let priority = self.store.task(&tenant, task).await?.map_or(0, |row| row.priority);
            self.queue.push(priority, tenant, task);
        }
        let runtime = self.clone();
        tokio::spawn(async move {
            loop {
                // The slot first: what is popped last moment is what matters most.
                let Ok(slot) = Semaphore::acquire_owned(Arc::clone(&runtime.slots)).await else { return };
                let Some((tenant, task)) = runtime.queue.pop().await else { return };
                let runtime = runtime.clone();
                tokio::spawn(async move { runtime.run_pending(tenant, task, slot).await });
            }
        });
        Ok(())
    }

    async fn run_pending(&self, tenant: TenantId, task: TaskId, slot: OwnedSemaphorePermit) {
        let outcome = self.try_pending(&tenant, task, slot).await;
        match outcome {
            Ok(()) => {}
            // Cancelled while it waited.
            Err(error) if matches!(error.code, Code::TaskEnded | Code::StaleEpoch) => {}
            Err(error) => {
                tracing::error!(%tenant, %task, cause = error.cause_chain(), "a pending task could not be run: {error}");
            }
        }
    }

    async fn try_pending(&self, tenant: &TenantId, task: TaskId, slot: OwnedSemaphorePermit) -> Result<()> {
        let Some(row) = self.store.task(tenant, task).await? else { return Ok(()) };
        if row.status != TaskStatus::Pending {
            return Ok(());
        }
        let route = match self.route(tenant, row.agent.as_str()) {
            Ok(route) => route,
            Err(error) => {
                tracing::warn!(%tenant, %task, "a task waits until its agent serves again: {error}");
                self.queue.park(row.priority, tenant.clone(), row.agent, task);
                return Ok(());
            }
        };
        let (_, mut pin, head) = self.begin_attempt(row, &route)?;
        let claim = self.store.claim(tenant, task, &self.owner, &head.release, &head).await?;
        let row = claim.task;
        pin.attempt = row.attempt;
        pin.lease_number = row.lease.as_ref().map_or(0, |lease| lease.number);
        let accepted = Arc::new(Accepted::claimed(self.store.clone(), pin, head.clone(), row.clone()));
        self.run_attempt(accepted, row, head, route, slot).await.map(drop)
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

    /// Runs an attempt to its end and commits the end.
    pub(super) async fn run_attempt(
        &self,
        accepted: Arc<Accepted>,
        row: TaskRow,
        head: JournalHead,
        route: Arc<Route>,
        slot: OwnedSemaphorePermit,
    ) -> Result<TaskRow> {
        let stop = Stop::default();
        let entered = route.enter(row.id, stop.clone());
        let lease_number = accepted.pin.lease_number;
        let place = self.workers.enter(row.tenant.clone(), row.id, lease_number, stop.clone());
        let time = Duration::from_millis(row.timeout_ms);
        let invocation = Invocation {
            facts: facts(&row, &head, &route),
            grants: route.grants.clone(),
            ceiling: route.skill(row.skill.as_str()).map_or(troupe_core::Effect::Read, |skill| skill.effect),
            ledger: Box::new(StoreLedger::new(self.store.clone(), Arc::clone(&accepted))),
            observer: Arc::new(TaskObserver {
                tenant: row.tenant.clone(),
                task: row.id,
                agent: row.agent.to_string(),
                watchers: self.watchers.clone(),
            }),
            stop: stop.clone(),
            time,
            memory_bytes: route.memory_bytes,
            output_bytes: route.output_bytes,
            seed: head.seed,
            started_at: head.started_at,
            recording: None,
        };
        let outcome = self.sandbox.perform(&route.agent, invocation, row.skill.as_str(), &row.input).await;
        drop(slot);
        let (status, output, failure) = ended_as(&route, row.skill.as_str(), outcome.result);
        let end = TaskEnd { status, output, failure, ended_at: self.clock.now() };
        meter(&row, &end, outcome.usage, self.clock.now());
        let journal = outcome.rows.into_iter().map(journalled).collect();
        let ended = if stop.reason() == Some(StopReason::Lost) {
            // Whoever holds the task now ends it.
            Err(StopReason::Lost.error())
        } else {
            accepted.end(journal, end).await
        };
        drop((entered, place));
        if let Ok(row) = &ended {
            self.watchers.end(row.id, || view(row));
        }
        ended
    }

    /// Renews the leases of what runs, and stops what lost its lease or was cancelled
    /// elsewhere. The loop ends with the store.
    pub(crate) fn keep_leases(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(limits::LEASE_RENEWAL);
            while runtime.is_ready() || runtime.workers.count() > 0 {
                ticks.tick().await;
                let leases = runtime.workers.leases();
                if leases.is_empty() {
                    continue;
                }
                match runtime.store.renew(&runtime.owner, &leases).await {
                    Ok(lost) => {
                        for (tenant, task) in lost {
                            runtime.stop_if_lost(&tenant, task).await;
                        }
                    }
                    Err(error) => tracing::warn!(cause = error.cause_chain(), "leases were not renewed: {error}"),
                }
            }
        });
    }

    /// A call that is not on disk yet has no lease to lose, and one that got there a
    /// moment ago has not lost it.
    async fn stop_if_lost(&self, tenant: &TenantId, task: TaskId) {
        let Ok(Some(row)) = self.store.task(tenant, task).await else { return };
        let is_ours = row.lease.is_some_and(|lease| lease.owner == self.owner);
        if !is_ours {
            self.workers.stop(tenant, task, StopReason::Lost);
        }
    }
}

/// What a guest may know of its attempt; the same whenever it is asked.
pub(crate) fn facts(row: &TaskRow, head: &JournalHead, route: &Route) -> Facts {
    Facts {
        tenant: row.tenant.clone(),
        session: None,
        user: Some(row.principal.clone()),
        trace: traceparent(&head.seed),
        attempt: row.attempt,
        deadline: head.deadline,
        configuration: Arc::clone(&route.configuration),
    }
}

/// How a task ends whose invocation ended with `result`: its status, its output, and why
/// there is none.
pub(crate) fn ended_as(
    route: &Route,
    skill: &str,
    result: Result<String>,
) -> (TaskStatus, Option<String>, Option<TaskFailure>) {
    match result.and_then(|output| checked(route, skill, output)) {
        Ok(output) => (TaskStatus::Completed, Some(output), None),
        Err(error) => {
            let status = match error.code {
                Code::Cancelled => TaskStatus::Cancelled,
                Code::InDoubt => TaskStatus::InDoubt,
                _ => TaskStatus::Failed,
            };
            if let Some(cause) = error.cause_chain() {
                tracing::debug!(code = %error.code, cause, "an invocation failed: {error}");
            }
            (status, None, Some(TaskFailure::from(&error)))
        }
    }
}

/// An attempt's trace, sampled (W3C Trace Context, level 1, section 3.2.2). It follows from
/// the seed, so that a replayed guest is told the same.
fn traceparent(seed: &[u8; 32]) -> String {
    let hash = Digest::of(&[b"trace ".as_slice(), seed].concat()).hex();
    let (trace, rest) = hash.split_at(32);
    let (span, _) = rest.split_at(16);
    format!("00-{trace}-{span}-01")
}

/// Checks an output against the skill's schema.
fn checked(route: &Route, skill: &str, output: String) -> Result<String> {
    let value: Value = serde_json::from_str(&output)
        .map_err(|error| Error::new(Code::OutputInvalid, format!("the agent's output is not JSON: {error}")))?;
    route.skill(skill)?.check_output(&value)?;
    Ok(output)
}

fn meter(row: &TaskRow, end: &TaskEnd, usage: troupe_sandbox::Usage, now: troupe_core::Timestamp) {
    let agent = row.agent.to_string();
    let status = end.status.as_str();
    metrics::counter!("troupe_tasks_total", "agent" => agent.clone(), "status" => status).increment(1);
    let seconds = now.since(row.created_at).as_secs_f64();
    metrics::histogram!("troupe_task_seconds", "agent" => agent.clone()).record(seconds);
    metrics::counter!("troupe_host_calls_total", "agent" => agent.clone()).increment(usage.host_calls);
    metrics::counter!("troupe_denied_calls_total", "agent" => agent.clone()).increment(usage.denied);
    metrics::counter!("troupe_http_requests_total", "agent" => agent.clone()).increment(usage.http_requests);
    metrics::counter!("troupe_http_sent_bytes_total", "agent" => agent.clone()).increment(usage.http_bytes_sent);
    metrics::counter!("troupe_http_received_bytes_total", "agent" => agent).increment(usage.http_bytes_received);
}
