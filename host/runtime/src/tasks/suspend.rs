//! Tasks that are suspended, and taking them up again when their time has come.
//!
//! A suspended task is rows alone: no store, no place, no lease, no stay on a route. So a
//! swap does not wait for it, whoever watches it goes on watching, and a crash changes
//! nothing about it. What is due is pending again, queued like any other, and resumed on the
//! release it began on.
//!
//! The store says what is due; it is asked when the first is, whenever one more is suspended,
//! and every few seconds besides, since the time it goes by is the machine's and may jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use troupe_core::{Result, limits};
use troupe_store::TaskRow;

use super::query::view;
use crate::Runtime;

/// How many tasks are suspended, as was last counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Suspended(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicU64,
    grown: Notify,
}

impl Suspended {
    /// Whether one more may be.
    pub(super) fn has_room(&self) -> bool {
        self.0.count.load(Ordering::Relaxed) < limits::SUSPENDED_TASKS_MAX
    }

    fn grow(&self) {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        self.0.grown.notify_one();
    }

    fn counted(&self, count: u64) {
        self.0.count.store(count, Ordering::Relaxed);
        metrics::gauge!("troupe_tasks_suspended").set(count as f64);
    }
}

impl Runtime {
    /// Tells whoever it concerns that a run of a task is over, and how the task stands.
    pub(super) fn tell(&self, row: &TaskRow) {
        if row.status.is_final() {
            self.watchers.end(row.id, || view(row));
        } else {
            self.suspended.grow();
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
            self.suspended.counted(suspensions.count);
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
