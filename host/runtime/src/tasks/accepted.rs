//! How much of a task is on disk.
//!
//! A call whose caller waits and whose id nobody holds needs no row until it writes, its
//! wait ends, or it ends itself: an answer and its row then share one commit.

use tokio::sync::{Mutex, MutexGuard};
use troupe_core::view::TaskStatus;
use troupe_core::{Code, Error, Result};
use troupe_store::{
    Commit, CommitAnswer, Creation, JournalHead, JournalRow, Pin, StateChange, Store, TaskEnd, TaskRow,
};

/// One attempt of a task, and how far the store knows of it.
#[derive(Debug)]
pub(crate) struct Accepted {
    store: Store,
    pub(crate) pin: Pin,
    head: JournalHead,
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
}

impl Accepted {
    /// An attempt that was claimed from the store.
    pub(crate) fn claimed(store: Store, pin: Pin, head: JournalHead, row: TaskRow) -> Self {
        Self { store, pin, head, state: Mutex::new(Kept::Yes(row)) }
    }

    /// An attempt that runs before anything of it is on disk.
    pub(crate) fn held(store: Store, pin: Pin, head: JournalHead, row: TaskRow) -> Self {
        Self { store, pin, head, state: Mutex::new(Kept::NotYet(row)) }
    }

    /// An attempt of which nothing will be on disk.
    pub(crate) fn fleeting(store: Store, pin: Pin, head: JournalHead, row: TaskRow) -> Self {
        Self { store, pin, head, state: Mutex::new(Kept::Never(row)) }
    }

    /// Puts the task on disk as running, if it is not there, and returns its row.
    pub(crate) async fn keep(&self) -> Result<TaskRow> {
        let mut state = self.state.lock().await;
        self.ensure(&mut state).await
    }

    async fn ensure(&self, state: &mut MutexGuard<'_, Kept>) -> Result<TaskRow> {
        match &**state {
            Kept::Yes(row) => Ok(row.clone()),
            Kept::NotYet(row) => {
                let (Creation::New(row) | Creation::Existing(row)) = self.store.begin(row.clone(), &self.head).await?;
                **state = Kept::Yes(row.clone());
                Ok(row)
            }
            Kept::Never(_) => {
                Err(Error::new(Code::DeniedCapability, "a task of durability `none` cannot write; ask without it"))
            }
        }
    }

    /// Commits rows, and a state write with its own row if there is one.
    pub(crate) async fn commit(
        &self,
        journal: Vec<JournalRow>,
        write: Option<(StateChange, JournalRow)>,
    ) -> Result<CommitAnswer> {
        let mut state = self.state.lock().await;
        let only_reads = write.is_none() && journal.iter().all(|row| !row.write);
        if only_reads && matches!(&*state, Kept::Never(_)) {
            return Ok(CommitAnswer { state: None });
        }
        self.ensure(&mut state).await?;
        drop(state);
        self.store.commit(Commit { pin: self.pin.clone(), journal, write, end: None }).await
    }

    /// Ends the task with the rows that no commit has taken yet.
    pub(crate) async fn end(&self, journal: Vec<JournalRow>, end: TaskEnd) -> Result<TaskRow> {
        let mut state = self.state.lock().await;
        let ended = |row: &TaskRow| TaskRow {
            status: end.status,
            output: end.output.clone(),
            failure: end.failure.clone(),
            ended_at: Some(end.ended_at),
            lease: None,
            ..row.clone()
        };
        let row = match &*state {
            Kept::Never(row) => ended(row),
            Kept::NotYet(row) => {
                let row = ended(row);
                self.store.record(row.clone(), &self.head, journal).await?;
                row
            }
            Kept::Yes(row) => {
                let row = ended(row);
                let commit = Commit { pin: self.pin.clone(), journal, write: None, end: Some(end) };
                self.store.commit(commit).await?;
                row
            }
        };
        *state = Kept::Yes(row.clone());
        debug_assert!(row.status != TaskStatus::Running);
        Ok(row)
    }
}
