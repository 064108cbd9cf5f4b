//! Tasks that are suspended, and taking them up again when their time has come.
//!
//! A suspended task is rows alone: no store, no place, no lease, no stay on a route. So a
//! swap does not wait for it, whoever watches it goes on watching, and a crash changes
//! nothing about it. What is due is pending again, queued like any other, and resumed on the
//! release it began on.
//!
//! The store says what is due; it is asked when the first is, whenever one more is suspended,
//! and every few seconds besides, since the time it goes by is the machine's and may jump.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use troupe_core::{Result, TenantId, limits};
use troupe_store::TaskRow;

use super::query::view;
use crate::Runtime;

/// How many tasks are suspended, as was last counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Suspended(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    counts: Mutex<Counts>,
    grown: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    all: u64,
    /// Of each tenant, once one could have used up its share.
    tenants: HashMap<TenantId, u64>,
}

impl Suspended {
    /// Whether one more of a tenant may be.
    pub(super) fn has_room(&self, tenant: &TenantId) -> bool {
        let counts = self.lock();
        let of_tenant = counts.tenants.get(tenant).copied().unwrap_or(0);
        counts.all < limits::SUSPENDED_TASKS_MAX && of_tenant < limits::SUSPENDED_TASKS_PER_TENANT_MAX
    }

    fn grow(&self, tenant: &TenantId) {
        let mut counts = self.lock();
        counts.all += 1;
        if let Some(count) = counts.tenants.get_mut(tenant) {
            *count += 1;
        }
        drop(counts);
        self.0.grown.notify_one();
    }

    fn counted(&self, all: u64, tenants: HashMap<TenantId, u64>) {
        *self.lock() = Counts { all, tenants };
        metrics::gauge!("troupe_tasks_suspended").set(all as f64);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime {
    /// Tells whoever it concerns that a run of a task is over, and how the task stands.
    pub(super) fn tell(&self, row: &TaskRow) {
        if row.status.is_final() {
            self.watchers.end(row.id, || view(row));
        } else {
            self.suspended.grow(&row.tenant);
            self.watchers.stands(row.id, || view(row));
        }
    }

    /// Takes suspended tasks up again, each when it is due, until the host stops.
    pub(crate) fn keep_waking(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            while !runtime.is_stopping() {
                let pause = runtime.wake_due().await.unwrap_or_else(|error| {
                    tracing::warn!(cause = error.cause_chain(), "suspended tasks were not looked at: {error}");
                    limits::LEASE_RENEWAL
                });
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = runtime.suspended.0.grown.notified() => {}
                }
            }
        });
    }

    /// Queues what is due, and returns for how long nothing will be.
    async fn wake_due(&self) -> Result<Duration> {
        loop {
            let suspensions = self.store.suspensions().await?;
            let tenants = match suspensions.count {
                // Nobody has used up a share.
                0..limits::SUSPENDED_TASKS_PER_TENANT_MAX => HashMap::new(),
                _ => self.store.suspended_by_tenant().await?,
            };
            self.suspended.counted(suspensions.count, tenants);
            let Some(next) = suspensions.next else { return Ok(limits::LEASE_RENEWAL) };
            let left = next.since(self.clock.now());
            if !left.is_zero() {
                return Ok(left.min(limits::LEASE_RENEWAL));
            }
            let woken = self.store.wake(limits::WOKEN_AT_ONCE).await?;
            if woken.is_empty() {
                // The store's time is a moment behind.
                return Ok(limits::TICK);
            }
            for task in woken {
                self.queue.push(task.priority, task.tenant, task.agent, task.task);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_that_has_used_up_its_share_leaves_room_for_others() {
        let suspended = Suspended::default();
        let (acme, zeta): (TenantId, TenantId) = ("acme".parse().unwrap(), "zeta".parse().unwrap());
        let share = limits::SUSPENDED_TASKS_PER_TENANT_MAX;
        suspended.counted(share - 1, HashMap::new());
        assert!(suspended.has_room(&acme));
        suspended.counted(share + 4, HashMap::from([(acme.clone(), share - 1), (zeta.clone(), 5)]));
        assert!(suspended.has_room(&acme));
        suspended.grow(&acme);
        assert!(!suspended.has_room(&acme) && suspended.has_room(&zeta));
        suspended.counted(limits::SUSPENDED_TASKS_MAX, HashMap::from([(acme, share), (zeta.clone(), share)]));
        assert!(!suspended.has_room(&zeta) && !suspended.has_room(&TenantId::default()));
    }
}
