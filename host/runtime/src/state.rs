//! What the host does for the state of deployments and their instances by itself.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use troupe_core::{Result, limits};

use crate::Runtime;

/// Whether a migration may have left something: tasks that cannot go on, and copies of state that
/// nobody uses. A host that starts does not know.
#[derive(Debug)]
pub(crate) struct Leftovers {
    any: AtomicBool,
    looked_for: Notify,
}

impl Default for Leftovers {
    fn default() -> Self {
        Self { any: AtomicBool::new(true), looked_for: Notify::new() }
    }
}

impl Leftovers {
    /// Has somebody look for what is left.
    pub(crate) fn look(&self) {
        self.any.store(true, Ordering::Release);
        self.looked_for.notify_one();
    }
}

impl Runtime {
    /// Takes away keys that have ended, those of stopped instances and what migrations have left,
    /// now and then, until the host stops.
    pub(crate) fn sweep_state(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(limits::STATE_SWEEP_EVERY);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = runtime.leftovers.looked_for.notified() => {}
                }
                if runtime.is_stopping() {
                    return;
                }
                for (what, swept) in [
                    ("what migrations have left was", runtime.clear_leftovers().await),
                    ("ended keys were", runtime.sweep_ended().await),
                    ("the keys of stopped instances were", runtime.clear_instances().await),
                ] {
                    if let Err(error) = swept {
                        tracing::warn!(cause = error.cause_chain(), "{what} not swept away: {error}");
                    }
                }
            }
        });
    }

    async fn clear_leftovers(&self) -> Result<()> {
        if !self.leftovers.any.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let cleared = async {
            self.settle_stranded().await?;
            while self.store.sweep_generations().await? {}
            Ok(())
        };
        let cleared = cleared.await;
        if cleared.is_err() {
            self.leftovers.any.store(true, Ordering::Release);
        }
        cleared
    }

    async fn sweep_ended(&self) -> Result<()> {
        // One that takes as many as it may leaves some behind.
        while self.store.sweep_state().await? >= u64::from(limits::STATE_SWEEP_MAX) {}
        Ok(())
    }

    async fn clear_instances(&self) -> Result<()> {
        while self.store.clear_instances().await? {}
        Ok(())
    }
}
