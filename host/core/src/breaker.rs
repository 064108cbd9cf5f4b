//! A circuit breaker: when to stop asking for what fails again and again, and when to try
//! once more.
//!
//! ```text
//!            so many of the newest           the pause is over:
//!              ends are failures             one probe goes through
//!   closed ──────────────────────▸ open ──────────────────────────▸ half-open
//!     ▴                             ▴                                 │ │ │
//!     │                             └──── the probe fails: the pause ─┘ │ │
//!     │                                   is twice as long              │ │
//!     │              the probe says nothing: another may try ▸ half-open┘ │
//!     └─────────── the probe ends well, or somebody lifts it ─────────────┘
//! ```
//!
//! What began before a change of state says nothing after it. The machine has no clock and
//! does no I/O; whoever asks says what time it is. Releases that trap are quarantined by it,
//! and destinations that do not answer are left alone.

use std::collections::VecDeque;
use std::time::Duration;

use crate::{Code, Error, Timestamp};

/// When a breaker opens, and for how long.
#[derive(Debug)]
pub struct Settings {
    /// Failures among the newest ends that open it.
    pub failures: usize,
    /// How many ends are looked at.
    pub ends: usize,
    /// How old a failure may be to count.
    pub window: Duration,
    /// How long it is open at first; each probe that fails doubles it.
    pub pause_min: Duration,
    /// How long it is open at most.
    pub pause_max: Duration,
    /// When to come again while a probe is under way.
    pub probe_time: Duration,
}

/// How something ended, as far as this counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It worked.
    Well,
    /// It failed by its own making.
    Failed,
    /// It was ended by others, which says nothing of it.
    Unknown,
}

impl Ending {
    /// What an invocation that ended with `error`, or without one, says of its agent: whether it ended
    /// against its will and by its own making.
    pub fn of(error: Option<&Error>) -> Self {
        let Some(error) = error else { return Self::Well };
        // An invocation that ended in doubt was ended by something else first.
        let ended_by = error.details.get("ended_by").and_then(|code| Code::parse(code.as_str()?));
        match if error.code == Code::InDoubt { ended_by.unwrap_or(Code::InDoubt) } else { error.code } {
            Code::GuestTrap
            | Code::GuestStack
            | Code::LimitMemory
            | Code::LimitHandles
            | Code::LimitHeaders
            | Code::LimitHostCalls
            | Code::LimitTransfer
            | Code::LimitJournal => Self::Failed,
            Code::GuestFailed
            | Code::GuestUnavailable
            | Code::InputInvalid
            | Code::OutputInvalid
            | Code::SkillNotFound
            | Code::DeniedCapability => Self::Well,
            _ => Self::Unknown,
        }
    }
}

/// What an end changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It is open for so long.
    Opened(Duration),
    /// It is trusted again.
    Closed,
    /// The probe is over and said nothing.
    Free,
}

/// Leave to begin one thing. The default is that of a breaker that has never changed.
#[derive(Debug, Default)]
#[must_use = "a probe whose end is not told keeps the breaker from closing"]
pub struct Leave {
    generation: u64,
}

/// What is known of one thing that may fail.
#[derive(Debug)]
pub struct Breaker {
    settings: &'static Settings,
    state: State,
    /// Rises with each change of state.
    generation: u64,
    /// The newest ends of a closed one: when, and whether it was a failure.
    ends: VecDeque<(Timestamp, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { since: Timestamp, until: Timestamp, pause: Duration },
    HalfOpen { since: Timestamp, until: Timestamp, pause: Duration, probing: bool },
}

impl Breaker {
    /// One that is closed.
    pub const fn new(settings: &'static Settings) -> Self {
        Self { settings, state: State::Closed, generation: 0, ends: VecDeque::new() }
    }

    /// Whether something could begin now.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn check(&self, now: Timestamp) -> Result<(), Duration> {
        match self.state {
            State::Open { until, .. } if now < until => Err(until.since(now)),
            State::HalfOpen { probing: true, .. } => Err(self.settings.probe_time),
            State::Closed | State::Open { .. } | State::HalfOpen { .. } => Ok(()),
        }
    }

    /// Asks for leave to begin something.
    ///
    /// # Errors
    /// Those of [`Breaker::check`].
    pub fn admit(&mut self, now: Timestamp) -> Result<Leave, Duration> {
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

    /// Notes how something ended.
    pub fn ended(&mut self, leave: &Leave, ending: Ending, now: Timestamp) -> Change {
        if leave.generation != self.generation {
            return Change::None;
        }
        match (self.state, ending) {
            (State::Closed, Ending::Well | Ending::Failed) => {
                self.note(now, ending == Ending::Failed);
                if self.failures(now) >= self.settings.failures {
                    return self.open(now, self.settings.pause_min, now);
                }
                Change::None
            }
            (State::HalfOpen { since, pause, .. }, Ending::Failed) => {
                self.open(since, (pause * 2).min(self.settings.pause_max), now)
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

    /// Closes it; tells whether it was not.
    pub fn lift(&mut self) -> bool {
        let was_open = self.state != State::Closed;
        self.change(State::Closed);
        was_open
    }

    /// Since when and until when it is open, and whether a probe is under way.
    pub const fn opened(&self) -> Option<(Timestamp, Timestamp, bool)> {
        match self.state {
            State::Closed => None,
            State::Open { since, until, .. } => Some((since, until, false)),
            State::HalfOpen { since, until, probing, .. } => Some((since, until, probing)),
        }
    }

    /// Whether it is as a new one would be: closed, and no failure counts any more.
    pub fn is_at_rest(&self, now: Timestamp) -> bool {
        self.state == State::Closed && self.failures(now) == 0
    }

    fn note(&mut self, now: Timestamp, failed: bool) {
        self.ends.push_back((now, failed));
        if self.ends.len() > self.settings.ends {
            self.ends.pop_front();
        }
    }

    /// Failures among the newest ends that are not too old.
    fn failures(&self, now: Timestamp) -> usize {
        let recent = |at: Timestamp| now.since(at) <= self.settings.window;
        self.ends.iter().filter(|(at, failed)| *failed && recent(*at)).count()
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
mod tests;
