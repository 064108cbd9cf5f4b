//! Reading journals: whole, or page by page.
//!
//! A journal may be a gigabyte, and whoever looks at one needs a line of each row. So a page
//! is bounded by what its rows take in the database, and a row is unpacked, read and let go
//! of before the next.

use troupe_core::{Result, TaskId, TenantId, limits};

use super::{JournalHead, JournalRow, Withheld, read_head, read_row};
use crate::Store;
use crate::fault::Done;
use crate::rows::{Columns as _, number};
use crate::sql::{Builder, Connection, Row, Snapshot, query};

/// What a row is read from.
const ROW: &str = "number, at, call, call_body, calls.bytes as call_bytes,
    answer, answer_body, answers.bytes as answer_bytes, writes";

/// What a row takes.
const BYTES: &str = "octet_length(call) + coalesce(octet_length(calls.bytes), 0)
    + coalesce(octet_length(answer), 0) + coalesce(octet_length(answers.bytes), 0)";

/// Where the bodies are that a row names.
const BODIES: &str = "
    left join journal_bodies calls on calls.tenant = journal.tenant and calls.digest = call_body
    left join journal_bodies answers on answers.tenant = journal.tenant and answers.digest = answer_body";

/// Rows that are read at once where nobody says how many.
const ROWS_PER_PAGE: u32 = 1024;

/// Some rows of a journal, as `T`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalPage<T> {
    /// What the invocation was fixed to.
    pub head: JournalHead,
    /// The rows, in the order of the calls.
    pub rows: Vec<T>,
    /// The number of the last of them, if there are more after it. A page may be shorter than
    /// its limit: its rows together stay below [`limits::STORE_PAGE_BYTES_MAX`], except a
    /// single one.
    pub next: Option<u64>,
}

impl Store {
    /// Reads the journal of one attempt of a task, in the order of the calls.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn journal(
        &self,
        tenant: &TenantId,
        task: TaskId,
        attempt: u32,
    ) -> Result<Option<(JournalHead, Vec<JournalRow>)>> {
        let found = whole(&mut self.reader().await?, tenant, task, attempt).await?;
        let Some((head, rows)) = found else { return Ok(None) };
        // Each row is let go of as it is unpacked: no journal is in memory twice.
        Ok(Some((head, rows.into_iter().map(|row| read_row(&row)).collect::<Done<_>>()?)))
    }

    /// Reads at most `limit` rows of an attempt's journal that come after the one numbered
    /// `after`, each by `read`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn journal_page<T>(
        &self,
        tenant: &TenantId,
        task: TaskId,
        attempt: u32,
        (after, limit): (Option<u64>, u32),
        read: impl Fn(JournalRow) -> T,
    ) -> Result<Option<JournalPage<T>>> {
        // No number is above this, so nothing comes after it.
        let after = after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
        let found = page(&mut self.reader().await?, (tenant, task, attempt), after, limit).await?;
        let Some((head, rows, next)) = found else { return Ok(None) };
        let rows = rows.into_iter().map(|row| read_row(&row).map(&read)).collect::<Done<_>>()?;
        Ok(Some(JournalPage { head, rows, next }))
    }

    /// Reads the rows of an attempt one by one, in the order of the calls. Of a journal that
    /// grows meanwhile, what is added behind is read as well, and what is added before is not.
    pub(crate) async fn each_row(&self, of: Attempt<'_>, mut take: impl FnMut(JournalRow)) -> Done<()> {
        let mut after = -1;
        loop {
            let mut reader = self.reader().await?;
            let mut snapshot = Snapshot::of(&mut reader).await?;
            let (rows, next) = fitting(&mut snapshot, of, after, ROWS_PER_PAGE).await?;
            snapshot.end().await?;
            drop(reader);
            for row in rows {
                take(read_row(&row)?);
            }
            let Some(next) = next else { return Ok(()) };
            after = number(next)?;
        }
    }
}

/// An attempt of a task: whose, which, and its number.
pub(crate) type Attempt<'a> = (&'a TenantId, TaskId, u32);

async fn whole(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    task: TaskId,
    attempt: u32,
) -> Done<Option<(JournalHead, Vec<Row>)>> {
    let of = (tenant, task, attempt);
    // One transaction, so that rows cannot appear between the two reads.
    let mut snapshot = Snapshot::of(connection).await?;
    let Some(head) = head(&mut snapshot, of).await? else { return Ok(None) };
    let rows = select(ROW, of, -1, i64::MAX).build().fetch_all(&mut snapshot).await?;
    snapshot.end().await?;
    Ok(Some((head, rows)))
}

/// Adds to a statement, as `bytes`, what the rows take together of the attempt that `heads` is
/// about.
pub(crate) fn push_bytes(query: &mut Builder) {
    query.push("(select coalesce(sum(").push(BYTES).push("), 0) from journal").push(BODIES).push(
        " where journal.tenant = heads.tenant and journal.task = heads.task and journal.attempt = heads.attempt)
          as bytes",
    );
}

/// Reads all rows of an attempt that has ended, or why they are not what was recorded. A head is
/// marked before anything of its rows is taken away, so one that is whole when they are read was
/// whole before.
pub(crate) async fn whole_rows(
    connection: &mut dyn Connection,
    (tenant, task, attempt): Attempt<'_>,
) -> Done<std::result::Result<Vec<JournalRow>, Withheld>> {
    let mut query: Builder = Builder::new("select heads.withheld as withheld, ");
    query
        .push(ROW)
        .push(
            " from journal_heads heads
                left join journal on journal.tenant = heads.tenant and journal.task = heads.task
                    and journal.attempt = heads.attempt",
        )
        .push(BODIES)
        .push(" where heads.tenant = ")
        .push_bind(tenant.as_str())
        .push(" and heads.task = ")
        .push_bind(task.to_string())
        .push(" and heads.attempt = ")
        .push_bind(i64::from(attempt))
        .push(" order by number");
    let rows = query.build().fetch_all(connection).await?;
    let withheld = match rows.first() {
        None => Some(Withheld::Dropped),
        Some(row) => row.get_as::<Option<&str>>("withheld")?.map(Withheld::parse),
    };
    if let Some(withheld) = withheld {
        return Ok(Err(withheld));
    }
    let mut read = Vec::with_capacity(rows.len());
    // Each row is let go of as it is unpacked: no journal is in memory twice.
    for row in rows {
        // An attempt without rows is one row of the head alone.
        if row.get_as::<Option<i64>>("number")?.is_some() {
            read.push(read_row(&row)?);
        }
    }
    Ok(Ok(read))
}

/// First measures the rows, which does not read them, then reads as many as fit.
async fn page(
    connection: &mut dyn Connection,
    of: Attempt<'_>,
    after: i64,
    limit: u32,
) -> Done<Option<(JournalHead, Vec<Row>, Option<u64>)>> {
    let mut snapshot = Snapshot::of(connection).await?;
    let Some(head) = head(&mut snapshot, of).await? else { return Ok(None) };
    let (rows, next) = fitting(&mut snapshot, of, after, limit).await?;
    snapshot.end().await?;
    Ok(Some((head, rows, next)))
}

/// Reads as many of at most `limit` rows as fit a page, and says after which of them there are
/// more.
async fn fitting(
    connection: &mut dyn Connection,
    of: Attempt<'_>,
    after: i64,
    limit: u32,
) -> Done<(Vec<Row>, Option<u64>)> {
    let columns = format!("number, {BYTES} as bytes");
    let measured = select(&columns, of, after, i64::from(limit) + 1).build().fetch_all(&mut *connection).await?;
    let (mut bytes, mut count, mut last) = (0, 0, None);
    for row in measured.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        bytes += row.number::<u64>("bytes")?;
        if last.is_some() && bytes > limits::STORE_PAGE_BYTES_MAX {
            break;
        }
        count += 1;
        last = Some(row.number("number")?);
    }
    let rows = select(ROW, of, after, count).build().fetch_all(&mut *connection).await?;
    let next = last.filter(|_| measured.len() > rows.len());
    Ok((rows, next))
}

async fn head(connection: &mut dyn Connection, of: Attempt<'_>) -> Done<Option<JournalHead>> {
    head_row(connection, of).await?.as_ref().map(|row| read_head(row, "")).transpose()
}

async fn head_row(connection: &mut dyn Connection, (tenant, task, attempt): Attempt<'_>) -> Done<Option<Row>> {
    // Within a snapshot nothing is said again, so columns that it does not know must not matter.
    let head = query(
        "select version, digest, epoch, configuration_revision, grants_revision, deadline, seed, started_at
         from journal_heads where tenant = $1 and task = $2 and attempt = $3",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(i64::from(attempt))
    .fetch_optional(connection)
    .await?;
    Ok(head)
}

fn select(columns: &str, (tenant, task, attempt): Attempt<'_>, after: i64, limit: i64) -> Builder {
    let mut query = Builder::new("select ");
    query
        .push(columns)
        .push(" from journal")
        .push(BODIES)
        .push(" where journal.tenant = ")
        .push_bind(tenant.as_str().to_owned())
        .push(" and task = ")
        .push_bind(task.to_string())
        .push(" and attempt = ")
        .push_bind(i64::from(attempt))
        .push(" and number > ")
        .push_bind(after)
        .push(" order by number limit ")
        .push_bind(limit);
    query
}
