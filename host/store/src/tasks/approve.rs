//! What becomes of a task by what is decided about its approval.

use troupe_core::{ApprovalId, Code, Error, TaskId, TenantId, Timestamp};

use super::{TaskEnd, TaskRow, create, end, row};
use crate::fault::Done;
use crate::sql::{Row, query};
use crate::writer::Tx;

/// Lets a task run that waits for approval, from a time on if there is one. Tells the feed `task.pending`.
pub(crate) async fn approved(tx: &mut Tx, tenant: &TenantId, task: TaskId, from: Option<Timestamp>) -> Done<TaskRow> {
    let pending = query(
        "update tasks set status = 'pending', wake_at = $3
         where tenant = $1 and id = $2 and status = 'awaiting_approval' returning *",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(from.map(Timestamp::as_millis))
    .fetch_optional(&mut tx.connection)
    .await?;
    told(tx, task, pending).await
}

/// Ends a task that waits for approval, or that was approved of and has not begun.
pub(crate) async fn refused(tx: &mut Tx, tenant: &TenantId, task: TaskId, ending: TaskEnd) -> Done<TaskRow> {
    let waits = query(
        "select id from tasks where tenant = $1 and id = $2
            and (status = 'awaiting_approval' or status = 'pending' and version is null)",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .fetch_optional(&mut tx.connection)
    .await?;
    if waits.is_none() {
        return Err(late(task).into());
    }
    end::end(tx, tenant, task, ending).await
}

/// Has a task that has not begun, or begins anew, wait for another approval. Tells the feed
/// `task.awaiting_approval`.
pub(crate) async fn asked_anew(tx: &mut Tx, tenant: &TenantId, task: TaskId, approval: ApprovalId) -> Done<TaskRow> {
    let waits = query(
        "update tasks set status = 'awaiting_approval', approval = $3, wake_at = null
         where tenant = $1 and id = $2
            and (status = 'awaiting_approval' or status = 'pending' and version is null)
         returning *",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(approval.to_string())
    .fetch_optional(&mut tx.connection)
    .await?;
    told(tx, task, waits).await
}

async fn told(tx: &mut Tx, task: TaskId, row: Option<Row>) -> Done<TaskRow> {
    let Some(row) = row else { return Err(late(task).into()) };
    let row = row::read(&row)?;
    create::tell(tx, &row).await?;
    Ok(row)
}

/// The task went on without it.
fn late(task: TaskId) -> Error {
    Error::new(Code::ApprovalDecided, format!("task {task} waits for no decision any more; look at it"))
}
