//! Exclusive locks on names that agents of one tenant agree on.
//!
//! A lock is held by the task: also while it is suspended, and after its host died, until it gives the
//! lock back (dropping a [`Lock`] does), the lease is over, or the task has ended. Whoever waits is
//! given it by priority, then by age; a task that only waits is suspended meanwhile.
//!
//! ```
//! use std::time::Duration;
//! use troupe_sdk::prelude::*;
//!
//! # fn stop() -> Result<(), Failure> {
//! let lock = locks::on("instances/i-17").at_most(Duration::from_secs(600)).acquire().wait()?;
//! lock.set("instances/i-17/stopped", "yes")?;
//! lock.release()?;
//! # Ok(())
//! # }
//! # let _host = troupe_sdk::test::Host::start();
//! # stop().unwrap();
//! ```
//!
//! Each time a lock is given it has a [token](Lock::token), higher than any before for that name. What
//! is written under it ([`Lock::set`], [`state::fenced`](crate::state::fenced)) is refused once there
//! is a newer one: so an agent that was slow, and lost its lock, destroys nothing of whoever has it now.
//!
//! The manifest asks for locks by their names:
//!
//! ```toml
//! [[capabilities.locks]]
//! name = "instances/*"
//! lease = "10m"
//! ```

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;

use crate::state::{Fenced, Space};
use crate::{CapabilityError, Failure, Problem, backend, time};

/// How much whoever asks for a lock is in a hurry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// After everybody else.
    Low,
    /// As most do.
    #[default]
    Normal,
    /// Before most.
    High,
    /// Before everybody else.
    Critical,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Policy {
    #[default]
    Wait,
    Fail,
    Preempt,
}

/// How a lock is asked for, as the host reads it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Options {
    pub(crate) priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lease_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wait_ms: Option<u64>,
    pub(crate) policy: Policy,
}

/// Begins to ask for the lock on a name: 1 to 200 letters, digits, `.`, `_`, `-`, `:` and `@`, in parts
/// with a `/` between them.
pub fn on(name: impl Into<String>) -> Ask {
    Ask { name: name.into(), options: Options::default() }
}

/// A lock that is asked for.
#[derive(Debug, Clone)]
#[must_use = "nothing is asked for before `acquire`"]
pub struct Ask {
    name: String,
    options: Options,
}

impl Ask {
    /// Says how much of a hurry there is; [`Priority::Normal`] otherwise.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.options.priority = priority;
        self
    }

    /// Says for how long it is wanted, a second to an hour; a minute otherwise, or as long as the grant
    /// allows.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.options.lease_ms = Some(time::milliseconds(lease));
        self
    }

    /// Says how long it is waited for; as long as the task lasts otherwise.
    pub fn at_most(mut self, wait: Duration) -> Self {
        self.options.wait_ms = Some(time::milliseconds(wait));
        self
    }

    /// Does not wait where somebody holds it: that is [`LockError::Busy`] then.
    pub const fn or_fail(mut self) -> Self {
        self.options.policy = Policy::Fail;
        self
    }

    /// Takes it from a holder of a lower priority, if the grant allows that; else waits.
    pub const fn or_preempt(mut self) -> Self {
        self.options.policy = Policy::Preempt;
        self
    }

    /// Asks for it, and waits until it is given. Letting go of the future leaves the queue.
    ///
    /// # Errors
    ///
    /// Any [`LockError`].
    pub async fn acquire(self) -> Result<Lock, LockError> {
        backend::lock_acquire(&self.name, self.options).await.map(Lock)
    }
}

/// A lock that the task holds. Dropping it gives it back.
#[derive(Debug)]
pub struct Lock(backend::HeldLock);

impl Lock {
    /// Returns what it is on.
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// Returns its token, higher than any that was given for that name before.
    pub fn token(&self) -> u64 {
        self.0.token()
    }

    /// Returns when its lease ends, as was last heard.
    pub fn until(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.0.until())).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Has its lease begin anew, for `lease` (none: for as long as it was given at first), and returns when it
    /// ends then.
    ///
    /// # Errors
    ///
    /// [`LockError::Lost`] if somebody else may have it by now; [`LockError::Refused`].
    pub fn renew(&self, lease: Option<Duration>) -> Result<SystemTime, LockError> {
        self.0.renew(lease.map(time::milliseconds))?;
        Ok(self.until())
    }

    /// Gives it back. It is over then, however the call ends.
    ///
    /// # Errors
    ///
    /// As [`Lock::renew`].
    pub fn release(self) -> Result<(), LockError> {
        self.0.release()
    }

    /// The deployment's keys, to be written under this lock.
    pub fn state(&self) -> Fenced {
        self.keys(Space::Deployment)
    }

    /// The keys of a space, to be written under this lock.
    pub fn keys(&self, space: Space) -> Fenced {
        Fenced::new(space, self.name(), self.token())
    }

    /// Writes a key of the deployment under this lock, and returns its new revision.
    ///
    /// # Errors
    ///
    /// Any [`FencedError`](crate::state::FencedError).
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<u64, crate::state::FencedError> {
        self.state().set(key, value)
    }
}

/// How a call about locks ends when it does not succeed. `?` makes it a [`Failure`].
#[derive(Debug, Clone, PartialEq)]
pub enum LockError {
    /// It was not performed.
    Refused(CapabilityError),
    /// Somebody holds the lock, and the call did not wait; the details say what may be said of it.
    Busy(Problem),
    /// The lock was not given in the time that there was.
    TimedOut,
    /// To wait would never end: whoever holds these locks waits for the next, and the last of them for
    /// one of this task's.
    Deadlock(Vec<String>),
    /// The task does not hold the lock any more; `reason` in the details is `expired`, `preempted` or
    /// `operator`.
    Lost(Problem),
}

impl LockError {
    /// Returns why the lock was lost, if that is what happened.
    pub fn lost(&self) -> Option<&str> {
        match self {
            Self::Lost(Problem { details: Some(details), .. }) => details.get("reason").and_then(Value::as_str),
            _ => None,
        }
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Busy(problem) | Self::Lost(problem) => f.write_str(&problem.message),
            Self::TimedOut => f.write_str("the lock was not given in time"),
            Self::Deadlock(names) => write!(f, "to wait would never end: a deadlock over {}", names.join(", ")),
        }
    }
}

impl std::error::Error for LockError {}

impl From<LockError> for Failure {
    /// What others hold may be free later, and a task that is tried again holds nothing that others wait
    /// for; so all but a refusal is worth another try.
    fn from(error: LockError) -> Self {
        match error {
            LockError::Refused(error) => error.into(),
            other => Self::unavailable(other),
        }
    }
}
