//! How far somebody has read the events of a task: what the next request of theirs names, so that
//! it misses and repeats nothing.
//!
//! Parts and reports are numbered by the guest's calls, from 1 in each attempt. A guest that is
//! resumed is counted while it repeats what it did, so its numbers are the same in the next process
//! of the host. How a task stands is told whole each time, so that only the newest counts.

use std::fmt;
use std::str::FromStr;

use troupe_core::view::TaskView;
use troupe_core::{Error, Result};

use crate::streams::{STATE_DIGITS, not_of_this_stream, state};

/// Where a reader is in the events of one task: `ATTEMPT.PARTS.REPORTS.STATE`, as ids of events
/// have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The attempt that the numbers are of.
    pub(super) attempt: u32,
    /// The last part that was told or passed over; `_` if it is not known how many there were.
    pub(super) parts: Option<u64>,
    /// The last report of how far the task is.
    pub(super) reports: u64,
    /// The state that was told last; empty if none was.
    state: String,
}

impl Position {
    /// Takes somebody in who asks for what comes from now on of an attempt.
    pub(super) fn join(&mut self, attempt: u32) {
        self.attempt = self.attempt.max(attempt);
    }

    /// Enters an attempt, of which nothing was told yet.
    pub(super) const fn begin(&mut self, attempt: u32) {
        if attempt > self.attempt {
            (self.attempt, self.parts, self.reports) = (attempt, Some(0), 0);
        }
    }

    /// Notes how a task stands; false if just that was told last.
    pub(super) fn stands(&mut self, task: &TaskView) -> bool {
        let state = state(task);
        self.begin(task.attempt);
        let is_new = self.state != state;
        self.state = state;
        is_new
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempt, parts, reports, state } = self;
        match parts {
            Some(parts) => write!(f, "{attempt}.{parts}.{reports}.{state}"),
            None => write!(f, "{attempt}._.{reports}.{state}"),
        }
    }
}

/// Checks that a text is where somebody stopped reading a task.
///
/// # Errors
/// [`troupe_core::Code::RequestInvalid`].
pub(crate) fn check(text: &str) -> Result<()> {
    text.parse::<Position>().map(drop)
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let mut fields = text.split('.');
            let position = Self {
                attempt: fields.next()?.parse().ok()?,
                parts: match fields.next()? {
                    "_" => None,
                    parts => Some(parts.parse().ok()?),
                },
                reports: fields.next()?.parse().ok()?,
                state: fields.next()?.to_owned(),
            };
            let is_state =
                position.state.len() <= STATE_DIGITS && position.state.bytes().all(|b| b.is_ascii_hexdigit());
            (fields.next().is_none() && is_state).then_some(position)
        };
        read().ok_or_else(not_of_this_stream)
    }
}

#[cfg(test)]
mod tests {
    use troupe_core::Code;

    use super::*;

    #[test]
    fn a_position_reads_back_and_nothing_else_is_one() {
        for text in ["0._.0.", "1.0.0.0123456789abcdef", "7.256.18446744073709551615.f"] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        }
        for text in ["", "1", "1.2.3", "1.2.3.g", "-1.0.0.", "1.2.3.4.5", "1.2.3.0123456789abcdef0", "a.b.c.d", "1..0."]
        {
            assert_eq!(text.parse::<Position>().unwrap_err().code, Code::RequestInvalid, "{text}");
        }
    }

    #[test]
    fn an_attempt_begins_with_nothing_told_and_an_older_one_changes_nothing() {
        let mut position = Position { attempt: 1, parts: None, reports: 4, state: String::new() };
        position.begin(1);
        assert_eq!(position.to_string(), "1._.4.");
        position.begin(2);
        position.begin(1);
        assert_eq!(position.to_string(), "2.0.0.");
    }
}
