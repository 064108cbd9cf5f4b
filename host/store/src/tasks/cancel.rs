//! Cancelling tasks.
//!
//! ```text
//! running ───▸ the wish is noted; whoever runs it tells its agent
//! suspended ─▸ the wish is noted, and it is pending, to be resumed and told
//!                 └─ not resumed in time, or not to be resumed ─▸ ended here
//! otherwise ─▸ ended here
//! ```
//!
//! The danger: a cancel that is lost between the wish and the end. The rule: the wish is a column of the row, and so
//! is the time until which a suspended task waits to be told, so whoever looks later ends what has not ended.

use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{Code, Error, Result, TaskId, TenantId, limits};

use super::children::{self, Over};
use super::reading::{Ending, Told};
use super::{Reading, TaskEnd, TaskRow, claim, create, end, recover, row};
use crate::Store;
use crate::audit::Decided;
use crate::fault::{Done, Failed};
use crate::rows::Columns as _;
use crate::sql::{Connection, query};
use crate::task_approvals;
use crate::writer::Tx;

impl Store {
    /// Cancels a task, as `by` asks. Of one that runs, the wish is noted for whoever runs it, and its row is
    /// returned as it stands; one that is suspended is pending by this, to be resumed so that its agent is
    /// told, which is told the feed; any other ends at once.
    ///
    /// # Errors
    /// [`Code::TaskEnded`] when it has ended, [`Code::TaskNotFound`].
    pub async fn cancel(&self, tenant: &TenantId, task: TaskId, by: &str, reading: Reading) -> Result<TaskRow> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.ending(reading, move |tx, told| {
            Box::pin(cancel(tx, (tenant.clone(), task), by.clone(), Words::First, (reading, told)))
        })
        .await
    }

    /// Ends a task that was cancelled while it was suspended and cannot be resumed, so that nobody tells its
    /// agent. Of one that runs nothing changes.
    ///
    /// # Errors
    /// As [`Store::cancel`].
    pub async fn cancel_untold(&self, tenant: &TenantId, task: TaskId, reading: Reading) -> Result<TaskRow> {
        let tenant = tenant.clone();
        self.ending(reading, move |tx, told| {
            Box::pin(cancel(tx, (tenant.clone(), task), String::new(), Words::None, (reading, told)))
        })
        .await
    }

    /// Whether somebody has asked for a task's end.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn is_cancel_requested(&self, tenant: &TenantId, task: TaskId) -> Result<bool> {
        Ok(is_requested(&mut self.reader().await?, tenant, task).await?)
    }

    /// Lists the tasks that `owner` runs and somebody has cancelled.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn cancel_requested(&self, owner: &str) -> Result<Vec<(TenantId, TaskId)>> {
        let rows = query(
            "select tenant, id from tasks where status = 'running' and lease_owner = $1 and cancel_requested = 1",
        )
        .bind(owner)
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| Ok((row.parsed("tenant")?, row.parsed("id")?))).collect::<Done<_>>()?)
    }
}

/// What the agent of a suspended task hears of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// It is told before.
    First,
    /// Nothing.
    None,
}

async fn cancel(
    tx: &mut Tx,
    (tenant, task): (TenantId, TaskId),
    by: String,
    words: Words,
    (reading, told): (Reading, Told),
) -> Done<Ending<TaskRow>> {
    let Some(found) = row::find(&mut tx.connection, &tenant, task).await? else {
        return Err(row::not_found(task).into());
    };
    if found.status.is_final() {
        return Err(claim::ended(task, found.status).into());
    }
    if found.status != TaskStatus::Running {
        if words == Words::First
            && let Some(waits) = to_be_told(tx, &found, &by).await?
        {
            return Ok(Ending::Done(waits));
        }
        return recover::cancel_interrupted(tx, &found, &by, reading, &told).await;
    }
    note(tx, &tenant, task, &by).await?;
    Ok(Ending::Done(found))
}

/// Has a suspended task wait to be resumed, so that its agent is told, and returns it as it then is; nothing
/// if nobody is to be told: it was not suspended, or its time to be told is over.
async fn to_be_told(tx: &mut Tx, task: &TaskRow, by: &str) -> Done<Option<TaskRow>> {
    let (tenant, id) = (&task.tenant, task.id);
    let waits = query("select 1 from tasks where tenant = $1 and id = $2 and cancel_until > $3")
        .bind(tenant.as_str())
        .bind(id.to_string())
        .bind(tx.now.as_millis())
        .fetch_optional(&mut tx.connection)
        .await?;
    if waits.is_some() {
        return Ok(Some(task.clone()));
    }
    // One that has just come to its time is pending, and as good as suspended.
    let woken = query(
        "update tasks set status = 'pending', wake_at = null, cancel_until = $3
         where tenant = $1 and id = $2 and cancel_until is null and version is not null
            and (status = 'suspended' or status = 'pending' and lease_number = suspended_lease)
         returning *",
    )
    .bind(tenant.as_str())
    .bind(id.to_string())
    .bind(tx.now.plus(limits::CANCEL_WAIT_MAX).as_millis())
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(woken) = woken else { return Ok(None) };
    note(tx, tenant, id, by).await?;
    let woken = row::read(&woken)?;
    if woken.status != task.status {
        create::tell(tx, &woken).await?;
    }
    Ok(Some(woken))
}

/// Whether somebody has asked for a task's end.
pub(super) async fn is_requested(connection: &mut dyn Connection, tenant: &TenantId, task: TaskId) -> Done<bool> {
    let found = query("select 1 from tasks where tenant = $1 and id = $2 and cancel_requested = 1")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// Notes that somebody asks for a task's end, unless somebody did before.
pub(super) async fn note(tx: &mut Tx, tenant: &TenantId, task: TaskId, by: &str) -> Done<()> {
    let noted = query(
        "update tasks set cancel_requested = 1, cancelled_by = coalesce(cancelled_by, $3)
         where tenant = $1 and id = $2 and cancel_requested = 0",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(by)
    .execute(&mut tx.connection)
    .await?;
    task_approvals::over(tx, tenant, task).await?;
    // Whichever host runs it looks; once, since whoever looks asks again here.
    tx.locks_moved |= noted.rows_affected() > 0;
    children::over(tx, tenant, task, Over::Cancelled).await
}

/// Who asked for a task's end first, if anybody did.
pub(crate) async fn cancelled_by(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    task: TaskId,
) -> Done<Option<String>> {
    let found = query("select cancelled_by from tasks where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .fetch_optional(connection)
        .await?;
    found.map_or(Ok(None), |found| found.get_as("cancelled_by"))
}

/// Why a task ends with the one that asked for it.
pub fn cancelled_with(parent: TaskId) -> Error {
    let message = format!("the task was cancelled, since task {parent}, which asked for it, wants no more of it");
    Error::new(Code::Cancelled, message).with("caused_by", parent.to_string())
}

/// Ends a task that nobody runs as cancelled.
pub(super) async fn cancelled(tx: &mut Tx, tenant: &TenantId, task: TaskId, decided: Decided) -> Done<TaskRow> {
    let by = cancelled_by(&mut tx.connection, tenant, task).await?;
    let failure = match by.as_deref().and_then(children::task_of) {
        Some(parent) => TaskFailure::from(&cancelled_with(parent)),
        None => TaskFailure::from(&Error::new(Code::Cancelled, "the task was cancelled while it did not run")),
    };
    let end = TaskEnd::unrun(TaskStatus::Cancelled, failure, tx.now, decided);
    end::end(tx, tenant, task, end).await
}
