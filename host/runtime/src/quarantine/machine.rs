//! When a release is quarantined, and when it may try again.
//!
//! ```text
//!            so many of the last            the pause is over:
//!              ends are traps              one probe goes through
//!   closed ──────────────────────▸ open ──────────────────────────▸ half-open
//!     ▴                             ▴                                 │ │ │
//!     │                             └──── the probe traps: the pause ─┘ │ │
//!     │                                   is twice as long              │ │
//!     │              the probe says nothing: another may try ▸ half-open┘ │
//!     └───────── the probe ends well, or an operator lifts it ────────────┘
//! ```
//!
//! What began before a change of state says nothing after it. The machine has no clock and
//! does no I/O; whoever asks says what time it is.

use std::collections::VecDeque;
use std::time::Duration;

use troupe_core::{Timestamp, limits};

/// How an invocation ended, as far as this counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The agent answered, be it with a failure.
    Well,
    /// The agent ended against its will, by its own making.
    Trapped,
    /// It was ended by others, which says nothing of the agent.
    Unknown,
}

/// What an end changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// The release is quarantined for so long.
    Opened(Duration),
    /// The release is trusted again.
    Closed,
    /// The probe is over and said nothing.
    Free,
}

/// Leave to begin one invocation.
#[derive(Debug)]
#[must_use = "a probe whose end is not told keeps the release quarantined"]
pub(super) struct Leave {
    generation: u64,
}

/// What is known of one release.
#[derive(Debug, Default)]
pub(super) struct Machine {
    state: State,
    /// Rises with each change of state.
    generation: u64,
    /// The newest ends of a closed one: when, and whether it was a trap.
    ends: VecDeque<(Timestamp, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Closed,
    Open {
        since: Timestamp,
        until: Timestamp,
        pause: Duration,
    },
    HalfOpen {
        since: Timestamp,
        until: Timestamp,
        pause: Duration,
        probing: bool,
    },
}

impl Machine {
    /// Whether an invocation could begin now.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), Duration> {
        match self.state {
            State::Open { until, .. } if now < until => Err(until.since(now)),
            State::HalfOpen { probing: true, .. } => Err(limits::QUARANTINE_PROBE_TIME),
            State::Closed | State::Open { .. } | State::HalfOpen { .. } => Ok(()),
        }
    }

    /// Asks for leave to begin an invocation.
    ///
    /// # Errors
    /// Those of [`Machine::check`].
    pub(super) fn admit(&mut self, now: Timestamp) -> Result<Leave, Duration> {
        self.check(now)?;
        match self.state {
            State::Closed => {}
            State::Open { since, until, pause } => {
                self.change(State::HalfOpen { since, until, pause, probing: true });
            }
            State::HalfOpen { since, until, pause, .. } => {
                self.state = State::HalfOpen { since, until, pause, probing: true };
            }
        }
        Ok(Leave { generation: self.generation })
    }

    /// Notes how an invocation ended.
    pub(super) fn ended(&mut self, leave: &Leave, ending: Ending, now: Timestamp) -> Change {
        if leave.generation != self.generation {
            return Change::None;
        }
        match (self.state, ending) {
            (State::Closed, Ending::Well | Ending::Trapped) => {
                self.note(now, ending == Ending::Trapped);
                if self.traps(now) >= limits::QUARANTINE_TRAPS {
                    return self.open(now, limits::QUARANTINE_TIME_MIN, now);
                }
                Change::None
            }
            (State::HalfOpen { since, pause, .. }, Ending::Trapped) => {
                self.open(since, (pause * 2).min(limits::QUARANTINE_TIME_MAX), now)
            }
            (State::HalfOpen { .. }, Ending::Well) => {
                self.change(State::Closed);
                Change::Closed
            }
            (State::HalfOpen { since, until, pause, .. }, Ending::Unknown) => {
                self.state = State::HalfOpen { since, until, pause, probing: false };
                Change::Free
            }
            (State::Closed, Ending::Unknown) | (State::Open { .. }, _) => Change::None,
        }
    }

    /// Trusts the release again; tells whether it was not.
    pub(super) fn lift(&mut self) -> bool {
        let was_quarantined = self.state != State::Closed;
        self.change(State::Closed);
        was_quarantined
    }

    /// Since when and until when the release is quarantined, and whether a probe is under way.
    pub(super) const fn quarantined(&self) -> Option<(Timestamp, Timestamp, bool)> {
        match self.state {
            State::Closed => None,
            State::Open { since, until, .. } => Some((since, until, false)),
            State::HalfOpen { since, until, probing, .. } => Some((since, until, probing)),
        }
    }

    fn note(&mut self, now: Timestamp, trapped: bool) {
        self.ends.push_back((now, trapped));
        if self.ends.len() > limits::QUARANTINE_ENDS {
            self.ends.pop_front();
        }
    }

    /// Traps among the newest ends that are not too old.
    fn traps(&self, now: Timestamp) -> usize {
        let recent = |at: Timestamp| now.since(at) <= limits::QUARANTINE_WINDOW;
        self.ends.iter().filter(|(at, trapped)| *trapped && recent(*at)).count()
    }

    fn open(&mut self, since: Timestamp, pause: Duration, now: Timestamp) -> Change {
        self.change(State::Open { since, until: now.plus(pause), pause });
        Change::Opened(pause)
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.generation = self.generation.wrapping_add(1);
        self.ends.clear();
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
