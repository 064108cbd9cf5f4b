//! Holding on to what runs, and setting right what has come apart.
//!
//! The store says which tasks are pending and which run; memory says what is queued and
//! what really runs. A client that goes away, a full disk or a busy store can part the
//! two. So with each renewal they are compared, and no task waits for a restart:
//!
//! ```text
//! running, here, cancel asked for ──▶ its switch is thrown
//! running, not here, lease over   ──▶ settled as after a crash
//! pending, not queued             ──▶ queued
//! pending, its agent undeployed   ──▶ ended
//! ```

use troupe_core::{Result, TaskId, TenantId, limits};
use troupe_sandbox::{Call, StopReason};

use super::decided::READING;
use crate::Runtime;

impl Runtime {
    /// Renews the leases of what runs every few seconds, then compares store and memory.
    /// The loop ends with the host, once nothing runs.
    pub(crate) fn keep_leases(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(limits::LEASE_RENEWAL);
            while !runtime.is_stopping() || runtime.workers.count() > 0 {
                ticks.tick().await;
                if let Err(error) = runtime.renew_leases().await {
                    tracing::warn!(cause = error.cause_chain(), "leases were not renewed: {error}");
                }
                if let Err(error) = runtime.reconcile().await {
                    tracing::warn!(cause = error.cause_chain(), "tasks could not be looked through: {error}");
                }
            }
        });
    }

    async fn renew_leases(&self) -> Result<()> {
        let leases = self.workers.leases();
        if leases.is_empty() {
            return Ok(());
        }
        for (tenant, task) in self.store.renew(&self.owner, &leases).await? {
            self.stop_if_lost(&tenant, task).await;
        }
        Ok(())
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

    async fn reconcile(&self) -> Result<()> {
        for (tenant, task) in self.store.cancel_requested(&self.owner).await? {
            self.workers.stop(&tenant, task, StopReason::Cancelled);
        }
        let mut left = self.store.expired(&self.owner, self.clock.now()).await?;
        left.retain(|(_, task)| !self.workers.has(*task));
        if !left.is_empty() {
            let settled = self.store.settle(&self.owner, left, READING).await?;
            tracing::warn!(?settled, "tasks whose end was not kept were settled");
            for (tenant, task) in settled.ended() {
                if let Some(row) = self.store.task(tenant, *task).await? {
                    self.tell(&row);
                }
            }
        }
        if self.is_stopping() {
            return Ok(());
        }
        self.queue_pending().await?;
        // Whatever cannot be ended keeps nobody else waiting.
        self.settle_undeployed().await
    }

    /// Settles the tasks of hosts that are gone.
    pub(crate) async fn recover(&self) -> Result<()> {
        let recovered = self.store.recover(&self.owner, READING).await?;
        for (tenant, task) in &recovered.in_doubt {
            tracing::warn!(%tenant, %task, "a task that was interrupted ended in doubt");
        }
        for (tenant, task) in &recovered.failed {
            tracing::warn!(%tenant, %task, "a task that was interrupted again and again has failed");
        }
        if !recovered.resume.is_empty() {
            tracing::info!(tasks = recovered.resume.len(), "interrupted tasks are resumed");
        }
        for (tenant, task) in recovered.ended() {
            if let Some(row) = self.store.task(tenant, *task).await? {
                self.tell(&row);
            }
        }
        Ok(())
    }

    /// Queues what is pending and not queued yet. What is beyond a share stays on disk until there is room.
    pub(crate) async fn queue_pending(&self) -> Result<()> {
        let pending = self.store.pending().await?;
        if self.is_shared() {
            // What is set aside here and was done elsewhere would stay so for ever. One that came to be pending
            // since the look is queued by the next.
            self.queue.keep_parked(&pending.iter().map(|pending| pending.task).collect());
        }
        for pending in pending {
            self.queue.push_in_share(pending.priority, pending.tenant, pending.agent, pending.task);
        }
        Ok(())
    }
}

/// The name of a journalled call, for messages.
pub(super) fn call_name(bytes: &[u8]) -> String {
    Call::decode(bytes).map_or_else(|_| "an unknown call".to_owned(), |call| call.describe())
}
