//! How a task ends.

use troupe_core::view::{TaskFailure, TaskStatus, TaskUsage};
use troupe_core::{Error, TaskId, TenantId, Timestamp};

use super::children::{self, Over};
use super::{TaskRow, budget, create, row, usage};
use crate::audit::{self, Decided};
use crate::fault::Done;
use crate::messages::{self, Said};
use crate::rows::{Columns as _, json};
use crate::sql::query;
use crate::writer::Tx;
use crate::{events, groups, instances, locks, task_approvals};

/// The end of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskEnd {
    /// How: a final status.
    pub status: TaskStatus,
    /// The output, as JSON, when it completed.
    pub output: Option<String>,
    /// Why it did not complete.
    pub failure: Option<TaskFailure>,
    /// What that was to a session, of a task in which an agent has answered in its own words.
    pub said: Option<Said>,
    /// When.
    pub ended_at: Timestamp,
    /// What was decided in its last attempt.
    pub decided: Decided,
    /// What the last run of that used.
    pub used: TaskUsage,
}

impl TaskEnd {
    /// One without an output, of a task that nobody runs: that takes nothing, and says nothing to a session.
    pub(crate) fn unrun(status: TaskStatus, failure: TaskFailure, ended_at: Timestamp, decided: Decided) -> Self {
        let used = TaskUsage::default();
        Self { status, output: None, failure: Some(failure), said: None, ended_at, decided, used }
    }
}

/// Ends a task that has not ended: writes the outcome, gives up the lease and its locks, tells the feed,
/// the audit, what it is of (an instance, a group, a message, an event), and the task that asked for it, and asks for
/// the end of what it has asked for itself.
pub(super) async fn end(tx: &mut Tx, tenant: &TenantId, task: TaskId, end: TaskEnd) -> Done<TaskRow> {
    if !end.status.is_final() {
        return Err(Error::internal(format!("task {task}: {} is not an end", end.status.as_str())).into());
    }
    let ended = query(concat!(
        "update tasks set ",
        usage::adds_usage!(),
        ", status = $8, output = $9, failure = $10, ended_at = $11, lease_owner = null, lease_until = null,
            wake_at = null
         where tenant = $1 and id = $2
         returning *",
    ))
    .bind(tenant.as_str())
    .bind(task.to_string());
    let ended = usage::bind(ended, &end.used)?
        .bind(end.status.as_str())
        .bind(end.output)
        .bind(end.failure.as_ref().map(json).transpose()?)
        .bind(end.ended_at.as_millis())
        .fetch_one(&mut tx.connection)
        .await?;
    let task = row::read(&ended)?;
    instances::attempt_ended(tx, &task, task.failure.as_ref()).await?;
    locks::task_over(tx, &task.tenant, task.id).await?;
    let over = if task.status == TaskStatus::Cancelled { Over::Cancelled } else { Over::Task };
    children::over(tx, &task.tenant, task.id, over).await?;
    children::ended(tx, &task).await?;
    budget::ended(tx, &task).await?;
    if task.approval.is_some() || ended.number::<u64>("approvals_asked")? > 0 {
        task_approvals::over(tx, &task.tenant, task.id).await?;
    }
    if let Some(member) = &task.group {
        groups::ended(tx, tenant, member, task.id).await?;
    }
    create::tell(tx, &task).await?;
    events::task_over(tx, &task).await?;
    if let Some(session) = task.session {
        messages::answered(tx, session, &task, end.said).await?;
    }
    audit::attempt(tx, &task, end.decided).await?;
    Ok(task)
}
