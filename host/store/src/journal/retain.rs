//! How long journals are kept.
//!
//! The journals of tasks that have ended are dropped after a while, and, oldest first, while
//! those of a tenant take more than they may. Never that of a task which may still run: its
//! journal is what it goes on from. The task itself stays.
//!
//! A journal goes in three steps, each as many commits as it takes, none of them long, since
//! every other write waits for it: its head is marked, its rows go, its head goes. So nobody
//! takes what is left of a journal for the whole.

use std::time::Duration;

use troupe_core::{Result, TaskId, TenantId, Timestamp};

use super::{Load, ROW_BYTES, ROWS_PER_COMMIT, account, bodies, bodies_of};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{ABOVE_ALL_IDS, Columns as _, number};
use crate::sql::query;
use crate::writer::Tx;

/// Tasks that are looked up at once.
const TASKS_PER_LOOK: i64 = 100;

/// What the journals of tasks that have ended may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalLimits {
    /// How long after the end of its task a journal is kept.
    pub time: Duration,
    /// What the journals of one tenant may take together, in bytes.
    pub tenant_bytes: u64,
}

/// What was dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DroppedJournals {
    /// Tasks whose journal is gone.
    pub tasks: u64,
    /// Bytes that it took.
    pub bytes: u64,
}

/// What one commit dropped.
struct Step {
    bytes: u64,
    /// Whether nothing of the task's journal is left.
    over: bool,
}

impl Store {
    /// Drops the journals that are not to be kept any longer at the time `now`.
    ///
    /// # Errors
    /// When the store is unavailable; what was dropped by then is dropped.
    pub async fn drop_journals(&self, limits: &JournalLimits, now: Timestamp) -> Result<DroppedJournals> {
        let until = Timestamp::from_millis(now.as_millis().saturating_sub(millis(limits.time)));
        let mut dropped = DroppedJournals::default();
        let mut tenant = self.tenant_with_journals(None).await?;
        while let Some(this) = tenant {
            loop {
                let full = self.journal_bytes(&this).await? > limits.tenant_bytes;
                let due = self.journals_due(&this, (!full).then_some(until)).await?;
                if due.is_empty() {
                    break;
                }
                for task in due {
                    if full && self.journal_bytes(&this).await? <= limits.tenant_bytes {
                        break;
                    }
                    dropped.bytes += self.drop_journal(&this, task).await?;
                    dropped.tasks += 1;
                }
            }
            tenant = self.tenant_with_journals(Some(this)).await?;
        }
        Ok(dropped)
    }

    /// What the journals of a tenant take, in bytes.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn journal_bytes(&self, tenant: &TenantId) -> Result<u64> {
        let row = query("select bytes from journal_usage where tenant = $1")
            .bind(tenant.as_str())
            .fetch_optional(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(row.map_or(Ok(0), |row| row.number("bytes"))?)
    }

    /// The first tenant after `after` that has a journal.
    async fn tenant_with_journals(&self, after: Option<TenantId>) -> Result<Option<TenantId>> {
        let row = query("select min(tenant) as tenant from journal_heads where tenant > $1")
            .bind(after.as_ref().map_or("", TenantId::as_str))
            .fetch_one(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        Ok(row.parsed_option("tenant")?)
    }

    /// Tasks of a tenant that have ended, before `until` if that is said, and have a journal;
    /// those that came first come first, which the order of their ids is.
    async fn journals_due(&self, tenant: &TenantId, until: Option<Timestamp>) -> Result<Vec<TaskId>> {
        let ids_below = until.map_or_else(|| ABOVE_ALL_IDS.to_owned(), first_id);
        let rows = query(
            "select distinct journal_heads.task as task from journal_heads
                join tasks on tasks.tenant = journal_heads.tenant and tasks.id = journal_heads.task
             where journal_heads.tenant = $1 and journal_heads.task < $2
                and tasks.status in ('completed', 'failed', 'cancelled', 'in_doubt') and tasks.ended_at < $3
             order by journal_heads.task limit $4",
        )
        .bind(tenant.as_str())
        .bind(ids_below)
        .bind(until.map_or(i64::MAX, Timestamp::as_millis))
        .bind(TASKS_PER_LOOK)
        .fetch_all(&mut self.reader().await?)
        .await
        .map_err(Failed::from)?;
        Ok(rows.iter().map(|row| row.parsed("task")).collect::<Done<_>>()?)
    }

    /// Drops a journal; returns what it took.
    async fn drop_journal(&self, tenant: &TenantId, task: TaskId) -> Result<u64> {
        let mut bytes = 0;
        loop {
            let tenant = tenant.clone();
            let step = self.write(move |tx| Box::pin(step(tx, tenant, task))).await?;
            bytes += step.bytes;
            if step.over {
                return Ok(bytes);
            }
        }
    }
}

/// The least id that a task made at `at` can have: its first 48 bits are the time (RFC 9562,
/// section 5.7). No task that was made later has a lower one.
fn first_id(at: Timestamp) -> String {
    let digits = format!("{:012x}", at.as_millis().max(0));
    let (high, low) = digits.split_at(digits.len().min(8));
    format!("{high}-{low}")
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

async fn step(tx: &mut Tx, tenant: TenantId, task: TaskId) -> Done<Step> {
    let id = task.to_string();
    query("update journal_heads set withheld = 'dropped' where tenant = $1 and task = $2")
        .bind(tenant.as_str())
        .bind(&id)
        .execute(&mut tx.connection)
        .await?;
    let rows = query(
        "select attempt, number, octet_length(call) + coalesce(octet_length(answer), 0) as bytes, call_body, answer_body
         from journal where tenant = $1 and task = $2 order by attempt, number limit $3",
    )
    .bind(tenant.as_str())
    .bind(&id)
    .bind(ROWS_PER_COMMIT)
    .fetch_all(&mut tx.connection)
    .await?;
    let (mut bytes, mut apart, mut last, mut load) = (0, Vec::new(), None, Load::default());
    for row in &rows {
        let taken = ROW_BYTES + row.number::<u64>("bytes")?;
        let of_row = bodies_of(row)?;
        load.add(taken, of_row.len());
        bytes += taken;
        apart.extend(of_row);
        last = Some((row.get_as::<i64>("attempt")?, row.get_as::<i64>("number")?));
        if load.is_full() {
            break;
        }
    }
    let Some((attempt, number_of_last)) = last else {
        query("delete from journal_heads where tenant = $1 and task = $2")
            .bind(tenant.as_str())
            .bind(&id)
            .execute(&mut tx.connection)
            .await?;
        return Ok(Step { bytes: 0, over: true });
    };
    query("delete from journal where tenant = $1 and task = $2 and (attempt, number) <= ($3, $4)")
        .bind(tenant.as_str())
        .bind(&id)
        .bind(attempt)
        .bind(number_of_last)
        .execute(&mut tx.connection)
        .await?;
    bytes += bodies::release(tx, &tenant, &apart).await?;
    account(tx, &tenant, -number(bytes)?).await?;
    Ok(Step { bytes, over: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_id_of_an_instant_is_not_above_any_of_it() {
        let at = Timestamp::from_millis(1_763_600_000_000);
        let id = "019a9ec0-6400-7000-8000-000000000000";
        let first = first_id(at);
        assert!(first.as_str() <= id && id.starts_with(&first), "{first}");
        assert!(first_id(Timestamp::from_millis(at.as_millis() + 1)).as_str() > id);
        assert!("ffffffff-ffff" < ABOVE_ALL_IDS);
    }
}
