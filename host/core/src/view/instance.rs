//! Instances of agents as clients start and see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{InstanceId, InstanceName, SessionId, Timestamp};

/// A request for an instance.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInstance {
    /// The agent's name; it must be deployed.
    pub agent: String,
    /// What to call it: 1 to 128 letters, digits, `.`, `_`, `-`, `:` and `@`, beginning with a
    /// letter. The same name gives the same instance of the agent, until that is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub name: Option<InstanceName>,
}

/// What an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceStatus {
    /// It waits for the first good check of its health; it takes tasks and begins none until then.
    Starting,
    /// Nothing of it runs; it takes tasks.
    Idle,
    /// A task of it runs; it takes more.
    Running,
    /// It takes tasks and begins none: they stay pending until somebody resumes it. What runs of it goes on.
    Paused,
    /// Its health was bad, or its tasks trapped, too often in a row. It takes tasks and begins none until
    /// it is restarted. What runs of it goes on.
    Error,
    /// It takes no more tasks. What it had accepted comes to its end, and then its keys are
    /// removed.
    Stopped,
}

impl InstanceStatus {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Error => "error",
            Self::Stopped => "stopped",
        }
    }
}

/// What brought an instance into error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceFault {
    /// Checks of its health.
    Health,
    /// Tasks of it that trapped.
    Traps,
}

impl InstanceFault {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Traps => "traps",
        }
    }

    /// The fault that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Health, Self::Traps].into_iter().find(|fault| fault.as_str() == text)
    }
}

/// Why an instance is in error, and what becomes of that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceErrorView {
    /// When it came into error.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// By what.
    pub by: InstanceFault,
    /// The code of the last failure, such as `guest.trap`.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// When the host restarts it; absent once it has done so as often as it may in an hour: then somebody has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub restart_at: Option<Timestamp>,
}

/// An instance as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceView {
    /// The id.
    #[schema(value_type = String)]
    pub id: InstanceId,
    /// The agent's name.
    pub agent: String,
    /// What whoever started it calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub name: Option<InstanceName>,
    /// The session that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub session: Option<SessionId>,
    /// What it does. Calls of durability `none` do not show.
    pub status: InstanceStatus,
    /// Who started it.
    pub principal: String,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Why it is in error, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<InstanceErrorView>,
    /// When its health was checked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub checked_at: Option<Timestamp>,
    /// How often the host has restarted it within the last hour before it came into error last.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u64,
    /// When it was paused, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paused_at: Option<Timestamp>,
    /// When it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub stopped_at: Option<Timestamp>,
    /// When what it kept was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cleared_at: Option<Timestamp>,
}

/// Whether a number counts nothing.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}
