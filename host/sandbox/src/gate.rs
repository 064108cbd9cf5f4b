//! The gate: the one place that every capability call passes.
//!
//! The attack: a guest, or somebody who steers it by its input, asks for what its
//! operator did not grant, or asks for so much that others suffer, or acts and then
//! denies it. The rule: each call is authorised against the grants in force, metered,
//! performed and recorded here, in this order, whichever capability it belongs to. The
//! default: what no grant names is denied, and the guest is told so as an answer, not
//! by a trap, so that it can go on without.
//!
//! A capability is performed only with a [`Permit`], and only [`authorize`] makes one,
//! so a forgotten check does not compile.
//!
//! Rows of reads wait and ride along with the next commit; a write commits its row and
//! all that wait in the transaction of its effect.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use troupe_core::grant::StateGrant;
use troupe_core::{Clock, Code, Error, Grants, Result, Timestamp, limits};

use crate::clock::GuestClock;
use crate::port::{Ledger, StateOutcome, StateWrite};

/// A capability call, as the guest made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Call {
    /// `state.get`
    StateGet {
        /// The key.
        key: String,
    },
    /// `state.list-keys`
    StateList {
        /// What the keys begin with.
        prefix: String,
        /// Only keys after this one.
        after: Option<String>,
        /// How many at most.
        limit: u32,
    },
    /// `state.set`
    StateSet {
        /// The key.
        key: String,
        /// The value.
        #[serde(with = "serde_bytes")]
        value: Vec<u8>,
    },
    /// `state.compare-and-set`
    StateCompareAndSet {
        /// The key.
        key: String,
        /// The revision it must have.
        expected: Option<u64>,
        /// The value.
        #[serde(with = "serde_bytes")]
        value: Vec<u8>,
    },
    /// `state.delete`
    StateDelete {
        /// The key.
        key: String,
    },
}

impl Call {
    /// The capability and function, as messages name them.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StateGet { .. } => "state.get",
            Self::StateList { .. } => "state.list-keys",
            Self::StateSet { .. } => "state.set",
            Self::StateCompareAndSet { .. } => "state.compare-and-set",
            Self::StateDelete { .. } => "state.delete",
        }
    }

    /// Reads a call back from its journal row.
    ///
    /// # Errors
    /// [`Code::Internal`] if the bytes are not a call of this or an earlier host.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(bytes).map_err(Error::internal)
    }
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

/// What a call was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Answer {
    /// What a key holds.
    Entry(Option<Entry>),
    /// Keys.
    Keys(Vec<String>),
    /// The key's new revision.
    Revision(u64),
    /// Whether there was something to delete.
    Existed(bool),
    /// Another write came first.
    Conflict(Option<u64>),
    /// No grant allows the call.
    Denied(String),
    /// The argument is not acceptable.
    Invalid(String),
    /// A limit was met: its code, the most that is allowed, a sentence.
    Limit(String, u64, String),
}

impl Answer {
    /// Reads an answer back from its journal row.
    ///
    /// # Errors
    /// [`Code::Internal`] if the bytes are not an answer of this or an earlier host.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(bytes).map_err(Error::internal)
    }

    /// The bytes a journal row keeps.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }
}

impl From<&StateOutcome> for Answer {
    fn from(outcome: &StateOutcome) -> Self {
        let full = |maximum: u64, what: &str| {
            let message = format!("state is full: this deployment may hold {what}; delete some or ask for more");
            Self::Limit(Code::LimitStorage.as_str().to_owned(), maximum, message)
        };
        match *outcome {
            StateOutcome::Written(revision) => Self::Revision(revision),
            StateOutcome::Deleted(existed) => Self::Existed(existed),
            StateOutcome::Conflict(found) => Self::Conflict(found),
            StateOutcome::BytesFull(maximum) => full(maximum, &limits::bytes(maximum)),
            StateOutcome::KeysFull(maximum) => full(maximum, &format!("{maximum} keys")),
        }
    }
}

/// Field names stand in the bytes, so that a later host can add fields and still read
/// what an earlier one wrote.
fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap_or_default()
}

/// One line of an invocation's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// The call's number in its invocation, from 1.
    pub number: u64,
    /// When it was answered.
    pub at: Timestamp,
    /// The encoded [`Call`].
    pub call: Vec<u8>,
    /// The encoded [`Answer`]; empty until there is one.
    pub answer: Vec<u8>,
    /// Whether the call may have changed something.
    pub write: bool,
}

/// Leave to perform one call; made by [`authorize`] alone.
#[derive(Debug)]
struct Permit(Allowed);

#[derive(Debug)]
enum Allowed {
    State(StateGrant),
}

/// Decides whether `grants` allow `call`.
fn authorize(grants: &Grants, call: &Call) -> std::result::Result<Permit, Answer> {
    match call {
        Call::StateGet { .. }
        | Call::StateList { .. }
        | Call::StateSet { .. }
        | Call::StateCompareAndSet { .. }
        | Call::StateDelete { .. } => match grants.state {
            Some(grant) => Ok(Permit(Allowed::State(grant))),
            None => Err(denied(call, "state")),
        },
    }
}

fn denied(call: &Call, capability: &str) -> Answer {
    Answer::Denied(format!(
        "`{}` was denied: this deployment has no grant of `{capability}`; the manifest must ask for it and the operator grant it",
        call.name()
    ))
}

/// The gate of one invocation.
pub(crate) struct Gate {
    grants: Grants,
    ledger: Box<dyn Ledger>,
    host_clock: Arc<dyn Clock>,
    guest_clock: GuestClock,
    rows: Vec<JournalRow>,
    calls: u64,
    denied: u64,
}

impl Gate {
    pub(crate) fn new(
        grants: Grants,
        ledger: Box<dyn Ledger>,
        host_clock: Arc<dyn Clock>,
        guest_clock: GuestClock,
    ) -> Self {
        Self { grants, ledger, host_clock, guest_clock, rows: Vec::new(), calls: 0, denied: 0 }
    }

    /// Numbers and meters a host call of any kind.
    ///
    /// # Errors
    /// [`Code::LimitHostCalls`]; the invocation ends with it.
    pub(crate) fn count(&mut self) -> Result<u64> {
        self.calls += 1;
        if self.calls > limits::HOST_CALLS_MAX {
            return Err(host_calls_exceeded());
        }
        Ok(self.calls)
    }

    /// Lets the guest's clock move: something was delivered to it.
    pub(crate) fn deliver(&self) -> Timestamp {
        let now = self.host_clock.now();
        self.guest_clock.deliver(now);
        now
    }

    /// Passes one capability call: authorise, meter, perform, journal.
    ///
    /// # Errors
    /// Whatever ends the invocation: too many calls, or a store that cannot go on.
    pub(crate) async fn pass(&mut self, call: Call) -> Result<Answer> {
        let number = self.count()?;
        let row =
            |call: &Call, at, answer: Vec<u8>, write| JournalRow { number, at, call: encode(call), answer, write };
        let permit = match authorize(&self.grants, &call) {
            Ok(permit) => permit,
            Err(refusal) => {
                self.denied += 1;
                let at = self.deliver();
                self.rows.push(row(&call, at, refusal.encode(), false));
                return Ok(refusal);
            }
        };
        let Permit(Allowed::State(grant)) = permit;
        if let Some(refusal) = unacceptable(&call) {
            let at = self.deliver();
            self.rows.push(row(&call, at, refusal.encode(), false));
            return Ok(refusal);
        }
        let write = match &call {
            Call::StateGet { key } => {
                let answer = Answer::Entry(self.ledger.get(key).await?);
                let at = self.deliver();
                self.rows.push(row(&call, at, answer.encode(), false));
                return Ok(answer);
            }
            Call::StateList { prefix, after, limit } => {
                let limit = (*limit).min(limits::STATE_LIST_MAX);
                let answer = Answer::Keys(self.ledger.list(prefix, after.as_deref(), limit).await?);
                let at = self.deliver();
                self.rows.push(row(&call, at, answer.encode(), false));
                return Ok(answer);
            }
            Call::StateSet { key, value } => StateWrite::Set { key: key.clone(), value: value.clone() },
            Call::StateCompareAndSet { key, expected, value } => {
                StateWrite::CompareAndSet { key: key.clone(), expected: *expected, value: value.clone() }
            }
            Call::StateDelete { key } => StateWrite::Delete { key: key.clone() },
        };
        let row = row(&call, self.host_clock.now(), Vec::new(), true);
        let waiting = std::mem::take(&mut self.rows);
        let outcome = self.ledger.write(waiting, row, write, grant.bytes, grant.keys).await?;
        self.deliver();
        Ok(Answer::from(&outcome))
    }

    /// Hands over the rows that no commit has taken yet, with the number of calls made
    /// and of calls denied.
    pub(crate) fn finish(&mut self) -> (Vec<JournalRow>, u64, u64) {
        (std::mem::take(&mut self.rows), self.calls, self.denied)
    }
}

/// The error of a guest that calls the host without end.
pub(crate) fn host_calls_exceeded() -> Error {
    Error::new(
        Code::LimitHostCalls,
        format!("the agent made more than {} host calls in one invocation", limits::HOST_CALLS_MAX),
    )
}

/// Checks the arguments of a state call.
fn unacceptable(call: &Call) -> Option<Answer> {
    let (key, value) = match call {
        Call::StateGet { key } | Call::StateDelete { key } => (Some(key), None),
        Call::StateSet { key, value } | Call::StateCompareAndSet { key, value, .. } => (Some(key), Some(value)),
        Call::StateList { prefix, .. } if prefix.len() > limits::STATE_KEY_BYTES_MAX => (Some(prefix), None),
        Call::StateList { .. } => (None, None),
    };
    if let Some(key) = key
        && (key.is_empty() || key.len() > limits::STATE_KEY_BYTES_MAX)
    {
        return Some(Answer::Invalid(format!(
            "a state key is 1 to {} bytes; this one has {}",
            limits::STATE_KEY_BYTES_MAX,
            key.len()
        )));
    }
    let length = value.map_or(0, Vec::len);
    if length > limits::STATE_VALUE_BYTES_MAX {
        let maximum = limits::STATE_VALUE_BYTES_MAX as u64;
        return Some(Answer::Limit(
            Code::LimitStorage.as_str().to_owned(),
            maximum,
            format!("a state value may have {}; this one has {length} bytes", limits::bytes(maximum)),
        ));
    }
    None
}
