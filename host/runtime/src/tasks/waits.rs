//! Requests that wait for something to happen, and hold their client's connection meanwhile:
//! for the end of a task, for the next event of the feed, or on a task's stream of events.
//!
//! The attack: one client opens as many of them as the doors have connections, and nobody
//! else gets in. The rule: they are counted, in all and for each tenant. The default: one
//! more than that is refused at once with `limit.concurrency`. Awaited calls that run or
//! stand in line for a place are counted there (`queue.rs`). Those that wait for a rehearsal
//! are counted by themselves, since each keeps cores busy as well.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use troupe_core::{Result, TenantId, limits};

use super::shares::{Most, Shares};

/// Who waits.
#[derive(Debug, Clone)]
pub(crate) struct Waits {
    shares: Arc<Mutex<Shares>>,
    /// Whether the host stops, so that none of them waits any longer.
    closed: Arc<watch::Sender<bool>>,
    /// Told when nobody waits any more.
    idle: Arc<Notify>,
    /// What they do, in a refusal.
    doing: &'static str,
}

/// A request that waits; no longer when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Wait(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    waits: Waits,
    tenant: TenantId,
}

impl Wait {
    /// Returns once the host stops and nobody is to wait any longer.
    pub(crate) async fn closed(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.waits.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Whether nobody is to wait any longer.
    pub(crate) fn is_closed(&self) -> bool {
        *self.0.waits.closed.borrow()
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self::of(limits::WAITS_MAX, limits::WAITS_PER_TENANT_MAX, "requests wait")
    }
}

impl Waits {
    fn of(all: usize, tenant: usize, doing: &'static str) -> Self {
        let most = Most { all, tenant, agent: usize::MAX };
        let shares = Arc::new(Mutex::new(Shares::new(most)));
        Self { shares, closed: Arc::default(), idle: Arc::default(), doing }
    }

    /// Has all that wait come to their end.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Waits until nobody waits.
    pub(crate) async fn idle(&self) {
        loop {
            let emptied = self.idle.notified();
            if self.lock().is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Those that wait for a rehearsal, each of which keeps cores busy.
    pub(crate) fn for_rehearsals() -> Self {
        Self::of(limits::REHEARSALS_MAX, limits::REHEARSALS_PER_TENANT_MAX, "rehearsals run")
    }

    /// Counts one more.
    ///
    /// # Errors
    /// [`LimitConcurrency`](troupe_core::Code::LimitConcurrency) if too many wait already.
    pub(crate) fn enter(&self, tenant: &TenantId) -> Result<Wait> {
        let mut shares = self.lock();
        if let Some(full) = shares.full_for(tenant) {
            return Err(full.error_for(tenant, self.doing));
        }
        shares.take_for(tenant);
        Ok(Wait(Arc::new(Counted { waits: self.clone(), tenant: tenant.clone() })))
    }

    fn lock(&self) -> MutexGuard<'_, Shares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut shares = self.waits.lock();
        shares.give_for(&self.tenant);
        if shares.is_empty() {
            self.waits.idle.notify_waiters();
        }
    }
}
