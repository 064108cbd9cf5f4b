//! Tasks as clients create and see them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{Code, Digest, Error, InstanceId, TaskId, Timestamp};

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Accepted, not begun.
    Pending,
    /// Waits for somebody's approval.
    AwaitingApproval,
    /// Runs.
    Running,
    /// Waits inside, without holding a store.
    Suspended,
    /// Ended with an output.
    Completed,
    /// Ended with a failure.
    Failed,
    /// Ended by request.
    Cancelled,
    /// Ended because the host stopped during a write whose outcome is not known.
    InDoubt,
}

impl TaskStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::AwaitingApproval,
        Self::Running,
        Self::Suspended,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::InDoubt,
    ];

    /// The word in documents and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::InDoubt => "in_doubt",
        }
    }

    /// The status that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether nothing will change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::InDoubt)
    }
}

/// How much of a task outlives the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Every accepted task is on disk before it is acknowledged.
    #[default]
    Full,
    /// Nothing is kept; for skills of effect class `read` whose caller waits.
    None,
}

/// A request for a task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// The agent's name.
    pub agent: String,
    /// The skill's name.
    pub skill: String,
    /// The skill's input; an empty object when absent.
    #[serde(default)]
    pub input: Value,
    /// The id of the instance that the task is for, so that the agent reaches its keys; the
    /// agent alone when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The same key with the same request gives the same task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Tasks of one affinity run on one release while another is tried; who asks when absent.
    /// The header `troupe-affinity` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<String>,
    /// How long one attempt may run, in milliseconds; what it is suspended does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How long the task may take in all from when its attempt begins, in milliseconds,
    /// suspended or not: at least `timeout_ms`, which it is when absent, at most 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_ms: Option<u64>,
    /// Higher runs first; 0 when absent.
    #[serde(default)]
    pub priority: i32,
    /// How much of the task outlives the host.
    #[serde(default)]
    pub durability: Durability,
}

/// The release that a task ran on. It is fixed before guest code runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RanOn {
    /// The version of the agent's release.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// The digest of the release's OCI manifest.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The epoch of the deployment's route.
    pub epoch: u64,
}

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskFailure {
    /// The stable code, such as `limit.deadline`.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// Whether another attempt may succeed.
    pub retryable: bool,
    /// Facts for a program.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

impl From<&Error> for TaskFailure {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code.as_str().to_owned(),
            message: error.message.clone(),
            retryable: error.retryable,
            details: error.details.clone(),
        }
    }
}

impl From<TaskFailure> for Error {
    fn from(failure: TaskFailure) -> Self {
        let mut error = Self::new(Code::parse(&failure.code).unwrap_or(Code::Internal), failure.message);
        error.details = failure.details;
        error.retryable = failure.retryable;
        error
    }
}

/// How far a running task is, as its agent last said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// From 0 to 1, where the agent knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f64>,
    /// One line of text.
    pub message: String,
    /// How many reports were passed over since the one that this watcher was told before: they come
    /// faster than they are told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A task as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskView {
    /// The id.
    #[schema(value_type = String)]
    pub id: TaskId,
    /// The agent's name.
    pub agent: String,
    /// The skill's name.
    pub skill: String,
    /// The instance that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub instance: Option<InstanceId>,
    /// Where it is in its life.
    pub status: TaskStatus,
    /// The input; null for whoever may not read tasks, and once it is redacted.
    pub input: Value,
    /// The output, once completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Why it failed, once failed, cancelled or in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TaskFailure>,
    /// The release it runs or ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<RanOn>,
    /// Which attempt this is, from 1; 0 before the first.
    pub attempt: u32,
    /// Higher runs first.
    pub priority: i32,
    /// Who asked.
    pub principal: String,
    /// How long one attempt may run, in milliseconds; what it is suspended does not count.
    pub timeout_ms: u64,
    /// How long it may take in all, in milliseconds, suspended or not; `timeout_ms` when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_ms: Option<u64>,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its current attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it is taken up again, while it is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub wake_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}
