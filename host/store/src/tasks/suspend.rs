//! Suspending tasks, and taking them up again.
//!
//! A suspended task has no lease, since nobody runs it, and keeps what its attempt is pinned
//! to. A crash changes nothing about it: it is taken up again when its time has come, by
//! whoever looks. Then it is pending, as one that was interrupted, and is resumed like it.

use std::collections::HashMap;

use sqlx::SqliteConnection;
use troupe_core::{Code, Error, Result, TaskId, TenantId, Timestamp};

use super::{Pending, Pin, TaskRow, claim, commit, create, row};
use crate::Store;
use crate::audit::{self, Decided};
use crate::fault::{Done, Failed};
use crate::journal::{self, JournalRow, Kept};
use crate::rows::Columns as _;
use crate::writer::Tx;

/// What is suspended, over all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Suspensions {
    /// How many tasks are.
    pub count: u64,
    /// When the first of them is due.
    pub next: Option<Timestamp>,
}

/// The order of the inner rows is that of the index of suspended tasks, and with a limit it
/// matters: so the search does not go through all tasks that there ever were.
const BY_TENANT: &str = "select tenant, count(*) as count
     from (select tenant from tasks where status = 'suspended' order by wake_at, tenant, id limit $1) as suspended
     group by tenant";

impl Store {
    /// Suspends a running task until `until`, with the rows that its invocation leaves and what
    /// of its decisions they do not tell, and gives its lease up; returns it as it then is. Tells the feed `task.suspended`.
    ///
    /// # Errors
    /// Nothing is written on any of them. Those of [`Store::commit`]; [`Code::Cancelled`] also
    /// when somebody has asked for the task's end.
    pub async fn suspend(
        &self,
        pin: &Pin,
        journal: Vec<JournalRow>,
        until: Timestamp,
        decided: Decided,
    ) -> Result<TaskRow> {
        let pin = pin.clone();
        let journal = journal::packed(journal).await?;
        self.write(move |tx| Box::pin(suspend(tx, pin, journal, until, decided))).await
    }

    /// Makes at most `limit` suspended tasks whose time has come pending, the longest due
    /// first, and returns them. Tells the feed `task.pending`.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn wake(&self, limit: u32) -> Result<Vec<Pending>> {
        self.write(move |tx| Box::pin(wake(tx, limit))).await
    }

    /// Counts the suspended tasks, and looks when the first of them is due.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn suspensions(&self) -> Result<Suspensions> {
        Ok(suspensions(&mut *self.reader().await?).await?)
    }

    /// Counts the suspended tasks of each tenant that has some.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn suspended_by_tenant(&self) -> Result<HashMap<TenantId, u64>> {
        let rows =
            sqlx::query(BY_TENANT).bind(i64::MAX).fetch_all(&mut *self.reader().await?).await.map_err(Failed::from)?;
        Ok(rows.iter().map(|row| Ok((row.parsed("tenant")?, row.number("count")?))).collect::<Done<_>>()?)
    }
}

async fn suspend(tx: &mut Tx, pin: Pin, journal: Vec<Kept>, until: Timestamp, decided: Decided) -> Done<TaskRow> {
    commit::check(tx, &pin).await?;
    let suspended = sqlx::query(
        "update tasks set status = 'suspended', wake_at = $3, suspended_lease = lease_number,
            lease_owner = null, lease_until = null
         where tenant = $1 and id = $2 and cancel_requested = 0
         returning *",
    )
    .bind(pin.tenant.as_str())
    .bind(pin.task.to_string())
    .bind(until.as_millis())
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(suspended) = suspended else {
        return Err(Error::new(Code::Cancelled, "the task was cancelled").into());
    };
    journal::append(tx, &pin.tenant, pin.task, pin.attempt, &journal).await?;
    let task = row::read(&suspended)?;
    create::tell(tx, &task).await?;
    audit::attempt(tx, &task, decided).await?;
    Ok(task)
}

async fn wake(tx: &mut Tx, limit: u32) -> Done<Vec<Pending>> {
    let due: Vec<(TenantId, TaskId)> = sqlx::query(
        "select tenant, id from tasks where status = 'suspended' and wake_at <= $1
         order by wake_at, tenant, id limit $2",
    )
    .bind(tx.now.as_millis())
    .bind(i64::from(limit))
    .fetch_all(&mut tx.connection)
    .await?
    .iter()
    .map(|row| Ok((row.parsed("tenant")?, row.parsed("id")?)))
    .collect::<Done<_>>()?;
    let mut woken = Vec::with_capacity(due.len());
    for (tenant, task) in due {
        let pending = sqlx::query(
            "update tasks set status = 'pending', wake_at = null where tenant = $1 and id = $2 returning *",
        )
        .bind(tenant.as_str())
        .bind(task.to_string())
        .fetch_one(&mut tx.connection)
        .await?;
        create::tell(tx, &row::read(&pending)?).await?;
        woken.push(claim::read_pending(&pending)?);
    }
    Ok(woken)
}

async fn suspensions(connection: &mut SqliteConnection) -> Done<Suspensions> {
    let found = sqlx::query("select count(*) as count, min(wake_at) as next from tasks where status = 'suspended'")
        .fetch_one(connection)
        .await?;
    Ok(Suspensions { count: found.number("count")?, next: found.at_option("next")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn suspended_tasks_are_counted_without_looking_at_others() {
        let plan = plan(BY_TENANT).await;
        assert!(plan.iter().any(|step| step.contains("INDEX tasks_suspended")), "{plan:?}");
    }
}
