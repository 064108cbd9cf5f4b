//! Cancelling tasks.

use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{Code, Error, Result, TaskId, TenantId};

use super::{Reading, TaskEnd, TaskRow, claim, end, recover, row};
use crate::Store;
use crate::audit::Decided;
use crate::fault::{Done, Failed};
use crate::rows::Columns as _;
use crate::writer::Tx;

impl Store {
    /// Cancels a task. One that does not run ends at once; of one that runs, the wish is
    /// noted for whoever runs it, and its row is returned as it stands.
    ///
    /// # Errors
    /// [`Code::TaskEnded`] when it has ended, [`Code::TaskNotFound`].
    pub async fn cancel(&self, tenant: &TenantId, task: TaskId, reading: Reading) -> Result<TaskRow> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(cancel(tx, tenant, task, reading))).await
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

async fn cancel(tx: &mut Tx, tenant: TenantId, task: TaskId, reading: Reading) -> Done<TaskRow> {
    let Some(found) = row::find(&mut tx.connection, &tenant, task).await? else {
        return Err(row::not_found(task).into());
    };
    if found.status.is_final() {
        return Err(claim::ended(task, found.status).into());
    }
    if found.status != TaskStatus::Running {
        return recover::cancel_interrupted(tx, &found, reading).await;
    }
    sqlx::query("update tasks set cancel_requested = 1 where tenant = $1 and id = $2")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .execute(&mut tx.connection)
        .await?;
    Ok(found)
}

/// Ends a task that nobody runs as cancelled.
pub(super) async fn cancelled(tx: &mut Tx, tenant: &TenantId, task: TaskId, decided: Decided) -> Done<TaskRow> {
    let failure = TaskFailure::from(&Error::new(Code::Cancelled, "the task was cancelled while it did not run"));
    let ended_at = tx.now;
    let end = TaskEnd { status: TaskStatus::Cancelled, output: None, failure: Some(failure), ended_at, decided };
    end::end(tx, tenant, task, end).await
}
