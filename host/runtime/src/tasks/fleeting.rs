//! Calls of which nothing is kept.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use troupe_core::{Code, Error, Result};
use troupe_sandbox::{Stop, StopReason};
use troupe_store::TaskRow;

use super::accepted::Accepted;
use super::goes_on::GoesOn;
use super::query::view;
use super::run::{Seat, no_place};
use super::submit::Submitted;
use crate::Runtime;
use crate::hold::migrating;

impl Runtime {
    /// An awaited call of which nothing is kept.
    pub(super) async fn run_fleeting(&self, row: TaskRow, wait: Duration) -> Result<Submitted> {
        Ok(Submitted { task: view(&self.fleeting(row, wait, true).await?), is_new: true })
    }

    /// A call of the host's own, of which nothing is kept and nobody is told.
    ///
    /// # Errors
    /// Those of [`Runtime::submit`] that keep it from running; how it failed is in its row.
    pub(crate) async fn run_unseen(&self, row: TaskRow, wait: Duration) -> Result<TaskRow> {
        self.fleeting(row, wait, false).await
    }

    async fn fleeting(&self, row: TaskRow, wait: Duration, is_evidence: bool) -> Result<TaskRow> {
        let until = Instant::now() + wait;
        let key = (row.tenant.clone(), row.agent.clone());
        let seat = loop {
            if !self.let_in(&row.tenant, &row.agent, until).await? {
                return Err(migrating(&row.agent));
            }
            let left = until.saturating_duration_since(Instant::now());
            let slot = self.queue.slot(&key, row.priority, row.id, left).await?;
            match self.seat(&row, slot.ok_or_else(|| no_place(&key.1))?) {
                Err(error) if error.code == Code::SwapMigrating => {}
                seat => break seat?,
            }
        };
        let seat = Seat { is_evidence, ..seat };
        let (row, pin, head) = self.begin_attempt(row, seat.route())?;
        let accepted = Arc::new(Accepted::fleeting(self.store.clone(), pin, head.clone(), row.clone()));
        // Dropped with this future: whoever goes away or waits no longer ends the task, and what was
        // decided in it is told the audit all the same.
        let _ended = StopOnDrop(seat.stop.clone());
        let runtime = self.clone();
        let run = GoesOn::new(async move { runtime.run_attempt(accepted, row, head, seat, None).await });
        tokio::time::timeout_at(until, run).await.map_err(|_| {
            Error::new(Code::LimitDeadline, "the task did not end within its wait, and nothing of it is kept")
        })?
    }
}

/// Ends an invocation when it is dropped, unless it has ended.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.now(StopReason::Abandoned);
    }
}
