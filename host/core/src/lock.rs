//! Locks: what they are on, how one is asked for, and what comes of that.
//!
//! A lock is exclusive, on a name that agents of one tenant agree on, held by a task, and leased:
//! it ends with its lease, its release or its task, whichever comes first. Each time one is given
//! it has a new *token*, higher than any that was given for that name before, so whoever writes
//! under it can be told from whoever held it earlier ([`Fence`]).
//!
//! | pattern | names |
//! |---|---|
//! | `orders/17` | that one |
//! | `orders/*` | every name that begins so |
//! | `*` | every name |

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AgentName, Code, Error, LockName, Result, Timestamp, limits};

/// Names of locks: one, or all that begin in the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct LockPattern(String);

impl LockPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What every name begins with, and whether there may be more.
    pub fn stem(&self) -> (&str, bool) {
        self.0.strip_suffix('*').map_or((&self.0, false), |stem| (stem, true))
    }

    /// Whether the pattern names a lock.
    pub fn admits(&self, name: &LockName) -> bool {
        match self.stem() {
            (stem, true) => name.as_str().starts_with(stem),
            (whole, false) => name.as_str() == whole,
        }
    }

    /// Whether the pattern names all that `other` does.
    pub fn covers(&self, other: &Self) -> bool {
        match (self.stem(), other.stem()) {
            ((own, true), (other, _)) => other.starts_with(own),
            ((own, false), (other, open)) => own == other && !open,
        }
    }
}

impl FromStr for LockPattern {
    type Err = Error;

    /// # Errors
    /// [`Code::ManifestInvalid`] if the text is none.
    fn from_str(text: &str) -> Result<Self> {
        let stem = text.strip_suffix('*').unwrap_or(text);
        // What a name may go on with after the stem is one more character.
        let is_valid = match text.strip_suffix('*') {
            None => stem.parse::<LockName>().is_ok(),
            Some(_) => format!("{stem}x").parse::<LockName>().is_ok(),
        };
        if is_valid {
            return Ok(Self(text.to_owned()));
        }
        let message =
            format!("`{}` names no locks; write a name such as `orders/17`, or `orders/*`", crate::shown(text));
        Err(Error::new(Code::ManifestInvalid, message))
    }
}

impl TryFrom<String> for LockPattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<LockPattern> for String {
    fn from(pattern: LockPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for LockPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much whoever asks for a lock is in a hurry. The order is that of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LockPriority {
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

impl LockPriority {
    /// Every priority, from the last to the first in a queue.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// The word that documents have.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What is done where somebody holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockPolicy {
    /// Wait for it.
    #[default]
    Wait,
    /// Be told at once.
    Fail,
    /// Take it from a holder of a lower priority, if the grant allows that; else wait for it.
    Preempt,
}

/// How a lock is asked for: a document, so that it can grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LockOptions {
    /// The place in the queue.
    pub priority: LockPriority,
    /// How long it is given for, in milliseconds; a minute when absent, or as long as the grant allows.
    pub lease_ms: Option<u64>,
    /// How long it is waited for at most, in milliseconds; as long as the task lasts when absent.
    pub wait_ms: Option<u64>,
    /// What is done where somebody holds it.
    pub policy: LockPolicy,
}

/// A lock under which something is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// What the lock is on.
    pub name: LockName,
    /// Its token.
    pub token: u64,
}

/// A change of a lock, as part of an invocation's commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockChange {
    /// Asks for it.
    Acquire {
        /// What it is on.
        name: LockName,
        /// The number of the call that asks, by which the answer is found later.
        number: u64,
        /// The place in the queue.
        priority: LockPriority,
        /// How long it is given for.
        lease: Duration,
        /// How long it is waited for; `None`: as long as the task lasts.
        wait: Option<Duration>,
        /// Whether it is taken from a holder of a lower priority.
        preempt: bool,
    },
    /// Takes what came of a call that waits.
    Take {
        /// The number of that call.
        number: u64,
    },
    /// Leaves the queue, or gives back what was given and not taken.
    Leave {
        /// The number of the call that asked.
        number: u64,
    },
    /// Has the lease begin anew.
    Renew {
        /// The lock.
        lock: Fence,
        /// How long; `None`: as long as it was given for.
        lease: Option<Duration>,
    },
    /// Gives it back.
    Release {
        /// The lock.
        lock: Fence,
    },
}

/// Why a lock was taken from whoever held it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockLoss {
    /// Its lease was over.
    Expired,
    /// Somebody of a higher priority took it.
    Preempted,
    /// An operator took it away.
    Operator,
}

impl LockLoss {
    /// The word that documents have.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Preempted => "preempted",
            Self::Operator => "operator",
        }
    }

    /// The loss that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Expired, Self::Preempted, Self::Operator].into_iter().find(|loss| loss.as_str() == text)
    }
}

/// What may be said of a holder to another agent of its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// Its agent.
    pub agent: AgentName,
    /// Its priority.
    pub priority: LockPriority,
    /// When its lease ends.
    pub until: Timestamp,
}

/// A part of what may be held and waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockQuota {
    /// Locks that one task holds or waits for.
    OfTask,
    /// Locks that the tasks of one tenant hold or wait for.
    OfTenant,
    /// Those who wait for one lock.
    OfQueue,
}

impl LockQuota {
    /// The most there may be.
    pub const fn maximum(self) -> u64 {
        match self {
            Self::OfTask => limits::LOCKS_PER_TASK_MAX,
            Self::OfTenant => limits::LOCKS_PER_TENANT_MAX,
            Self::OfQueue => limits::LOCK_QUEUE_MAX,
        }
    }
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockOutcome {
    /// The caller holds it.
    Given {
        /// Its token.
        token: u64,
        /// When its lease ends.
        until: Timestamp,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The caller is in its queue.
    Waiting,
    /// Somebody holds it, and the caller does not wait.
    Busy(LockHolder),
    /// To wait would never end: those who hold and wait for these locks would wait for each other.
    Deadlock(Vec<LockName>),
    /// It was not given in time.
    TimedOut,
    /// The caller does not hold it any more.
    Lost(LockLoss),
    /// Its lease ends then.
    Renewed(Timestamp),
    /// The caller does not hold it, nor wait for it, any more.
    Released,
    /// What came of that call was taken before.
    Taken,
    /// There would be too many.
    Full(LockQuota),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> LockPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_names_all_that_begins_so_and_stands_at_the_end_alone() {
        let orders = pattern("orders/*");
        assert!(orders.admits(&"orders/17".parse().unwrap()) && orders.admits(&"orders/17/lines".parse().unwrap()));
        assert!(!orders.admits(&"order/17".parse().unwrap()) && !pattern("a").admits(&"ab".parse().unwrap()));
        for (wide, narrow, covers) in [
            ("*", "orders/*", true),
            ("orders/*", "orders/1*", true),
            ("orders/1*", "orders/*", false),
            ("orders/1", "orders/1*", false),
            ("orders/1", "orders/1", true),
            ("orders/*", "orders/1", true),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), covers, "{wide} {narrow}");
        }
        for text in ["", "**", "a*b", "/a", "a//*", "a/../*", "a b", "ä*", "../*", "/*"] {
            assert_eq!(text.parse::<LockPattern>().unwrap_err().code, Code::ManifestInvalid, "{text}");
        }
        for text in ["*", "a*", "a/*", "A:b@c_d-e.f"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn options_are_read_by_their_names_alone_and_have_defaults() {
        let read = |text: &str| serde_json::from_str::<LockOptions>(text);
        assert_eq!(read("{}").unwrap(), LockOptions::default());
        let options = read(r#"{"priority":"critical","lease_ms":5,"wait_ms":0,"policy":"preempt"}"#).unwrap();
        assert_eq!((options.priority, options.policy), (LockPriority::Critical, LockPolicy::Preempt));
        assert!(read(r#"{"prio":"high"}"#).is_err() && read(r#"{"lease_ms":-1}"#).is_err());
        assert!(LockPriority::ALL.is_sorted());
    }
}
