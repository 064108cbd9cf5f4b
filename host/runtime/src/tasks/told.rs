//! Telling the agent of a suspended task that its task was cancelled.
//!
//! ```text
//! suspended ── cancel ──▸ pending ── claim ──▸ running: replay up to its wait, which ends as cancelled,
//!                            │                          a few seconds to clean up ──▸ cancelled
//!                            └─ its time to be told is over, or nothing can go on ──▸ cancelled
//! ```
//!
//! The danger: a cancel that waits for what may never come, a release that is gone, a quarantine, a migration, a
//! tenant that is enabled again. The rule: such a task is not set aside as others are; what cannot go on at once ends
//! without a word, and so does what found no place within `CANCEL_WAIT_MAX` (`children.rs` looks). Whoever dies in
//! between leaves it pending, or running, and both are found by the next start.

use troupe_core::{Code, Result, TaskId, TenantId};
use troupe_store::TaskRow;

use super::decided::READING;
use super::queue::{Slot, Turn};
use super::resume::Goes;
use crate::Runtime;
use crate::hold::migrating;

impl Runtime {
    /// Resumes a task that was cancelled while it was suspended, so that its agent is told; ends it if that cannot be.
    pub(super) async fn resume_to_tell(&self, row: TaskRow, turn: Turn, slot: Slot) -> Result<()> {
        let (tenant, task) = (row.tenant.clone(), row.id);
        let resumed = match self.may_be_told(&row) {
            Ok(()) => self.resume_pending(row, turn, slot, Goes::ToItsEnd).await,
            Err(error) => {
                drop((turn, slot));
                Err(error)
            }
        };
        if let Err(error) = resumed {
            // It goes on elsewhere, where its agent is told.
            if error.code == Code::StaleEpoch {
                return Ok(());
            }
            tracing::debug!(%tenant, %task, "a suspended task ends without its agent being told: {error}");
        }
        self.end_untold(&tenant, task).await
    }

    /// Checks that nothing keeps a task from going on now.
    fn may_be_told(&self, row: &TaskRow) -> Result<()> {
        self.disabled.check(&row.tenant)?;
        if self.routes.hold(&row.tenant, &row.agent).is_on() {
            return Err(migrating(&row.agent));
        }
        self.may_resume(row)
    }

    /// Ends what is still pending of it; nothing if it runs or has ended.
    async fn end_untold(&self, tenant: &TenantId, task: TaskId) -> Result<()> {
        let row = match self.store.cancel_untold(tenant, task, READING).await {
            Err(error) if matches!(error.code, Code::TaskEnded | Code::TaskNotFound) => return Ok(()),
            row => row?,
        };
        if row.status.is_final() {
            self.queue.remove(task);
            self.tell(&row);
        }
        Ok(())
    }
}
