//! Tasks as clients create and see them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{ArtifactView, Member, TaskBudget, TaskUsage};
use crate::{ApprovalId, Code, Digest, Error, InstanceId, Result, SessionId, TaskId, Timestamp, backoff, limits};

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

/// How a task is tried again that failed and whose failure says that another attempt may succeed.
/// Each attempt begins anew, on the release that serves then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How often it is tried in all, the first time among them: 2 to 20.
    #[schema(minimum = 2, maximum = 20)]
    pub tries: u32,
    /// The pause before the second try, in milliseconds, doubled for each further one; up to half of
    /// it is left off by chance. 1,000 when absent, at most a day.
    #[serde(default = "pause_ms")]
    pub pause_ms: u64,
    /// The longest that the pause grows to, in milliseconds; 300,000 or `pause_ms`, whichever is
    /// more, when absent, at most a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_max_ms: Option<u64>,
}

fn pause_ms() -> u64 {
    milliseconds(limits::TASK_RETRY_PAUSE_DEFAULT)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Retry {
    /// A number of tries with the default pauses.
    pub fn of(tries: u32) -> Self {
        Self { tries, pause_ms: pause_ms(), pause_max_ms: None }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] naming the field and its bounds.
    pub fn check(&self) -> Result<()> {
        let refused = |field: &str, least: u64, most: u64| {
            Err(Error::new(Code::RequestInvalid, format!("`retry.{field}` is {least} to {most}")))
        };
        if !(2..=limits::TASK_TRIES_MAX).contains(&self.tries) {
            return refused("tries", 2, limits::TASK_TRIES_MAX.into());
        }
        let most = milliseconds(limits::TASK_RETRY_PAUSE_MAX);
        if !(1..=most).contains(&self.pause_ms) {
            return refused("pause_ms", 1, most);
        }
        match self.pause_max_ms {
            Some(pause) if !(self.pause_ms..=most).contains(&pause) => refused("pause_max_ms", self.pause_ms, most),
            _ => Ok(()),
        }
    }

    /// How long to wait after so many tries; none if they were all. `chance` is drawn evenly from all
    /// numbers.
    pub fn pause(&self, tries: u32, chance: u64) -> Option<Duration> {
        let first = Duration::from_millis(self.pause_ms);
        let most = self.pause_max_ms.map_or(limits::TASK_RETRY_PAUSE_MOST_DEFAULT.max(first), Duration::from_millis);
        let half = backoff::bound(first, tries, most) / 2;
        (tries < self.tries).then(|| half + backoff::part(half, chance))
    }
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
    /// How long after it is accepted it begins at the earliest, in milliseconds: at most 366 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How it is tried again; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The most that it may cost together with all that agents ask for below it; what asks, begins or goes on beyond that
    /// meets `limit.budget`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<TaskBudget>,
    /// How much of the task outlives the host.
    #[serde(default)]
    pub durability: Durability,
}

impl NewTask {
    /// A request for a skill that says nothing of when and how.
    pub fn new(agent: impl Into<String>, skill: impl Into<String>, input: Value) -> Self {
        Self {
            agent: agent.into(),
            skill: skill.into(),
            input,
            instance: None,
            idempotency_key: None,
            affinity: None,
            timeout_ms: None,
            lifetime_ms: None,
            priority: 0,
            delay_ms: None,
            retry: None,
            budget: None,
            durability: Durability::Full,
        }
    }
}

/// A request to ask for what a task asked for once more, as a new task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryTask {
    /// The same key for the same task gives the same new task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
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

impl TaskFailure {
    /// What is left of it once its words are forgotten: the code.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let Self { code, retryable, .. } = self;
        Self { code: code.clone(), message: "redacted".to_owned(), retryable: *retryable, details: Map::new() }
    }
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

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
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
    /// The task group that made it, and as what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Member>,
    /// The session that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub session: Option<SessionId>,
    /// The task whose agent asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub caused_by: Option<TaskId>,
    /// The event that it handles, by its position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// The task at the top of those whose agents asked or published the event, which no agent asked for; absent of
    /// one that is at the top itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub root: Option<TaskId>,
    /// The task that it asks for once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub retry_of: Option<TaskId>,
    /// Where it is in its life.
    pub status: TaskStatus,
    /// The approval that it waits or waited for before it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub approval: Option<ApprovalId>,
    /// The input; null for whoever may not read tasks, and once it is redacted.
    pub input: Value,
    /// The output, once completed; of a cancelled task, what its agent still answered within the time it has to
    /// clean up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What its attempt has left beside the output, in the order in which that was finished.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ArtifactView>,
    /// Why it failed, once failed, cancelled or in doubt; while it waits for its next try, why
    /// the last one failed.
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
    /// How it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The most that it may cost together with all below it, if whoever asked said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<TaskBudget>,
    /// How many of its tries failed and were followed by another.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// What it has used, as far as its runs have ended.
    #[serde(default, skip_serializing_if = "TaskUsage::is_nothing")]
    pub usage: TaskUsage,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its current attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it is taken up again, while it is suspended; when it begins, while it is put off or waits
    /// for its next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub wake_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}
