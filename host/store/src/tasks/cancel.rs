//! Cancelling tasks.

use sqlx::SqliteConnection;
use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{Code, Error, Result, TaskId, TenantId};

use super::reading::{Ending, Told};
use super::{Reading, TaskEnd, TaskRow, claim, end, recover, row};
use crate::Store;
use crate::audit::Decided;
use crate::fault::{Done, Failed};
use crate::rows::Columns as _;
use crate::writer::Tx;

impl Store {
    /// Cancels a task, as `by` asks. One that does not run ends at once; of one that runs, the
    /// wish is noted for whoever runs it, and its row is returned as it stands.
    ///
    /// # Errors
    /// [`Code::TaskEnded`] when it has ended, [`Code::TaskNotFound`].
    pub async fn cancel(&self, tenant: &TenantId, task: TaskId, by: &str, reading: Reading) -> Result<TaskRow> {
        let (tenant, by) = (tenant.clone(), by.to_owned());
        self.ending(reading, move |tx, told| Box::pin(cancel(tx, (tenant.clone(), task), by.clone(), reading, told)))
            .await
    }

    /// Lists the tasks that `owner` runs and somebody has cancelled.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn cancel_requested(&self, owner: &str) -> Result<Vec<(TenantId, TaskId)>> {
        let rows = sqlx::query(
            "select tenant, id from tasks where status = 'running' and lease_owner = $1 and cancel_requested = 1",
        )
        .bind(owner)
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| Ok((row.parsed("tenant")?, row.parsed("id")?))).collect::<Done<_>>()?)
    }
}

async fn cancel(
    tx: &mut Tx,
    (tenant, task): (TenantId, TaskId),
    by: String,
    reading: Reading,
    told: Told,
) -> Done<Ending<TaskRow>> {
    let Some(found) = row::find(&mut tx.connection, &tenant, task).await? else {
        return Err(row::not_found(task).into());
    };
    if found.status.is_final() {
        return Err(claim::ended(task, found.status).into());
    }
    if found.status != TaskStatus::Running {
        return recover::cancel_interrupted(tx, &found, &by, reading, &told).await;
    }
    note(tx, &tenant, task, &by).await?;
    Ok(Ending::Done(found))
}

/// Notes that somebody asks for a task's end, unless somebody did before.
pub(super) async fn note(tx: &mut Tx, tenant: &TenantId, task: TaskId, by: &str) -> Done<()> {
    sqlx::query(
        "update tasks set cancel_requested = 1, cancelled_by = coalesce(cancelled_by, $3)
         where tenant = $1 and id = $2",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(by)
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

/// Who asked for a task's end first, if anybody did.
pub(crate) async fn cancelled_by(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: TaskId,
) -> Done<Option<String>> {
    let found = sqlx::query("select cancelled_by from tasks where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .fetch_optional(connection)
        .await?;
    found.map_or(Ok(None), |found| found.get_as("cancelled_by"))
}

/// Ends a task that nobody runs as cancelled.
pub(super) async fn cancelled(tx: &mut Tx, tenant: &TenantId, task: TaskId, decided: Decided) -> Done<TaskRow> {
    let failure = TaskFailure::from(&Error::new(Code::Cancelled, "the task was cancelled while it did not run"));
    let ended_at = tx.now;
    let end = TaskEnd { status: TaskStatus::Cancelled, output: None, failure: Some(failure), ended_at, decided };
    end::end(tx, tenant, task, end).await
}
