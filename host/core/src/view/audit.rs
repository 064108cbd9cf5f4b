//! The audit as clients see it. Every record is handed out as it is kept, so that a client
//! can follow the chain itself; what was altered must not look right.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Code, Digest, Error, TaskId, Timestamp};

/// One decision. `hash` is over all other fields, `previous` among them, which is the hash of the record before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// The tenant whose chain it is in.
    pub tenant: String,
    /// Its number there, from 1, without gaps.
    pub seq: u64,
    /// When it was committed.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The kind of the decision, such as `denied`, `credential` or `swap`.
    pub kind: String,
    /// The code that went with it, such as `denied.capability`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Who asked: `owner`, or `key/ID`; absent if the host decided by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The version of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The digest of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The task in which it was decided, or which it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The attempt of the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// How many times, within the invocation.
    pub times: u64,
    /// Facts about it.
    #[schema(value_type = Object)]
    pub details: BTreeMap<String, Value>,
    /// The digest of the invocation's journal at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
    /// The hash of the record before; of the first, one made of the tenant's name.
    pub previous: String,
    /// The hash of this record.
    pub hash: String,
}

/// The newest record of a chain. Written `SEQ:HASH` it can be noted elsewhere and held against the
/// chain later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// The tenant whose chain it is.
    pub tenant: String,
    /// The number of the newest record; 0 if there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for AuditHead {
    type Err = Error;

    /// Reads `SEQ:HASH`; whose chain it is, it does not say.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] telling what a head looks like.
    fn from_str(text: &str) -> Result<Self, Error> {
        let read = text.split_once(':').and_then(|(seq, hash)| {
            let hash: Digest = hash.parse().ok()?;
            Some(Self { tenant: String::new(), seq: seq.parse().ok()?, hash: hash.to_string() })
        });
        read.ok_or_else(|| {
            let message = "a head of the audit is written SEQ:HASH, such as `12:sha256:` and 64 hexadecimal digits";
            Error::new(Code::RequestInvalid, message)
        })
    }
}

/// How much of a journal is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JournalState {
    /// All of it.
    Whole,
    /// What its calls and answers held was forgotten by somebody's wish.
    Redacted,
    /// It was kept for a while only.
    Dropped,
    /// It does not read back.
    Damaged,
}

/// The journal of an attempt, to be held against what the audit says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditJournal {
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// The attempt.
    pub attempt: u32,
    /// How much of it is there.
    pub state: JournalState,
    /// The digest of what is there, if that is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
}
