//! The health of instances: checking it, and restarting what is in error.
//!
//! *The danger:* a check is a call like any other, and there may be thousands of instances: checks that come
//! all at once, of several hosts, or that wait for a guest that hangs, are in the way of what people ask. *The
//! rule:* a check is taken in the database by one host, which makes few at once, and few of those for one agent; the next time of each is off
//! by a part that is left to chance, so that those that began together do not stay together. It runs as a call
//! of durability `none`, of the host's own: it fills no history, is no evidence in a swap, and changes nothing.
//! *The default:* an instance is checked only where the manifest of the release that serves says how.
//!
//! ```text
//!  due ──taken──▸ the skill is performed for the instance ─┬─ it answered ─────────────▸ good
//!   ▲                                                      ├─ it failed, or took longer ▸ bad
//!   └──────────── every so often, a tenth more or less ◂───┴─ it was not to be had ─────▸ says nothing
//! ```
//!
//! What the host itself is to blame for says nothing of an instance: no place, a quarantine, a migration, a
//! runtime that is stopped, a store that is away. What follows from a check stands in the row of the instance
//! (`host/store/src/instances/life.rs`), and so does when the host restarts one that is in error.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use troupe_core::breaker::Ending;
use troupe_core::view::{Durability, NewTask, TaskStatus};
use troupe_core::{AgentName, Caller, Code, Error, Result, TenantId, backoff, limits};
use troupe_package::{HealthCheck, Release};
use troupe_store::{Checked, InstanceRow, TaskRow};

use crate::Runtime;
use crate::route::{Route, compiled};
use crate::tasks::{Key, Most, Shares};

/// Who asks for a check.
const HOST: &str = "host";

/// Checks that run here at once.
const CHECKS: Most = Most {
    all: limits::HEALTH_CHECKS_AT_ONCE,
    tenant: limits::HEALTH_CHECKS_AT_ONCE,
    agent: limits::HEALTH_CHECKS_PER_AGENT,
};

/// What this host knows of the checks it makes.
#[derive(Debug)]
pub(crate) struct Health {
    changed: Notify,
    running: Arc<Mutex<Shares>>,
    /// The epochs of which it is known that the agent's instances are checked.
    begun: Mutex<HashMap<Key, u64>>,
}

/// A check that runs; its place is another's when this is dropped.
struct Running {
    running: Arc<Mutex<Shares>>,
    key: Key,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).give(&self.key);
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { changed: Notify::new(), running: Arc::new(Mutex::new(Shares::new(CHECKS))), begun: Mutex::default() }
    }
}

impl Health {
    /// Tells that an instance may be due sooner than was known.
    pub(crate) fn happened(&self) {
        self.changed.notify_one();
    }

    fn running(&self) -> MutexGuard<'_, Shares> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many checks more there may be, and the agents that have as many as they may.
    fn left(&self) -> (usize, Vec<Key>) {
        let running = self.running();
        (running.left(), running.full_agents())
    }

    /// A place for a check, unless its agent or the host has no other.
    fn place(&self, seen: &InstanceRow) -> Option<Running> {
        let key = (seen.tenant.clone(), seen.agent.clone());
        let mut running = self.running();
        if running.full(&key).is_some() {
            return None;
        }
        running.take(&key);
        Some(Running { running: Arc::clone(&self.running), key })
    }
}

/// Checks that the skill which a release names for its health can be asked without being told anything.
///
/// # Errors
/// [`Code::ManifestInvalid`].
pub(crate) fn check_release(release: &Release) -> Result<()> {
    let Some(health) = &release.manifest.health else { return Ok(()) };
    let Some(skill) = release.profile.skill(health.skill.as_str()) else { return Ok(()) };
    if compiled(&skill.input)?.is_valid(&json!({})) {
        return Ok(());
    }
    let message = format!(
        "`health` names the skill `{}`, which has to be told something; a check is a skill that takes `{{}}`",
        health.skill
    );
    Err(Error::new(Code::ManifestInvalid, message))
}

impl Runtime {
    /// Checks the health of instances and restarts what is in error, each when it is its time, until the host
    /// stops.
    pub(crate) fn keep_health(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            while !runtime.is_stopping() {
                let pause = runtime.look_after_instances().await.unwrap_or_else(|error| {
                    tracing::warn!(cause = error.cause_chain(), "instances were not looked after: {error}");
                    limits::LEASE_RENEWAL
                });
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = runtime.health.changed.notified() => {}
                }
            }
        });
    }

    /// Does what is due, and returns for how long nothing will be.
    async fn look_after_instances(&self) -> Result<Duration> {
        self.begin_checks().await?;
        while self.restart_due().await? {}
        while self.check_due().await? {}
        let (left, full) = self.health.left();
        if left == 0 {
            // The end of a check says that there is a place.
            return Ok(limits::LEASE_RENEWAL);
        }
        let next = self.store.next_of_instances(&full).await?;
        let pause = next.map_or(limits::LEASE_RENEWAL, |next| next.since(self.clock.now()));
        Ok(pause.clamp(limits::TICK, limits::LEASE_RENEWAL))
    }

    /// Has instances be checked that were started before a release served that says how.
    async fn begin_checks(&self) -> Result<()> {
        for route in self.routes.serving() {
            let key = (route.row.tenant.clone(), route.row.agent.clone());
            let begun = || self.health.begun.lock().unwrap_or_else(PoisonError::into_inner);
            if route.health.is_none() || begun().get(&key) == Some(&route.row.epoch) {
                continue;
            }
            self.store.check_instances(&key.0, &key.1).await?;
            begun().insert(key, route.row.epoch);
        }
        Ok(())
    }

    /// Restarts some that are in error; says whether there may be more.
    async fn restart_due(&self) -> Result<bool> {
        let due = self.store.instances_to_restart(self.clock.now(), limits::INSTANCES_DUE_AT_ONCE).await?;
        let is_full = due.len() == limits::INSTANCES_DUE_AT_ONCE as usize;
        let mut goes_on = false;
        for seen in due {
            let checked = self.checks_health(&seen.tenant, &seen.agent);
            let Some(row) = self.store.restart_failed(&seen, checked).await? else { continue };
            let (tenant, agent, instance) = (&row.tenant, &row.agent, row.id);
            tracing::info!(%tenant, %agent, %instance, "an instance in error was restarted");
            metrics::counter!("troupe_instance_restarts_total", "agent" => agent.to_string()).increment(1);
            goes_on |= !row.holds_back();
        }
        if goes_on {
            self.queue_pending().await?;
        }
        Ok(is_full)
    }

    /// Begins checks that are due while there are places for them; says whether there may be more.
    async fn check_due(&self) -> Result<bool> {
        let (left, full) = self.health.left();
        if left == 0 {
            return Ok(false);
        }
        let due = self.store.instances_to_check(self.clock.now(), &full, limits::INSTANCES_DUE_AT_ONCE).await?;
        let is_more = due.len() >= left;
        for seen in due {
            let Some(place) = self.health.place(&seen) else { continue };
            let health = self.health_of(&seen.tenant, &seen.agent);
            let time = health.as_ref().map_or(Duration::ZERO, |health| Duration::from_millis(health.timeout_ms));
            let until = self.clock.now().plus(time + limits::HEALTH_WAIT_MAX + limits::LEASE_TIME);
            if !self.store.take_check(&seen, until).await? {
                continue;
            }
            let runtime = self.clone();
            tokio::spawn(async move {
                let instance = seen.id;
                if let Err(error) = runtime.check_instance_health(seen, health, until).await {
                    tracing::warn!(%instance, cause = error.cause_chain(), "a check of an instance was not noted: {error}");
                }
                drop(place);
                runtime.health.happened();
            });
        }
        Ok(is_more)
    }

    async fn check_instance_health(
        &self,
        seen: InstanceRow,
        health: Option<Arc<HealthCheck>>,
        until: troupe_core::Timestamp,
    ) -> Result<()> {
        let checked = match (&health, self.route(&seen.tenant, seen.agent.as_str())) {
            // This host may be the last to hear of a release that says how.
            (None, Ok(route)) => Checked::Unchecked { epoch: route.row.epoch },
            (Some(health), Ok(route)) => self.checked(&seen, health, &route).await,
            (_, Err(_)) => Checked::Unknown,
        };
        let outcome = match &checked {
            Checked::Good => "good",
            Checked::Bad(..) => "bad",
            Checked::Unknown => "unknown",
            Checked::Unchecked { .. } => "unchecked",
        };
        metrics::counter!("troupe_instance_checks_total", "agent" => seen.agent.to_string(), "outcome" => outcome)
            .increment(1);
        let every = health.map_or(limits::HEALTH_EVERY_DEFAULT, |health| Duration::from_millis(health.every_ms));
        let pause = match &checked {
            Checked::Unknown if seen.life.starting => every.min(limits::HEALTH_FIRST_AGAIN),
            _ => self.roughly(every),
        };
        let next_at = self.clock.now().plus(pause);
        let Some(row) = self.store.checked_instance(&seen, until, checked, next_at).await? else { return Ok(()) };
        if let Some(error) = &row.life.error {
            let (tenant, agent, instance) = (&row.tenant, &row.agent, row.id);
            tracing::warn!(%tenant, %agent, %instance, code = error.code, "an instance is in error: {}", error.message);
        }
        if seen.life.starting && !row.holds_back() {
            self.queue_pending().await?;
        }
        Ok(())
    }

    /// Asks an instance how it is.
    async fn checked(&self, seen: &InstanceRow, health: &HealthCheck, route: &Arc<Route>) -> Checked {
        let ended = async {
            self.disabled.check(&seen.tenant)?;
            self.stopped.check(&seen.tenant)?;
            let caller = Caller::absent(&seen.tenant, HOST);
            let request = NewTask {
                timeout_ms: Some(health.timeout_ms),
                durability: Durability::None,
                ..NewTask::new(seen.agent.as_str(), health.skill.as_str(), json!({}))
            };
            let input = (json!({}), "{}".to_owned());
            let row = self.task_row(&caller, route, &request, input, &[]).await?;
            // It is of no session, whose messages it would stand among, and asks nobody for approval: it reads.
            let row = TaskRow { instance: Some(seen.id), ..row };
            self.run_unseen(row, Duration::from_millis(health.timeout_ms) + limits::HEALTH_WAIT_MAX).await
        };
        match ended.await {
            Ok(row) => says(row, health),
            Err(error) => {
                tracing::debug!(instance = %seen.id, "the health of an instance was not to be had: {error}");
                Checked::Unknown
            }
        }
    }

    /// How the health of an agent's instances is checked, if it is.
    fn health_of(&self, tenant: &TenantId, agent: &AgentName) -> Option<Arc<HealthCheck>> {
        self.route(tenant, agent.as_str()).ok()?.health.clone()
    }

    /// Whether the health of an agent's instances is checked.
    pub(crate) fn checks_health(&self, tenant: &TenantId, agent: &AgentName) -> bool {
        self.health_of(tenant, agent).is_some()
    }

    /// A time, a tenth more or less.
    fn roughly(&self, time: Duration) -> Duration {
        let mut chance = [0; 8];
        self.entropy.fill(&mut chance);
        time - time / 10 + backoff::part(time / 5, u64::from_ne_bytes(chance))
    }
}

/// What the end of a check says.
fn says(row: TaskRow, health: &HealthCheck) -> Checked {
    let Some(failure) = row.failure else {
        return if row.status == TaskStatus::Completed { Checked::Good } else { Checked::Unknown };
    };
    let error = Error::from(failure.clone());
    // The time of a check is its release's own choice.
    let is_its_own = Ending::of(Some(&error)) != Ending::Unknown || error.code == Code::LimitDeadline;
    if is_its_own { Checked::Bad(failure, health.failures) } else { Checked::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_is_to_blame_for_says_nothing_of_an_instance() {
        for (code, is_bad) in [
            (Code::GuestFailed, true),
            (Code::GuestTrap, true),
            (Code::LimitDeadline, true),
            (Code::OutputInvalid, true),
            (Code::SwapDrained, false),
            (Code::UnavailableStore, false),
            (Code::Cancelled, false),
        ] {
            let error = Error::new(code, "x");
            let is_its_own = Ending::of(Some(&error)) != Ending::Unknown || error.code == Code::LimitDeadline;
            assert_eq!(is_its_own, is_bad, "{code}");
        }
    }
}
