//! Deployments as clients see and change them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{CanaryView, SwapPolicy, TaskFailure};
use crate::{ChannelName, Digest, Grants, SwapId, Timestamp};

/// A tenant's use of an agent: one row, one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentView {
    /// The agent's name.
    pub agent: String,
    /// Rises by one with every change of the route.
    pub epoch: u64,
    /// The version that serves.
    #[schema(value_type = String)]
    pub serving: semver::Version,
    /// The digest of the release that serves.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The configuration in force: the release's defaults with the operator's over them.
    pub configuration: Value,
    /// What the agent may do: what its manifest asks for and the operator grants.
    pub grants: Grants,
    /// When the route changed last.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// Why it cannot serve, where it cannot: its release did not load when the host
    /// started, and nothing of it runs or is granted until a swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<TaskFailure>,
    /// That its release is quarantined, where it is: it trapped again and again, and new
    /// tasks are refused with `agent.quarantined`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineView>,
    /// The release that is tried beside the one that serves, while one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryView>,
}

/// A quarantine as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineView {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When the next call is let through as a probe.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Whether a probe is under way.
    pub probing: bool,
}

/// A change of which release serves, by its version.
#[derive(Debug, Clone)]
pub struct SwapRequest {
    /// The version that shall serve.
    pub version: semver::Version,
    /// The epoch the caller looked at, if it is to be that one.
    pub epoch: Option<u64>,
    /// How the swap goes about it.
    pub policy: Option<SwapPolicy>,
}

/// The same as clients ask for it: by a version, or by a channel, which stands for the version
/// that it names at that moment. Exactly one of both is there.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwapTo {
    /// The version that shall serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub version: Option<semver::Version>,
    /// The channel whose release shall serve. That it is moved afterwards changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub channel: Option<ChannelName>,
    /// Whether the channel may be brought to a lower version than the one it names, where a newer
    /// document in the registry has it there; otherwise refused with `artifact.downgrade`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub downgrade: bool,
    /// The epoch the caller looked at; if the route has moved on, nothing changes and
    /// the answer is `swap.conflict`. Absent: whatever is current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// How the swap goes about it. Absent: by the agent's standing policy; without one all calls go to
    /// the release at once, as they do by an empty policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<SwapPolicy>,
}

/// How an agent is swapped when whoever asks for it does not say how.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StandingPolicy {
    /// The agent.
    pub agent: String,
    /// The policy. Absent: all calls go to the release at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<SwapPolicy>,
    /// Who set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub changed_at: Option<Timestamp>,
}

/// A request to change a deployment's configuration.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigureRequest {
    /// The operator's values; they replace the ones before and stand over the defaults.
    pub configuration: Value,
    /// The epoch the caller looked at, as in a swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}

/// A request to change what an operator grants a deployment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// The operator's grants; they replace the ones before.
    pub grants: Grants,
    /// The epoch the caller looked at, as in a swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}

/// What a swap did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Swapped {
    /// The deployment as it is now.
    pub deployment: DeploymentView,
    /// Calls on an earlier release that were ended to make room, as `dev` does.
    pub expired: usize,
    /// The swap, which goes on until the release before has drained.
    #[schema(value_type = String)]
    pub swap: SwapId,
}
