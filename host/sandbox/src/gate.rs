//! The gate: the one place that every capability call passes.
//!
//! The attack: a guest, or somebody who steers it by its input, asks for what its
//! operator did not grant, or asks for so much that others suffer, or acts and then
//! denies it. The rule: each call is authorised against the grants in force, metered,
//! performed and recorded here, in this order, whichever capability it belongs to. The
//! default: what no grant names is denied, and the guest is told so as an answer, not
//! by a trap, so that it can go on without.
//!
//! A capability is performed only with a permit, and only `authorize` of its file makes
//! one, so a forgotten check does not compile.
//!
//! Rows of reads wait and ride along with the next commit; a write commits its row and
//! all that wait in the transaction of its effect. A write outside our database commits
//! its row without an answer before it is sent, and the answer before the guest sees it.
//!
//! HTTP calls are under way while the guest goes on, so the gate is shared with their
//! tasks. What goes wrong in one of them and must end the invocation is kept, and the
//! guest's next call to the host ends it.

mod call;
mod http;
mod http_call;
mod past;
mod recording;
mod state;
mod waiting;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use troupe_core::{Clock, Code, Effect, Error, Grants, Kind, Result, Timestamp, limits};

pub use call::{Answer, Call, Entry, JournalRow};
pub use http::check_grants;
pub(crate) use http::{HttpAsk, HttpPermit};
pub(crate) use http_call::kept;
pub use http_call::{Header, HttpAnswer, HttpBody, HttpCall, HttpFailure};
pub(crate) use past::PastWait;
pub(crate) use recording::{Past, diverged};
pub use recording::{Recording, Then};

use crate::clock::GuestClock;
use crate::port::{Ledger, StateWrite};
use call::encode;
use waiting::{Rest, Waiting};

/// The gate of one invocation. Clones are the same gate.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    grants: Grants,
    ceiling: Effect,
    ledger: tokio::sync::Mutex<Box<dyn Ledger>>,
    host_clock: Arc<dyn Clock>,
    guest_clock: GuestClock,
    waiting: Mutex<Waiting>,
    calls: AtomicU64,
    denied: AtomicU64,
    /// Bytes of the rows so far.
    journalled: AtomicU64,
    fatal: Mutex<Option<Error>>,
    closed: AtomicBool,
    /// Whether an answer was too long to keep.
    streamed: AtomicBool,
    recording: Option<Recording>,
}

impl Gate {
    pub(crate) fn new(
        grants: Grants,
        ceiling: Effect,
        ledger: Box<dyn Ledger>,
        host_clock: Arc<dyn Clock>,
        guest_clock: GuestClock,
        recording: Option<Recording>,
    ) -> Self {
        Self(Arc::new(Inner {
            grants,
            ceiling,
            ledger: tokio::sync::Mutex::new(ledger),
            host_clock,
            guest_clock,
            waiting: Mutex::default(),
            calls: AtomicU64::new(0),
            denied: AtomicU64::new(0),
            journalled: AtomicU64::new(0),
            fatal: Mutex::default(),
            closed: AtomicBool::new(false),
            streamed: AtomicBool::new(false),
            recording,
        }))
    }

    /// Numbers and meters a host call of any kind.
    ///
    /// # Errors
    /// As [`Gate::check`].
    pub(crate) fn count(&self) -> Result<u64> {
        let number = self.tally();
        self.check()?;
        Ok(number)
    }

    /// Numbers a host call that cannot fail; the next one that can is told if there were
    /// too many, and so is the clock that watches the invocation.
    pub(crate) fn tally(&self) -> u64 {
        self.0.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Checks that the invocation may go on.
    ///
    /// # Errors
    /// [`Code::LimitHostCalls`], [`Code::LimitJournal`], or what a call under way has met; the invocation ends
    /// with it.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(fatal) = self.0.fatal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(fatal);
        }
        if self.0.calls.load(Ordering::Relaxed) > limits::HOST_CALLS_MAX {
            return Err(Error::new(
                Code::LimitHostCalls,
                format!("the agent made more than {} host calls in one invocation", limits::HOST_CALLS_MAX),
            ));
        }
        if self.0.journalled.load(Ordering::Relaxed) > limits::JOURNAL_BYTES_MAX {
            let most = limits::bytes(limits::JOURNAL_BYTES_MAX);
            let message = format!("the agent's calls fill more than {most} of journal in one invocation");
            return Err(Error::new(Code::LimitJournal, message));
        }
        Ok(())
    }

    /// Lets the guest's clock move to now: something is delivered to it.
    fn deliver(&self) -> Timestamp {
        let now = self.now();
        self.0.guest_clock.deliver(now);
        now
    }

    /// The time as the host sees it.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.host_clock.now()
    }

    /// Passes one capability call: authorise, meter, perform, journal.
    ///
    /// # Errors
    /// Whatever ends the invocation: too many calls, or a store that cannot go on.
    pub(crate) async fn pass(&self, call: Call) -> Result<Answer> {
        let number = self.count()?;
        if let Some(past) = self.past(number, &call)? {
            let Past::Answered(answer, at) = past else {
                return Err(recording::diverged(number, &format!("{} is new", call.describe())));
            };
            self.0.guest_clock.deliver(at);
            return Ok(answer);
        }
        self.relieve().await?;
        let answered = |answer: Answer, call: Vec<u8>| {
            let at = self.deliver();
            let row = JournalRow { number, at, call, answer: answer.encode(), write: false };
            self.meter(&row);
            self.waiting().push(row);
            Ok(answer)
        };
        let permit = match state::authorize(&self.0.grants, self.0.ceiling, &call) {
            Ok(permit) => permit,
            Err(refusal) => {
                self.0.denied.fetch_add(1, Ordering::Relaxed);
                return answered(refusal, call.refused());
            }
        };
        if let Some(refusal) = state::unacceptable(&call) {
            return answered(refusal, call.refused());
        }
        let write = match &call {
            Call::StateGet { key } => {
                let found = self.0.ledger.lock().await.get(key).await?;
                return answered(Answer::Entry(found), encode(&call));
            }
            Call::StateList { prefix, after, limit } => {
                let limit = (*limit).min(limits::STATE_LIST_MAX);
                let keys = self.0.ledger.lock().await.list(prefix, after.as_deref(), limit).await?;
                return answered(Answer::Keys(keys), encode(&call));
            }
            Call::StateSet { key, value } => StateWrite::Set { key: key.clone(), value: value.clone() },
            Call::StateCompareAndSet { key, expected, value } => {
                StateWrite::CompareAndSet { key: key.clone(), expected: *expected, value: value.clone() }
            }
            Call::StateDelete { key } => StateWrite::Delete { key: key.clone() },
            // HTTP calls come by `Gate::authorize_http`, whose permit is another.
            Call::Http(_) | Call::HttpBegun | Call::Wait | Call::Refused { .. } => {
                return Err(Error::internal("a call that is none of state"));
            }
        };
        let at = self.now();
        let row = JournalRow { number, at, call: encode(&call), answer: Vec::new(), write: true };
        self.meter(&row);
        let quota = permit.quota();
        let gate = self.clone();
        let outcome = to_its_end(async move {
            let mut ledger = gate.ledger().await?;
            let waiting = gate.take();
            let written = ledger.write(waiting.clone(), row, write, quota.bytes, quota.keys).await;
            if written.is_err() {
                gate.waiting().put_back(waiting);
            }
            written
        });
        let outcome = outcome.await?;
        self.0.guest_clock.deliver(at);
        Ok(Answer::from(&outcome))
    }

    /// Numbers an HTTP call that the guest makes. It is open until its answer is delivered.
    ///
    /// # Errors
    /// As [`Gate::count`]; [`Code::InDoubt`] if it may have been sent before.
    pub(crate) fn make_http(&self) -> Result<u64> {
        let number = self.count()?;
        if let Some(recording) = &self.0.recording {
            recording.begin(number)?;
        }
        let call = encode(&Call::HttpBegun);
        self.waiting().open(JournalRow { number, at: self.now(), call, answer: Vec::new(), write: false });
        Ok(number)
    }

    /// Forgets an HTTP call that was no request at all.
    pub(crate) fn unmake_http(&self, number: u64) {
        self.waiting().close(number);
    }

    /// Decides whether a request may be sent.
    ///
    /// # Errors
    /// The codes of a refusal; the guest is told and goes on.
    pub(crate) fn authorize_http(&self, ask: &HttpAsk<'_>) -> Result<HttpPermit> {
        http::authorize(&self.0.grants, self.0.ceiling, ask)
    }

    /// Notes an HTTP call before it is performed. A write is in the journal, without an
    /// answer, when this returns.
    ///
    /// Returns whether the guest still wants it; else it must not be sent.
    ///
    /// # Errors
    /// A store that cannot go on.
    pub(crate) async fn begin_http(&self, number: u64, call: HttpCall, write: bool) -> Result<bool> {
        let row = JournalRow { number, at: self.now(), call: encode(&Call::Http(call)), answer: Vec::new(), write };
        self.meter(&row);
        if !self.waiting().know(row.clone()) {
            return Ok(false);
        }
        self.bound_undelivered();
        if write {
            self.commit(Some(row)).await?;
        }
        Ok(true)
    }

    /// Notes the answer of an HTTP call. The answer of a write is in the journal when this
    /// returns; that of a read waits until it is delivered.
    ///
    /// # Errors
    /// A store that cannot go on.
    pub(crate) async fn end_http(&self, number: u64, answer: &Answer, write: bool) -> Result<()> {
        if matches!(answer, Answer::HttpStreamed(_)) {
            self.0.streamed.store(true, Ordering::Relaxed);
        }
        let answer = answer.encode();
        self.0.journalled.fetch_add(answer.len() as u64, Ordering::Relaxed);
        self.waiting().answer(number, answer.clone());
        self.bound_undelivered();
        if write {
            // The call stands in the journal since it began; a row is completed, not replaced.
            self.commit(Some(JournalRow { number, at: self.now(), call: Vec::new(), answer, write })).await?;
        }
        Ok(())
    }

    /// Notes that a request was not sent.
    pub(crate) fn refuse_http(&self, number: u64, call: HttpCall, why: &Error) {
        if why.code.kind() == Kind::Denied {
            self.0.denied.fetch_add(1, Ordering::Relaxed);
        }
        let answer = Answer::HttpFailed(HttpFailure::new(why));
        let call = encode(&Call::Http(call));
        let row = JournalRow { number, at: self.now(), call, answer: answer.encode(), write: false };
        self.meter(&row);
        self.waiting().know(row);
        self.bound_undelivered();
    }

    /// Ends an invocation that has too much under way of which the guest wants to hear
    /// nothing.
    fn bound_undelivered(&self) {
        if self.waiting().open_bytes() > limits::HTTP_UNDELIVERED_BYTES_MAX {
            let most = limits::bytes(limits::HTTP_UNDELIVERED_BYTES_MAX as u64);
            let message = format!("the agent has made requests of more than {most} whose answers it has not taken");
            self.fail(Error::new(Code::LimitTransfer, message));
        }
    }

    /// Notes that the guest will never ask for the answer of an HTTP call.
    pub(crate) fn leave_http(&self, number: u64) {
        self.waiting().leave(number);
    }

    /// Gives the guest the answer of the HTTP call `call`, as what the wait `number` ended
    /// with.
    pub(crate) fn deliver_answer(&self, number: u64, call: u64) {
        let at = self.deliver();
        let mut waiting = self.waiting();
        waiting.deliver(call, at);
        waiting.push(waited(number, call, at));
    }

    /// Tells the guest that the timer `call` rang, as what the wait `number` ended with.
    /// The guest's clock reaches `due`, whatever the host's clock does.
    pub(crate) fn deliver_timer(&self, number: u64, call: u64, due: Timestamp) {
        let at = self.now().max(due);
        self.0.guest_clock.deliver(at);
        self.waiting().push(waited(number, call, at));
    }

    /// Lets the guest's clock move after a wait for a piece of a streamed answer. Such an
    /// invocation cannot be replayed, so its time may move as it will.
    pub(crate) fn deliver_piece(&self) {
        if self.0.streamed.load(Ordering::Relaxed) {
            self.deliver();
        }
    }

    fn meter(&self, row: &JournalRow) {
        self.0.journalled.fetch_add((row.call.len() + row.answer.len()) as u64, Ordering::Relaxed);
    }

    /// Commits what waits, if it is much.
    ///
    /// # Errors
    /// A store that cannot go on; the invocation ends with it.
    pub(crate) async fn relieve(&self) -> Result<()> {
        if self.waiting().bytes() <= limits::JOURNAL_WAITING_BYTES_MAX {
            return Ok(());
        }
        self.commit(None).await
    }

    /// Whether the guest still waits for the answer of an HTTP call.
    pub(crate) fn is_open(&self, number: u64) -> bool {
        self.waiting().is_open(number)
    }

    /// Keeps what must end the invocation, for the guest's next call to the host.
    pub(crate) fn fail(&self, error: Error) {
        self.0.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Ends the journal: waits for the commit under way, and closes the ledger.
    pub(crate) async fn finish(&self) -> Finished {
        let _last = self.0.ledger.lock().await;
        self.0.closed.store(true, Ordering::Relaxed);
        let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Rest { mut rows, in_doubt } = self.waiting().finish();
        let mut unmade = Vec::new();
        if let Some(recording) = &self.0.recording {
            recording.keep_new(&mut rows);
            unmade = recording.left();
        }
        Finished { rows, in_doubt, unmade, calls: counted(&self.0.calls), denied: counted(&self.0.denied) }
    }

    /// Commits all rows that wait, and one more after them.
    async fn commit(&self, last: Option<JournalRow>) -> Result<()> {
        let gate = self.clone();
        let commit = to_its_end(async move {
            let mut ledger = gate.ledger().await?;
            let number = last.as_ref().map(|row| row.number);
            let waiting = gate.take();
            let rows: Vec<JournalRow> = waiting.iter().cloned().chain(last).collect();
            if rows.is_empty() {
                return Ok(());
            }
            if let Err(error) = ledger.record(rows).await {
                gate.waiting().put_back(waiting);
                return Err(error);
            }
            if let Some(number) = number {
                gate.waiting().committed(number);
            }
            Ok(())
        });
        commit.await
    }

    /// Takes the rows that wait for a commit.
    fn take(&self) -> Vec<JournalRow> {
        let mut rows = self.waiting().take();
        if let Some(recording) = &self.0.recording {
            recording.keep_new(&mut rows);
        }
        rows
    }

    /// The ledger, while the invocation lasts.
    async fn ledger(&self) -> Result<tokio::sync::MutexGuard<'_, Box<dyn Ledger>>> {
        let ledger = self.0.ledger.lock().await;
        if self.0.closed.load(Ordering::Relaxed) {
            return Err(Error::internal("the invocation has ended"));
        }
        Ok(ledger)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The row of a wait that ended with the end of another call.
fn waited(number: u64, call: u64, at: Timestamp) -> JournalRow {
    let answer = Answer::Completed(call).encode();
    JournalRow { number, at, call: encode(&Call::Wait), answer, write: false }
}

/// What an invocation's gate leaves behind.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Rows that no commit has taken yet.
    pub(crate) rows: Vec<JournalRow>,
    /// The first write outside that may have been sent and whose outcome nobody knows.
    pub(crate) in_doubt: Option<JournalRow>,
    /// Recorded rows that the guest did not come to.
    pub(crate) unmade: Vec<JournalRow>,
    /// How many calls were made.
    pub(crate) calls: u64,
    /// How many of them were denied.
    pub(crate) denied: u64,
}

/// Lets a commit go on to its end even if whoever asked for it is gone, so that no row is
/// lost half way.
async fn to_its_end<T: Send + 'static>(commit: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(commit).await.map_err(Error::internal)?
}

/// The sentence of a call that reaches further than its skill.
fn above_ceiling(what: &str, effect: Effect, ceiling: Effect) -> String {
    format!("{what} is a call of class {effect}; the skill says of itself that it goes no further than {ceiling}")
}

#[cfg(test)]
#[path = "gate/tests.rs"]
mod tests;
