//! Following what other hosts change: tenants, approval policies, swaps and routes.
//!
//! ```text
//!  a newer epoch on disk ─▸ made ready here ─┬─ in time ────────────▸ in force, the one before drains
//!                                            └─ not within 0.8 s ─▸ new work waits ─▸ in force
//! ```
//!
//! So at most two seconds after a route has changed no host begins anything on the one before, however long
//! it takes to compile what serves now.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use troupe_core::view::{DrainMode, SwapPhase, TaskFailure};
use troupe_core::{AgentName, Result, TenantId, limits};
use troupe_store::{DeploymentRow, SwapRow};

use super::Key;
use crate::route::Drain;
use crate::routes::{Broken, Entry};
use crate::swap::{drain_time, expire_late};
use crate::{Runtime, grants, quarantine};

impl Runtime {
    /// Has memory be as the database says.
    pub(super) async fn follow(&self) -> Result<()> {
        self.follow_tenants().await?;
        self.follow_stopped().await?;
        self.load_approval_policies().await?;
        let going = self.follow_swaps().await?;
        let epochs = self.follow_routes().await?;
        self.let_go(&going, &epochs);
        Ok(())
    }

    /// Follows swaps that other hosts drive, and returns those that go on.
    async fn follow_swaps(&self) -> Result<Vec<SwapRow>> {
        let going = self.store.going_swaps().await?;
        for row in going.iter().filter(|row| row.driver.as_ref() != Some(&self.owner)) {
            self.swaps.follow(row);
            match row.state.phase {
                SwapPhase::Migrating => self.hold_for(row),
                SwapPhase::Draining => expire_late(self, row),
                _ => {}
            }
        }
        let ids: HashSet<_> = going.iter().map(|row| row.id).collect();
        for (tenant, id) in self.swaps.followed() {
            if !ids.contains(&id)
                && let Some(row) = self.store.swap(&tenant, id).await?
            {
                self.swaps.follow(&row);
                self.swaps.leave(id);
            }
        }
        Ok(going)
    }

    /// Holds new work of an agent back while another host migrates its state, and ends what runs of it once it
    /// has had its time.
    fn hold_for(&self, swap: &SwapRow) {
        let key = (swap.tenant.clone(), swap.agent.clone());
        let mut holds = self.hosts.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds.entry(swap.id).or_insert_with(|| {
            let holding = self.hold_back(&key.0, &key.1);
            (key.clone(), holding)
        });
        let mode = swap.policy.drain.as_ref().map(|drain| drain.mode);
        let waits = mode.map_or(self.drain == Drain::Wait, |mode| mode == DrainMode::Wait);
        if !waits || self.clock.now() >= swap.state.since.plus(drain_time(&swap.policy)) {
            self.routes.busy(&key.0, &key.1).iter().for_each(|route| route.expire());
        }
    }

    /// Lets new work in again where the migration is over and its outcome is in force here.
    fn let_go(&self, going: &[SwapRow], epochs: &HashMap<Key, u64>) {
        let migrating: HashSet<_> =
            going.iter().filter(|row| row.state.phase == SwapPhase::Migrating).map(|row| row.id).collect();
        let mut over = Vec::new();
        let mut holds = self.hosts.holds.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |key: &Key| self.routes.epoch(&key.0, &key.1) >= epochs.get(key).copied().unwrap_or(0);
        let ended: Vec<_> =
            holds.iter().filter(|(id, (key, _))| !migrating.contains(id) && is_over(key)).map(|(id, _)| *id).collect();
        for id in ended {
            over.extend(holds.remove(&id));
        }
        drop(holds);
        // Whoever is let in may look at the holds.
        drop(over);
    }

    /// Makes routes ready that have changed; returns each deployment's epoch.
    async fn follow_routes(&self) -> Result<HashMap<Key, u64>> {
        let mut epochs = HashMap::new();
        let tries_again = !self.hosts.others.load().is_empty() && self.hosts.tries_again();
        for (tenant, agent, epoch) in self.store.route_epochs().await? {
            let key = (tenant, agent);
            let is_newer = self.routes.epoch(&key.0, &key.1) < epoch;
            // What could not be loaded may be at a host by now that was away.
            if is_newer || tries_again && self.routes.is_behind(&key.0, &key.1, epoch) {
                let mut catching_up = self.hosts.catching_up.lock().unwrap_or_else(PoisonError::into_inner);
                if catching_up.insert(key.clone()) {
                    let (runtime, key) = (self.clone(), key.clone());
                    tokio::spawn(async move {
                        if let Err(error) = runtime.catch_up(&key.0, &key.1).await {
                            let (tenant, agent, cause) = (&key.0, &key.1, error.cause_chain());
                            tracing::warn!(%tenant, %agent, cause, "a route that has changed was not made ready: {error}");
                        }
                        runtime.hosts.catching_up.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                        if let Err(error) = runtime.report().await {
                            tracing::debug!(cause = error.cause_chain(), "what is in force was not said: {error}");
                        }
                    });
                }
            }
            epochs.insert(key, epoch);
        }
        Ok(epochs)
    }

    /// Puts in force what another host has made durable.
    pub(crate) async fn catch_up(&self, tenant: &TenantId, agent: &AgentName) -> Result<()> {
        let ready = async {
            let _turn = self.routes.turn(tenant, agent).lock_owned().await;
            let row = self.store.deployment(tenant, agent).await?;
            match row.filter(|row| self.routes.is_behind(tenant, agent, row.epoch)) {
                Some(row) => self.put_changed(row).await,
                None => self.follow_removed(tenant, agent).await,
            }
        };
        let mut ready = std::pin::pin!(ready);
        match tokio::time::timeout(limits::ROUTE_BEHIND_TIME_MAX, &mut ready).await {
            Ok(done) => done,
            Err(_) => {
                // What was in force is not any more, wherever it still is in memory.
                let _holding = self.hold_back(tenant, agent);
                ready.await
            }
        }
    }

    async fn put_changed(&self, row: DeploymentRow) -> Result<()> {
        let (tenant, agent) = (row.tenant.clone(), row.agent.clone());
        let cut = match self.routes.get(&tenant, &agent) {
            // A swap that brings its own grants, as in `dev`, says nothing of the release before.
            Some(Entry::Serving(before)) => {
                before.row.digest == row.digest && before.row.grants_revision != row.grants_revision
            }
            _ => true,
        };
        let (epoch, operator) = (row.epoch, grants::granted(&row).unwrap_or_default());
        let state = self.written_state(&row).await;
        match self.load_deployment(row).await {
            Ok(route) => {
                let route = Arc::new(route);
                quarantine::gauge(&route);
                tracing::info!(%tenant, release = route.release(), epoch, "in force, as another host says");
                self.routes.put(route, cut);
            }
            // What may pass is tried again with the next look.
            Err(error) if error.retryable => return Err(error),
            Err(error) => {
                let cause = error.cause_chain();
                tracing::error!(%tenant, %agent, code = %error.code, cause, "a deployment cannot serve: {error}");
                let broken = Broken { reason: TaskFailure::from(&error), operator, state, epoch };
                self.routes.put_broken(tenant.clone(), agent.clone(), broken);
            }
        }
        self.queue.resume(&tenant, &agent);
        Ok(())
    }
}
