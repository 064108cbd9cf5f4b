//! HTTP calls at the gate. A guest goes on while one is under way, so a call is made,
//! known whole, begun, ended and delivered at different times, and its row is kept in
//! between.

use std::sync::atomic::Ordering;
use std::time::Duration;

use troupe_core::{Code, Error, Result, Timestamp, limits};

use super::budget::Seats;
use super::call::encode;
use super::{
    Answer, Call, Gate, HttpAsk, HttpCall, HttpFailure, HttpPermit, JournalRow, PlacingPermit, Terms, http, secrets,
};

/// What one try of a request draws on, until its answer has been read, and on which terms.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    seats: Seats,
    terms: Terms,
}

impl Drawn {
    /// What the line that the request goes by says of it.
    pub(crate) const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Draws on the same budgets for another try of so many bytes.
    ///
    /// # Errors
    /// [`Code::LimitBudget`].
    pub(crate) fn again(&self, bytes: usize, gate: &Gate) -> Result<()> {
        self.seats.again(bytes as u64, gate.now())
    }

    /// Charges bytes that came.
    ///
    /// # Errors
    /// [`Code::LimitBudget`] if they are more than the budget has.
    pub(crate) fn charge(&self, bytes: usize, gate: &Gate) -> Result<()> {
        if self.terms.budgets.is_empty() {
            return Ok(());
        }
        self.seats.charge(bytes, gate.now())
    }
}

impl Gate {
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
        self.check_cancelled()?;
        http::authorize(&self.0.grants.now(), self.0.ceiling, ask)
    }

    /// Decides whether the references to secrets in a request may be replaced.
    ///
    /// # Errors
    /// The codes of a refusal; the guest is told and goes on.
    pub(crate) fn authorize_placing(&self, ask: &HttpAsk<'_>) -> Result<PlacingPermit> {
        secrets::authorize_placing(&self.0.grants.now(), &self.0.references, ask.uri, ask.headers, ask.body)
    }

    /// Draws on the budget of the first line that has room for a request of so many bytes.
    ///
    /// # Errors
    /// [`Code::LimitBudget`] naming the line that offers most.
    pub(crate) fn draw(&self, permit: &HttpPermit, bytes: impl Fn() -> usize) -> Result<Drawn> {
        let mut refusal = None;
        for terms in permit.terms() {
            match self.0.grants.budgets().draw(&terms.budgets, bytes() as u64, self.now()) {
                Ok(seats) => return Ok(Drawn { seats, terms: terms.clone() }),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        refusal.map_or_else(|| Ok(Drawn::default()), Err)
    }

    /// Notes an HTTP call before it is performed. A write is in the journal, without an
    /// answer, when this returns.
    ///
    /// Returns whether the guest still wants it; else it must not be sent.
    ///
    /// # Errors
    /// A store that cannot go on.
    pub(crate) async fn begin_http(&self, number: u64, call: HttpCall, write: bool) -> Result<bool> {
        let call = Call::Http(call);
        let row = JournalRow { number, at: self.now(), call: encode(&call), answer: Vec::new(), write };
        self.meter(&row);
        if !self.waiting().know(row.clone()) {
            return Ok(false);
        }
        if let Call::Http(call) = &call {
            self.decisions().used(call);
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
        if matches!(answer, Answer::HttpFailed(_))
            && let Some(call) = self.waiting().call_of(number)
            && let Ok(call) = Call::decode(&call)
        {
            self.tell_decided(&call, answer);
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
        let (call, answer) = (Call::Http(call), Answer::HttpFailed(HttpFailure::new(why)));
        self.tell_decided(&call, &answer);
        let row = JournalRow { number, at: self.now(), call: encode(&call), answer: answer.encode(), write: false };
        self.meter(&row);
        if !self.waiting().know(row) {
            self.tell_unseen(&call, &answer);
        }
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
        let left = self.waiting().leave(number);
        if let Some(row) = left
            && let (Ok(call), Ok(answer)) = (Call::decode(&row.call), Answer::decode(&row.answer))
        {
            self.tell_unseen(&call, &answer);
        }
    }

    /// Gives the guest the answer of the HTTP call `call`, as what the wait `number` ended
    /// with.
    pub(crate) fn deliver_answer(&self, number: u64, call: u64) {
        let at = self.deliver();
        let mut waiting = self.waiting();
        waiting.deliver(call, at);
        waiting.push(waited(number, call, at, None));
    }

    /// Tells the guest that the timer `call` rang, as what the wait `number` ended with.
    /// The guest's clock reaches `due`, whatever the host's clock does. Returns how long the
    /// wait took, if the invocation was suspended for it.
    pub(crate) fn deliver_timer(&self, number: u64, call: u64, due: Timestamp) -> Option<Duration> {
        let at = self.now().max(due);
        self.0.guest_clock.deliver(at);
        let suspended = self.0.recording.as_ref().and_then(|recording| recording.suspended_in(number));
        let suspended = suspended.map(|since| at.since(since));
        self.waiting().push(waited(number, call, at, suspended));
        suspended
    }

    /// Tells the guest that the lock of the call `call` was given, or will not be, as what the wait
    /// `number` ended with. Returns how long the wait took, if the invocation was suspended for it.
    pub(crate) fn deliver_lock(&self, number: u64, call: u64) -> Option<Duration> {
        self.deliver_timer(number, call, Timestamp::from_millis(0))
    }

    /// Lets the guest's clock move after a wait for a piece of a streamed answer. Such an
    /// invocation cannot be replayed, so its time may move as it will.
    pub(crate) fn deliver_piece(&self) {
        if self.0.streamed.load(Ordering::Relaxed) {
            self.deliver();
        }
    }

    /// Whether the guest still waits for the answer of an HTTP call.
    pub(crate) fn is_open(&self, number: u64) -> bool {
        self.waiting().is_open(number)
    }
}

/// The row of a wait that ended with the end of another call; it took so long, if the
/// invocation was suspended for it.
fn waited(number: u64, call: u64, at: Timestamp, suspended: Option<Duration>) -> JournalRow {
    let answer = match suspended.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)) {
        None => Answer::Completed(call),
        Some(suspended_ms) => Answer::Woken { call, suspended_ms },
    };
    let answer = answer.encode();
    JournalRow { number, at, call: encode(&Call::Wait), answer, write: false }
}
