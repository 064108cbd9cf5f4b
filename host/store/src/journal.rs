//! The journal: what an invocation was fixed to, and the calls it made, in order.
//!
//! Calls and answers are MessagePack, and what they mean is nothing to this crate. A row is
//! written once; only a row whose answer is still missing (the intent of a write outside) is
//! completed later. `journal/pack.rs` says how they lie in the database, `journal/retain.rs`
//! how long.

mod bodies;
mod cut;
mod digest;
mod pack;
mod page;
mod redact;
mod retain;
mod seen;

use std::collections::HashSet;

use troupe_core::view::RanOn;
use troupe_core::{Error, Result, TaskId, TenantId, Timestamp};

pub(crate) use pack::{Packed, UNPACKED_BYTES_MAX, pack, unpack};
pub(crate) use page::Attempt;
pub use page::JournalPage;
pub(crate) use page::{push_bytes, whole_rows};
pub use redact::Redact;
pub use retain::{DroppedJournals, JournalLimits};
pub(crate) use seen::RowsSeen;

use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::{Columns as _, broken, number};
use crate::sql::{Connection, Row, insert, query};
use crate::writer::Tx;

/// What a row takes beside its call and answer, in the account of a tenant's journals.
const ROW_BYTES: u64 = 96;

/// Rows that are packed right where they are handed over. This much is packed in a few
/// milliseconds; more is packed on a thread of its own.
const PACK_INLINE_BYTES_MAX: usize = 512 * 1024;

/// Rows that one commit drops or redacts at most: every other write waits for it.
const ROWS_PER_COMMIT: i64 = 500;

/// What they may take together.
const BYTES_PER_COMMIT: u64 = 16 * 1024 * 1024;

/// What one commit takes away.
#[derive(Debug, Default)]
struct Load(u64);

impl Load {
    /// Adds a row of so many bytes, which names so many bodies. Of a body only its digest is
    /// known here; it may be this long and longer.
    fn add(&mut self, bytes: u64, bodies: usize) {
        self.0 += bytes + bodies as u64 * (1 << 20);
    }

    const fn is_full(&self) -> bool {
        self.0 >= BYTES_PER_COMMIT
    }
}

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

/// Why the rows of an attempt are not what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Somebody wished that their contents be forgotten.
    Redacted,
    /// Journals are kept for a while only.
    Dropped,
}

impl Withheld {
    /// What a head says.
    pub(crate) fn parse(why: &str) -> Self {
        match why {
            "dropped" => Self::Dropped,
            _ => Self::Redacted,
        }
    }
}

/// A row as the database holds it.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    number: u64,
    at: Timestamp,
    pub(crate) call: Packed,
    pub(crate) answer: Option<Packed>,
    pub(crate) write: bool,
    /// Whether it is known that no row of this number is there.
    fresh: bool,
}

impl Kept {
    /// A row whose answer is about to be known, in the transaction that writes it.
    pub(crate) fn of(row: JournalRow) -> Self {
        let JournalRow { number, at, call, answer, write } = row;
        Self { number, at, call: pack(call), answer: answer.map(pack), write, fresh: false }
    }

    /// Says that no row of this number is there.
    #[must_use]
    pub(crate) fn fresh(self) -> Self {
        Self { fresh: true, ..self }
    }
}

/// Packs rows, before they are handed to the writer, for whom every commit waits.
pub(crate) async fn packed(rows: Vec<JournalRow>) -> Result<Vec<Kept>> {
    let long = |bytes: usize| if pack::is_long(bytes) { bytes } else { 0 };
    let bytes: usize =
        rows.iter().map(|row| long(row.call.len()) + row.answer.as_ref().map_or(0, |answer| long(answer.len()))).sum();
    let pack = || rows.into_iter().map(Kept::of).collect();
    if bytes <= PACK_INLINE_BYTES_MAX {
        return Ok(pack());
    }
    tokio::task::spawn_blocking(pack).await.map_err(Error::internal)
}

impl Store {
    /// Says why the rows of a task's attempt are not what was recorded; nothing if they are,
    /// or the attempt has none. Whoever reads a journal to repeat it asks afterwards.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn journal_withheld(&self, tenant: &TenantId, task: TaskId, attempt: u32) -> Result<Option<Withheld>> {
        let head = query("select withheld from journal_heads where tenant = $1 and task = $2 and attempt = $3")
            .bind(tenant.as_str())
            .bind(task.to_string())
            .bind(i64::from(attempt))
            .fetch_optional(&mut self.reader().await?)
            .await
            .map_err(Failed::from)?;
        // Heads are dropped last.
        let Some(head) = head else { return Ok((attempt > 0).then_some(Withheld::Dropped)) };
        Ok(head.get_as::<Option<&str>>("withheld")?.map(Withheld::parse))
    }
}

/// The attempt that a head is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
}

/// Writes the head rows of attempts.
pub(crate) async fn begin<'a>(tx: &mut Tx, heads: impl Iterator<Item = (Of<'a>, &'a JournalHead)>) -> Done<()> {
    let columns = |(of, head): (Of<'_>, &JournalHead)| {
        Ok([
            of.tenant.as_str().into(),
            of.task.to_string().into(),
            i64::from(of.attempt).into(),
            head.release.version.to_string().into(),
            head.release.digest.to_string().into(),
            number(head.release.epoch)?.into(),
            number(head.configuration_revision)?.into(),
            number(head.grants_revision)?.into(),
            head.deadline.as_millis().into(),
            head.seed.as_slice().into(),
            head.started_at.as_millis().into(),
        ])
    };
    let rows: Vec<[_; 11]> = heads.map(columns).collect::<Done<_>>()?;
    let into = "insert into journal_heads
            (tenant, task, attempt, version, digest, epoch, configuration_revision, grants_revision,
             deadline, seed, started_at) ";
    insert(&mut tx.connection, into, rows, "").await?;
    Ok(())
}

/// Adds rows, or completes those that have no answer yet. A completed row keeps its call
/// and takes over the rest.
///
/// # Errors
/// A fault of the host, when a row has its answer already.
pub(crate) async fn append(tx: &mut Tx, tenant: &TenantId, task: TaskId, attempt: u32, rows: &[Kept]) -> Done<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let task = task.to_string();
    let open = open(tx, tenant, &task, attempt, rows).await?;
    let mut bytes = 0;
    for row in rows {
        bytes += row.answer.as_ref().map_or(0, |answer| answer.bytes.len() as u64);
        if !open.contains(&row.number) {
            bytes += ROW_BYTES + row.call.bytes.len() as u64;
        }
        for packed in std::iter::once(&row.call).chain(&row.answer) {
            if let Some(body) = &packed.body {
                bytes += bodies::keep(tx, tenant, body).await?;
            }
        }
    }
    let body = |packed: &Packed| packed.body.as_ref().map(|body| body.digest.as_bytes().to_vec());
    let columns = |row: &Kept| {
        Ok([
            tenant.as_str().into(),
            (&task).into(),
            i64::from(attempt).into(),
            number(row.number)?.into(),
            row.at.as_millis().into(),
            row.call.bytes.as_slice().into(),
            body(&row.call).into(),
            row.answer.as_ref().map(|answer| answer.bytes.as_slice()).into(),
            row.answer.as_ref().and_then(body).into(),
            i64::from(row.write).into(),
        ])
    };
    let columns: Vec<[_; 10]> = rows.iter().map(columns).collect::<Done<_>>()?;
    let into = "insert into journal (tenant, task, attempt, number, at, call, call_body, answer, answer_body, writes) ";
    let or = " on conflict (tenant, task, attempt, number) do update
              set answer = excluded.answer, answer_body = excluded.answer_body, at = excluded.at,
                writes = excluded.writes
              where journal.answer is null";
    let written = insert(&mut tx.connection, into, columns, or).await?;
    if usize::try_from(written).ok() != Some(rows.len()) {
        return Err(Error::internal(format!("task {task}: a journal row was to be answered a second time")).into());
    }
    account(tx, tenant, number(bytes)?).await
}

/// The numbers of the rows, among those that `rows` may complete, that are there and have no
/// answer.
async fn open(tx: &mut Tx, tenant: &TenantId, task: &str, attempt: u32, rows: &[Kept]) -> Done<HashSet<u64>> {
    let numbers = || rows.iter().filter(|row| !row.fresh && row.answer.is_some()).map(|row| row.number);
    let (Some(first), Some(last)) = (numbers().min(), numbers().max()) else { return Ok(HashSet::new()) };
    let found = query(
        "select number from journal
         where tenant = $1 and task = $2 and attempt = $3 and number between $4 and $5 and answer is null",
    )
    .bind(tenant.as_str())
    .bind(task)
    .bind(i64::from(attempt))
    .bind(number(first)?)
    .bind(number(last)?)
    .fetch_all(&mut tx.connection)
    .await?;
    found.iter().map(|row| row.number("number")).collect()
}

/// Notes that the journals of a tenant take so much more, or less.
async fn account(tx: &mut Tx, tenant: &TenantId, bytes: i64) -> Done<()> {
    query(
        "insert into journal_usage (tenant, bytes) values ($1, $2)
         on conflict (tenant) do update set bytes = journal_usage.bytes + excluded.bytes",
    )
    .bind(tenant.as_str())
    .bind(bytes)
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}

/// Reads a head from columns that are called as in its table, with `before` in front.
pub(crate) fn read_head(row: &Row, before: &str) -> Done<JournalHead> {
    let called = |column: &str| format!("{before}{column}");
    Ok(JournalHead {
        release: RanOn {
            version: row.parsed(&called("version"))?,
            digest: row.parsed(&called("digest"))?,
            epoch: row.number(&called("epoch"))?,
        },
        configuration_revision: row.number(&called("configuration_revision"))?,
        grants_revision: row.number(&called("grants_revision"))?,
        deadline: row.at(&called("deadline"))?,
        seed: row.get_as::<&[u8]>(&called("seed"))?.try_into().map_err(|error| broken("seed", error))?,
        started_at: row.at(&called("started_at"))?,
    })
}

fn read_row(row: &Row) -> Done<JournalRow> {
    Ok(JournalRow {
        number: row.number("number")?,
        at: row.at("at")?,
        call: unpacked(row.get_as("call")?, row.get_as("call_body")?, row.get_as("call_bytes")?)?,
        answer: row
            .get_as::<Option<Vec<u8>>>("answer")?
            .map(|answer| unpacked(answer, row.get_as("answer_body")?, row.get_as("answer_bytes")?))
            .transpose()?,
        write: row.truth("writes")?,
    })
}

/// What a row holds, with the body that it names: its digest and its packed contents.
fn unpacked(bytes: Vec<u8>, digest: Option<Vec<u8>>, body: Option<Vec<u8>>) -> Done<Vec<u8>> {
    let body = match (digest, body) {
        (Some(digest), Some(body)) => Some((bodies::digest(&digest)?, body)),
        _ => None,
    };
    unpack(bytes, body)
}

/// The digests of the bodies that a row names.
fn bodies_of(row: &Row) -> Done<Vec<Vec<u8>>> {
    let mut apart = Vec::new();
    for column in ["call_body", "answer_body"] {
        apart.extend(row.get_as::<Option<Vec<u8>>>(column)?);
    }
    Ok(apart)
}

/// Reads the call of a row that was selected with `call` and `call_body`.
pub(crate) async fn call_of(connection: &mut dyn Connection, tenant: &TenantId, row: &Row) -> Done<Vec<u8>> {
    let digest: Option<Vec<u8>> = row.get_as("call_body")?;
    let body = match &digest {
        Some(digest) => bodies::read(connection, tenant, digest).await?,
        None => None,
    };
    unpacked(row.get_as("call")?, digest, body)
}
