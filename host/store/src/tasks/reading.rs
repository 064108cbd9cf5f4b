//! What the rows of a journal say, to whoever knows what their bytes mean.
//!
//! A task may end while nobody runs it: cancelled while it was suspended, given up or in
//! doubt after a crash. What was decided in it stands in its rows then, and in nobody's memory.
//!
//! A journal may be long, and while the writer reads one every other write waits. So a
//! transaction that would end such a task first says whose rows it has to be told of, and
//! changes nothing; they are gathered, page by page, and it is run again. There it is enough to
//! count: rows are added and answered, and neither changed nor taken away while a task may
//! still run. So as many, of which the same have no answer, are the same.
//!
//! ```text
//!  transaction ──untold──▶ rows gathered ──told──▶ transaction ──▶ ended
//!                                ▲                      │ it has run meanwhile
//!                                └───────untold─────────┘
//! ```

use std::collections::HashMap;
use std::fmt;

use troupe_core::audit::{AuditEntry, JournalDigest};
use troupe_core::{Code, Error, Result, TaskId, TenantId};

use crate::Store;
use crate::audit::Decided;
use crate::fault::{Done, Failed};
use crate::journal::{self, JournalRow, RowsSeen};
use crate::sql::Connection;
use crate::writer::{Tx, Work};

/// How often rows are gathered for one transaction. A task whose rows are others each time is
/// run by somebody.
const ROUNDS_MAX: u32 = 5;

/// How rows of a journal are read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Returns what a call is called, for messages.
    pub name: fn(&[u8]) -> String,
    /// Begins to gather what was decided in an attempt.
    pub gather: fn() -> Box<dyn Gather>,
}

/// What was decided in an attempt, as its rows tell it one by one.
pub trait Gather: Send {
    /// Takes the next row.
    fn row(&mut self, row: &JournalRow);

    /// What the audit is told.
    fn entries(self: Box<Self>) -> Vec<AuditEntry>;
}

/// An attempt of a task.
pub(super) type AttemptId = (TenantId, TaskId, u32);

/// What rows have told of attempts.
#[derive(Clone, Default)]
pub(super) struct Told(HashMap<AttemptId, (RowsSeen, Decided)>);

/// What came of a transaction that ends tasks which do not run.
pub(super) enum Ending<T> {
    /// It is done.
    Done(T),
    /// Nothing was changed, since the rows of these attempts must be gathered first.
    Untold(Vec<AttemptId>),
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Told").field(&self.0.len()).finish()
    }
}

impl Told {
    /// What the audit is told of an attempt; nothing if its rows are not those that were gathered.
    pub(super) async fn of(&self, connection: &mut dyn Connection, attempt: &AttemptId) -> Done<Option<Decided>> {
        let (tenant, task, number) = attempt;
        if *number == 0 {
            return Ok(Some(Decided::default()));
        }
        let Some((seen, decided)) = self.0.get(attempt) else { return Ok(None) };
        let same = seen.is_all(connection, (tenant, *task, *number)).await?;
        Ok(same.then(|| decided.clone()))
    }
}

impl Store {
    /// Runs a transaction that may end tasks which do not run, and gathers what it must be told.
    ///
    /// # Errors
    /// Those of the transaction; [`Code::UnavailableStore`] if the tasks run time and again
    /// meanwhile.
    pub(super) async fn ending<T, W>(&self, reading: Reading, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Tx, Told) -> Work<'c, Ending<T>> + Clone + Send + 'static,
    {
        let mut told = Told::default();
        for _ in 0..=ROUNDS_MAX {
            let (work, known) = (work.clone(), told.clone());
            match self.write(move |tx| work(tx, known)).await? {
                Ending::Done(done) => return Ok(done),
                Ending::Untold(attempts) => {
                    for attempt in attempts {
                        let gathered = self.gathered(&attempt, reading).await?;
                        told.0.insert(attempt, gathered);
                    }
                }
            }
        }
        Err(Error::new(Code::UnavailableStore, "the task goes on again and again meanwhile; try again"))
    }

    /// What the rows of an attempt tell the audit.
    ///
    /// # Errors
    /// A fault of the host, if a row does not read back; when the store is unavailable.
    pub async fn decided(&self, tenant: &TenantId, task: TaskId, attempt: u32, reading: Reading) -> Result<Decided> {
        Ok(self.gather((tenant, task, attempt), reading).await?.1)
    }

    /// A journal that does not read back keeps no task from its end.
    async fn gathered(&self, attempt: &AttemptId, reading: Reading) -> Result<(RowsSeen, Decided)> {
        let (tenant, task, number) = attempt;
        match self.gather((tenant, *task, *number), reading).await {
            Ok(gathered) => Ok(gathered),
            Err(Failed::Refused(error)) => {
                let cause = error.cause_chain();
                tracing::error!(%tenant, %task, cause, "the audit is not told what was decided in a task: {error}");
                let seen = RowsSeen::now(&mut self.reader().await?, (tenant, *task, *number)).await?;
                Ok((seen, Decided::default()))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn gather(&self, attempt: journal::Attempt<'_>, reading: Reading) -> Done<(RowsSeen, Decided)> {
        let mut gather = (reading.gather)();
        let (mut seen, mut digest) = (RowsSeen::default(), JournalDigest::default());
        self.each_row(attempt, |row| {
            gather.row(&row);
            seen.row(&row);
            digest = std::mem::take(&mut digest).row(row.number, row.at, &row.call, row.answer.as_deref(), row.write);
        })
        .await?;
        Ok((seen, Decided { entries: gather.entries(), journal: Some(digest.finish()) }))
    }
}
