//! `locks` at the gate: its calls and answers, which of them are allowed, with which arguments, and
//! what performing one means.
//!
//! The attack: a guest takes locks that are none of its business, holds one for ever, fills queues so
//! that nobody else gets in, or learns what other tenants work on. The rule: a grant names the locks
//! and the longest lease, and says whether one may be taken from others; every lock is of the tenant
//! whose task asks, and ends with its lease or its task. Since a lock keeps others out, each call is
//! of class write. The default: without a grant, nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use troupe_core::{
    AgentName, Code, Effect, Fence, Grants, LockChange, LockHolder, LockLoss, LockName, LockOptions, LockOutcome,
    LockPolicy, LockPriority, Timestamp, limits,
};

use super::deed::{Change, Deed};
use super::http::shown;
use super::options::read_options;
use super::{Answer, above_ceiling};

/// A call of `locks`, as the guest made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LocksCall {
    /// `acquire`
    Acquire {
        /// What the lock is on.
        name: String,
        /// How it is asked for: JSON.
        options: String,
    },
    /// `get` of a waiter
    Take {
        /// What the lock is on.
        name: String,
        /// The number of the call that asked.
        number: u64,
    },
    /// A waiter that its guest let go of
    Leave {
        /// What the lock is on.
        name: String,
        /// The number of the call that asked.
        number: u64,
    },
    /// `renew`
    Renew {
        /// What the lock is on.
        name: String,
        /// Its token.
        token: u64,
        /// For how long, in milliseconds; absent: as long as it was given for.
        lease_ms: Option<u64>,
    },
    /// `release`
    Release {
        /// What the lock is on.
        name: String,
        /// Its token.
        token: u64,
    },
}

impl LocksCall {
    /// The capability and function, as messages name them.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Acquire { .. } => "locks.acquire",
            Self::Take { .. } => "locks.get",
            Self::Leave { .. } => "locks.leave",
            Self::Renew { .. } => "locks.renew",
            Self::Release { .. } => "locks.release",
        }
    }

    /// What the lock is on, as the guest named it.
    pub(super) fn lock(&self) -> &str {
        match self {
            Self::Acquire { name, .. }
            | Self::Take { name, .. }
            | Self::Leave { name, .. }
            | Self::Renew { name, .. }
            | Self::Release { name, .. } => name,
        }
    }

    /// What was called, for a person.
    pub(super) fn describe(&self) -> String {
        format!("{} {}", self.name(), shown(self.lock()))
    }

    /// The call without what differs between two runs of the same program: numbers of other calls.
    pub(super) fn meant(&self) -> Self {
        match self.clone() {
            Self::Take { name, .. } => Self::Take { name, number: 0 },
            Self::Leave { name, .. } => Self::Leave { name, number: 0 },
            other => other,
        }
    }
}

/// What a call of `locks` was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LocksAnswer {
    /// The task holds it.
    Given {
        /// Its token.
        token: u64,
        /// When its lease ends, in milliseconds since the Unix epoch.
        until_ms: i64,
    },
    /// The task waits for it.
    Waiting,
    /// Somebody holds it.
    Busy {
        /// The holder's agent.
        agent: AgentName,
        /// Its priority.
        priority: LockPriority,
        /// When its lease ends, in milliseconds since the Unix epoch.
        until_ms: i64,
    },
    /// To wait would never end.
    Deadlock(Vec<LockName>),
    /// It was not given in time.
    TimedOut,
    /// The task does not hold it any more.
    Lost(LockLoss),
    /// When its lease ends, in milliseconds since the Unix epoch.
    Renewed(i64),
    /// It was given back, or the queue was left.
    Released,
}

impl LocksAnswer {
    /// What came of the call, in short, for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Given { token, .. } => format!("given, token {token}"),
            Self::Waiting => "waiting".to_owned(),
            Self::Busy { agent, priority, .. } => format!("busy: {agent} holds it, priority {}", priority.as_str()),
            Self::Deadlock(names) => {
                let names: Vec<&str> = names.iter().map(LockName::as_str).collect();
                format!("a deadlock: {}", names.join(", "))
            }
            Self::TimedOut => "not given in time".to_owned(),
            Self::Lost(why) => format!("lost: {}", why.as_str()),
            Self::Renewed(until_ms) => format!("until {}", Timestamp::from_millis(*until_ms)),
            Self::Released => "released".to_owned(),
        }
    }
}

impl Answer {
    /// What the guest is told of a change of a lock.
    pub fn of_lock(outcome: &LockOutcome) -> Self {
        Self::Locks(match outcome {
            LockOutcome::Given { token, until, .. } => {
                LocksAnswer::Given { token: *token, until_ms: until.as_millis() }
            }
            LockOutcome::Waiting => LocksAnswer::Waiting,
            LockOutcome::Busy(LockHolder { agent, priority, until }) => {
                LocksAnswer::Busy { agent: agent.clone(), priority: *priority, until_ms: until.as_millis() }
            }
            LockOutcome::Deadlock(names) => LocksAnswer::Deadlock(names.clone()),
            LockOutcome::TimedOut => LocksAnswer::TimedOut,
            LockOutcome::Lost(why) => LocksAnswer::Lost(*why),
            LockOutcome::Renewed(until) => LocksAnswer::Renewed(until.as_millis()),
            LockOutcome::Released => LocksAnswer::Released,
            LockOutcome::Taken => return Self::Invalid("what came of this was told before".to_owned()),
            LockOutcome::Full(quota) => {
                let maximum = quota.maximum();
                let what = match quota {
                    troupe_core::LockQuota::OfTask => format!("a task holds and waits for at most {maximum} locks"),
                    troupe_core::LockQuota::OfTenant => {
                        format!("the tasks of this tenant hold and wait for at most {maximum} locks")
                    }
                    troupe_core::LockQuota::OfQueue => format!("at most {maximum} wait for one lock"),
                };
                return Self::limit(Code::LimitLocks, maximum, format!("{what}; give some back, or try again later"));
            }
        })
    }
}

/// Leave to perform one call; made by [`authorize`] alone.
#[derive(Debug)]
pub(super) struct Permit(Wanted);

#[derive(Debug)]
enum Wanted {
    Acquire { name: LockName, priority: LockPriority, lease: Duration, wait: Option<Duration>, preempt: bool },
    Change(LockChange),
}

/// Decides whether `grants` allow `call` to a skill whose class is `ceiling`, and whether its arguments
/// are acceptable. What a task holds or waits for it may give back whatever is granted by then.
pub(super) fn authorize(grants: &Grants, ceiling: Effect, call: &LocksCall) -> Result<Permit, Answer> {
    let gives_back = matches!(call, LocksCall::Leave { .. } | LocksCall::Release { .. });
    let what = format!("`{}` of `{}`", call.name(), shown(call.lock()));
    let name = name(call.lock())?;
    let granted = || grants.locks.iter().filter(|grant| grant.admits(&name));
    if !gives_back && granted().next().is_none() {
        return Err(not_granted(&what));
    }
    if Effect::Write > ceiling {
        return Err(Answer::denied(above_ceiling(&what, Effect::Write, ceiling)));
    }
    let longest = granted().map(|grant| grant.lease_ms).max().unwrap_or_default();
    let lease = |ms: u64| lease(ms, longest, &what);
    let wanted = match call {
        LocksCall::Acquire { options, .. } => {
            let LockOptions { priority, lease_ms, wait_ms, policy } =
                read_options(options, limits::LOCK_OPTIONS_BYTES_MAX, "a lock")?;
            let asked = lease_ms.unwrap_or_else(|| longest.min(millis(limits::LOCK_LEASE_DEFAULT)));
            let preempt = policy == LockPolicy::Preempt;
            if preempt && !granted().any(|grant| grant.preempt && grant.lease_ms >= asked) {
                return Err(Answer::denied(format!(
                    "{what} was denied: no line of `locks` lets it take this lock from others for {asked} ms (`preempt = true`); the manifest must ask for it and the operator grant it"
                )));
            }
            let wait = if policy == LockPolicy::Fail { Some(0) } else { wait_ms };
            // Nothing lasts longer than a task may.
            let wait = wait.map(|ms| Duration::from_millis(ms).min(limits::TASK_LIFETIME_MAX));
            Wanted::Acquire { name, priority, lease: lease(asked)?, wait, preempt }
        }
        LocksCall::Take { number, .. } => Wanted::Change(LockChange::Take { number: *number }),
        LocksCall::Leave { number, .. } => Wanted::Change(LockChange::Leave { number: *number }),
        LocksCall::Renew { token, lease_ms, .. } => {
            let lease = lease_ms.map(lease).transpose()?;
            Wanted::Change(LockChange::Renew { lock: Fence { name, token: *token }, lease })
        }
        LocksCall::Release { token, .. } => Wanted::Change(LockChange::Release { lock: Fence { name, token: *token } }),
    };
    Ok(Permit(wanted))
}

/// Checks that a write may carry a lock of this name.
pub(super) fn check_fence(grants: &Grants, lock: &str, what: &str) -> Result<LockName, Answer> {
    let name = name(lock)?;
    if grants.locks.iter().any(|grant| grant.admits(&name)) { Ok(name) } else { Err(not_granted(what)) }
}

fn not_granted(what: &str) -> Answer {
    Answer::denied(format!(
        "{what} was denied: this deployment has no grant of `locks` that names this lock; the manifest must ask for it and the operator grant it"
    ))
}

fn name(text: &str) -> Result<LockName, Answer> {
    text.parse().map_err(|error: troupe_core::Error| Answer::Invalid(error.message))
}

/// A lease of so many milliseconds, if one may be that long.
fn lease(ms: u64, longest: u64, what: &str) -> Result<Duration, Answer> {
    let least = millis(limits::LOCK_LEASE_MIN);
    if ms < least {
        return Err(Answer::Invalid(format!("a lease is at least {least} milliseconds; this one is {ms}")));
    }
    if ms > longest {
        return Err(Answer::denied(format!(
            "{what} was denied: the lines of `locks` that name this lock allow a lease of at most {longest} ms, and it asks for {ms}"
        )));
    }
    Ok(Duration::from_millis(ms))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Permit {
    /// What performing the permitted call, which has this number, means.
    pub(super) fn deed<'a>(self, number: u64) -> Deed<'a> {
        Deed::Own(Change::Lock(match self.0 {
            Wanted::Acquire { name, priority, lease, wait, preempt } => {
                LockChange::Acquire { name, number, priority, lease, wait, preempt }
            }
            Wanted::Change(change) => change,
        }))
    }
}

#[cfg(test)]
#[path = "locks_tests.rs"]
mod tests;
