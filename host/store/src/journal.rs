//! The journal: what an invocation was fixed to, and the calls it made, in order.
//!
//! Calls and answers are bytes to this crate. A row is written once; only a row whose
//! answer is still missing (the intent of a write outside) is completed later.

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, QueryBuilder, Sqlite, SqliteConnection};
use troupe_core::view::RanOn;
use troupe_core::{Error, Result, TaskId, TenantId, Timestamp};

use crate::Store;
use crate::fault::Done;
use crate::rows::{Columns as _, broken, number};
use crate::writer::Tx;

/// Rows that one statement adds; the database allows 32,766 values in one.
const ROWS_PER_STATEMENT: usize = 64;

/// What an invocation is fixed to before its guest runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalHead {
    /// The release and the epoch of the route.
    pub release: RanOn,
    /// The configuration in force.
    pub configuration_revision: u64,
    /// The grants in force.
    pub grants_revision: u64,
    /// When the invocation ends at the latest.
    pub deadline: Timestamp,
    /// Where the guest's random bytes come from.
    pub seed: [u8; 32],
    /// When it began.
    pub started_at: Timestamp,
}

/// One capability call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Its place in the order in which the guest made its calls.
    pub number: u64,
    /// When it was delivered to the guest, or, without an answer, when it was made.
    pub at: Timestamp,
    /// The call.
    pub call: Vec<u8>,
    /// The answer; absent in the intent of a write outside, and filled in by a later row
    /// of the same number.
    pub answer: Option<Vec<u8>>,
    /// Whether it changes something, in our database or outside.
    pub write: bool,
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
        Ok(read(&mut *self.reader().await?, tenant, task, attempt).await?)
    }
}

/// Writes the head row of an attempt.
pub(crate) async fn begin(tx: &mut Tx, tenant: &TenantId, task: TaskId, attempt: u32, head: &JournalHead) -> Done<()> {
    sqlx::query(
        "insert into journal_heads
            (tenant, task, attempt, version, digest, epoch, configuration_revision, grants_revision,
             deadline, seed, started_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(i64::from(attempt))
    .bind(head.release.version.to_string())
    .bind(head.release.digest.to_string())
    .bind(number(head.release.epoch)?)
    .bind(number(head.configuration_revision)?)
    .bind(number(head.grants_revision)?)
    .bind(head.deadline.as_millis())
    .bind(head.seed.as_slice())
    .bind(head.started_at.as_millis())
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

/// Adds rows, or completes those that have no answer yet. A completed row keeps its call
/// and takes over the rest.
///
/// # Errors
/// A fault of the host, when a row has its answer already.
pub(crate) async fn append(
    tx: &mut Tx,
    tenant: &TenantId,
    task: TaskId,
    attempt: u32,
    rows: &[JournalRow],
) -> Done<()> {
    let task = task.to_string();
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let numbers = chunk.iter().map(|row| number(row.number)).collect::<Done<Vec<_>>>()?;
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("insert into journal (tenant, task, attempt, number, at, call, answer, writes) ");
        query.push_values(chunk.iter().zip(numbers), |mut values, (row, number)| {
            values
                .push_bind(tenant.as_str())
                .push_bind(&task)
                .push_bind(i64::from(attempt))
                .push_bind(number)
                .push_bind(row.at.as_millis())
                .push_bind(&row.call)
                .push_bind(row.answer.as_deref())
                .push_bind(i64::from(row.write));
        });
        query.push(
            " on conflict (tenant, task, attempt, number) do update
              set answer = excluded.answer, at = excluded.at, writes = excluded.writes
              where journal.answer is null",
        );
        // Only the usual lengths are worth keeping in compiled form.
        let usual = chunk.len() <= 4 || chunk.len() == ROWS_PER_STATEMENT;
        let written = query.build().persistent(usual).execute(&mut tx.connection).await?.rows_affected();
        if usize::try_from(written).ok() != Some(chunk.len()) {
            return Err(Error::internal(format!("task {task}: a journal row was to be answered a second time")).into());
        }
    }
    Ok(())
}

async fn read(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    task: TaskId,
    attempt: u32,
) -> Done<Option<(JournalHead, Vec<JournalRow>)>> {
    // One transaction, so that rows cannot appear between the two reads.
    let mut snapshot = connection.begin().await?;
    let head = sqlx::query("select * from journal_heads where tenant = $1 and task = $2 and attempt = $3")
        .bind(tenant.as_str())
        .bind(task.to_string())
        .bind(i64::from(attempt))
        .fetch_optional(&mut *snapshot)
        .await?;
    let Some(head) = head else { return Ok(None) };
    let rows = sqlx::query(
        "select number, at, call, answer, writes from journal
         where tenant = $1 and task = $2 and attempt = $3 order by number",
    )
    .bind(tenant.as_str())
    .bind(task.to_string())
    .bind(i64::from(attempt))
    .fetch_all(&mut *snapshot)
    .await?;
    snapshot.commit().await?;
    Ok(Some((read_head(&head)?, rows.iter().map(read_row).collect::<Done<_>>()?)))
}

fn read_head(row: &SqliteRow) -> Done<JournalHead> {
    Ok(JournalHead {
        release: RanOn { version: row.parsed("version")?, digest: row.parsed("digest")?, epoch: row.number("epoch")? },
        configuration_revision: row.number("configuration_revision")?,
        grants_revision: row.number("grants_revision")?,
        deadline: row.at("deadline")?,
        seed: row.get_as::<&[u8]>("seed")?.try_into().map_err(|error| broken("seed", error))?,
        started_at: row.at("started_at")?,
    })
}

fn read_row(row: &SqliteRow) -> Done<JournalRow> {
    Ok(JournalRow {
        number: row.number("number")?,
        at: row.at("at")?,
        call: row.get_as("call")?,
        answer: row.get_as("answer")?,
        write: row.truth("writes")?,
    })
}
