//! Taking an agent out of service, and deleting it, as clients see that.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ChannelName, Digest, Timestamp};

/// What becomes of the state of an agent whose deployment is removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateAfter {
    /// It stays, and whoever deploys the agent again goes on with it.
    #[default]
    Keep,
    /// It is removed. What still runs of the agent can write none of it any more.
    Remove,
}

impl StateAfter {
    /// As requests carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Remove => "remove",
        }
    }
}

/// A deployment that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Undeployed {
    /// The agent's name.
    pub agent: String,
    /// The epoch by which it was removed.
    pub epoch: u64,
    /// The version that served.
    #[schema(value_type = String)]
    pub served: semver::Version,
    /// The digest of the release that served.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// What became of its state.
    pub state: StateAfter,
    /// How many of its tasks ran on the host that was asked.
    pub running: u64,
    /// Until when what runs of it may go on; then it is ended with `swap.drained`.
    #[schema(value_type = String, format = DateTime)]
    pub drain_until: Timestamp,
}

/// An agent that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentDeleted {
    /// The agent's name.
    pub agent: String,
    /// The versions of its releases, lowest first.
    #[schema(value_type = Vec<String>)]
    pub versions: Vec<semver::Version>,
    /// Its channels, by name.
    #[schema(value_type = Vec<String>)]
    pub channels: Vec<ChannelName>,
    /// What became of its state.
    pub state: StateAfter,
}
