//! Tasks that wait for a time, and taking them up when it has come: those that are suspended, and
//! pending ones that were put off or are to be tried again.
//!
//! Nobody holds them, so a crash changes nothing about them: whoever looks takes them up.

use std::collections::HashMap;

use troupe_core::{Result, TaskId, TenantId, Timestamp};

use super::{Pending, claim, create, row};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::Columns as _;
use crate::sql::{Connection, query};
use crate::writer::Tx;

/// What waits for a time, over all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timed {
    /// How many tasks do.
    pub count: u64,
    /// How many of them are suspended.
    pub suspended: u64,
    /// When the first of them is due.
    pub next: Option<Timestamp>,
}

/// The order of the inner rows is that of the index of these tasks, and with a limit it
/// matters: so the search does not go through all tasks that there ever were.
const BY_TENANT: &str = "select tenant, count(*) as count
     from (select tenant from tasks where wake_at is not null order by wake_at, tenant, id limit $1) as timed
     group by tenant";

const TIMED: &str = "select count(*) as count, min(wake_at) as next,
        count(case when status = 'suspended' then 1 end) as suspended
     from tasks where wake_at is not null";

const DUE: &str = "select tenant, id from tasks where wake_at <= $1 order by wake_at, tenant, id limit $2";

impl Store {
    /// Makes at most `limit` tasks whose time has come pending, to be queued, the longest due
    /// first, and returns them. Tells the feed `task.pending`.
    ///
    /// # Errors
    /// When the store is unavailable; then nothing has changed.
    pub async fn wake(&self, limit: u32) -> Result<Vec<Pending>> {
        self.write(move |tx| Box::pin(wake(tx, limit))).await
    }

    /// Counts the tasks that wait for a time, and looks when the first of them is due.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn timed(&self) -> Result<Timed> {
        Ok(timed(&mut self.reader().await?).await?)
    }

    /// Counts those of each tenant that has some.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn timed_by_tenant(&self) -> Result<HashMap<TenantId, u64>> {
        let rows = query(BY_TENANT).bind(i64::MAX).fetch_all(&mut self.reader().await?).await.map_err(Failed::from)?;
        Ok(rows.iter().map(|row| Ok((row.parsed("tenant")?, row.number("count")?))).collect::<Done<_>>()?)
    }
}

async fn wake(tx: &mut Tx, limit: u32) -> Done<Vec<Pending>> {
    let due: Vec<(TenantId, TaskId)> = query(DUE)
        .bind(tx.now.as_millis())
        .bind(i64::from(limit))
        .fetch_all(&mut tx.connection)
        .await?
        .iter()
        .map(|row| Ok((row.parsed("tenant")?, row.parsed("id")?)))
        .collect::<Done<_>>()?;
    let mut woken = Vec::with_capacity(due.len());
    for (tenant, task) in due {
        let pending =
            query("update tasks set status = 'pending', wake_at = null where tenant = $1 and id = $2 returning *")
                .bind(tenant.as_str())
                .bind(task.to_string())
                .fetch_one(&mut tx.connection)
                .await?;
        create::tell(tx, &row::read(&pending)?).await?;
        woken.push(claim::read_pending(&pending)?);
    }
    Ok(woken)
}

async fn timed(connection: &mut dyn Connection) -> Done<Timed> {
    let found = query(TIMED).fetch_one(connection).await?;
    let (count, suspended) = (found.number("count")?, found.number("suspended")?);
    Ok(Timed { count, suspended, next: found.at_option("next")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn tasks_that_wait_for_a_time_are_found_without_looking_at_others() {
        for query in [BY_TENANT, TIMED, DUE] {
            let plan = plan(query).await;
            assert!(plan.iter().any(|step| step.contains("INDEX tasks_timed")), "{plan:?}");
        }
    }
}
