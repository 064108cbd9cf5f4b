//! What the rows of a journal say, to whoever knows what their bytes mean.
//!
//! A task may end while nobody runs it: cancelled while it was suspended, given up or in
//! doubt after a crash. What was decided in it stands in its rows then, and in nobody's memory.

use sqlx::SqliteConnection;
use troupe_core::audit::AuditEntry;
use troupe_core::{TaskId, TenantId};

use crate::audit::Decided;
use crate::fault::{Done, Failed};
use crate::journal::{self, JournalRow};

/// How rows of a journal are read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Returns what a call is called, for messages.
    pub name: fn(&[u8]) -> String,
    /// Returns what was decided in an attempt that made these calls.
    pub decided: fn(&[JournalRow]) -> Vec<AuditEntry>,
}

impl Reading {
    /// What the audit is told of an attempt that ends without running.
    pub(super) async fn decided(
        self,
        connection: &mut SqliteConnection,
        tenant: &TenantId,
        task: TaskId,
        attempt: u32,
    ) -> Done<Decided> {
        if attempt == 0 {
            return Ok(Decided::default());
        }
        match journal::rows(connection, (tenant, task, attempt), None, i64::MAX).await {
            Ok(rows) => Ok(Decided { entries: (self.decided)(&rows), journal: Some(journal::digest(&rows)) }),
            // A journal that does not read back keeps no task from its end.
            Err(Failed::Refused(error)) => {
                let cause = error.cause_chain();
                tracing::error!(%tenant, %task, cause, "the audit is not told what was decided in a task: {error}");
                Ok(Decided::default())
            }
            Err(error) => Err(error),
        }
    }
}
