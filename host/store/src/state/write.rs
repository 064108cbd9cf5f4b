//! Changing one key, inside the transaction that checked the invocation's lease.

use std::time::Duration;

use troupe_core::{Code, Error, Fence, KeySpace, Timestamp};

use super::{StateSpace, sweep};
use crate::fault::Done;
use crate::rows::{Columns as _, number};
use crate::sql::{query, query_scalar};
use crate::tasks::Pin;
use crate::writer::Tx;

/// A value that is longer is not read as a number: the longest one has 20 characters.
const NUMBER_BYTES_MAX: i64 = 20;

/// A change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateWrite {
    /// Sets the key whatever it holds.
    Set {
        /// The key.
        key: String,
        /// What it shall hold.
        value: Vec<u8>,
        /// How long; absent: until it is changed.
        ttl: Option<Duration>,
    },
    /// Sets the key if its revision is still the expected one.
    CompareAndSet {
        /// The key.
        key: String,
        /// The revision that was seen; absent when there was no such key.
        expected: Option<u64>,
        /// What it shall hold.
        value: Vec<u8>,
        /// How long; absent: until it is changed.
        ttl: Option<Duration>,
    },
    /// Adds to the number that the key holds in decimal, and leaves its end as it is. A key
    /// that is absent holds 0.
    Increment {
        /// The key.
        key: String,
        /// What to add.
        delta: i64,
    },
    /// Says when the key ends, and leaves its value and revision as they are.
    Expire {
        /// The key.
        key: String,
        /// How long it stays; absent: until it is changed.
        ttl: Option<Duration>,
    },
    /// Removes the key.
    Delete {
        /// The key.
        key: String,
    },
}

impl StateWrite {
    fn key(&self) -> &str {
        match self {
            Self::Set { key, .. }
            | Self::CompareAndSet { key, .. }
            | Self::Increment { key, .. }
            | Self::Expire { key, .. }
            | Self::Delete { key } => key,
        }
    }
}

/// A change of one key within a quota, as part of an invocation's commit.
#[derive(Debug, Clone)]
pub struct StateChange {
    /// Whose key it is.
    pub space: KeySpace,
    /// The change.
    pub write: StateWrite,
    /// Bytes that keys and values of the key space may take together.
    pub bytes_max: u64,
    /// Keys that the key space may have.
    pub keys_max: u64,
    /// What the key spaces of the deployment may hold together.
    pub in_all: StateLimits,
    /// The lock under which it is made: nothing is changed unless its token is the newest.
    pub fence: Option<Fence>,
    /// Makes the journalled answer of what came of it.
    pub encode: fn(KeySpace, &StateOutcome) -> Vec<u8>,
}

/// What the key spaces of one deployment may hold together, its own and those of its instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateLimits {
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Number of keys.
    pub keys: u64,
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateOutcome {
    /// The key holds the value.
    Written {
        /// The key's revision now.
        revision: u64,
    },
    /// The key holds the sum.
    Counted {
        /// The sum.
        sum: i64,
    },
    /// The key's end is as it was asked for.
    Expiring {
        /// Whether there is such a key.
        existed: bool,
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
    /// The lock under which it was to be made has another token by now; nothing changed.
    Stale {
        /// The newest token; absent if nobody knows of the lock.
        newest: Option<u64>,
    },
    /// The key holds no whole number of 64 bits; nothing changed.
    NotANumber,
    /// The sum would not be a whole number of 64 bits; nothing changed.
    Overflow,
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
        matches!(
            self,
            Self::Written { .. }
                | Self::Counted { .. }
                | Self::Expiring { existed: true }
                | Self::Deleted { existed: true }
        )
    }
}

/// A part of a key space's quota, or of what all of its deployment may hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// Bytes of keys and values together.
    Bytes,
    /// Number of keys.
    Keys,
    /// Bytes in all key spaces.
    BytesInAll,
    /// Keys in all key spaces.
    KeysInAll,
}

/// What a key space holds.
#[derive(Debug, Default, Clone, Copy)]
struct Usage {
    keys: u64,
    bytes: u64,
    revision: u64,
}

/// Where an invocation writes, and the epoch of the release that does.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    space: StateSpace<'a>,
    epoch: u64,
}

/// A key's row as it stands.
#[derive(Debug)]
struct Entry {
    bytes: u64,
    revision: u64,
    expires_at: Option<Timestamp>,
    /// The value, if it is short enough to be a number.
    short: Option<Vec<u8>>,
}

/// Checks that the key spaces of an invocation are those in use.
pub(crate) async fn check_generation(tx: &mut Tx, pin: &Pin) -> Done<()> {
    let moved: i64 =
        query_scalar("select count(*) from deployments where tenant = $1 and agent = $2 and state_generation <> $3")
            .bind(pin.tenant.as_str())
            .bind(pin.agent.as_str())
            .bind(number(pin.generation)?)
            .fetch_one(&mut tx.connection)
            .await?;
    if moved == 0 {
        return Ok(());
    }
    let message = format!("state of {} was brought to another form since task {} began", pin.agent, pin.task);
    Err(Error::new(Code::StaleEpoch, message).into())
}

/// Makes a change in a key space, by a release of an epoch.
pub(crate) async fn apply(tx: &mut Tx, space: StateSpace<'_>, epoch: u64, change: &StateChange) -> Done<StateOutcome> {
    let key = change.write.key();
    let place = Place { space, epoch };
    let row = entry(tx, place.space, key).await?;
    // A row whose time is over is still in the way, and counted, but nobody sees it.
    let seen = row.as_ref().filter(|row| row.expires_at.is_none_or(|end| end > tx.now));
    match &change.write {
        StateWrite::Set { value, ttl, .. } => {
            let end = end(tx, *ttl);
            put(tx, place, change, row.as_ref(), value, end).await
        }
        StateWrite::CompareAndSet { expected, value, ttl, .. } => {
            let found = seen.map(|entry| entry.revision);
            if found != *expected {
                return Ok(StateOutcome::Conflict { found });
            }
            let end = end(tx, *ttl);
            put(tx, place, change, row.as_ref(), value, end).await
        }
        StateWrite::Increment { delta, .. } => {
            let held = match seen {
                None => 0,
                Some(entry) => match number_of(entry) {
                    Some(held) => held,
                    None => return Ok(StateOutcome::NotANumber),
                },
            };
            let Some(sum) = held.checked_add(*delta) else { return Ok(StateOutcome::Overflow) };
            let end = seen.and_then(|entry| entry.expires_at);
            let outcome = put(tx, place, change, row.as_ref(), sum.to_string().as_bytes(), end).await?;
            Ok(if matches!(outcome, StateOutcome::Written { .. }) { StateOutcome::Counted { sum } } else { outcome })
        }
        StateWrite::Expire { ttl, .. } => {
            let existed = seen.is_some();
            if existed {
                expire(tx, place, key, end(tx, *ttl)).await?;
            }
            Ok(StateOutcome::Expiring { existed })
        }
        StateWrite::Delete { .. } => {
            let existed = seen.is_some();
            if let Some(row) = &row {
                delete(tx, place.space, key, row).await?;
            }
            Ok(StateOutcome::Deleted { existed })
        }
    }
}

fn end(tx: &Tx, ttl: Option<Duration>) -> Option<Timestamp> {
    ttl.map(|ttl| tx.now.plus(ttl))
}

fn number_of(entry: &Entry) -> Option<i64> {
    std::str::from_utf8(entry.short.as_deref()?).ok()?.parse().ok()
}

/// Writes the value of a key whose row, if there is one, is `row`.
async fn put(
    tx: &mut Tx,
    Place { space, epoch }: Place<'_>,
    change: &StateChange,
    row: Option<&Entry>,
    value: &[u8],
    end: Option<Timestamp>,
) -> Done<StateOutcome> {
    let key = change.write.key();
    let next = match room(tx, space, change, row, value).await? {
        Ok(next) => next,
        // What has ended makes room, unless the key's own row is part of what would be taken
        // away: then its size is counted already.
        Err(full) => {
            if sweep::of_space(tx, space, key).await? == 0 {
                return Ok(full);
            }
            match room(tx, space, change, row, value).await? {
                Ok(next) => next,
                Err(full) => return Ok(full),
            }
        }
    };
    let statement = query(
        "insert into state (tenant, agent, instance, generation, key, value, revision, epoch, updated_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (tenant, agent, instance, generation, key) do update set
            value = excluded.value, revision = excluded.revision, epoch = excluded.epoch,
            updated_at = excluded.updated_at, expires_at = excluded.expires_at",
    );
    space
        .bind(statement)?
        .bind(key.as_bytes())
        .bind(value)
        .bind(number(next.revision)?)
        .bind(number(epoch)?)
        .bind(tx.now.as_millis())
        .bind(end.map(Timestamp::as_millis))
        .execute(&mut tx.connection)
        .await?;
    set_usage(tx, space, next).await?;
    Ok(StateOutcome::Written { revision: next.revision })
}

/// What the space will hold with the value in it, or what keeps it out.
async fn room(
    tx: &mut Tx,
    space: StateSpace<'_>,
    change: &StateChange,
    row: Option<&Entry>,
    value: &[u8],
) -> Done<Result<Usage, StateOutcome>> {
    let usage = usage(tx, space).await?;
    let size = value.len() as u64;
    let mut next = Usage { revision: usage.revision + 1, ..usage };
    match row {
        Some(row) => next.bytes = usage.bytes.saturating_sub(row.bytes) + size,
        None => {
            next.keys += 1;
            next.bytes += change.write.key().len() as u64 + size;
        }
    }
    // A space that is over a quota made smaller can still shrink.
    let (more_keys, more_bytes) = (next.keys.saturating_sub(usage.keys), next.bytes.saturating_sub(usage.bytes));
    let full = |which, maximum| Ok(Err(StateOutcome::Full { which, maximum }));
    if more_keys > 0 && next.keys > change.keys_max {
        return full(Quota::Keys, change.keys_max);
    }
    if more_bytes > 0 && next.bytes > change.bytes_max {
        return full(Quota::Bytes, change.bytes_max);
    }
    if more_keys > 0 || more_bytes > 0 {
        let (in_all, most) = (in_all(tx, space).await?, change.in_all);
        if more_keys > 0 && in_all.keys.saturating_add(more_keys) > most.keys {
            return full(Quota::KeysInAll, most.keys);
        }
        if more_bytes > 0 && in_all.bytes.saturating_add(more_bytes) > most.bytes {
            return full(Quota::BytesInAll, most.bytes);
        }
    }
    Ok(Ok(next))
}

/// What all key spaces hold of the copy that one is of. Nobody adds it up: what changes one of them
/// changes the sum (`0023_state_totals.sql`).
async fn in_all(tx: &mut Tx, space: StateSpace<'_>) -> Done<StateLimits> {
    let statement = query("select keys, bytes from state_totals where tenant = $1 and agent = $2 and generation = $3");
    let statement = statement.bind(space.tenant.as_str()).bind(space.agent.as_str()).bind(number(space.generation)?);
    let row = statement.fetch_optional(&mut tx.connection).await?;
    row.map_or(Ok(StateLimits { bytes: 0, keys: 0 }), |row| {
        Ok(StateLimits { bytes: row.number("bytes")?, keys: row.number("keys")? })
    })
}

async fn expire(tx: &mut Tx, Place { space, epoch }: Place<'_>, key: &str, end: Option<Timestamp>) -> Done<()> {
    let statement = query(
        "update state set expires_at = $6, epoch = $7
         where tenant = $1 and agent = $2 and instance = $3 and generation = $4 and key = $5",
    );
    space
        .bind(statement)?
        .bind(key.as_bytes())
        .bind(end.map(Timestamp::as_millis))
        .bind(number(epoch)?)
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

async fn delete(tx: &mut Tx, space: StateSpace<'_>, key: &str, row: &Entry) -> Done<()> {
    let statement =
        query("delete from state where tenant = $1 and agent = $2 and instance = $3 and generation = $4 and key = $5");
    space.bind(statement)?.bind(key.as_bytes()).execute(&mut tx.connection).await?;
    let mut usage = usage(tx, space).await?;
    usage.keys = usage.keys.saturating_sub(1);
    usage.bytes = usage.bytes.saturating_sub(key.len() as u64 + row.bytes);
    set_usage(tx, space, usage).await
}

async fn entry(tx: &mut Tx, space: StateSpace<'_>, key: &str) -> Done<Option<Entry>> {
    let statement = query(
        "select octet_length(value) as bytes, revision, expires_at,
                case when octet_length(value) <= $6 then value end as short
         from state where tenant = $1 and agent = $2 and instance = $3 and generation = $4 and key = $5",
    );
    let row =
        space.bind(statement)?.bind(key.as_bytes()).bind(NUMBER_BYTES_MAX).fetch_optional(&mut tx.connection).await?;
    row.map(|row| {
        Ok(Entry {
            bytes: row.number("bytes")?,
            revision: row.number("revision")?,
            expires_at: row.at_option("expires_at")?,
            short: row.get_as("short")?,
        })
    })
    .transpose()
}

async fn usage(tx: &mut Tx, space: StateSpace<'_>) -> Done<Usage> {
    let statement = query(
        "select keys, bytes, revision from state_usage
         where tenant = $1 and agent = $2 and instance = $3 and generation = $4",
    );
    let row = space.bind(statement)?.fetch_optional(&mut tx.connection).await?;
    row.map_or(Ok(Usage::default()), |row| {
        Ok(Usage { keys: row.number("keys")?, bytes: row.number("bytes")?, revision: row.number("revision")? })
    })
}

async fn set_usage(tx: &mut Tx, space: StateSpace<'_>, usage: Usage) -> Done<()> {
    let statement = query(
        "insert into state_usage (tenant, agent, instance, generation, keys, bytes, revision)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (tenant, agent, instance, generation) do update set
            keys = excluded.keys, bytes = excluded.bytes, revision = excluded.revision",
    );
    space
        .bind(statement)?
        .bind(number(usage.keys)?)
        .bind(number(usage.bytes)?)
        .bind(number(usage.revision)?)
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}
