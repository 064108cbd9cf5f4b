//! State: the key space of a deployment.
//!
//! Each key has a revision, taken from a counter of the key space that only rises: a key
//! that is deleted and made anew never shows a revision it had before, so compare-and-set
//! cannot mistake the new value for the old one. What the space holds is counted beside
//! it in the same commit, so a quota costs one row, not a scan. Keys are compared as
//! bytes; a prefix has no wildcards.

use sqlx::SqliteConnection;
use troupe_core::{AgentName, Result, TenantId};

use crate::Store;
use crate::fault::Done;
use crate::rows::{Columns as _, broken, number};
use crate::tasks::Pin;
use crate::writer::Tx;

/// A change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateWrite {
    /// Sets the key whatever it holds.
    Set {
        /// The key.
        key: String,
        /// What it shall hold.
        value: Vec<u8>,
    },
    /// Sets the key if its revision is still the expected one.
    CompareAndSet {
        /// The key.
        key: String,
        /// The revision that was seen; absent when there was no such key.
        expected: Option<u64>,
        /// What it shall hold.
        value: Vec<u8>,
    },
    /// Removes the key.
    Delete {
        /// The key.
        key: String,
    },
}

/// A change of one key within a quota, as part of an invocation's commit.
#[derive(Debug, Clone)]
pub struct StateChange {
    /// The change.
    pub write: StateWrite,
    /// Bytes that keys and values of the key space may take together.
    pub bytes_max: u64,
    /// Keys that the key space may have.
    pub keys_max: u64,
    /// Makes the journalled answer of what came of it.
    pub encode: fn(&StateOutcome) -> Vec<u8>,
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateOutcome {
    /// The key holds the value.
    Written {
        /// The key's revision now.
        revision: u64,
    },
    /// There is no such key any more.
    Deleted {
        /// Whether there was one.
        existed: bool,
    },
    /// The revision was another; nothing changed.
    Conflict {
        /// The key's revision; absent if there is no such key.
        found: Option<u64>,
    },
    /// The quota does not allow it; nothing changed.
    Full {
        /// Which part of the quota.
        which: Quota,
        /// That part's maximum.
        maximum: u64,
    },
}

impl StateOutcome {
    /// Whether the key space is another than before.
    pub(crate) const fn changed(&self) -> bool {
        matches!(self, Self::Written { .. } | Self::Deleted { existed: true })
    }
}

/// A part of a key space's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// Bytes of keys and values together.
    Bytes,
    /// Number of keys.
    Keys,
}

impl Store {
    /// Reads a key's value and revision.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn state_get(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        generation: u64,
        key: &str,
    ) -> Result<Option<(Vec<u8>, u64)>> {
        Ok(get(&mut *self.reader().await?, tenant, agent, generation, key).await?)
    }

    /// Lists at most `limit` keys that begin with `prefix` and come after `after`, in the
    /// order of their bytes.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn state_list(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        generation: u64,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>> {
        Ok(list(&mut *self.reader().await?, tenant, agent, generation, (prefix, after), limit).await?)
    }
}

async fn get(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    agent: &AgentName,
    generation: u64,
    key: &str,
) -> Done<Option<(Vec<u8>, u64)>> {
    let row = sqlx::query(
        "select value, revision from state where tenant = $1 and agent = $2 and generation = $3 and key = $4",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .bind(number(generation)?)
    .bind(key.as_bytes())
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((row.get_as("value")?, row.number("revision")?))).transpose()
}

async fn list(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    agent: &AgentName,
    generation: u64,
    (prefix, after): (&str, Option<&str>),
    limit: u32,
) -> Done<Vec<String>> {
    let (from, to) = range(prefix, after);
    let rows = sqlx::query(
        "select key from state
         where tenant = $1 and agent = $2 and generation = $3 and key >= $4 and key < $5
         order by key limit $6",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .bind(number(generation)?)
    .bind(from)
    .bind(to)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| String::from_utf8(row.get_as("key")?).map_err(|error| broken("key", error))).collect()
}

/// The half-open range of bytes that holds every key with the prefix after `after`. It
/// relies on UTF-8 never holding the byte 255: no key is above it, and every other last
/// byte has a next one.
fn range(prefix: &str, after: Option<&str>) -> (Vec<u8>, Vec<u8>) {
    let mut to = prefix.as_bytes().to_vec();
    match to.last_mut() {
        Some(last) => *last = last.saturating_add(1),
        None => to.push(u8::MAX),
    }
    let from = match after {
        // The next key there can be is the same one with a zero byte behind it.
        Some(after) if after >= prefix => [after.as_bytes(), &[0]].concat(),
        _ => prefix.as_bytes().to_vec(),
    };
    (from, to)
}

/// What a key space holds.
#[derive(Debug, Default, Clone, Copy)]
struct Usage {
    keys: u64,
    bytes: u64,
    revision: u64,
}

/// A key as it stands: the size of its value, and its revision.
#[derive(Debug, Clone, Copy)]
struct Entry {
    bytes: u64,
    revision: u64,
}

/// Makes the change of an invocation, inside the transaction that checked its lease.
pub(crate) async fn apply(tx: &mut Tx, pin: &Pin, change: &StateChange) -> Done<StateOutcome> {
    match &change.write {
        StateWrite::Set { key, value } => {
            let entry = entry(tx, pin, key).await?;
            put(tx, pin, change, entry, key, value).await
        }
        StateWrite::CompareAndSet { key, expected, value } => {
            let entry = entry(tx, pin, key).await?;
            let found = entry.map(|entry| entry.revision);
            if found != *expected {
                return Ok(StateOutcome::Conflict { found });
            }
            put(tx, pin, change, entry, key, value).await
        }
        StateWrite::Delete { key } => delete(tx, pin, key).await,
    }
}

async fn put(
    tx: &mut Tx,
    pin: &Pin,
    change: &StateChange,
    entry: Option<Entry>,
    key: &str,
    value: &[u8],
) -> Done<StateOutcome> {
    let usage = usage(tx, pin).await?;
    let size = value.len() as u64;
    let mut next = Usage { revision: usage.revision + 1, ..usage };
    match entry {
        Some(entry) => next.bytes = usage.bytes.saturating_sub(entry.bytes) + size,
        None => {
            next.keys += 1;
            next.bytes += key.len() as u64 + size;
        }
    }
    // A space that is over a quota made smaller can still shrink.
    if next.keys > usage.keys && next.keys > change.keys_max {
        return Ok(StateOutcome::Full { which: Quota::Keys, maximum: change.keys_max });
    }
    if next.bytes > usage.bytes && next.bytes > change.bytes_max {
        return Ok(StateOutcome::Full { which: Quota::Bytes, maximum: change.bytes_max });
    }
    sqlx::query(
        "insert into state (tenant, agent, generation, key, value, revision, epoch, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (tenant, agent, generation, key) do update set
            value = excluded.value, revision = excluded.revision, epoch = excluded.epoch,
            updated_at = excluded.updated_at",
    )
    .bind(pin.tenant.as_str())
    .bind(pin.agent.as_str())
    .bind(number(pin.generation)?)
    .bind(key.as_bytes())
    .bind(value)
    .bind(number(next.revision)?)
    .bind(number(pin.epoch)?)
    .bind(tx.now.as_millis())
    .execute(&mut tx.connection)
    .await?;
    set_usage(tx, pin, next).await?;
    Ok(StateOutcome::Written { revision: next.revision })
}

async fn delete(tx: &mut Tx, pin: &Pin, key: &str) -> Done<StateOutcome> {
    let Some(entry) = entry(tx, pin, key).await? else {
        return Ok(StateOutcome::Deleted { existed: false });
    };
    sqlx::query("delete from state where tenant = $1 and agent = $2 and generation = $3 and key = $4")
        .bind(pin.tenant.as_str())
        .bind(pin.agent.as_str())
        .bind(number(pin.generation)?)
        .bind(key.as_bytes())
        .execute(&mut tx.connection)
        .await?;
    let mut usage = usage(tx, pin).await?;
    usage.keys = usage.keys.saturating_sub(1);
    usage.bytes = usage.bytes.saturating_sub(key.len() as u64 + entry.bytes);
    set_usage(tx, pin, usage).await?;
    Ok(StateOutcome::Deleted { existed: true })
}

async fn entry(tx: &mut Tx, pin: &Pin, key: &str) -> Done<Option<Entry>> {
    let row = sqlx::query(
        "select octet_length(value) as bytes, revision from state
         where tenant = $1 and agent = $2 and generation = $3 and key = $4",
    )
    .bind(pin.tenant.as_str())
    .bind(pin.agent.as_str())
    .bind(number(pin.generation)?)
    .bind(key.as_bytes())
    .fetch_optional(&mut tx.connection)
    .await?;
    row.map(|row| Ok(Entry { bytes: row.number("bytes")?, revision: row.number("revision")? })).transpose()
}

async fn usage(tx: &mut Tx, pin: &Pin) -> Done<Usage> {
    let row = sqlx::query(
        "select keys, bytes, revision from state_usage where tenant = $1 and agent = $2 and generation = $3",
    )
    .bind(pin.tenant.as_str())
    .bind(pin.agent.as_str())
    .bind(number(pin.generation)?)
    .fetch_optional(&mut tx.connection)
    .await?;
    row.map_or(Ok(Usage::default()), |row| {
        Ok(Usage { keys: row.number("keys")?, bytes: row.number("bytes")?, revision: row.number("revision")? })
    })
}

async fn set_usage(tx: &mut Tx, pin: &Pin, usage: Usage) -> Done<()> {
    sqlx::query(
        "insert into state_usage (tenant, agent, generation, keys, bytes, revision) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant, agent, generation) do update set
            keys = excluded.keys, bytes = excluded.bytes, revision = excluded.revision",
    )
    .bind(pin.tenant.as_str())
    .bind(pin.agent.as_str())
    .bind(number(pin.generation)?)
    .bind(number(usage.keys)?)
    .bind(number(usage.bytes)?)
    .bind(number(usage.revision)?)
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}
