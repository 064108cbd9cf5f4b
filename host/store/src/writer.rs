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
//! needs no savepoint. Writes of one kind that follow on each other are one job (`writer/group.rs`).
//!
//! If PostgreSQL was lost and nothing of the batch was kept, jobs of what runs already ([`Writer::persist`]) stay at
//! the head of the queue and are done again, in their order, for a while; others are answered at once, since whoever
//! asked may ask again.
//!
//! What a batch is to either database, and how a connection to PostgreSQL comes back that was
//! lost, is in `writer/link.rs`.
//!
//! After a failed sync the kernel may have dropped the pages it could not write, and a
//! second sync would succeed without them. So the first one is the last: the writer then
//! refuses all work until the host is restarted and SQLite has recovered its log. What
//! that batch wrote may turn up then or not. PostgreSQL sees to that itself.

mod group;
mod job;
mod link;
mod listeners;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use troupe_core::{Clock, Result, TenantId, Timestamp, limits};

use crate::fault::{Done, Fault};
use crate::feed::Announced;
use crate::postgres::Server;
use crate::sql::{Builder, Own, query_scalar};
use crate::words::Words;
use group::Group;
pub(crate) use group::Together;
use job::{Job, Ran, Spare, Typed};
use link::Link;
pub(crate) use link::LinkState;
pub(crate) use listeners::Listeners;

/// The future of a job's work.
pub(crate) type Work<'c, T> = Pin<Box<dyn Future<Output = Done<T>> + Send + 'c>>;

/// What a job works with: the connection inside the batch's transaction.
#[derive(Debug)]
pub(crate) struct Tx {
    /// The connection.
    pub(crate) connection: Own,
    /// The time of the commit.
    pub(crate) now: Timestamp,
    /// What the jobs so far have announced.
    pub(crate) events: Vec<Announced>,
    /// Whether a job has ended somebody's wait for a lock, or begun one.
    pub(crate) locks_moved: bool,
    /// Whether a job has had an event become due, or a delivery ready.
    pub(crate) bus_moved: bool,
    /// In which tenants a job has published an event.
    pub(crate) published: BTreeSet<TenantId>,
    /// Whether a job has changed a route, a swap or a tenant.
    pub(crate) routes_moved: bool,
    /// Whether a job has changed a key.
    pub(crate) keys_moved: bool,
}

impl Tx {
    /// A transaction that has moved nothing yet.
    fn new(connection: Own, now: Timestamp) -> Self {
        let (events, published) = (Vec::new(), BTreeSet::new());
        let (locks_moved, bus_moved, routes_moved, keys_moved) = (false, false, false, false);
        Self { connection, now, events, locks_moved, bus_moved, published, routes_moved, keys_moved }
    }

    fn begins(&mut self, now: Timestamp) {
        self.now = now;
        self.events.clear();
        self.published.clear();
        (self.locks_moved, self.bus_moved, self.routes_moved, self.keys_moved) = (false, false, false, false);
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
    /// Why no work is taken any more, once that is so.
    ended: Arc<OnceLock<Fault>>,
    state: Arc<LinkState>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("waiting", &(self.queue.max_capacity() - self.queue.capacity())).finish()
    }
}

impl Writer {
    /// Gives the connection to a task of its own. The task ends when every handle is
    /// dropped and what they handed over is done. `server` is where a lost connection is made anew.
    pub(crate) fn start(connection: Own, server: Option<Server>, clock: Arc<dyn Clock>) -> Self {
        let (queue, waiting) = mpsc::channel(limits::STORE_QUEUE_MAX);
        let listeners = Listeners::default();
        let tx = Tx::new(connection, clock.now());
        let (ended, state) = (Arc::new(OnceLock::new()), Arc::new(LinkState::default()));
        let link = Link::new(server, Arc::clone(&state));
        let side = Loop { tx, link, clock, listeners: listeners.clone(), ended: Arc::clone(&ended) };
        let task = tokio::spawn(side.run(waiting));
        Self { queue, listeners, closing: AtomicBool::new(false), ended, state, task: Mutex::new(Some(task)) }
    }

    /// How the writer stands to its database.
    pub(crate) fn state(&self) -> Arc<LinkState> {
        Arc::clone(&self.state)
    }

    pub(crate) const fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T> + Send + 'static,
    {
        self.done(work, None).await
    }

    /// As [`Writer::write`], for what must not end because a connection did.
    pub(crate) async fn persist<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T> + Clone + Send + 'static,
    {
        let (copy, until) = (work.clone(), Instant::now() + limits::STORE_AGAIN_TIME_MAX);
        self.done(work, Some(Spare { copy: Box::new(move || copy.clone()), until })).await
    }

    async fn done<T, W>(&self, work: W, spare: Option<Spare<W>>) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Typed { work: Some(work), spare, outcome: None, answer };
        self.hand_over(Message::Job(Box::new(job)), answered).await
    }

    /// Has a write done together with those of its kind that come with it.
    pub(crate) async fn write_together<K: Together>(&self, asked: K) -> Result<K::Answer> {
        let (answer, answered) = oneshot::channel();
        self.hand_over(Message::Job(Box::new(Group::of(asked, answer))), answered).await
    }

    async fn hand_over<T>(&self, message: Message, answered: oneshot::Receiver<Result<T>>) -> Result<T> {
        if self.closing.load(Ordering::Acquire) || self.queue.send(message).await.is_err() {
            return Err(self.gone());
        }
        answered.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Copies all that was committed into the database and empties the write-ahead log, in
    /// which what was overwritten may still be read. Returns whether that was possible: not
    /// while somebody reads an older state, who is waited for a moment.
    pub(crate) async fn fold(&self) -> Result<bool> {
        let (answer, answered) = oneshot::channel();
        self.hand_over(Message::Fold(answer), answered).await
    }

    /// Whether writes are taken.
    ///
    /// # Errors
    /// The fault for which every further write is refused.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(fault) = self.ended.get() {
            return Err(fault.error());
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
    link: Link,
    clock: Arc<dyn Clock>,
    listeners: Listeners,
    /// Why no work is taken any more: a sync has failed, or another host has taken over from this one.
    ended: Arc<OnceLock<Fault>>,
}

impl Loop {
    async fn run(mut self, mut waiting: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(limits::STORE_BATCH_MAX);
        let mut jobs = Vec::with_capacity(limits::STORE_BATCH_MAX);
        let mut folds = Vec::new();
        while self.receive(&mut waiting, &mut messages, jobs.len()).await {
            for message in messages.drain(..) {
                match message {
                    Message::Job(job) => job.join(&mut jobs),
                    Message::Fold(answer) => folds.push(answer),
                    // What was handed over before is still received; then the loop ends.
                    Message::Close => waiting.close(),
                }
            }
            let lost = self.settle(&mut jobs).await.err();
            if lost.is_none()
                && let Some(words) = Words::of(&self.tx, self.link.owner())
            {
                self.listeners.tell(words);
            }
            // A host that ends does not wait for its database.
            let is_again = matches!(lost, Some(Fault::Cut | Fault::Busy)) && !waiting.is_closed();
            for job in jobs.extract_if(.., |job| !(is_again && job.again())) {
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

    /// Waits for work beside the `kept` jobs that are to be done again, and meanwhile for the database to be there
    /// again, if it is not. False once there is none and will be none.
    async fn receive(
        &mut self,
        waiting: &mut mpsc::Receiver<Message>,
        messages: &mut Vec<Message>,
        kept: usize,
    ) -> bool {
        if kept > 0 {
            if self.link.is_given_up() {
                tokio::time::sleep(limits::STORE_REGAIN_PAUSE_MAX).await;
            }
            while kept + messages.len() < limits::STORE_BATCH_MAX
                && let Ok(message) = waiting.try_recv()
            {
                messages.push(message);
            }
            return true;
        }
        while self.link.is_cut() && self.ended.get().is_none() {
            let received = waiting.recv_many(messages, limits::STORE_BATCH_MAX);
            match tokio::time::timeout(limits::STORE_REGAIN_PAUSE_MAX, received).await {
                Ok(count) => return count > 0,
                Err(_) => {
                    if let Err(fault) = self.link.again(&mut self.tx.connection).await {
                        self.end_for(fault);
                    }
                }
            }
        }
        waiting.recv_many(messages, limits::STORE_BATCH_MAX).await > 0
    }

    /// Takes no work any more, if that is what a fault means.
    fn end_for(&self, fault: Fault) {
        if matches!(fault, Fault::Sync | Fault::Taken) {
            // The first one stays.
            self.ended.get_or_init(|| fault);
        }
    }

    /// Empties the write-ahead log, between two batches. Whoever reads is waited for a shorter
    /// time than otherwise, since every write waits as well.
    async fn fold(&mut self) -> Result<bool, Fault> {
        if let Some(fault) = self.ended.get() {
            return Err(*fault);
        }
        let folded = match self.wait_for_locks(limits::STORE_FOLD_TIME_MAX).await {
            Ok(()) => query_scalar("pragma wal_checkpoint(truncate)")
                .fetch_one(&mut self.tx.connection)
                .await
                .map(|busy: i64| busy == 0),
            Err(error) => Err(error),
        };
        let patient = self.wait_for_locks(limits::STORE_BUSY_TIME_MAX).await;
        folded.and_then(|folded| patient.map(|()| folded)).map_err(|error| {
            let fault = Fault::of(&error);
            tracing::error!(%error, "the write-ahead log was not folded into the database");
            self.end_for(fault);
            fault
        })
    }

    /// How long a statement waits for a lock from now on.
    async fn wait_for_locks(&mut self, time: Duration) -> Result<(), sqlx::Error> {
        Builder::new(&format!("pragma busy_timeout = {}", time.as_millis()))
            .build()
            .execute(&mut self.tx.connection)
            .await
            .map(drop)
    }

    /// Runs a batch to its commit. An error means that nothing of it is known to be kept.
    async fn settle(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Fault> {
        if let Some(fault) = self.ended.get() {
            return Err(*fault);
        }
        self.tx.begins(self.clock.now());
        let count = jobs.len();
        let settled = match (jobs, self.link.time()) {
            ([], _) => Ok(()),
            (jobs, None) => self.batch(jobs).await,
            (jobs, Some(time)) => tokio::time::timeout(time, self.batch(jobs)).await.unwrap_or(Err(Fault::Cut)),
        };
        let settled = match settled {
            Err(Fault::Cut) => self.link.outcome(&mut self.tx.connection).await,
            settled => settled,
        };
        if let Err(fault) = settled {
            tracing::error!(?fault, jobs = count, "a batch of writes was lost");
            self.link.abandon(&mut self.tx.connection).await;
            self.end_for(fault);
        }
        settled
    }

    async fn batch(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Fault> {
        let several = jobs.len() > 1 || jobs.iter().any(|job| job.is_several());
        self.link.begin(&mut self.tx.connection, several).await?;
        match jobs {
            [only] if !several => self.alone(only.as_mut()).await,
            many => self.together(many).await,
        }
    }

    async fn alone(&mut self, job: &mut dyn Job) -> Result<(), Fault> {
        match job.run(&mut self.tx).await {
            Ran::Kept => self.commit().await,
            Ran::Undone(Some(fault @ (Fault::Sync | Fault::Cut))) => Err(fault),
            Ran::Undone(_) => {
                self.tx.events.clear();
                self.link.abandon(&mut self.tx.connection).await;
                Ok(())
            }
        }
    }

    async fn together(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Fault> {
        let mut first = true;
        for job in jobs {
            let mut goes_on = true;
            while goes_on {
                if !std::mem::take(&mut first) {
                    self.link.next(&mut self.tx.connection).await?;
                }
                let events = self.tx.events.len();
                if let Ran::Undone(fault) = job.run(&mut self.tx).await {
                    if let Some(fault @ (Fault::Sync | Fault::Cut)) = fault {
                        return Err(fault);
                    }
                    self.tx.events.truncate(events);
                    // A grave fault has ended the whole transaction; then the savepoint is gone.
                    self.link.undo(&mut self.tx.connection).await.map_err(|own| fault.unwrap_or(own))?;
                }
                goes_on = job.goes_on();
            }
        }
        self.commit().await
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        if let Err(error) = self.tx.write_feeds().await {
            tracing::error!(%error, "the feeds were not written");
            return Err(Fault::of(&error));
        }
        self.link.commit(&mut self.tx).await
    }
}

#[cfg(test)]
mod tests;
