//! What the journal keeps: calls and their answers, as data that later hosts still read.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use troupe_core::{Code, Error, Result, Timestamp, limits};

use super::http::shown;
use super::http_call::{HttpAnswer, HttpCall, HttpFailure};
use crate::port::StateOutcome;

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
    /// A request through `wasi:http`.
    Http(HttpCall),
    /// A request that was not whole when the invocation ended.
    HttpBegun,
    /// A `poll`, `block` or `ready` to which the end of another call was delivered.
    Wait,
    /// A call that was refused, with arguments too long to keep.
    Refused {
        /// The capability and function.
        name: String,
        /// The SHA-256 of the encoded call, in hexadecimal.
        sha256: String,
        /// The length of the encoded call in bytes.
        bytes: u64,
    },
}

impl Call {
    /// The capability and function, as messages name them.
    pub fn name(&self) -> &str {
        match self {
            Self::StateGet { .. } => "state.get",
            Self::StateList { .. } => "state.list-keys",
            Self::StateSet { .. } => "state.set",
            Self::StateCompareAndSet { .. } => "state.compare-and-set",
            Self::StateDelete { .. } => "state.delete",
            Self::Http(_) | Self::HttpBegun => "http",
            Self::Wait => "wait",
            Self::Refused { name, .. } => name,
        }
    }

    /// What was called, for a person: `http POST https://ec2.us-east-1.amazonaws.com/
    /// (ec2:StopInstances)`.
    pub fn describe(&self) -> String {
        match self {
            Self::Http(call) => match &call.action {
                Some(action) => format!("http {} {} ({action})", call.method, call.url),
                None => format!("http {} {}", call.method, call.url),
            },
            Self::StateGet { key }
            | Self::StateSet { key, .. }
            | Self::StateCompareAndSet { key, .. }
            | Self::StateDelete { key } => format!("{} {}", self.name(), shown(key)),
            other => other.name().to_owned(),
        }
    }

    /// What the journal keeps of the call if it is refused.
    pub(super) fn refused(&self) -> Vec<u8> {
        let whole = encode(self);
        if whole.len() <= limits::JOURNAL_REFUSED_BYTES_MAX {
            return whole;
        }
        let sha256 = hex::encode(Sha256::digest(&whole));
        encode(&Self::Refused { name: self.name().to_owned(), sha256, bytes: whole.len() as u64 })
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
    /// What a server answered, whole.
    Http(HttpAnswer),
    /// The head of what a server answered with a body too large to keep: the call cannot
    /// be replayed.
    HttpStreamed(HttpAnswer),
    /// No answer came that the guest could be given.
    HttpFailed(HttpFailure),
    /// What the guest waited for: the number of the call that had come to its end.
    Completed(u64),
}

impl Answer {
    /// Reads an answer back from its journal row.
    ///
    /// # Errors
    /// [`Code::Internal`] if the bytes are not an answer of this or an earlier host.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(bytes).map_err(Error::internal)
    }

    /// What came of a call, in short, for a person.
    pub fn describe(&self) -> String {
        match self {
            Self::Entry(None) => "nothing".to_owned(),
            Self::Entry(Some(entry)) => format!("{} bytes, revision {}", entry.value.len(), entry.revision),
            Self::Keys(keys) => format!("{} keys", keys.len()),
            Self::Revision(revision) => format!("revision {revision}"),
            Self::Existed(existed) => if *existed { "deleted" } else { "was not there" }.to_owned(),
            Self::Conflict(None) => "conflict: it was absent".to_owned(),
            Self::Conflict(Some(found)) => format!("conflict: it had revision {found}"),
            Self::Denied(why) | Self::Invalid(why) | Self::Limit(.., why) => why.clone(),
            Self::Http(answer) => format!("{}, {} bytes", answer.status, answer.body.len()),
            Self::HttpStreamed(answer) => format!("{}, streamed", answer.status),
            Self::HttpFailed(failure) => format!("{}: {}", failure.code, failure.message),
            Self::Completed(call) => format!("call {call} was complete"),
        }
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
pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
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
