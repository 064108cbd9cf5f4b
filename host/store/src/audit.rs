//! The audit's chain, on disk.
//!
//! A record is written in the transaction of what was decided, so neither is there without the
//! other, and numbers have no gaps: there is one writer. What is read is handed out as it
//! stands, whatever somebody has made of it, since telling that is up to whoever follows the
//! chain.

use std::collections::BTreeMap;

use serde_json::Value;
use troupe_core::audit::{AuditEntry, AuditKind, Chain, ended_of};
use troupe_core::view::{AuditHead, AuditRecord};
use troupe_core::{AgentName, Code, Digest, Result, TaskId, TenantId};

use crate::Store;
use crate::fault::Done;
use crate::rows::{Columns as _, number};
use crate::sql::{Builder, Connection, Row, query};
use crate::tasks::{TaskRow, cancelled_by};
use crate::writer::Tx;

/// What was decided in an attempt, for the audit. Which task it was and on which release, the
/// store adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// The decisions.
    pub entries: Vec<AuditEntry>,
    /// The digest of its journal, if that is kept.
    pub journal: Option<Digest>,
}

/// Which records to read.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Those of one kind.
    pub kind: Option<AuditKind>,
    /// Those about one agent.
    pub agent: Option<AgentName>,
    /// Those about one task.
    pub task: Option<TaskId>,
    /// Those of what one party asked for.
    pub principal: Option<String>,
}

impl Tx {
    /// Adds a record to the tenant's audit.
    pub(crate) async fn audit(&mut self, tenant: &TenantId, entry: AuditEntry) -> Done<()> {
        let AuditHead { seq, hash, .. } = head(&mut self.connection, tenant).await?;
        let record = entry.record(tenant, seq + 1, self.now, hash);
        insert(&mut self.connection, tenant, &record).await
    }
}

impl Store {
    /// Adds records to the tenant's audit of what no other change of this store goes with.
    ///
    /// # Errors
    /// When the store is unavailable; then there is none of them.
    pub async fn audit(&self, tenant: &TenantId, entries: Vec<AuditEntry>) -> Result<()> {
        let tenant = tenant.clone();
        self.write(move |tx| Box::pin(add(tx, tenant, entries))).await
    }

    /// Adds records of what was decided in an attempt of which nothing else is kept.
    ///
    /// # Errors
    /// When the store is unavailable; then there is none of them.
    pub async fn audit_task(&self, task: &TaskRow, decided: Decided) -> Result<()> {
        let task = task.clone();
        self.write(move |tx| Box::pin(async move { attempt(tx, &task, decided).await })).await
    }

    /// Reads at most `limit` records of the tenant's audit after the one numbered `after`,
    /// oldest first; with `newest`, the last ones and not the first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn audit_records(
        &self,
        tenant: &TenantId,
        filter: &AuditFilter,
        after: u64,
        limit: u32,
        newest: bool,
    ) -> Result<Vec<AuditRecord>> {
        Ok(read(&mut self.reader().await?, tenant, filter, after, limit, newest).await?)
    }

    /// Reads the head of the tenant's audit.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn audit_head(&self, tenant: &TenantId) -> Result<AuditHead> {
        Ok(head(&mut self.reader().await?, tenant).await?)
    }
}

async fn add(tx: &mut Tx, tenant: TenantId, entries: Vec<AuditEntry>) -> Done<()> {
    for entry in entries {
        tx.audit(&tenant, entry).await?;
    }
    Ok(())
}

/// Adds what was decided in an attempt that ends or leaves off, and how the host ended it, if it did.
pub(crate) async fn attempt(tx: &mut Tx, task: &TaskRow, decided: Decided) -> Done<()> {
    let Decided { mut entries, journal } = decided;
    // What did not begin, or was given up, has no invocation that could be ended.
    if let Some(code) = task.failure.as_ref().filter(|_| task.release.is_some()).and_then(ended_of) {
        // Whose task it was is not who wanted its end.
        let by = match code {
            Code::Cancelled => cancelled_by(&mut tx.connection, &task.tenant, task.id).await?,
            _ => None,
        };
        entries.push(AuditEntry { code: Some(code), ..AuditEntry::new(AuditKind::Ended) }.by(by.as_deref()));
    }
    for entry in entries {
        let release = task.release.as_ref().map(|release| (release.version.clone(), release.digest));
        let invocation = Some((task.id, task.attempt));
        let principal = entry.principal.clone().unwrap_or_else(|| task.principal.clone());
        let entry = AuditEntry { release, invocation, journal, ..entry.by(Some(&principal)).of(&task.agent) };
        let entry = led_to(entry, task);
        tx.audit(&task.tenant, entry).await?;
    }
    Ok(())
}

/// Adds what led to a task.
fn led_to(mut entry: AuditEntry, task: &TaskRow) -> AuditEntry {
    let Some(cause) = &task.cause else { return entry };
    if let Some(by) = cause.by {
        entry = entry.with("caused_by", by.to_string());
    }
    if let Some(event) = cause.event {
        entry = entry.with("event", event);
    }
    match cause.root {
        Some(root) => entry.with("root", root.to_string()),
        None => entry,
    }
}

async fn head(connection: &mut dyn Connection, tenant: &TenantId) -> Done<AuditHead> {
    let row = query("select seq, hash from audit_heads where tenant = $1")
        .bind(tenant.as_str())
        .fetch_optional(connection)
        .await?;
    let (seq, hash) = match row {
        Some(row) => (row.number("seq")?, shown(row.get_as("hash")?)),
        None => (0, Chain::start(tenant).to_string()),
    };
    Ok(AuditHead { tenant: tenant.to_string(), seq, hash })
}

async fn insert(connection: &mut dyn Connection, tenant: &TenantId, record: &AuditRecord) -> Done<()> {
    let seq = number(record.seq)?;
    let hash = bytes(&record.hash);
    query(
        "insert into audit (tenant, seq, at, kind, code, principal, agent, version, digest, task, attempt, times,
            details, journal, previous, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(tenant.as_str())
    .bind(seq)
    .bind(record.at.as_millis())
    .bind(&record.kind)
    .bind(&record.code)
    .bind(&record.principal)
    .bind(&record.agent)
    .bind(&record.version)
    .bind(&record.digest)
    .bind(&record.task)
    .bind(record.attempt.map(number).transpose()?)
    .bind(number(record.times)?)
    .bind(record.details_text())
    .bind(record.journal.as_deref().map(bytes))
    .bind(bytes(&record.previous))
    .bind(&hash)
    .execute(&mut *connection)
    .await?;
    query(
        "insert into audit_heads (tenant, seq, hash) values ($1, $2, $3)
         on conflict (tenant) do update set seq = excluded.seq, hash = excluded.hash",
    )
    .bind(tenant.as_str())
    .bind(seq)
    .bind(hash)
    .execute(connection)
    .await?;
    Ok(())
}

async fn read(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    filter: &AuditFilter,
    after: u64,
    limit: u32,
    newest: bool,
) -> Done<Vec<AuditRecord>> {
    let mut query: Builder = Builder::new("select * from audit where tenant = ");
    // No number is above the largest, so nothing comes after it.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    query.push_bind(tenant.as_str()).push(" and seq > ").push_bind(after);
    if let Some(kind) = filter.kind {
        query.push(" and kind = ").push_bind(kind.as_str());
    }
    if let Some(agent) = &filter.agent {
        query.push(" and agent = ").push_bind(agent.as_str());
    }
    if let Some(task) = filter.task {
        query.push(" and task = ").push_bind(task.to_string());
    }
    if let Some(principal) = &filter.principal {
        query.push(" and principal = ").push_bind(principal);
    }
    query.push(if newest { " order by seq desc limit " } else { " order by seq limit " }).push_bind(i64::from(limit));
    let rows = query.build().fetch_all(connection).await?;
    let mut records = rows.iter().map(|row| read_record(tenant, row)).collect::<Done<Vec<_>>>()?;
    if newest {
        records.reverse();
    }
    Ok(records)
}

/// What does not read back is handed out as something that no host writes.
fn read_record(tenant: &TenantId, row: &Row) -> Done<AuditRecord> {
    let count = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
    let details: &str = row.get_as("details")?;
    let unread = || BTreeMap::from([("unreadable".to_owned(), Value::from(details))]);
    Ok(AuditRecord {
        tenant: tenant.to_string(),
        seq: row.number("seq")?,
        at: row.at("at")?,
        kind: row.get_as("kind")?,
        code: row.get_as("code")?,
        principal: row.get_as("principal")?,
        agent: row.get_as("agent")?,
        version: row.get_as("version")?,
        digest: row.get_as("digest")?,
        task: row.get_as("task")?,
        attempt: row.get_as::<Option<i64>>("attempt")?.map(count),
        times: count(row.get_as("times")?),
        details: serde_json::from_str(details).unwrap_or_else(|_| unread()),
        journal: row.get_as::<Option<&[u8]>>("journal")?.map(shown),
        previous: shown(row.get_as("previous")?),
        hash: shown(row.get_as("hash")?),
    })
}

/// A hash as documents carry it.
fn shown(bytes: &[u8]) -> String {
    bytes.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// A hash as the database keeps it.
fn bytes(text: &str) -> Vec<u8> {
    // Of any length, since somebody may have put anything into the row of the head.
    let digits = text.strip_prefix("sha256:").unwrap_or_default().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).filter_map(byte).collect()
}
