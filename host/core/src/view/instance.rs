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
    /// Nothing of it runs; it takes tasks.
    Idle,
    /// A task of it runs; it takes more.
    Running,
    /// It takes no more tasks. What it had accepted comes to its end, and then its keys are
    /// removed.
    Stopped,
}

impl InstanceStatus {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
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
    /// When it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub stopped_at: Option<Timestamp>,
    /// When what it kept was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cleared_at: Option<Timestamp>,
}
