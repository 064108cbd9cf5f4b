//! Requests that wait for something to happen, and hold their client's connection meanwhile:
//! for the end of a task, for the next event of the feed, or on a task's stream of events.
//!
//! The attack: one client opens as many of them as the doors have connections, and nobody
//! else gets in. The rule: they are counted, in all and for each tenant. The default: one
//! more than that is refused at once with `limit.concurrency`. Awaited calls that run or
//! stand in line for a place are counted there (`queue.rs`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use troupe_core::{Result, TenantId, limits};

use super::shares::{Most, Shares};

/// Who waits.
#[derive(Debug, Clone)]
pub(crate) struct Waits(Arc<Mutex<Shares>>);

/// A request that waits; no longer when dropped.
#[derive(Debug)]
pub(crate) struct Wait {
    waits: Waits,
    tenant: TenantId,
}

impl Default for Waits {
    fn default() -> Self {
        let most = Most { all: limits::WAITS_MAX, tenant: limits::WAITS_PER_TENANT_MAX, agent: usize::MAX };
        Self(Arc::new(Mutex::new(Shares::new(most))))
    }
}

impl Waits {
    /// Counts one more.
    ///
    /// # Errors
    /// [`LimitConcurrency`](troupe_core::Code::LimitConcurrency) if too many wait already.
    pub(crate) fn enter(&self, tenant: &TenantId) -> Result<Wait> {
        let mut shares = self.lock();
        if let Some(full) = shares.full_for(tenant) {
            return Err(full.error_for(tenant, "requests wait"));
        }
        shares.take_for(tenant);
        Ok(Wait { waits: self.clone(), tenant: tenant.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Shares> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waits.lock().give_for(&self.tenant);
    }
}
