//! What happens to approvals by time: the next level is asked, what is routine is approved, what nobody
//! decided expires.
//!
//! Each is a time in a row, so it survives the host; what became due while none ran happens in the order of
//! those times. Nothing is approved by time that could not be by somebody: if another release or configuration is in
//! force by then, it is asked for anew.

use std::time::Duration;

use troupe_core::approval::ApprovalStep;
use troupe_core::view::TaskApprovalStatus;
use troupe_core::{Code, Result, limits};
use troupe_store::TaskApprovalRow;

use crate::Runtime;

impl Runtime {
    /// Has time pass for approvals, until the host stops.
    pub(crate) fn keep_task_approvals(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            while !runtime.is_stopping() {
                let pause = runtime.pass_due_approvals().await.unwrap_or_else(|error| {
                    tracing::warn!(cause = error.cause_chain(), "approvals were not looked at: {error}");
                    limits::LEASE_RENEWAL
                });
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = runtime.task_approvals.changed.notified() => {}
                }
            }
        });
    }

    /// Does what is due, and returns for how long nothing will be, or until what waits is tried again. Each
    /// is looked at once, so that nobody's stand in the way of others'.
    async fn pass_due_approvals(&self) -> Result<Duration> {
        let (now, mut last, mut some_wait) = (self.clock.now(), None, false);
        loop {
            let due = self.store.due_approvals(now, last.as_ref(), limits::APPROVALS_AT_ONCE).await?;
            if due.is_empty() {
                break;
            }
            for row in due {
                last = Some(row.clone());
                if let Err(error) = self.in_time(row.clone()).await
                    && error.code != Code::ApprovalConflict
                {
                    some_wait = true;
                    let (tenant, approval, cause) = (&row.tenant, row.id, error.cause_chain());
                    tracing::warn!(%tenant, %approval, cause, "what is due of an approval waits: {error}");
                }
            }
        }
        if some_wait {
            return Ok(limits::LEASE_RENEWAL);
        }
        let next = self.store.next_approval().await?;
        let left = next.map_or(limits::LEASE_RENEWAL, |next| next.since(self.clock.now()));
        Ok(left.clamp(limits::TICK, limits::LEASE_RENEWAL))
    }

    /// Brings an approval to what it is by now.
    ///
    /// # Errors
    /// [`Code::ApprovalConflict`] if somebody was quicker, or it is asked for anew; what keeps its agent
    /// from serving.
    pub(super) async fn in_time(&self, mut row: TaskApprovalRow) -> Result<TaskApprovalRow> {
        while row.status == TaskApprovalStatus::Pending {
            let mut approval = row.approval.clone();
            let Some(step) = approval.pass_time(self.clock.now()) else { break };
            if step == ApprovalStep::AutoGranted {
                self.check_shown_serves(&row).await?;
            }
            row = self.move_approval(&row, approval, step, (None, None)).await?;
            let (tenant, approval, step) = (&row.tenant, row.id, step.as_str());
            tracing::info!(%tenant, %approval, task = %row.task, step, "time decided about a task");
        }
        Ok(row)
    }
}
