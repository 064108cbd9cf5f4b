//! Quarantine: an agent that ends against its will again and again is asked no more for a
//! while.
//!
//! The attack: a release traps at once, and whoever asks it asks again; each time an instance
//! is made, memory is filled, a trap is caught and logged, a thousand times a second, at the
//! cost of others. The rule: where most of the newest ends of a release in a deployment are
//! of the agent's own making against its will, new tasks are refused with
//! [`Code::AgentQuarantined`] and those that were accepted wait; later one is let through as
//! a probe. The default: a release that was just swapped in is trusted.
//!
//! | an end with | counts as |
//! |---|---|
//! | `guest.trap`, `guest.stack`, `limit.memory`, `limit.handles`, `limit.headers`, `limit.host_calls`, `limit.transfer`, `limit.journal` | a trap: the program could not go on, whatever the world around it did |
//! | an output, or a failure of the agent's own | a good end: it answered |
//! | anything else | nothing |
//!
//! `limit.deadline` counts as nothing: a caller chooses the time, and one who chooses a
//! millisecond shall not shut an agent for everybody. A caller who knows an input that traps
//! can only do so where traps are most of what there is.
//!
//! Which codes are which stands in [`Ending::of`], by which an instance's own traps are counted as well
//! (`host/store/src/instances/life.rs`).
//!
//! It is kept in memory: a host that starts trusts everybody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::breaker::{Breaker, Change, Ending, Leave, Settings};
use troupe_core::view::{DeploymentView, QuarantineView};
use troupe_core::{AgentName, Caller, Code, Error, Result, Scope, TenantId, Timestamp, limits};

use crate::route::Route;
use crate::routes::Entry;
use crate::tasks::Queue;
use crate::{Runtime, agents};

/// When a release is quarantined; a failure is a trap.
static SETTINGS: Settings = Settings {
    failures: limits::QUARANTINE_TRAPS,
    ends: limits::QUARANTINE_ENDS,
    window: limits::QUARANTINE_WINDOW,
    pause_min: limits::QUARANTINE_TIME_MIN,
    pause_max: limits::QUARANTINE_TIME_MAX,
    probe_time: limits::QUARANTINE_PROBE_TIME,
};

/// How much later than a quarantine ends those who wait are told, so that a clock that counts
/// whole milliseconds has reached its end.
const SLACK: Duration = Duration::from_millis(2);

/// What is known of a release in a deployment. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Quarantine(Arc<Mutex<Breaker>>);

impl Default for Quarantine {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Breaker::new(&SETTINGS))))
    }
}

/// Leave to run; if its end is not told, it says nothing.
#[derive(Debug)]
pub(crate) struct Pass {
    quarantine: Quarantine,
    leave: Option<Leave>,
    /// Where tasks wait that may try if this was a probe and said nothing.
    waiting: (Queue, TenantId, AgentName),
}

impl Quarantine {
    /// Whether a task may be accepted now.
    ///
    /// # Errors
    /// [`Code::AgentQuarantined`], telling when to come again.
    pub(crate) fn check(&self, agent: &AgentName, now: Timestamp) -> Result<()> {
        self.lock().check(now).map_err(|wait| refused(agent, wait))
    }

    /// Leave to begin an invocation, for which tasks wait in `queue`.
    ///
    /// # Errors
    /// Those of [`Quarantine::check`].
    pub(crate) fn admit(&self, tenant: &TenantId, agent: &AgentName, now: Timestamp, queue: &Queue) -> Result<Pass> {
        let leave = self.lock().admit(now).map_err(|wait| refused(agent, wait))?;
        let waiting = (queue.clone(), tenant.clone(), agent.clone());
        Ok(Pass { quarantine: self.clone(), leave: Some(leave), waiting })
    }

    /// How it stands, if the release is quarantined.
    pub(crate) fn view(&self) -> Option<QuarantineView> {
        let (since, until, probing) = self.lock().opened()?;
        Some(QuarantineView { since, until, probing })
    }

    fn lift(&self) -> bool {
        self.lock().lift()
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Tells how the invocation ended.
    fn ended(mut self, ending: Ending, now: Timestamp) -> Change {
        let leave = self.leave.take();
        leave.map_or(Change::None, |leave| self.quarantine.lock().ended(&leave, ending, now))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(leave) = self.leave.take() else { return };
        // What says nothing needs no time.
        let change = self.quarantine.lock().ended(&leave, Ending::Unknown, Timestamp::from_millis(0));
        if change == Change::Free {
            let (queue, tenant, agent) = &self.waiting;
            queue.resume(tenant, agent);
        }
    }
}

fn refused(agent: &AgentName, wait: Duration) -> Error {
    let seconds = wait.as_millis().div_ceil(1000);
    let message = format!(
        "agent `{agent}` is quarantined, since it trapped again and again; try again in {seconds} s, or lift it with \
         `troupe agents {agent} --lift`"
    );
    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Error::new(Code::AgentQuarantined, message).with("retry_after_ms", wait)
}

/// Shows the metrics how a route stands.
pub(crate) fn gauge(route: &Route) {
    let value = if route.quarantine.view().is_some() { 1.0 } else { 0.0 };
    let (tenant, agent) = (route.row.tenant.to_string(), route.row.agent.to_string());
    metrics::gauge!("troupe_quarantined", "tenant" => tenant, "agent" => agent).set(value);
}

impl Runtime {
    /// Leave to run on a route.
    ///
    /// # Errors
    /// [`Code::AgentQuarantined`].
    pub(crate) fn pass(&self, route: &Route) -> Result<Pass> {
        let (tenant, agent) = (&route.row.tenant, &route.row.agent);
        route.quarantine.admit(tenant, agent, self.clock.now(), &self.queue)
    }

    /// Whether a task for a route may be accepted now.
    ///
    /// # Errors
    /// [`Code::AgentQuarantined`].
    pub(crate) fn check_quarantine(&self, route: &Route) -> Result<()> {
        route.quarantine.check(&route.row.agent, self.clock.now())
    }

    /// How the release that serves an agent stands, if it is quarantined.
    pub(crate) fn quarantine(&self, tenant: &TenantId, agent: &AgentName) -> Option<QuarantineView> {
        match self.routes.get(tenant, agent)? {
            Entry::Serving(route) => route.quarantine.view(),
            Entry::Broken(_) | Entry::Removed(_) => None,
        }
    }

    /// Ends a quarantine before its time.
    ///
    /// # Errors
    /// [`Code::DeploymentNotFound`].
    pub async fn lift_quarantine(&self, caller: &Caller, agent: &str) -> Result<DeploymentView> {
        agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        self.deployment_row(caller, agent).await?;
        let route = self.route(&caller.tenant, agent)?;
        if route.quarantine.lift() {
            tracing::info!(tenant = %caller.tenant, agent, "an operator has lifted the quarantine");
            let told = self.restored(&route, AuditEntry::new(AuditKind::Lifted).by(Some(&caller.principal)));
            told.await.map_err(Error::internal)?;
        }
        Ok(route.view())
    }

    /// Notes how an invocation ended, and what follows from it.
    pub(crate) fn judge(&self, route: &Arc<Route>, pass: Pass, ending: Ending) {
        match pass.ended(ending, self.clock.now()) {
            Change::None => {}
            Change::Opened(pause) => self.quarantined(route, pause),
            Change::Closed => drop(self.restored(route, AuditEntry::new(AuditKind::Restored))),
            Change::Free => self.queue.resume(&route.row.tenant, &route.row.agent),
        }
    }

    fn quarantined(&self, route: &Route, pause: Duration) {
        let (tenant, agent) = (route.row.tenant.clone(), route.row.agent.clone());
        tracing::warn!(%tenant, release = %route.release(), seconds = pause.as_secs(), "quarantined: it trapped again and again");
        metrics::counter!("troupe_quarantines_total", "agent" => agent.to_string()).increment(1);
        gauge(route);
        let entry = AuditEntry::new(AuditKind::Quarantined).with("seconds", pause.as_secs());
        drop(self.announce(route, "agent.quarantined", Some(pause), entry));
        let queue = self.queue.clone();
        tokio::spawn(async move {
            // Somewhat later, so that a clock in whole milliseconds has reached it.
            tokio::time::sleep(pause + SLACK).await;
            queue.resume(&tenant, &agent);
        });
    }

    fn restored(&self, route: &Route, decided: AuditEntry) -> JoinHandle<()> {
        let (tenant, agent) = (&route.row.tenant, &route.row.agent);
        tracing::info!(%tenant, release = %route.release(), "no longer quarantined");
        gauge(route);
        let told = self.announce(route, "agent.restored", None, decided);
        self.queue.resume(tenant, agent);
        told
    }

    /// Tells the feed and the audit, as far as the store takes it: the quarantine stands without.
    fn announce(
        &self,
        route: &Route,
        kind: &'static str,
        pause: Option<Duration>,
        decided: AuditEntry,
    ) -> JoinHandle<()> {
        let (store, tenant, agent) = (self.store.clone(), route.row.tenant.clone(), route.row.agent.clone());
        let data = json!({
            "agent": agent.as_str(), "epoch": route.row.epoch, "version": route.row.serving.to_string(),
            "digest": route.row.digest.to_string(), "seconds": pause.map(|pause| pause.as_secs()),
        });
        let decided = decided.of(&agent).on(&route.row.serving, route.row.digest);
        tokio::spawn(async move {
            let subject = format!("deployment/{agent}");
            if let Err(error) = store.announce(&tenant, kind, &subject, data, Some(decided)).await {
                tracing::warn!(%tenant, %agent, cause = error.cause_chain(), "the feed and the audit were not told of {kind}: {error}");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_decide_does_not_count_against_an_agent() {
        let of = |code: Code| Ending::of(Some(&Error::new(code, "x")));
        for code in [Code::GuestTrap, Code::GuestStack, Code::LimitMemory, Code::LimitHostCalls] {
            assert_eq!(of(code), Ending::Failed);
        }
        for code in [Code::LimitDeadline, Code::Cancelled, Code::SwapDrained, Code::UnavailableStore, Code::Internal] {
            assert_eq!(of(code), Ending::Unknown);
        }
        for code in [Code::GuestFailed, Code::DeniedCapability, Code::OutputInvalid] {
            assert_eq!(of(code), Ending::Well);
        }
        assert_eq!(Ending::of(None), Ending::Well);
        let doubt = Error::new(Code::InDoubt, "x");
        assert_eq!(Ending::of(Some(&doubt)), Ending::Unknown);
        assert_eq!(Ending::of(Some(&doubt.with("ended_by", "guest.trap"))), Ending::Failed);
    }

    #[test]
    fn a_pass_that_is_let_go_of_gives_its_probe_back() {
        let (quarantine, agent) = (Quarantine::default(), "echo".parse().unwrap());
        let (tenant, queue) = (TenantId::default(), Queue::default());
        let admit = |now| quarantine.admit(&tenant, &agent, now, &queue).unwrap();
        let now = Timestamp::from_millis(0);
        for _ in 0..limits::QUARANTINE_TRAPS {
            admit(now).ended(Ending::Failed, now);
        }
        let error = quarantine.check(&agent, now).unwrap_err();
        assert_eq!((error.code, error.retryable), (Code::AgentQuarantined, true));
        assert_eq!(error.details["retry_after_ms"], 5_000);
        let due = now.plus(limits::QUARANTINE_TIME_MIN);
        let probe = admit(due);
        assert!(quarantine.view().unwrap().probing && quarantine.check(&agent, due).is_err());
        drop(probe);
        assert!(quarantine.check(&agent, due).is_ok());
    }
}
