//! The gate of an invocation that is replayed or resumed: what it did before is answered from
//! the record. Such calls are not authorised, performed or journalled again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use troupe_core::{Code, Error, Result, Timestamp};

use super::recording::{self, Past, PutIn, Then};
use super::{Answer, Call, Gate, HttpCall, Recording};

/// What the record says of a wait.
#[derive(Debug)]
pub(crate) enum PastWait {
    /// A completion was delivered.
    Completed(Completion),
    /// The guest was told then that its task was cancelled.
    Cancelled(Timestamp),
    /// It delivered nothing. A guest that only looked goes on; one that waits has parted
    /// from the record, with this error.
    Nothing(Error),
    /// The record is over. A guest that only looked sees nothing; one that waits ends, with
    /// this error.
    Ended(Error),
    /// Another release is tried on the record: what it waits for comes when it would have.
    MadeUp,
    /// There is no record, or none any more.
    Live,
}

/// What a wait ended with before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Completion {
    /// The call that had come to its end.
    pub(crate) call: u64,
    /// When it was delivered.
    pub(crate) at: Timestamp,
    /// How long the wait took, if the invocation was suspended for it.
    pub(crate) suspended: Duration,
}

impl Gate {
    /// What the record says of a call; nothing if there is none, or if it is over and the
    /// invocation goes on.
    ///
    /// # Errors
    /// [`Code::ReplayDiverged`], [`Code::ReplayEnded`]; the invocation ends with it.
    pub(super) fn past(&self, number: u64, call: &Call) -> Result<Option<Past>> {
        let Some(recording) = &self.0.recording else { return Ok(None) };
        if recording.matched().is_some() {
            return Ok(None);
        }
        match (recording.look(number, call)?, recording.then()) {
            (Past::Over, Then::GoOn) => Ok(None),
            (Past::Over, Then::Stop) => Err(recording::ended(number, &call.describe())),
            (past, _) => Ok(Some(past)),
        }
    }

    /// The answer that a call got before, when the guest's clock reads as it did then; nothing
    /// if the call is made for the first time, or was not seen to end and is made again.
    ///
    /// # Errors
    /// As [`Gate::past`].
    pub(super) fn answered_before(&self, number: u64, call: &Call) -> Result<Option<Answer>> {
        match self.past(number, call)? {
            None => Ok(None),
            Some(Past::Answered(answer, at)) => {
                self.0.guest_clock.deliver(at);
                Ok(Some(answer))
            }
            Some(Past::Unanswered { write: true }) if call.is_repeatable() => match self.then() {
                Some(Then::GoOn) => Ok(None),
                _ => Err(recording::ended(number, &call.describe())),
            },
            Some(_) => Err(recording::diverged(number, &format!("{} is new", call.describe()))),
        }
    }

    fn then(&self) -> Option<Then> {
        self.0.recording.as_ref().map(Recording::then)
    }

    /// What the record says of an HTTP call: `Answered`, or `Unanswered` if it stays so.
    ///
    /// # Errors
    /// As those of other calls, and [`Code::ReplayImpossible`] for an answer that was not
    /// kept.
    pub(crate) fn past_http(&self, number: u64, call: HttpCall) -> Result<Option<Past>> {
        let call = Call::Http(call);
        let Some(past) = self.past(number, &call)? else { return Ok(None) };
        let resumed = self.then() == Some(Then::GoOn);
        match past {
            Past::Answered(Answer::HttpStreamed(_), _) => {
                let message = format!("the answer of {} was too long to be kept", call.describe());
                Err(Error::new(Code::ReplayImpossible, message).with("number", number))
            }
            Past::Answered(..) => {
                self.waiting().kept_before(number);
                Ok(Some(past))
            }
            // Nobody saw an answer, and sending it again does no harm.
            Past::Absent | Past::Unanswered { write: true } if resumed => Ok(None),
            Past::Unanswered { .. } => Ok(Some(past)),
            Past::Absent | Past::Over => Err(recording::diverged(number, &format!("{} is new", call.describe()))),
        }
    }

    /// What the record says of a wait: the call whose completion ended it, and when;
    /// `Absent` if it ended with nothing.
    ///
    /// # Errors
    /// [`Code::ReplayDiverged`].
    pub(crate) fn past_wait(&self, number: u64) -> Result<PastWait> {
        let Some(recording) = &self.0.recording else { return Ok(PastWait::Live) };
        if recording.matched().is_some() {
            return Ok(PastWait::MadeUp);
        }
        match (recording.look(number, &Call::Wait)?, recording.then()) {
            (Past::Answered(Answer::Completed(call), at), _) => {
                Ok(PastWait::Completed(Completion { call, at, suspended: Duration::ZERO }))
            }
            (Past::Answered(Answer::Woken { call, suspended_ms }, at), _) => {
                let suspended = Duration::from_millis(suspended_ms);
                Ok(PastWait::Completed(Completion { call, at, suspended }))
            }
            (Past::Answered(Answer::Cancelled, at), _) => Ok(PastWait::Cancelled(at)),
            (Past::Answered(..), _) => Err(Error::internal("a wait is recorded with the answer of another call")),
            (Past::Over, Then::GoOn) => Ok(PastWait::Live),
            (Past::Over, Then::Stop) => Ok(PastWait::Ended(recording::ended(number, Call::Wait.name()))),
            // The wait that the invocation was suspended in has not ended.
            (Past::Unanswered { .. }, then) if recording.suspended_in(number).is_some() => Ok(match then {
                Then::GoOn => PastWait::Live,
                Then::Stop => PastWait::Ended(recording::ended(number, Call::Wait.name())),
            }),
            (Past::Unanswered { .. } | Past::Absent, _) => {
                Ok(PastWait::Nothing(recording::diverged(number, "the guest waits for what it did not wait for")))
            }
        }
    }

    /// Lets the guest's clock move on to when it was told that its task was cancelled.
    pub(crate) fn deliver_cancelled_past(&self, at: Timestamp) {
        self.0.guest_clock.deliver(at);
    }

    /// Gives the guest the completion of `call` again.
    pub(crate) fn deliver_past(&self, call: u64, at: Timestamp) {
        self.0.guest_clock.deliver(at);
        self.waiting().deliver(call, at);
    }

    /// What the host put into requests before the invocation was resumed; nothing for one that
    /// begins or is replayed. It is asked before the guest runs.
    pub(crate) fn put_in_before(&self) -> PutIn {
        self.0.recording.as_ref().map(Recording::put_in).unwrap_or_default()
    }

    /// Whether the guest is still where it was before, so that what it says was said.
    pub(crate) fn repeats(&self) -> bool {
        let made = self.0.calls.load(Ordering::Relaxed);
        self.0.recording.as_ref().is_some_and(|recording| recording.covers(made))
    }
}
