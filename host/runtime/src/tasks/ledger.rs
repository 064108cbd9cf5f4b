//! The sandbox's ledger, over the store.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use troupe_core::{KeySpace, LockChange, LockOutcome, Result};
use troupe_sandbox::{Entry, JournalRow, Ledger, StateChange, StateOutcome, StateWrite};
use troupe_store::{LockCommit, Quota, StateLimits};

use super::accepted::Accepted;
use super::timed::Timed;
use crate::locks;

/// The durable side of one attempt, how many tasks are suspended beside it, and what all key spaces of
/// its deployment may hold.
#[derive(Debug)]
pub(crate) struct StoreLedger(pub(crate) Arc<Accepted>, pub(crate) Timed, pub(crate) StateLimits);

#[async_trait]
impl Ledger for StoreLedger {
    async fn get(&mut self, space: KeySpace, key: &str) -> Result<Option<Entry>> {
        let found = self.0.store.state_get(self.0.pin.space(space)?, key).await?;
        Ok(found.map(|(value, revision)| Entry { value, revision }))
    }

    async fn list(&mut self, space: KeySpace, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        self.0.store.state_list(self.0.pin.space(space)?, prefix, after, limit).await
    }

    async fn write(&mut self, rows: Vec<JournalRow>, row: JournalRow, change: StateChange) -> Result<StateOutcome> {
        let rows = rows.into_iter().map(journalled).collect();
        let answer = self.0.commit(rows, Some((stored_change(change, self.2), journalled(row)))).await?;
        let outcome =
            answer.state.ok_or_else(|| troupe_core::Error::internal("the store did not say what it wrote"))?;
        Ok(stored_outcome(&outcome))
    }

    async fn record(&mut self, rows: Vec<JournalRow>) -> Result<()> {
        self.0.commit(rows.into_iter().map(journalled).collect(), None).await.map(drop)
    }

    async fn lock(&mut self, rows: Vec<JournalRow>, row: JournalRow, change: LockChange) -> Result<LockOutcome> {
        let rows = rows.into_iter().map(journalled).collect();
        let lock = LockCommit { change, encode: encoded_lock };
        let outcome = self.0.commit_lock(rows, lock, journalled(row)).await?;
        locks::meter(&self.0.pin.agent, &outcome);
        Ok(outcome)
    }

    async fn lock_settled(&mut self, number: u64) -> Result<bool> {
        self.0.store.lock_settled(&self.0.pin, number).await
    }

    fn locks_moved(&self) -> Option<watch::Receiver<u64>> {
        Some(self.0.store.watch_locks())
    }

    fn may_suspend(&self) -> bool {
        self.0.is_kept() && self.1.has_room(&self.0.pin.tenant)
    }
}

/// A journal row as the store keeps it.
pub(crate) fn journalled(row: JournalRow) -> troupe_store::JournalRow {
    let JournalRow { number, at, call, answer, write } = row;
    troupe_store::JournalRow { number, at, call, answer: (!answer.is_empty()).then_some(answer), write }
}

/// A journal row as the sandbox reads it.
pub(crate) fn recorded(row: troupe_store::JournalRow) -> JournalRow {
    let troupe_store::JournalRow { number, at, call, answer, write } = row;
    JournalRow { number, at, call, answer: answer.unwrap_or_default(), write }
}

/// A change of state as the store makes it.
pub(crate) fn stored_change(change: StateChange, in_all: StateLimits) -> troupe_store::StateChange {
    let StateChange { space, write, bytes_max, keys_max, fence } = change;
    troupe_store::StateChange { space, write: stored(write), bytes_max, keys_max, in_all, fence, encode: encoded }
}

fn stored(write: StateWrite) -> troupe_store::StateWrite {
    match write {
        StateWrite::Set { key, value, ttl } => troupe_store::StateWrite::Set { key, value, ttl },
        StateWrite::CompareAndSet { key, expected, value, ttl } => {
            troupe_store::StateWrite::CompareAndSet { key, expected, value, ttl }
        }
        StateWrite::Increment { key, delta } => troupe_store::StateWrite::Increment { key, delta },
        StateWrite::Expire { key, ttl } => troupe_store::StateWrite::Expire { key, ttl },
        StateWrite::Delete { key } => troupe_store::StateWrite::Delete { key },
    }
}

/// What came of a change in the store.
pub(crate) fn stored_outcome(outcome: &troupe_store::StateOutcome) -> StateOutcome {
    match *outcome {
        troupe_store::StateOutcome::Written { revision } => StateOutcome::Written(revision),
        troupe_store::StateOutcome::Counted { sum } => StateOutcome::Counted(sum),
        troupe_store::StateOutcome::Expiring { existed } => StateOutcome::Expiring(existed),
        troupe_store::StateOutcome::NotANumber => StateOutcome::NotANumber,
        troupe_store::StateOutcome::Overflow => StateOutcome::Overflow,
        troupe_store::StateOutcome::Deleted { existed } => StateOutcome::Deleted(existed),
        troupe_store::StateOutcome::Conflict { found } => StateOutcome::Conflict(found),
        troupe_store::StateOutcome::Stale { newest } => StateOutcome::Stale(newest),
        troupe_store::StateOutcome::Full { which: Quota::Bytes, maximum } => StateOutcome::BytesFull(maximum),
        troupe_store::StateOutcome::Full { which: Quota::Keys, maximum } => StateOutcome::KeysFull(maximum),
        troupe_store::StateOutcome::Full { which: Quota::BytesInAll, maximum } => StateOutcome::BytesInAllFull(maximum),
        troupe_store::StateOutcome::Full { which: Quota::KeysInAll, maximum } => StateOutcome::KeysInAllFull(maximum),
    }
}

/// The answer as the journal keeps it.
fn encoded(space: KeySpace, outcome: &troupe_store::StateOutcome) -> Vec<u8> {
    troupe_sandbox::Answer::of_change(space, &stored_outcome(outcome)).encode()
}

fn encoded_lock(outcome: &LockOutcome) -> Vec<u8> {
    troupe_sandbox::Answer::of_lock(outcome).encode()
}
