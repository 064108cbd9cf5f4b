//! How a task ends.

use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{Error, TaskId, TenantId, Timestamp};

use super::{TaskRow, create, row};
use crate::audit::{self, Decided};
use crate::fault::Done;
use crate::messages;
use crate::rows::json;
use crate::writer::Tx;
use crate::{groups, locks};

/// The end of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskEnd {
    /// How: a final status.
    pub status: TaskStatus,
    /// The output, as JSON, when it completed.
    pub output: Option<String>,
    /// Why it did not complete.
    pub failure: Option<TaskFailure>,
    /// When.
    pub ended_at: Timestamp,
    /// What was decided in its last attempt.
    pub decided: Decided,
}

/// Ends a task that has not ended: writes the outcome, gives up the lease and its locks, tells the feed,
/// the audit, and the group that it is of.
pub(super) async fn end(tx: &mut Tx, tenant: &TenantId, task: TaskId, end: TaskEnd) -> Done<TaskRow> {
    if !end.status.is_final() {
        return Err(Error::internal(format!("task {task}: {} is not an end", end.status.as_str())).into());
    }
    let ended = sqlx::query(
        "update tasks set status = $3, output = $4, failure = $5, ended_at = $6, lease_owner = null, lease_until = null,
            wake_at = null
         where tenant = $1 and id = $2
         returning *",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(end.status.as_str())
    .bind(end.output)
    .bind(end.failure.as_ref().map(json).transpose()?)
    .bind(end.ended_at.as_millis())
    .fetch_one(&mut tx.connection)
    .await?;
    let task = row::read(&ended)?;
    locks::task_over(tx, &task.tenant, task.id).await?;
    if let Some(member) = &task.group {
        groups::ended(tx, tenant, member, task.id).await?;
    }
    create::tell(tx, &task).await?;
    if let Some(session) = task.session {
        messages::answered(tx, session, &task).await?;
    }
    audit::attempt(tx, &task, end.decided).await?;
    Ok(task)
}
