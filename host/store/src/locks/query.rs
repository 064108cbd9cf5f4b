//! Looking at locks.

use troupe_core::{LockName, LockPattern, Result, TenantId};

use super::row::{self, LockRow, LockWaitRow};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::Columns as _;
use crate::sql::{Connection, query};

/// How many locks there are, over all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LockCounts {
    /// Those that somebody holds.
    pub held: u64,
    /// Those who wait.
    pub waiting: u64,
}

const PAGE: &str = "select *, (select count(*) from lock_waits
            where lock_waits.tenant = locks.tenant and lock_waits.name = locks.name and settled is null) as waiting
     from locks where tenant = $1 and name > $2 and name >= $3 and name <= $4 and until > $5 order by name limit $6";

impl Store {
    /// Reads at most `limit` of the locks that tasks of a tenant hold, by name: those after `after` whose
    /// name the pattern has, each with how many wait for it.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn locks(
        &self,
        tenant: &TenantId,
        pattern: Option<&LockPattern>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(LockRow, u64)>> {
        let (stem, is_open) = pattern.map_or(("", true), LockPattern::stem);
        // No name has a byte above `z`.
        let end = if is_open { format!("{stem}~") } else { stem.to_owned() };
        let rows = query(PAGE)
            .bind(tenant.as_str())
            .bind(after)
            .bind(stem)
            .bind(end)
            .bind(self.now().as_millis())
            .bind(i64::from(limit))
            .fetch_all(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| Ok((row::read(row)?, row.number("waiting")?))).collect::<Done<_>>()?)
    }

    /// Reads one lock that somebody holds, and who waits for it, in the order in which it is given.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn lock(&self, tenant: &TenantId, name: &LockName) -> Result<Option<(LockRow, Vec<LockWaitRow>)>> {
        let mut reader = self.reader().await?;
        let known = row::known(&mut reader, tenant, name).await?;
        let held = known.and_then(|known| known.held).filter(|held| held.until > self.now());
        let Some(held) = held else { return Ok(None) };
        let waits = queue(&mut reader, tenant, name).await?;
        Ok(Some((held, waits)))
    }

    /// Counts locks and those who wait for them.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn lock_counts(&self) -> Result<LockCounts> {
        let row = query(
            "select (select count(*) from locks where until is not null) as held,
                (select count(*) from lock_waits where settled is null) as waiting",
        )
        .fetch_one(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(LockCounts { held: row.number("held")?, waiting: row.number("waiting")? })
    }
}

async fn queue(connection: &mut dyn Connection, tenant: &TenantId, name: &LockName) -> Done<Vec<LockWaitRow>> {
    let rows = query(
        "select * from lock_waits where tenant = $1 and name = $2 and settled is null order by priority desc, place",
    )
    .bind(tenant.as_str())
    .bind(name.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(row::read_wait).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn a_page_is_read_by_name() {
        let plan = plan(PAGE).await;
        assert!(plan.iter().any(|step| step.contains("SEARCH locks")), "{plan:?}");
        assert!(plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{plan:?}");
    }
}
