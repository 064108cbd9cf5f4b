//! What a task did, call by call, and whether it, or another release, does the same again.

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{RanOn, TaskFailure, TaskStatus};
use crate::{Digest, TaskId, Timestamp};

/// A page of the journal of a task's last attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalView {
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// The attempt, from 1.
    pub attempt: u32,
    /// What it ran on.
    pub release: RanOn,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Whether the contents of calls and answers were forgotten by request; such a task
    /// cannot be replayed.
    #[serde(default)]
    pub redacted: bool,
    /// The calls, in the order in which the agent made them. A page may hold fewer than its
    /// limit, since waits are rows of the journal and no calls.
    pub calls: Vec<JournalCall>,
    /// Give this as `after` to get the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What to forget of a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedactRequest {
    /// Whether the task's input and output, and the words of its failure, go as well.
    #[serde(default)]
    pub documents: bool,
}

/// One call that an agent made of its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalCall {
    /// Its number among all host calls of the attempt.
    pub number: u64,
    /// When its answer reached the agent, or, without one, when it was made.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What was called, such as `http GET https://example.com/`.
    pub call: String,
    /// Whether it may have changed something.
    pub write: bool,
    /// What came of it, in short; absent while nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayOutcome {
    /// Its status.
    pub status: TaskStatus,
    /// Its output, if it completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Why it did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TaskFailure>,
}

/// What a call was when it was made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repeated {
    /// The same call.
    Same,
    /// Another call was made in its place.
    Other,
    /// It was not made.
    Missing,
    /// A call on the same thing was made, with other arguments.
    Changed,
    /// It is not on record: the tried release made it of itself.
    New,
}

/// Where the answer of a call of a tried release came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredFrom {
    /// The record.
    Record,
    /// What the record tells of the deployment's state, with the tried release's own writes.
    Picture,
    /// The invocation's seed, of which the host makes a reference to a secret anew.
    Seed,
    /// The release's grants, which do not allow the call.
    Grants,
    /// Nowhere: the release was told an error. A read is not made up, a write not performed.
    Nothing,
}

/// A recorded call and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayCall {
    /// The recorded call; if it is new, the call as it was made now.
    #[serde(flatten)]
    pub recorded: JournalCall,
    /// What it was this time.
    pub repeated: Repeated,
    /// How the call differs that was made in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// Where a tried release's answer came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_from: Option<AnsweredFrom>,
}

/// What to replay a task on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Another release of the task's agent, as `1.2.0` or `AGENT@1.2.0`; the one it ran on
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
}

/// A release that is tried on what another did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// Its version.
    #[schema(value_type = String)]
    pub version: Version,
    /// Its digest.
    #[schema(value_type = String)]
    pub digest: Digest,
}

/// A place in which two documents differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// A JSON pointer; empty for the whole document.
    pub path: String,
    /// What stood there; absent if there was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Value>,
    /// What stands there now; absent if there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Value>,
}

/// What an invocation takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cost {
    /// Calls from guest to host.
    pub host_calls: u64,
    /// HTTP requests that were sent, or would have been.
    pub http_requests: u64,
    /// Bytes of their bodies.
    pub http_bytes_sent: u64,
    /// Bytes of the bodies that came back.
    pub http_bytes_received: u64,
    /// The most memory held at once, in bytes.
    pub memory_bytes_peak: u64,
    /// How long it took without its waits, in milliseconds, on a host that does other things.
    pub time_ms: u64,
    /// The processor time of it, in microseconds.
    #[serde(default)]
    pub compute_us: u64,
}

/// What both releases take, each answered from the same record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CostChange {
    /// The release that it ran on; absent if that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Cost>,
    /// The release that was tried.
    pub candidate: Cost,
}

/// What came of replaying a task from its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayView {
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// The attempt that was replayed.
    pub attempt: u32,
    /// What it ran on then, and now unless another release is tried.
    pub release: RanOn,
    /// The release that was tried instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// Whether it made the same calls and ended the same.
    pub identical: bool,
    /// Where the two parted, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
    /// How it ended then.
    pub recorded: ReplayOutcome,
    /// How it ended now; absent where the record breaks off, since it was cut short then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<ReplayOutcome>,
    /// Where the outputs differ, place by place; at most a hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// What both releases take, if another one was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostChange>,
    /// The recorded calls, and those that a tried release made of itself.
    pub calls: Vec<ReplayCall>,
}
