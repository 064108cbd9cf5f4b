//! `state` and `instance-state` at the gate: their calls and answers, which of them are
//! allowed, with which arguments, and what performing one means.
//!
//! The attack: a guest fills the disk, names another's key, or writes from a skill that
//! says it only reads. The rule: a key is opaque bytes of a bounded length in a space that
//! the host chooses and no argument names: the deployment's, or that of the instance which
//! the task is for. Every write is counted against the grant's quota, which holds for each
//! space by itself, in the transaction that makes it. A write may carry a lock; it is made only if that
//! lock's token is the newest by then, so whoever held it before writes nothing. The default: without a
//! grant, nothing, and without its word for instances, nothing of theirs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use troupe_core::grant::StateGrant;
use troupe_core::{Code, Effect, Fence, Grants, KeySpace, limits};

use super::deed::{Change, Deed};
use super::http::shown;
use super::{Answer, Gate, above_ceiling, locks};
use crate::port::{StateChange, StateOutcome, StateWrite};

/// The name of a function in the interface of a key space.
macro_rules! named {
    ($space:expr, $function:literal) => {
        match $space {
            KeySpace::Deployment => concat!("state.", $function),
            KeySpace::Instance => concat!("instance-state.", $function),
        }
    };
}

/// A call on a key space, as the guest made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StateCall {
    /// `get`
    Get {
        /// The key.
        key: String,
    },
    /// `list-keys`
    List {
        /// What the keys begin with.
        prefix: String,
        /// Only keys after this one.
        after: Option<String>,
        /// How many at most.
        limit: u32,
    },
    /// `set` and `set-with-ttl`
    Set {
        /// The key.
        key: String,
        /// The value.
        #[serde(with = "serde_bytes")]
        value: Vec<u8>,
        /// How long it stays, in milliseconds; absent: until it is changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
    },
    /// `compare-and-set` and `compare-and-set-with-ttl`
    CompareAndSet {
        /// The key.
        key: String,
        /// The revision it must have.
        expected: Option<u64>,
        /// The value.
        #[serde(with = "serde_bytes")]
        value: Vec<u8>,
        /// How long it stays, in milliseconds; absent: until it is changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
    },
    /// `increment`
    Increment {
        /// The key.
        key: String,
        /// What to add.
        delta: i64,
    },
    /// `expire`
    Expire {
        /// The key.
        key: String,
        /// How long it stays, in milliseconds; absent: until it is changed.
        ttl_ms: Option<u64>,
    },
    /// `delete`
    Delete {
        /// The key.
        key: String,
    },
    /// `fenced`
    Fenced {
        /// What the lock is on under which it is made.
        lock: String,
        /// The token of that lock.
        token: u64,
        /// The write.
        write: Box<StateCall>,
    },
}

impl StateCall {
    /// The capability and function, as messages name them.
    pub(super) const fn name(&self, space: KeySpace) -> &'static str {
        match self {
            Self::Get { .. } => named!(space, "get"),
            Self::List { .. } => named!(space, "list-keys"),
            Self::Set { ttl_ms: None, .. } => named!(space, "set"),
            Self::Set { .. } => named!(space, "set-with-ttl"),
            Self::CompareAndSet { ttl_ms: None, .. } => named!(space, "compare-and-set"),
            Self::CompareAndSet { .. } => named!(space, "compare-and-set-with-ttl"),
            Self::Increment { .. } => named!(space, "increment"),
            Self::Expire { .. } => named!(space, "expire"),
            Self::Delete { .. } => named!(space, "delete"),
            Self::Fenced { .. } => named!(space, "fenced"),
        }
    }

    /// The key that is meant; a list means many.
    fn key(&self) -> Option<&str> {
        match self {
            Self::Get { key }
            | Self::Set { key, .. }
            | Self::CompareAndSet { key, .. }
            | Self::Increment { key, .. }
            | Self::Expire { key, .. }
            | Self::Delete { key } => Some(key),
            Self::Fenced { write, .. } => write.key(),
            Self::List { .. } => None,
        }
    }

    /// What was called, for a person.
    pub(super) fn describe(&self, space: KeySpace) -> String {
        match self.key() {
            Some(key) => format!("{} {}", self.name(space), shown(key)),
            None => self.name(space).to_owned(),
        }
    }

    /// How far the call reaches.
    pub(super) const fn effect(&self) -> Effect {
        match self {
            Self::Get { .. } | Self::List { .. } => Effect::Read,
            Self::Set { .. }
            | Self::CompareAndSet { .. }
            | Self::Increment { .. }
            | Self::Expire { .. }
            | Self::Delete { .. }
            | Self::Fenced { .. } => Effect::Write,
        }
    }

    /// Checks the arguments.
    fn check(&self) -> Result<(), Answer> {
        if let Self::List { prefix, after, .. } = self {
            // Both may be empty: then all keys are meant.
            let longest = prefix.len().max(after.as_ref().map_or(0, String::len));
            return if longest > limits::STATE_KEY_BYTES_MAX { Err(key_length(longest)) } else { Ok(()) };
        }
        let length = self.key().map_or(0, str::len);
        if length == 0 || length > limits::STATE_KEY_BYTES_MAX {
            return Err(key_length(length));
        }
        match self {
            Self::Set { value, ttl_ms, .. } | Self::CompareAndSet { value, ttl_ms, .. } => {
                check_value(value.len())?;
                check_ttl(*ttl_ms)
            }
            Self::Expire { ttl_ms, .. } => check_ttl(*ttl_ms),
            Self::Fenced { write, .. } => write.check(),
            _ => Ok(()),
        }
    }
}

fn check_value(length: usize) -> Result<(), Answer> {
    if length <= limits::STATE_VALUE_BYTES_MAX {
        return Ok(());
    }
    let maximum = limits::STATE_VALUE_BYTES_MAX as u64;
    let message = format!("a state value may have {}; this one has {length} bytes", limits::bytes(maximum));
    Err(Answer::limit(Code::LimitStorage, maximum, message))
}

fn check_ttl(ttl_ms: Option<u64>) -> Result<(), Answer> {
    let most = limits::STATE_TTL_MAX.as_millis();
    match ttl_ms {
        Some(ttl) if ttl == 0 || u128::from(ttl) > most => {
            Err(Answer::Invalid(format!("a time to live is 1 to {most} milliseconds; this one is {ttl}")))
        }
        _ => Ok(()),
    }
}

fn key_length(length: usize) -> Answer {
    Answer::Invalid(format!("a state key is 1 to {} bytes; this one has {length}", limits::STATE_KEY_BYTES_MAX))
}

/// A value in state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The bytes.
    #[serde(with = "serde_bytes")]
    pub value: Vec<u8>,
    /// The revision that wrote them.
    pub revision: u64,
}

/// What a call of `state` was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StateAnswer {
    /// What a key holds.
    Entry(Option<Entry>),
    /// Keys.
    Keys(Vec<String>),
    /// The key's new revision.
    Revision(u64),
    /// The number that the key holds now.
    Sum(i64),
    /// Whether there was something to delete.
    Existed(bool),
    /// Whether there was a key to expire.
    Found(bool),
    /// Another write came first.
    Conflict(Option<u64>),
    /// The lock under which it was to be made has been given anew; this is its newest token, if there
    /// is one.
    Stale(Option<u64>),
}

impl StateAnswer {
    /// What came of the call, in short, for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Entry(None) => "nothing".to_owned(),
            Self::Entry(Some(entry)) => format!("{} bytes, revision {}", entry.value.len(), entry.revision),
            Self::Keys(keys) => format!("{} keys", keys.len()),
            Self::Revision(revision) => format!("revision {revision}"),
            Self::Existed(existed) => if *existed { "deleted" } else { "was not there" }.to_owned(),
            Self::Sum(sum) => format!("{sum}"),
            Self::Found(found) => if *found { "done" } else { "was not there" }.to_owned(),
            Self::Conflict(None) => "conflict: it was absent".to_owned(),
            Self::Conflict(Some(found)) => format!("conflict: it had revision {found}"),
            Self::Stale(None) => "stale: nobody knows of the lock".to_owned(),
            Self::Stale(Some(newest)) => format!("stale: the lock has token {newest} by now"),
        }
    }
}

impl Answer {
    /// What the guest is told of a change in a key space.
    pub fn of_change(space: KeySpace, outcome: &StateOutcome) -> Self {
        let whose = match space {
            KeySpace::Deployment => "deployment",
            KeySpace::Instance => "instance",
        };
        let full = |maximum: u64, what: &str| {
            let message = format!("state is full: this {whose} may hold {what}; delete some or ask for more");
            Self::limit(Code::LimitStorage, maximum, message)
        };
        let full_in_all = |maximum: u64, what: &str| {
            let message = format!(
                "state is full: this deployment and its instances may hold {what} together; delete some or stop instances \
                 that nobody uses"
            );
            Self::limit(Code::LimitStorage, maximum, message)
        };
        match *outcome {
            StateOutcome::Written(revision) => Self::State(StateAnswer::Revision(revision)),
            StateOutcome::Counted(sum) => Self::State(StateAnswer::Sum(sum)),
            StateOutcome::Expiring(found) => Self::State(StateAnswer::Found(found)),
            StateOutcome::NotANumber => Self::Invalid("the key holds no whole number of 64 bits in decimal".to_owned()),
            StateOutcome::Overflow => Self::Invalid("the sum would be no whole number of 64 bits".to_owned()),
            StateOutcome::Deleted(existed) => Self::State(StateAnswer::Existed(existed)),
            StateOutcome::Conflict(found) => Self::State(StateAnswer::Conflict(found)),
            StateOutcome::Stale(newest) => Self::State(StateAnswer::Stale(newest)),
            StateOutcome::BytesFull(maximum) => full(maximum, &limits::bytes(maximum)),
            StateOutcome::KeysFull(maximum) => full(maximum, &format!("{maximum} keys")),
            StateOutcome::BytesInAllFull(maximum) => full_in_all(maximum, &limits::bytes(maximum)),
            StateOutcome::KeysInAllFull(maximum) => full_in_all(maximum, &format!("{maximum} keys")),
        }
    }
}

/// Leave to perform one call; made by [`authorize`] alone.
#[derive(Debug)]
pub(super) struct Permit(KeySpace, StateGrant, Option<Fence>);

/// Decides whether `grants` allow `call` in a key space to a skill whose class is `ceiling`, and
/// whether its arguments are acceptable.
pub(super) fn authorize(grants: &Grants, ceiling: Effect, space: KeySpace, call: &StateCall) -> Result<Permit, Answer> {
    let name = call.name(space);
    let Some(grant) = grants.state else {
        return Err(Answer::denied(format!(
            "`{name}` was denied: this deployment has no grant of `state`; the manifest must ask for it and the operator grant it"
        )));
    };
    if space == KeySpace::Instance && !grant.instances {
        return Err(Answer::denied(format!(
            "`{name}` was denied: this deployment's grant of `state` leaves the keys of instances out; the manifest must ask for them (`instances = true`) and the operator grant them"
        )));
    }
    let effect = call.effect();
    if effect > ceiling {
        return Err(Answer::denied(above_ceiling(&format!("`{name}`"), effect, ceiling)));
    }
    call.check()?;
    let fence = match call {
        StateCall::Fenced { lock, token, .. } => {
            let name = locks::check_fence(grants, lock, &format!("`{name}` under `{}`", shown(lock)))?;
            Some(Fence { name, token: *token })
        }
        _ => None,
    };
    Ok(Permit(space, grant, fence))
}

impl Permit {
    /// What performing the permitted call means; nothing can where the task has no such keys.
    pub(super) fn deed<'a>(self, gate: &'a Gate, call: &'a StateCall) -> Result<Deed<'a>, Answer> {
        let Self(space, StateGrant { bytes: bytes_max, keys: keys_max, .. }, fence) = self;
        if space == KeySpace::Instance && !gate.has_instance() {
            let name = call.name(space);
            return Err(Answer::Invalid(format!(
                "`{name}` is about the keys of an instance, and this task is for none; ask for it with `instance`"
            )));
        }
        // What is fenced is a write: bindings have no other.
        let call = if let StateCall::Fenced { write, .. } = call { &**write } else { call };
        let write = match call {
            StateCall::Get { key } => {
                return Ok(Deed::Read(Box::pin(async move {
                    let found = gate.ledger().await?.get(space, key).await?;
                    Ok(Answer::State(StateAnswer::Entry(found)))
                })));
            }
            StateCall::List { prefix, after, limit } => {
                let limit = (*limit).min(limits::STATE_LIST_MAX);
                return Ok(Deed::Read(Box::pin(async move {
                    let keys = gate.ledger().await?.list(space, prefix, after.as_deref(), limit).await?;
                    Ok(Answer::State(StateAnswer::Keys(keys)))
                })));
            }
            StateCall::Set { key, value, ttl_ms } => {
                StateWrite::Set { key: key.clone(), value: value.clone(), ttl: ttl_ms.map(Duration::from_millis) }
            }
            StateCall::CompareAndSet { key, expected, value, ttl_ms } => StateWrite::CompareAndSet {
                key: key.clone(),
                expected: *expected,
                value: value.clone(),
                ttl: ttl_ms.map(Duration::from_millis),
            },
            StateCall::Increment { key, delta } => StateWrite::Increment { key: key.clone(), delta: *delta },
            StateCall::Expire { key, ttl_ms } => {
                StateWrite::Expire { key: key.clone(), ttl: ttl_ms.map(Duration::from_millis) }
            }
            StateCall::Delete { key } => StateWrite::Delete { key: key.clone() },
            StateCall::Fenced { .. } => return Err(Answer::Invalid("a write is made under one lock".to_owned())),
        };
        Ok(Deed::Own(Change::State(StateChange { space, write, bytes_max, keys_max, fence })))
    }
}
