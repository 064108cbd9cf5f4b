//! Telling a guest that its task was cancelled.
//!
//! The danger: a guest that is cut off leaves half done what it was about, and one that is not cut off
//! goes on as if nothing had been said. The rule: it is told at its next wait, its next call of a capability,
//! or when it asks, whichever comes first; from then on only what gives something back is still performed,
//! so that nothing new outlives it; and it is cut off a few seconds after it was cancelled, told or not.
//! One that was suspended comes to its wait by replay first, and is told there.
//! What it is told is a row of the journal each time, so a replay tells it the same at the same places.
//!
//! | what the guest does | once the task is cancelled |
//! |---|---|
//! | waits for a lock, another task, or an answer | is answered `cancelled` at once |
//! | waits for a timer | is woken once; further timers ring when they are due |
//! | gives a lock back, leaves a queue, asks for the end of what it has asked for | it is done |
//! | calls a capability otherwise, or sends a request | is refused with `cancelled` |
//! | logs, tells its progress, looks at the clock, draws random numbers | as ever |

use std::sync::atomic::Ordering;

use troupe_core::{Code, Error, Result};

use super::agents::AgentsCall;
use super::call::encode;
use super::locks::LocksCall;
use super::recording::Past;
use super::{Answer, Call, Gate, JournalRow, Then};
use crate::stop::{Stop, StopReason};

impl Gate {
    /// Gives the gate the switch that ends the invocation.
    #[must_use]
    pub(crate) fn with_stop(self, stop: Stop) -> Self {
        // A gate is given it once, where it is made.
        let _ = self.0.stop.set(stop);
        self
    }

    /// Whether the guest is to be told that its task was cancelled. One that is replayed is told by its record.
    pub(crate) fn is_cancelled(&self) -> bool {
        let is_live = self.0.recording.as_ref().is_none_or(|recording| recording.then() == Then::GoOn);
        is_live && self.0.stop.get().and_then(Stop::reason) == Some(StopReason::Cancelled)
    }

    /// Whether it was told.
    pub(crate) fn was_told_cancelled(&self) -> bool {
        self.0.told_cancelled.load(Ordering::Relaxed)
    }

    /// Notes that the guest is told.
    fn note_told(&self) {
        self.0.told_cancelled.store(true, Ordering::Relaxed);
        if let Some(stop) = self.0.stop.get() {
            stop.told();
        }
    }

    /// Waits until the guest is to be told.
    pub(crate) async fn cancel_comes(&self) {
        let is_live = self.0.recording.as_ref().is_none_or(|recording| recording.then() == Then::GoOn);
        if let Some(stop) = self.0.stop.get().filter(|_| is_live)
            && stop.stopped().await == StopReason::Cancelled
        {
            return;
        }
        // Whatever else ends it does so by itself.
        std::future::pending::<()>().await;
    }

    /// The answer of a call that is not performed any more.
    pub(super) fn refused_as_cancelled(&self, number: u64, call: &Call) -> Option<Answer> {
        if !self.is_cancelled() || gives_back(call) {
            return None;
        }
        self.note_told();
        Some(self.answered(number, call, call.refused(), Answer::Cancelled))
    }

    /// Checks that requests are still sent.
    ///
    /// # Errors
    /// [`Code::Cancelled`].
    pub(super) fn check_cancelled(&self) -> Result<()> {
        if !self.is_cancelled() {
            return Ok(());
        }
        self.note_told();
        Err(Error::new(Code::Cancelled, "the task was cancelled, so no further request is sent"))
    }

    /// Whether the task was cancelled, as the guest asks by the call `number`. That it was is a row.
    ///
    /// # Errors
    /// [`Code::ReplayDiverged`].
    pub(crate) fn ask_cancelled(&self, number: u64) -> Result<bool> {
        if let Some(recording) = &self.0.recording {
            if recording.matched().is_some() {
                return Ok(false);
            }
            match recording.look(number, &Call::Cancelled)? {
                Past::Answered(_, at) => {
                    self.0.guest_clock.deliver(at);
                    return Ok(true);
                }
                Past::Over if recording.then() == Then::GoOn => {}
                _ => return Ok(false),
            }
        }
        let is_cancelled = self.is_cancelled();
        if is_cancelled {
            self.note_told();
            let call = Call::Cancelled;
            self.answered(number, &call, encode(&call), Answer::Cancelled);
        }
        Ok(is_cancelled)
    }

    /// Tells the guest that its task was cancelled, as what the wait `number` ended with.
    pub(crate) fn deliver_cancelled(&self, number: u64) {
        self.note_told();
        let (at, answer) = (self.deliver(), Answer::Cancelled.encode());
        let row = JournalRow { number, at, call: encode(&Call::Wait), answer, write: false };
        self.meter(&row);
        self.waiting().push(row);
    }
}

/// Whether a call gives something back, and nothing new comes of it.
const fn gives_back(call: &Call) -> bool {
    matches!(
        call,
        Call::Locks(LocksCall::Release { .. } | LocksCall::Leave { .. }) | Call::Agents(AgentsCall::Cancel { .. })
    )
}
