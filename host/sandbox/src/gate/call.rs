//! What the journal keeps: calls and their answers, as data that later hosts still read.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use troupe_core::{Code, Error, KeySpace, Result, Timestamp, limits};

use super::agents::{AgentsAnswer, AgentsCall};
use super::approvals::{ApprovalsAnswer, ApprovalsCall};
use super::artifacts::{ArtifactsAnswer, ArtifactsCall};
use super::events::{EventsAnswer, EventsCall};
use super::files::{FilesAnswer, FilesCall};
use super::http_call::{HttpAnswer, HttpCall, HttpFailure};
use super::locks::{LocksAnswer, LocksCall};
use super::secrets::{SecretsAnswer, SecretsCall};
use super::state::{StateAnswer, StateCall};

/// A capability call, as the guest made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Call {
    /// One of `state`.
    State(StateCall),
    /// One of `instance-state`.
    InstanceState(StateCall),
    /// One of `secrets`.
    Secrets(SecretsCall),
    /// One of `files`.
    Files(FilesCall),
    /// One of `locks`.
    Locks(LocksCall),
    /// One of `agents`.
    Agents(AgentsCall),
    /// One of `approvals`.
    Approvals(ApprovalsCall),
    /// One of `events`.
    Events(EventsCall),
    /// One of `artifacts`.
    Artifacts(ArtifactsCall),
    /// `cancelled` of `invocation`, where it says yes.
    Cancelled,
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
    /// A call whose contents somebody had forgotten.
    Redacted {
        /// What names it.
        name: String,
    },
}

impl Call {
    /// The capability and function, as messages name them.
    pub fn name(&self) -> &str {
        match self {
            Self::State(call) => call.name(KeySpace::Deployment),
            Self::InstanceState(call) => call.name(KeySpace::Instance),
            Self::Secrets(call) => call.name(),
            Self::Files(call) => call.name(),
            Self::Locks(call) => call.name(),
            Self::Agents(call) => call.name(),
            Self::Approvals(call) => call.name(),
            Self::Events(call) => call.name(),
            Self::Artifacts(call) => call.name(),
            Self::Cancelled => "invocation.cancelled",
            Self::Http(_) | Self::HttpBegun => "http",
            Self::Wait => "wait",
            Self::Refused { name, .. } | Self::Redacted { name } => name,
        }
    }

    /// The call on state, and whose keys it means, if it is one.
    pub(super) fn of_state(&self) -> Option<(KeySpace, &StateCall)> {
        match self {
            // A write under a lock is that write.
            Self::State(StateCall::Fenced { write, .. }) => Some((KeySpace::Deployment, &**write)),
            Self::InstanceState(StateCall::Fenced { write, .. }) => Some((KeySpace::Instance, &**write)),
            Self::State(call) => Some((KeySpace::Deployment, call)),
            Self::InstanceState(call) => Some((KeySpace::Instance, call)),
            _ => None,
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
            Self::State(call) => call.describe(KeySpace::Deployment),
            Self::InstanceState(call) => call.describe(KeySpace::Instance),
            Self::Secrets(call) => call.describe(),
            Self::Files(call) => call.describe(),
            Self::Locks(call) => call.describe(),
            Self::Agents(call) => call.describe(),
            Self::Approvals(call) => call.describe(),
            Self::Events(call) => call.describe(),
            Self::Artifacts(call) => call.describe(),
            other => other.name().to_owned(),
        }
    }

    /// What the call has in common with others of its kind, so that many are told as one: the
    /// capability and function; of a request its action and host, or method and path with `*`
    /// for what looks like an id.
    pub fn kind(&self) -> String {
        match self {
            Self::Http(call) => call.kind(),
            other => other.name().to_owned(),
        }
    }

    /// Whether making the call twice is making it once.
    pub(super) const fn is_repeatable(&self) -> bool {
        match self {
            Self::Files(_) => true,
            Self::Http(call) => call.repeatable,
            _ => false,
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

/// What a call was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Answer {
    /// That of `state` and of `instance-state`.
    State(StateAnswer),
    /// That of `secrets`.
    Secrets(SecretsAnswer),
    /// That of `files`.
    Files(FilesAnswer),
    /// That of `locks`.
    Locks(LocksAnswer),
    /// That of `agents`.
    Agents(AgentsAnswer),
    /// That of `approvals`.
    Approvals(ApprovalsAnswer),
    /// That of `events`.
    Events(EventsAnswer),
    /// That of `artifacts`.
    Artifacts(ArtifactsAnswer),
    /// The task was cancelled: the call was not performed, or what was waited for is not waited for any more.
    Cancelled,
    /// The call is not allowed.
    Denied {
        /// The stable code of what denied it.
        code: String,
        /// A sentence: what was denied, and what would allow it.
        message: String,
    },
    /// The argument is not acceptable.
    Invalid(String),
    /// The host cannot serve the call at the moment.
    Unavailable(String),
    /// A limit was met.
    Limit {
        /// The stable code of the limit.
        code: String,
        /// The most that is allowed.
        maximum: u64,
        /// A sentence.
        message: String,
    },
    /// What a server answered, whole.
    Http(HttpAnswer),
    /// The head of what a server answered with a body too large to keep: the call cannot
    /// be replayed.
    HttpStreamed(HttpAnswer),
    /// No answer came that the guest could be given.
    HttpFailed(HttpFailure),
    /// What the guest waited for: the number of the call that had come to its end.
    Completed(u64),
    /// The same of a wait for which the invocation was suspended.
    Woken {
        /// The number of the call that had come to its end.
        call: u64,
        /// How long the wait took, in milliseconds; the deadline moves on by as much.
        suspended_ms: u64,
    },
    /// An answer whose contents somebody had forgotten.
    Redacted,
}

impl Answer {
    /// Whether the call was not performed.
    pub(super) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::Invalid(_) | Self::Limit { .. })
    }

    /// Reads an answer back from its journal row.
    ///
    /// # Errors
    /// [`Code::Internal`] if the bytes are not an answer of this or an earlier host.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(bytes).map_err(Error::internal)
    }

    /// A call that no grant allows.
    pub(super) fn denied(message: String) -> Self {
        Self::Denied { code: Code::DeniedCapability.as_str().to_owned(), message }
    }

    /// A call whose path, as it is shown, is not one that may be followed.
    pub(super) fn denied_path(shown: &str, why: &str) -> Self {
        let message = format!("the path `{shown}` was denied: {why}");
        Self::Denied { code: Code::DeniedPath.as_str().to_owned(), message }
    }

    /// A call that meets a limit.
    pub(super) fn limit(code: Code, maximum: u64, message: String) -> Self {
        Self::Limit { code: code.as_str().to_owned(), maximum, message }
    }

    /// What came of a call, in short, for a person.
    pub fn describe(&self) -> String {
        match self {
            Self::State(answer) => answer.describe(),
            Self::Secrets(answer) => answer.describe(),
            Self::Files(answer) => answer.describe(),
            Self::Locks(answer) => answer.describe(),
            Self::Agents(answer) => answer.describe(),
            Self::Approvals(answer) => answer.describe(),
            Self::Events(answer) => answer.describe(),
            Self::Artifacts(answer) => answer.describe(),
            Self::Cancelled => "the task was cancelled".to_owned(),
            Self::Denied { message, .. }
            | Self::Invalid(message)
            | Self::Unavailable(message)
            | Self::Limit { message, .. } => message.clone(),
            Self::Http(answer) => format!("{}, {} bytes{}", answer.status, answer.body.len(), answer.way),
            Self::HttpStreamed(answer) => format!("{}, streamed{}", answer.status, answer.way),
            Self::HttpFailed(failure) => format!("{}: {}", failure.code, failure.message),
            Self::Completed(call) => format!("call {call} was complete"),
            Self::Woken { call, suspended_ms } => format!("call {call} was complete after {suspended_ms} ms"),
            Self::Redacted => "redacted".to_owned(),
        }
    }

    /// The bytes a journal row keeps.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }
}

/// What most calls and answers take.
const ENCODED_BYTES: usize = 128;

/// Field names stand in the bytes, so that a later host can add fields and still read
/// what an earlier one wrote.
pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Room for most rows from the start: it would be made anew for every few bytes.
    let mut bytes = Vec::with_capacity(ENCODED_BYTES);
    match value.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map()) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
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
