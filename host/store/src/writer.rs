//! The one writer: how many writes become durable at the price of one.
//!
//! ```text
//!  callers ──job──▶ queue ──batch──▶ begin ▶ job ▶ job ▶ … ▶ commit ──answers──▶ callers
//!                   (bounded)                 each in its savepoint     (one sync)
//! ```
//!
//! While one batch is being synced to disk the next one gathers, so the more there is to
//! do the more share a commit. A job that fails rolls back alone; nobody is answered
//! before the commit has succeeded; when the commit fails, every job of the batch is
//! answered with its fault: nothing of it is known to be kept. A job alone in its batch
//! needs no savepoint.
//!
//! After a failed sync the kernel may have dropped the pages it could not write, and a
//! second sync would succeed without them. So the first one is the last: the writer then
//! refuses all work until the host is restarted and SQLite has recovered its log. What
//! that batch wrote may turn up then or not.

mod listeners;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use troupe_core::{Clock, Result, TenantId, Timestamp, limits};

use crate::fault::{Done, Failed, Fault};
pub(crate) use listeners::Listeners;

/// The future of a job's work.
pub(crate) type Work<'c, T> = Pin<Box<dyn Future<Output = Done<T>> + Send + 'c>>;

/// What a job works with: the connection inside the batch's transaction.
#[derive(Debug)]
pub(crate) struct Tx {
    /// The connection.
    pub(crate) connection: SqliteConnection,
    /// The time of the commit.
    pub(crate) now: Timestamp,
    /// The tenants of the events that the jobs so far have added to feeds.
    pub(crate) events: Vec<TenantId>,
    /// Whether a job has ended somebody's wait for a lock, or begun one.
    pub(crate) locks_moved: bool,
}

impl Tx {
    async fn execute(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(sql).execute(&mut self.connection).await.map(drop)
    }
}

/// What became of a job before its batch's commit.
enum Ran {
    Kept,
    Undone(Option<Fault>),
}

/// A write that waits for its turn.
trait Job: Send {
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> Pin<Box<dyn Future<Output = Ran> + Send + 'c>>;
    fn answer(self: Box<Self>, lost: Option<Fault>);
}

struct Typed<T, W> {
    work: Option<W>,
    outcome: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, W> Job for Typed<T, W>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T> + Send + 'static,
{
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> Pin<Box<dyn Future<Output = Ran> + Send + 'c>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Ran::Kept };
            let (ran, outcome) = match work(tx).await {
                Ok(value) => (Ran::Kept, Ok(value)),
                Err(Failed::Refused(error)) => (Ran::Undone(None), Err(error)),
                Err(Failed::Database(error)) => {
                    let fault = Fault::of(&error);
                    (Ran::Undone(Some(fault)), Err(fault.error().with_cause(error)))
                }
            };
            self.outcome = Some(outcome);
            ran
        })
    }

    fn answer(self: Box<Self>, lost: Option<Fault>) {
        let outcome = match (lost, self.outcome) {
            (None, Some(outcome)) => outcome,
            // Even a refusal is void: it may rest on what a lost job of the batch wrote.
            (lost, _) => Err(lost.unwrap_or(Fault::Stopped).error()),
        };
        // A caller that stopped waiting does not want it.
        drop(self.answer.send(outcome));
    }
}

enum Message {
    Job(Box<dyn Job>),
    /// To empty the write-ahead log; the answer is whether it is empty.
    Fold(oneshot::Sender<Result<bool>>),
    Close,
}

/// The way to the writer.
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    listeners: Listeners,
    closing: AtomicBool,
    /// Set once a sync has failed.
    failed: Arc<AtomicBool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("waiting", &(self.queue.max_capacity() - self.queue.capacity())).finish()
    }
}

impl Writer {
    /// Gives the connection to a task of its own. The task ends when every handle is
    /// dropped and what they handed over is done.
    pub(crate) fn start(connection: SqliteConnection, clock: Arc<dyn Clock>) -> Self {
        let (queue, waiting) = mpsc::channel(limits::STORE_QUEUE_MAX);
        let listeners = Listeners::default();
        let tx = Tx { connection, now: clock.now(), events: Vec::new(), locks_moved: false };
        let failed = Arc::new(AtomicBool::new(false));
        let task =
            tokio::spawn(Loop { tx, clock, listeners: listeners.clone(), failed: Arc::clone(&failed) }.run(waiting));
        Self { queue, listeners, closing: AtomicBool::new(false), failed, task: Mutex::new(Some(task)) }
    }

    pub(crate) const fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Message::Job(Box::new(Typed { work: Some(work), outcome: None, answer }));
        if self.closing.load(Ordering::Acquire) || self.queue.send(job).await.is_err() {
            return Err(self.gone());
        }
        answered.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Copies all that was committed into the database and empties the write-ahead log, in
    /// which what was overwritten may still be read. Returns whether that was possible: not
    /// while somebody reads an older state, who is waited for a moment.
    pub(crate) async fn fold(&self) -> Result<bool> {
        let (answer, answered) = oneshot::channel();
        if self.closing.load(Ordering::Acquire) || self.queue.send(Message::Fold(answer)).await.is_err() {
            return Err(self.gone());
        }
        answered.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Whether writes are taken.
    ///
    /// # Errors
    /// The fault for which every further write is refused.
    pub(crate) fn check(&self) -> Result<()> {
        if self.failed.load(Ordering::Acquire) {
            return Err(Fault::Sync.error());
        }
        if self.queue.is_closed() { Err(self.gone()) } else { Ok(()) }
    }

    pub(crate) async fn close(&self) {
        self.closing.store(true, Ordering::Release);
        let mut task = self.task.lock().await;
        if let Some(task) = task.take() {
            // The queue is closed already only if the task has ended.
            drop(self.queue.send(Message::Close).await);
            if let Err(error) = task.await {
                tracing::error!(%error, "the store's writer did not end as it should");
            }
        }
    }

    fn gone(&self) -> troupe_core::Error {
        if self.closing.load(Ordering::Acquire) { Fault::Closed.error() } else { Fault::Stopped.error() }
    }
}

/// The writer's own side.
struct Loop {
    tx: Tx,
    clock: Arc<dyn Clock>,
    listeners: Listeners,
    /// Whether no work is taken any more, since a sync has failed.
    failed: Arc<AtomicBool>,
}

impl Loop {
    async fn run(mut self, mut waiting: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(limits::STORE_BATCH_MAX);
        let mut jobs = Vec::with_capacity(limits::STORE_BATCH_MAX);
        let mut folds = Vec::new();
        while waiting.recv_many(&mut messages, limits::STORE_BATCH_MAX).await > 0 {
            for message in messages.drain(..) {
                match message {
                    Message::Job(job) => jobs.push(job),
                    Message::Fold(answer) => folds.push(answer),
                    // What was handed over before is still received; then the loop ends.
                    Message::Close => waiting.close(),
                }
            }
            let lost = self.settle(&mut jobs).await.err();
            if lost.is_none() {
                self.listeners.tell(&self.tx.events);
                if self.tx.locks_moved {
                    self.listeners.tell_of_locks();
                }
            }
            for job in jobs.drain(..) {
                job.answer(lost);
            }
            if !folds.is_empty() {
                let folded = self.fold().await;
                for answer in folds.drain(..) {
                    drop(answer.send(folded.map_err(Fault::error)));
                }
            }
        }
        self.listeners.close();
        if let Err(error) = self.tx.connection.close().await {
            tracing::warn!(%error, "the database was not closed cleanly; its log is recovered at the next start");
        }
    }

    /// Empties the write-ahead log, between two batches. Whoever reads is waited for a shorter
    /// time than otherwise, since every write waits as well.
    async fn fold(&mut self) -> Result<bool, Fault> {
        if self.failed.load(Ordering::Acquire) {
            return Err(Fault::Sync);
        }
        let folded = match self.wait_for_locks(limits::STORE_FOLD_TIME_MAX).await {
            Ok(()) => sqlx::query_scalar::<_, i64>("pragma wal_checkpoint(truncate)")
                .fetch_one(&mut self.tx.connection)
                .await
                .map(|busy| busy == 0),
            Err(error) => Err(error),
        };
        let patient = self.wait_for_locks(limits::STORE_BUSY_TIME_MAX).await;
        folded.and_then(|folded| patient.map(|()| folded)).map_err(|error| {
            let fault = Fault::of(&error);
            tracing::error!(%error, "the write-ahead log was not folded into the database");
            if fault == Fault::Sync {
                self.failed.store(true, Ordering::Release);
            }
            fault
        })
    }

    /// How long a statement waits for a lock from now on.
    async fn wait_for_locks(&mut self, time: Duration) -> Result<(), sqlx::Error> {
        let statement = sqlx::AssertSqlSafe(format!("pragma busy_timeout = {}", time.as_millis()));
        sqlx::query(statement).execute(&mut self.tx.connection).await.map(drop)
    }

    /// Runs a batch to its commit. An error means that nothing of it is known to be kept.
    async fn settle(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Fault> {
        if self.failed.load(Ordering::Acquire) {
            return Err(Fault::Sync);
        }
        self.tx.now = self.clock.now();
        self.tx.events.clear();
        self.tx.locks_moved = false;
        let count = jobs.len();
        let settled = match jobs {
            [] => Ok(()),
            [only] => self.alone(only.as_mut()).await,
            many => self.together(many).await,
        };
        if let Err(fault) = settled {
            tracing::error!(?fault, jobs = count, "a batch of writes was lost");
            // Many faults end the transaction by themselves; then there is nothing to end.
            drop(self.tx.execute("rollback").await);
            if fault == Fault::Sync {
                self.failed.store(true, Ordering::Release);
            }
        }
        settled
    }

    async fn alone(&mut self, job: &mut dyn Job) -> Result<(), Fault> {
        self.step("begin immediate").await?;
        match job.run(&mut self.tx).await {
            Ran::Kept => self.step("commit").await,
            Ran::Undone(Some(Fault::Sync)) => Err(Fault::Sync),
            Ran::Undone(_) => {
                self.tx.events.clear();
                drop(self.tx.execute("rollback").await);
                Ok(())
            }
        }
    }

    async fn together(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Fault> {
        self.step("begin immediate; savepoint job").await?;
        let mut first = true;
        for job in jobs {
            if !std::mem::take(&mut first) {
                self.step("release job; savepoint job").await?;
            }
            let events = self.tx.events.len();
            if let Ran::Undone(fault) = job.run(&mut self.tx).await {
                if fault == Some(Fault::Sync) {
                    return Err(Fault::Sync);
                }
                self.tx.events.truncate(events);
                // A grave fault has ended the whole transaction; then the savepoint is gone.
                self.tx.execute("rollback to job").await.map_err(|error| fault.unwrap_or(Fault::of(&error)))?;
            }
        }
        self.step("commit").await
    }

    /// A statement of the batch itself.
    async fn step(&mut self, sql: &'static str) -> Result<(), Fault> {
        self.tx.execute(sql).await.map_err(|error| {
            tracing::error!(%error, sql, "the store's writer failed");
            Fault::of(&error)
        })
    }
}

#[cfg(test)]
mod tests;
