//! What a task did, call by call, and whether it does the same again.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{RanOn, TaskFailure, TaskStatus};
use crate::{TaskId, Timestamp};

/// The journal of a task's last attempt.
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
    /// The calls, in the order in which the agent made them.
    pub calls: Vec<JournalCall>,
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
}

/// A recorded call and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayCall {
    /// The recorded call.
    #[serde(flatten)]
    pub recorded: JournalCall,
    /// What it was this time.
    pub repeated: Repeated,
}

/// What came of replaying a task from its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayView {
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// The attempt that was replayed.
    pub attempt: u32,
    /// What it ran on, then and now.
    pub release: RanOn,
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
    /// The recorded calls.
    pub calls: Vec<ReplayCall>,
}
