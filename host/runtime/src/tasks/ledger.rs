//! The sandbox's ledger, over the store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use troupe_core::approval::AskedApproval;
use troupe_core::{
    ApprovalId, ArtifactOutcome, AskOutcome, Awaited, Child, Code, Error, KeySpace, LockChange, LockOutcome,
    PublishOutcome, Result, TaskId,
};
use troupe_sandbox::{
    ApprovalAsk, ApprovalStands, Ask, Entry, JournalRow, Ledger, NewArtifact, Publish, StateChange, StateOutcome,
    StateWrite,
};
use troupe_store::{ArtifactCommit, ArtifactPlace, LockCommit, Publication, PublishCommit, Quota, StateLimits};

use super::accepted::Accepted;
use super::children::Asking;
use crate::blocking::blocking;
use crate::{Runtime, events, locks};

/// The durable side of one attempt, and the host that it is of.
#[derive(Debug)]
pub(crate) struct StoreLedger(pub(crate) Arc<Accepted>, pub(crate) Runtime);

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
        let answer = self.0.commit(rows, Some((stored_change(change, self.1.state), journalled(row)))).await?;
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

    async fn ask(&mut self, rows: Vec<JournalRow>, row: JournalRow, ask: Ask) -> Result<AskOutcome> {
        let rows: Vec<_> = rows.into_iter().map(journalled).collect();
        let (agent, skill) = (ask.agent.clone(), ask.skill.clone());
        let Asking { room, ask } = match self.1.asked_by_agent(self.0.asks_as().await?, ask).await? {
            Ok(asking) => asking,
            Err(outcome) => {
                // Nothing comes of it but the row that says so.
                let answer = encoded_ask(&outcome, agent.as_str(), skill.as_str());
                let row = JournalRow { answer, write: false, ..row };
                self.0.commit(rows.into_iter().chain([journalled(row)]).collect(), None).await?;
                return Ok(outcome);
            }
        };
        let answer = self.0.commit_ask(rows, ask, journalled(row)).await?;
        if let Some(child) = &answer.made {
            self.1.push(child);
        }
        drop(room);
        Ok(answer.outcome)
    }

    async fn cancel_child(&mut self, rows: Vec<JournalRow>, row: JournalRow, task: TaskId) -> Result<bool> {
        let rows = rows.into_iter().map(journalled).collect();
        let encode = |is_child| troupe_sandbox::Answer::of_child_cancel(is_child).encode();
        self.0.commit_child_cancel(rows, task, journalled(row), encode).await
    }

    async fn publish(&mut self, rows: Vec<JournalRow>, row: JournalRow, publish: Publish) -> Result<PublishOutcome> {
        let rows: Vec<_> = rows.into_iter().map(journalled).collect();
        let Publish { draft, delay_ms } = publish;
        let commit = PublishCommit { draft, delay: Duration::from_millis(delay_ms), encode: encoded_position };
        let outcome = match self.0.commit_publish(rows.clone(), commit, journalled(row.clone())).await {
            Ok(published) => {
                events::meter(&published);
                let (Publication::New(event) | Publication::Existing(event)) = published;
                return Ok(PublishOutcome::Published(event.position));
            }
            Err(error) => refused_publish(error)?,
        };
        // Nothing comes of it but the row that says so.
        let row = JournalRow { answer: encoded_publish(&outcome), write: false, ..row };
        self.0.commit(rows.into_iter().chain([journalled(row)]).collect(), None).await?;
        Ok(outcome)
    }

    async fn artifact(
        &mut self,
        rows: Vec<JournalRow>,
        row: JournalRow,
        artifact: NewArtifact,
    ) -> Result<ArtifactOutcome> {
        self.0.require_kept()?;
        let rows = rows.into_iter().map(journalled).collect();
        let NewArtifact { name, media_type, draft } = artifact;
        let (size, digest) = (draft.size(), draft.digest());
        let artifacts = self.1.artifacts.clone();
        let synced = blocking(move || draft.synced()).await?;
        let keeping = artifacts.keeping().await;
        // Nobody removes the bytes before the commit has named them.
        let keeping = blocking(move || artifacts.keep(synced, &keeping).map(|()| keeping)).await?;
        let place = ArtifactPlace { home: self.1.place.home.clone(), address: self.1.place.address.clone() };
        let artifact = ArtifactCommit { name, media_type, size, digest, place, encode: encoded_artifact };
        let outcome = self.0.commit_artifact(rows, artifact, journalled(row)).await;
        drop(keeping);
        // What no row names goes at once. After an error nobody knows yet whether one does.
        if let Ok(ArtifactOutcome::Full(_)) = &outcome {
            self.1.sweep_soon();
        }
        outcome
    }

    async fn child(&mut self, task: TaskId) -> Result<Option<Child>> {
        self.0.store.child(&self.0.pin.tenant, self.0.pin.task, task).await
    }

    async fn children(&mut self, limit: u32) -> Result<Vec<Child>> {
        self.0.store.children(&self.0.pin.tenant, self.0.pin.task, limit).await
    }

    async fn ask_approval(
        &mut self,
        rows: Vec<JournalRow>,
        row: JournalRow,
        ask: ApprovalAsk,
    ) -> Result<AskedApproval> {
        let rows = rows.into_iter().map(journalled).collect();
        let (task, latest, configuration) = self.0.under_way().await?;
        let ask = self.1.approval_of_action(&task, configuration, ask, latest).await?;
        let asked = self.0.commit_approval(rows, ask, journalled(row)).await?;
        if let AskedApproval::Made { .. } = asked {
            self.1.approval_was_asked(&self.0.pin.agent);
        }
        Ok(asked)
    }

    async fn approval(&mut self, approval: ApprovalId) -> Result<Option<ApprovalStands>> {
        self.1.approval_of_agent(&self.0.pin.tenant, self.0.pin.task, approval).await
    }

    async fn awaited_over(&mut self, awaited: Awaited) -> Result<bool> {
        self.0.store.has_come_to_pass(&self.0.pin.tenant, awaited).await
    }

    fn locks_moved(&self) -> Option<watch::Receiver<u64>> {
        Some(self.0.store.watch_locks())
    }

    fn may_suspend(&self) -> bool {
        self.0.is_kept() && self.1.timed.has_room(&self.0.pin.tenant)
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

/// The answer to asking for a skill of an agent, as the journal keeps it.
pub(super) fn encoded_ask(outcome: &AskOutcome, agent: &str, skill: &str) -> Vec<u8> {
    troupe_sandbox::Answer::of_ask(outcome, agent, skill).encode()
}

/// What the agent is told of an event that is not accepted.
///
/// # Errors
/// What ends its invocation.
fn refused_publish(error: Error) -> Result<PublishOutcome> {
    match error.code {
        Code::LimitEvents => Ok(PublishOutcome::Full(error.message)),
        Code::LimitDescendants => Ok(PublishOutcome::Descendants),
        Code::ConflictIdempotency | Code::RequestInvalid => Ok(PublishOutcome::Invalid(error.message)),
        _ => Err(error),
    }
}

fn encoded_publish(outcome: &PublishOutcome) -> Vec<u8> {
    troupe_sandbox::Answer::of_publish(outcome).encode()
}

fn encoded_position(position: u64) -> Vec<u8> {
    encoded_publish(&PublishOutcome::Published(position))
}

fn encoded_artifact(outcome: &ArtifactOutcome) -> Vec<u8> {
    troupe_sandbox::Answer::of_artifact(outcome).encode()
}

fn encoded_lock(outcome: &LockOutcome) -> Vec<u8> {
    troupe_sandbox::Answer::of_lock(outcome).encode()
}
