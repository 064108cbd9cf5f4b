//! How much of a task is on disk.
//!
//! A call whose caller waits and whose id nobody holds needs no row until it writes, its
//! wait ends, or it ends itself: an answer and its row then share one commit.
//!
//! ```text
//! NotYet ──first write, end of the wait──▶ Yes ──end, retry, suspension──▶ Over(row)
//!    └──────────────end, retry, suspension─────────────────────────────────▶  │
//!    └──── one that could not be kept ────▶ Over(None) ◂── from Yes ──────────┘
//! ```
//!
//! What hands a change of this to the store must wait for its answer: whoever may be
//! dropped in the middle runs it in a task of its own.

use tokio::sync::{Mutex, MutexGuard};
use troupe_core::approval::AskedApproval;
use troupe_core::{ArtifactOutcome, Caller, Code, Error, LockOutcome, Result, TaskId, Timestamp};
use troupe_store::{
    ApprovalCommit, ArtifactCommit, AskAnswer, AskCommit, Commit, CommitAnswer, Decided, FailedTry, JournalHead,
    JournalRow, LockCommit, Pin, Publication, PublishCommit, Rest, StateChange, Store, TaskEnd, TaskRow,
};

use super::decided::tells;
use super::run::latest;

/// One attempt of a task, and how far the store knows of it.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) store: Store,
    pub(crate) pin: Pin,
    head: JournalHead,
    /// Whether anything of it is ever on disk.
    is_kept: bool,
    state: Mutex<Kept>,
}

#[derive(Debug)]
enum Kept {
    /// On disk.
    Yes(TaskRow),
    /// Not yet on disk.
    NotYet(TaskRow),
    /// Never to be on disk, by the caller's wish.
    Never(TaskRow),
    /// The attempt has ended, or this run of it: with its last row, or without one if that
    /// was not kept.
    Over(Option<TaskRow>),
}

impl Accepted {
    /// An attempt that was claimed from the store.
    pub(crate) fn claimed(store: Store, pin: Pin, head: JournalHead, row: TaskRow) -> Self {
        Self { store, pin, head, is_kept: true, state: Mutex::new(Kept::Yes(row)) }
    }

    /// An attempt that runs before anything of it is on disk.
    pub(crate) fn held(store: Store, pin: Pin, head: JournalHead, row: TaskRow) -> Self {
        Self { store, pin, head, is_kept: true, state: Mutex::new(Kept::NotYet(row)) }
    }

    /// An attempt of which nothing will be on disk.
    pub(crate) fn fleeting(store: Store, pin: Pin, head: JournalHead, row: TaskRow) -> Self {
        Self { store, pin, head, is_kept: false, state: Mutex::new(Kept::Never(row)) }
    }

    /// Whether the attempt's journal is kept, so that it can be resumed.
    pub(crate) const fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Whether nothing of the attempt is on disk, or on its way there.
    pub(crate) fn is_unknown(&self) -> bool {
        self.state.try_lock().is_ok_and(|state| matches!(&*state, Kept::NotYet(_)))
    }

    /// Puts the task on disk as running, if it is not there, and returns its row as it then
    /// is; that of an attempt which has ended meanwhile is its last.
    pub(crate) async fn keep(&self) -> Result<TaskRow> {
        let mut state = self.state.lock().await;
        let row = match &*state {
            Kept::Yes(row) | Kept::Over(Some(row)) => return Ok(row.clone()),
            Kept::Never(_) => return Err(keeps_nothing()),
            Kept::Over(None) => return Err(self.lost()),
            Kept::NotYet(row) => self.store.begin(row.clone(), &self.head).await?,
        };
        *state = Kept::Yes(row.clone());
        Ok(row)
    }

    /// Commits rows, and a state write with its own row if there is one.
    pub(crate) async fn commit(
        &self,
        journal: Vec<JournalRow>,
        write: Option<(StateChange, JournalRow)>,
    ) -> Result<CommitAnswer> {
        let only_reads = write.is_none() && journal.iter().all(|row| !row.write);
        let commit = Commit { pin: self.pin.clone(), journal, write, end: None };
        self.committed(self.store.commit(commit), only_reads.then_some(CommitAnswer { state: None })).await
    }

    /// Commits rows, and a change of a lock with its own row.
    pub(crate) async fn commit_lock(
        &self,
        journal: Vec<JournalRow>,
        lock: LockCommit,
        row: JournalRow,
    ) -> Result<LockOutcome> {
        self.committed(self.store.commit_lock(&self.pin, journal, lock, row), None).await
    }

    /// Commits rows, and a task that another agent is asked for with the row of the call.
    pub(crate) async fn commit_ask(
        &self,
        journal: Vec<JournalRow>,
        ask: AskCommit,
        row: JournalRow,
    ) -> Result<AskAnswer> {
        self.committed(self.store.commit_ask(&self.pin, journal, ask, row), None).await
    }

    /// Commits rows, and an approval that people are asked for with the row of the call.
    pub(crate) async fn commit_approval(
        &self,
        journal: Vec<JournalRow>,
        ask: ApprovalCommit,
        row: JournalRow,
    ) -> Result<AskedApproval> {
        self.committed(self.store.commit_approval(&self.pin, journal, ask, row), None).await
    }

    /// Whom the task is for, as whoever asks for what its agent asks for, and what its calls go by in a canary.
    pub(crate) async fn asks_as(&self) -> Result<(Caller, Option<String>)> {
        match &*self.state.lock().await {
            Kept::Yes(row) | Kept::NotYet(row) | Kept::Never(row) => {
                Ok((Caller::absent(&row.tenant, &row.principal), row.affinity.clone()))
            }
            Kept::Over(_) => Err(self.lost()),
        }
    }

    /// The task as it runs, when its time is over, and the revision of the configuration that it runs under.
    pub(crate) async fn under_way(&self) -> Result<(TaskRow, Timestamp, u64)> {
        match &*self.state.lock().await {
            Kept::Yes(row) | Kept::NotYet(row) => {
                Ok((row.clone(), latest(row, &self.head), self.head.configuration_revision))
            }
            Kept::Never(_) => Err(keeps_nothing()),
            Kept::Over(_) => Err(self.lost()),
        }
    }

    /// Commits rows, and an event that is published with the row of the call.
    pub(crate) async fn commit_publish(
        &self,
        journal: Vec<JournalRow>,
        publish: PublishCommit,
        row: JournalRow,
    ) -> Result<Publication> {
        self.committed(self.store.commit_publish(&self.pin, journal, publish, row), None).await
    }

    /// Commits rows, and an artefact with the row of the call.
    pub(crate) async fn commit_artifact(
        &self,
        journal: Vec<JournalRow>,
        artifact: ArtifactCommit,
        row: JournalRow,
    ) -> Result<ArtifactOutcome> {
        let outcome = self.committed(self.store.commit_artifact(&self.pin, journal, artifact, row), None).await?;
        if let (ArtifactOutcome::Kept(kept), Kept::Yes(row)) = (&outcome, &mut *self.state.lock().await) {
            // Its end is told by this row.
            row.artifacts.push(kept.clone());
        }
        Ok(outcome)
    }

    /// Checks that something of the attempt is kept.
    ///
    /// # Errors
    /// [`Code::DeniedCapability`] if its caller wants nothing kept.
    pub(crate) fn require_kept(&self) -> Result<()> {
        if self.is_kept { Ok(()) } else { Err(keeps_nothing()) }
    }

    /// Commits rows, and that the end of a task is asked for that this one has asked for, with the row of the call.
    pub(crate) async fn commit_child_cancel(
        &self,
        journal: Vec<JournalRow>,
        child: TaskId,
        row: JournalRow,
        encode: fn(bool) -> Vec<u8>,
    ) -> Result<bool> {
        self.committed(self.store.commit_child_cancel(&self.pin, journal, child, row, encode), None).await
    }

    /// Has the store commit, with the task if that is not on disk. Of one that is never kept it is
    /// answered with `if_never`.
    async fn committed<T>(&self, committing: impl Future<Output = Result<T>>, if_never: Option<T>) -> Result<T> {
        let mut state = self.state.lock().await;
        match &*state {
            Kept::Yes(_) => committing.await,
            Kept::NotYet(row) => {
                // Handed over together, so that both share one sync of the disk. Without the first the second is nothing,
                // and is not waited for.
                let committing = async { Ok(committing.await) };
                let (begun, committed) = tokio::try_join!(self.store.begin(row.clone(), &self.head), committing)?;
                *state = Kept::Yes(begun);
                committed
            }
            Kept::Never(_) => if_never.ok_or_else(keeps_nothing),
            Kept::Over(_) => Err(self.lost()),
        }
    }

    /// Ends the task with the rows that no commit has taken yet. After an error that may
    /// pass, the same end may be tried again.
    pub(crate) async fn end(&self, journal: Vec<JournalRow>, end: TaskEnd) -> Result<TaskRow> {
        let mut state = self.state.lock().await;
        let ended = |row: &TaskRow| TaskRow {
            status: end.status,
            output: end.output.clone(),
            failure: end.failure.clone(),
            usage: row.usage.and(end.used),
            ended_at: Some(end.ended_at),
            lease: None,
            ..row.clone()
        };
        let row = match &*state {
            Kept::Never(row) => {
                let row = ended(row);
                if tells(row.failure.as_ref(), &end.decided.entries) {
                    self.store.audit_task(&row, end.decided).await?;
                }
                row
            }
            Kept::NotYet(row) => {
                let row = ended(row);
                self.store.record(row.clone(), &self.head, journal, end.decided).await?;
                row
            }
            Kept::Yes(row) => {
                let row = ended(row);
                let commit = Commit { pin: self.pin.clone(), journal, write: None, end: Some(end) };
                self.store.commit(commit).await?;
                row
            }
            Kept::Over(_) => return Err(self.lost()),
        };
        *state = Kept::Over(Some(row.clone()));
        Ok(row)
    }

    /// Suspends the task with the rows that no commit has taken yet: this run of the attempt
    /// is over. After an error that may pass, the same may be tried again.
    pub(crate) async fn suspend(&self, journal: Vec<JournalRow>, rest: Rest, decided: Decided) -> Result<TaskRow> {
        self.leave(self.store.suspend(&self.pin, journal, rest, decided)).await
    }

    /// Ends the attempt, but not its task, with the rows that no commit has taken yet. After an error
    /// that may pass, the same may be tried again.
    pub(crate) async fn retry(&self, journal: Vec<JournalRow>, failed: FailedTry) -> Result<TaskRow> {
        self.leave(self.store.retry(&self.pin, journal, failed)).await
    }

    /// Has the store take leave of this run.
    async fn leave(&self, leaving: impl Future<Output = Result<TaskRow>>) -> Result<TaskRow> {
        let mut state = self.state.lock().await;
        let row = match &*state {
            Kept::Yes(_) => leaving.await?,
            Kept::NotYet(row) => {
                // As in `committed`.
                let leaving = async { Ok(leaving.await) };
                let (begun, left) = tokio::try_join!(self.store.begin(row.clone(), &self.head), leaving)?;
                *state = Kept::Yes(begun);
                left?
            }
            Kept::Never(_) => return Err(keeps_nothing()),
            Kept::Over(_) => return Err(self.lost()),
        };
        *state = Kept::Over(Some(row.clone()));
        Ok(row)
    }

    /// Nothing more becomes of the attempt. What of it is on disk is settled when its lease
    /// has run out.
    pub(crate) async fn give_up(&self) {
        let mut state: MutexGuard<'_, Kept> = self.state.lock().await;
        if !matches!(&*state, Kept::Over(_)) {
            *state = Kept::Over(None);
        }
    }

    fn lost(&self) -> Error {
        let message =
            format!("the end of task {} could not be kept; look at the task before asking again", self.pin.task);
        Error::new(Code::UnavailableStore, message)
    }
}

fn keeps_nothing() -> Error {
    Error::new(Code::DeniedCapability, "a task of durability `none` cannot write; ask without it")
}
