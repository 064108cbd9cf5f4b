//! State: the key spaces of a deployment and of its instances.
//!
//! Each key has a revision, taken from a counter of the key space that only rises: a key
//! that is deleted and made anew never shows a revision it had before, so compare-and-set
//! cannot mistake the new value for the old one. What the space holds is counted beside
//! it in the same commit, so a quota costs one row, not a scan; so is what all spaces of a
//! deployment hold together, since callers may start thousands of instances of it. Keys are
//! compared as bytes; a prefix has no wildcards.
//!
//! A key may have an end. From then on it is absent to every read and write; its row is
//! taken away by the next write of the key, by a write that needs the room, or by
//! [`Store::sweep_state`].
//!
//! A release that keeps state in another form gets a copy of all spaces of its deployment, which
//! takes their place if all goes well (`state/copy.rs`).
//!
//! Which space a statement works on is a [`StateSpace`] and nothing else, so that no part of it
//! can be forgotten, nor come from a key. The keys of an instance go with it, when it was
//! stopped and nothing of it is under way any more (`state/clear.rs`).

/// Whether state of the agent that a row of `$table` is of is brought to another form just now,
/// by a swap that `$which` says more of.
macro_rules! migrating {
    ($table:literal, $which:literal) => {
        concat!(
            "exists (select 1 from swaps where swaps.tenant = ",
            $table,
            ".tenant and swaps.agent = ",
            $table,
            ".agent and swaps.in_charge = 1 and swaps.state like '{\"phase\":\"migrating\"%'",
            $which,
            ")"
        )
    };
}

mod clear;
mod copy;
mod generations;
mod space;
mod sweep;
mod write;

use troupe_core::{Result, Timestamp};

use crate::Store;
use crate::fault::Done;
use crate::rows::{Columns as _, broken};
use crate::sql::{Connection, query};
pub use copy::StateCopy;
pub(crate) use copy::check_complete;
pub use space::StateSpace;
pub use write::{Quota, StateChange, StateLimits, StateOutcome, StateWrite};
pub(crate) use write::{apply, check_generation};

impl Store {
    /// Reads a key's value and revision.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn state_get(&self, space: StateSpace<'_>, key: &str) -> Result<Option<(Vec<u8>, u64)>> {
        Ok(get(&mut self.reader().await?, space, key, self.now()).await?)
    }

    /// Lists at most `limit` keys that begin with `prefix` and come after `after`, in the
    /// order of their bytes.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn state_list(
        &self,
        space: StateSpace<'_>,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>> {
        Ok(list(&mut self.reader().await?, space, (prefix, after), limit, self.now()).await?)
    }
}

async fn get(
    connection: &mut dyn Connection,
    space: StateSpace<'_>,
    key: &str,
    now: Timestamp,
) -> Done<Option<(Vec<u8>, u64)>> {
    let statement = query(
        "select value, revision from state
         where tenant = $1 and agent = $2 and instance = $3 and generation = $4 and key = $5
           and (expires_at is null or expires_at > $6)",
    );
    let row = space.bind(statement)?.bind(key.as_bytes()).bind(now.as_millis()).fetch_optional(connection).await?;
    row.map(|row| Ok((row.get_as("value")?, row.number("revision")?))).transpose()
}

async fn list(
    connection: &mut dyn Connection,
    space: StateSpace<'_>,
    (prefix, after): (&str, Option<&str>),
    limit: u32,
    now: Timestamp,
) -> Done<Vec<String>> {
    let (from, to) = range(prefix, after);
    let statement = query(
        "select key from state
         where tenant = $1 and agent = $2 and instance = $3 and generation = $4 and key >= $5 and key < $6
           and (expires_at is null or expires_at > $7)
         order by key limit $8",
    );
    let rows = space
        .bind(statement)?
        .bind(from)
        .bind(to)
        .bind(now.as_millis())
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
