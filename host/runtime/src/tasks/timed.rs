//! Tasks that wait for a time, and taking them up when it has come: those that are suspended, that
//! were put off, or that are to be tried again.
//!
//! Such a task is rows alone: no store, no place, no lease, no stay on a route. So a swap does not
//! wait for it, whoever watches it goes on watching, and a crash changes nothing about it. What is
//! due is queued like any other; one that was suspended is resumed on the release it began on, the
//! others begin on the one that serves then.
//!
//! The store says what is due; it is asked when the first is, whenever there is one more, and every
//! few seconds besides, since the time it goes by is the machine's and may jump.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use troupe_core::{Code, Error, Result, TenantId, limits};
use troupe_store::TaskRow;

use super::query::view;
use crate::Runtime;

/// How many tasks wait for a time, as was last counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timed(Arc<Inner>);

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

impl Timed {
    /// Whether one more of a tenant may.
    pub(super) fn has_room(&self, tenant: &TenantId) -> bool {
        let counts = self.lock();
        let of_tenant = counts.tenants.get(tenant).copied().unwrap_or(0);
        counts.all < limits::TIMED_TASKS_MAX && of_tenant < limits::TIMED_TASKS_PER_TENANT_MAX
    }

    /// Checks that a tenant may put one more off.
    ///
    /// # Errors
    /// [`Code::LimitConcurrency`].
    pub(super) fn room(&self, tenant: &TenantId) -> Result<()> {
        if self.has_room(tenant) {
            return Ok(());
        }
        let (all, most) = (limits::TIMED_TASKS_MAX, limits::TIMED_TASKS_PER_TENANT_MAX);
        let message = format!(
            "too many tasks wait for their time: {most} of a tenant may, {all} of all; cancel some, or ask again later"
        );
        Err(Error::new(Code::LimitConcurrency, message))
    }

    /// There is one more.
    pub(super) fn grow(&self, tenant: &TenantId) {
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
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime {
    /// Tells whoever it concerns how a task stands: who watches it, and the session and the group that it
    /// is of.
    pub(crate) fn tell(&self, row: &TaskRow) {
        if row.status.is_final() {
            self.watchers.end(row.id, || view(row));
            self.sessions.passed_on(row);
            if row.instance.is_some() && row.failure.is_some() {
                self.health.happened();
            }
        } else {
            if row.wake_at.is_some() {
                self.timed.grow(&row.tenant);
            }
            self.watchers.stands(row.id, || view(row));
        }
        self.groups.heard_of(row);
    }

    /// Takes up what waits for a time, each when it is due, until the host stops.
    pub(crate) fn keep_waking(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut locks = runtime.store.watch_locks();
            while !runtime.is_stopping() {
                locks.borrow_and_update();
                let pause = runtime.wake_due().await.unwrap_or_else(|error| {
                    tracing::warn!(
                        cause = error.cause_chain(),
                        "tasks that wait for their time were not looked at: {error}"
                    );
                    limits::LEASE_RENEWAL
                });
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = runtime.timed.0.grown.notified() => {}
                    // One that is given a lock is due.
                    Ok(()) = locks.changed() => {}
                }
            }
        });
    }

    /// Queues what is due, and returns for how long nothing will be.
    async fn wake_due(&self) -> Result<Duration> {
        loop {
            let timed = self.store.timed().await?;
            let tenants = match timed.count {
                // Nobody has used up a share.
                0..limits::TIMED_TASKS_PER_TENANT_MAX => HashMap::new(),
                _ => self.store.timed_by_tenant().await?,
            };
            self.timed.counted(timed.count, tenants);
            metrics::gauge!("troupe_tasks_suspended").set(timed.suspended as f64);
            metrics::gauge!("troupe_tasks_put_off").set((timed.count - timed.suspended) as f64);
            let Some(next) = timed.next else { return Ok(limits::LEASE_RENEWAL) };
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
        let timed = Timed::default();
        let (acme, zeta): (TenantId, TenantId) = ("acme".parse().unwrap(), "zeta".parse().unwrap());
        let share = limits::TIMED_TASKS_PER_TENANT_MAX;
        timed.counted(share - 1, HashMap::new());
        assert!(timed.has_room(&acme));
        timed.counted(share + 4, HashMap::from([(acme.clone(), share - 1), (zeta.clone(), 5)]));
        assert!(timed.has_room(&acme));
        timed.grow(&acme);
        assert!(!timed.has_room(&acme) && timed.has_room(&zeta));
        timed.counted(limits::TIMED_TASKS_MAX, HashMap::from([(acme, share), (zeta.clone(), share)]));
        assert!(!timed.has_room(&zeta) && !timed.has_room(&TenantId::default()));
    }
}
