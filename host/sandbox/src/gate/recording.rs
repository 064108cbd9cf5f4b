//! What an invocation did before, so that it can be answered the same again.
//!
//! A guest is a function of its input, its seed and the answers it gets, so one that gets
//! the same answers makes the same calls. Each call that an answer came back for is a row,
//! found by the number of the call in its invocation; a row whose call is another than the
//! guest now makes says that the two have parted, and the invocation ends.
//!
//! ```text
//!             rows 1 … last                          after the last row
//!  replay     answered from the record, else the     `replay.ended`: nothing more happens,
//!             two have parted                        here or outside
//!  resume     answered from the record; what was    live: the invocation goes on
//!             under way and no row tells of is sent
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use troupe_core::{Code, Error, Result, Timestamp};

use super::decisions::Decisions;
use super::{Answer, Call, HttpCall, JournalRow, Matching};

/// More bytes than the answer of a wait has.
const WOKEN_BYTES_MAX: usize = 128;

/// What follows the last recorded row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The invocation ends: it is replayed, and has no effect.
    Stop,
    /// The invocation goes on: it is resumed.
    GoOn,
}

/// The journal of an invocation, to be answered from.
#[derive(Debug)]
pub struct Recording {
    rows: Mutex<Rows>,
    /// Each row, and whether it has its answer.
    answered: BTreeMap<u64, bool>,
    last: u64,
    then: Then,
    bytes: u64,
    /// The wait that the invocation was suspended in, and when that began.
    suspended_in: Option<(u64, Timestamp)>,
    /// How long it was suspended before.
    suspended: Duration,
    /// Where another release is answered from: by meaning, and not by number.
    matching: Option<Arc<Matching>>,
}

#[derive(Debug, Default)]
struct Rows {
    /// Those that the guest has not come to.
    ahead: BTreeMap<u64, JournalRow>,
    /// Those whose call the guest has begun and not finished making.
    begun: BTreeMap<u64, JournalRow>,
}

/// What the host put into requests, by name.
#[derive(Debug, Default)]
pub(crate) struct PutIn {
    /// Credentials.
    pub(crate) credentials: BTreeSet<String>,
    /// Secrets.
    pub(crate) secrets: BTreeSet<String>,
}

/// What the record says of a call that the guest makes.
#[derive(Debug)]
pub(crate) enum Past {
    /// The answer, and when it came.
    Answered(Answer, Timestamp),
    /// The call was made, and no answer of it was seen.
    Unanswered {
        /// Whether it may have been sent and changed something; else the guest let go of it.
        write: bool,
    },
    /// There is no row where there could be one.
    Absent,
    /// The record is over.
    Over,
}

impl Recording {
    /// A recording of an invocation's journal.
    pub fn new(rows: Vec<JournalRow>, then: Then) -> Self {
        let rows: BTreeMap<u64, JournalRow> = rows.into_iter().map(|row| (row.number, row)).collect();
        let answered = rows.values().map(|row| (row.number, !row.answer.is_empty())).collect();
        let last = rows.last_key_value().map_or(0, |(number, _)| *number);
        let bytes = rows.values().map(|row| (row.call.len() + row.answer.len()) as u64).sum();
        let suspended = rows.values().map(was_suspended).sum();
        let suspended_in = rows.last_key_value().and_then(|(number, row)| {
            let is_open_wait = row.answer.is_empty() && Call::decode(&row.call).ok() == Some(Call::Wait);
            is_open_wait.then_some((*number, row.at))
        });
        let rows = Mutex::new(Rows { ahead: rows, ..Rows::default() });
        Self { rows, answered, last, then, bytes, suspended_in, suspended, matching: None }
    }

    /// How long the invocation was suspended in waits that have ended.
    pub const fn suspended(&self) -> Duration {
        self.suspended
    }

    /// When the wait began that the invocation was suspended in; nothing if it was not
    /// suspended but interrupted.
    pub fn suspended_since(&self) -> Option<Timestamp> {
        self.suspended_in.map(|(_, since)| since)
    }

    /// When the wait `number` began, if it is the one that the invocation was suspended in.
    pub(crate) fn suspended_in(&self, number: u64) -> Option<Timestamp> {
        self.suspended_in.filter(|(wait, _)| *wait == number).map(|(_, since)| since)
    }

    /// Bytes of the rows, if the invocation goes on after them.
    pub(crate) fn bytes_gone_on_from(&self) -> u64 {
        if self.then == Then::GoOn { self.bytes } else { 0 }
    }

    /// What was decided before, if the invocation goes on after it.
    pub(super) fn decisions(&self) -> Decisions {
        if self.then == Then::GoOn { Decisions::of(self.lock().ahead.values()) } else { Decisions::default() }
    }

    /// What the host put into requests of the record, if the invocation goes on after it.
    pub(super) fn put_in(&self) -> PutIn {
        let mut put_in = PutIn::default();
        if self.then == Then::GoOn {
            for row in self.lock().ahead.values() {
                if let Ok(Call::Http(HttpCall { credential, secrets, .. })) = Call::decode(&row.call) {
                    put_in.credentials.extend(credential);
                    put_in.secrets.extend(secrets);
                }
            }
        }
        put_in
    }

    /// A recording that another release is tried on. It answers every call, and none is
    /// performed.
    pub fn matching(matching: Arc<Matching>) -> Self {
        Self { matching: Some(matching), ..Self::new(Vec::new(), Then::Stop) }
    }

    pub(super) const fn matched(&self) -> Option<&Arc<Matching>> {
        self.matching.as_ref()
    }

    pub(crate) const fn then(&self) -> Then {
        self.then
    }

    /// Whether a call was made before.
    pub(crate) const fn covers(&self, number: u64) -> bool {
        number <= self.last
    }

    /// Leaves what an invocation adds to the record: nothing if it is replayed, else new
    /// rows, and answers that were missing.
    pub(crate) fn keep_new(&self, rows: &mut Vec<JournalRow>) {
        let is_new = |row: &JournalRow| match self.answered.get(&row.number) {
            None => true,
            Some(answered) => !answered && !row.answer.is_empty(),
        };
        rows.retain(|row| self.then == Then::GoOn && is_new(row));
    }

    /// Takes the rows that the guest has not come to.
    pub(crate) fn left(&self) -> Vec<JournalRow> {
        std::mem::take(&mut self.lock().ahead).into_values().collect()
    }

    /// Notes that the guest has come to an HTTP call, which it has yet to finish making.
    ///
    /// # Errors
    /// [`Code::InDoubt`] if the call is a write that may have been sent, and must not be sent
    /// twice.
    pub(crate) fn begin(&self, number: u64) -> Result<()> {
        let mut rows = self.lock();
        let Some(row) = rows.ahead.remove(&number) else { return Ok(()) };
        if self.then == Then::GoOn && row.write && row.answer.is_empty() {
            let call = Call::decode(&row.call)?;
            if !call.is_repeatable() {
                let call = call.describe();
                let message = format!("{call} may have taken effect before the host stopped; check whether it did");
                return Err(Error::new(Code::InDoubt, message).with("call", call).with("number", number));
            }
        }
        rows.begun.insert(number, row);
        Ok(())
    }

    fn take(&self, number: u64) -> Option<JournalRow> {
        let mut rows = self.lock();
        rows.begun.remove(&number).or_else(|| rows.ahead.remove(&number))
    }

    /// Looks up a call and takes its row.
    ///
    /// # Errors
    /// [`Code::ReplayDiverged`] if the row is that of another call.
    pub(crate) fn look(&self, number: u64, call: &Call) -> Result<Past> {
        let Some(row) = self.take(number) else {
            return Ok(if self.covers(number) { Past::Absent } else { Past::Over });
        };
        let made = Call::decode(&row.call)?;
        if !same(&made, call) {
            return Err(diverged(number, &format!("it was {}, now it is {}", made.describe(), call.describe())));
        }
        if row.answer.is_empty() {
            return Ok(Past::Unanswered { write: row.write });
        }
        Ok(Past::Answered(Answer::decode(&row.answer)?, row.at))
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an invocation was suspended in the wait of this row.
fn was_suspended(row: &JournalRow) -> Duration {
    // Others are long and not worth reading twice.
    if row.answer.len() > WOKEN_BYTES_MAX {
        return Duration::ZERO;
    }
    match Answer::decode(&row.answer) {
        Ok(Answer::Woken { suspended_ms, .. }) => Duration::from_millis(suspended_ms),
        _ => Duration::ZERO,
    }
}

/// Whether a guest that makes `now` makes the recorded call again. What the host adds to a
/// request, such as the credential it chose, is not the guest's.
fn same(made: &Call, now: &Call) -> bool {
    match (made, now) {
        (Call::Http(made), Call::Http(now)) => {
            let HttpCall { method, url, headers, body, .. } = made;
            (method, url, headers, body) == (&now.method, &now.url, &now.headers, &now.body)
        }
        (Call::HttpBegun, Call::Http(_)) => true,
        (Call::Refused { .. }, now) => Call::decode(&now.refused()).is_ok_and(|now| now == *made),
        (made, now) => made == now,
    }
}

/// The error of a guest that does something else than before.
pub(crate) fn diverged(number: u64, how: &str) -> Error {
    Error::new(Code::ReplayDiverged, format!("call {number} is not the recorded one: {how}")).with("number", number)
}

/// The error of a replay that has come to the end of the record.
pub(crate) fn ended(number: u64, call: &str) -> Error {
    Error::new(Code::ReplayEnded, format!("the record ends before call {number}, {call}"))
        .with("number", number)
        .with("call", call)
}
