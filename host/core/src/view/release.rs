//! Releases and channels as clients see and change them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{ChannelName, Digest, Timestamp};

/// A published release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseView {
    /// The agent's name.
    pub agent: String,
    /// The version.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// The digest of its OCI manifest: the identity of the release.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The digest of its component, which releases may share.
    #[schema(value_type = String)]
    pub component: Digest,
    /// When it was published.
    #[schema(value_type = String, format = DateTime)]
    pub published_at: Timestamp,
    /// The channels that name it now, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub channels: Vec<ChannelName>,
    /// That it should not be used any more, where somebody said so; it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Notice>,
    /// That nobody swaps to it any more, where somebody said so. What serves goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<Notice>,
}

/// What somebody said of a release, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// The words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was said.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// How a release is published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PublishQuery {
    /// The channel that names the release from its publish on; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub channel: Option<ChannelName>,
    /// Whether the channel may name a lower version than before.
    #[serde(default)]
    pub downgrade: bool,
    /// Whether the name of a new agent may be easily taken for that of another.
    #[serde(default)]
    pub allow_similar: bool,
}

/// A channel: a movable name for a release of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelView {
    /// The agent's name.
    pub agent: String,
    /// The channel's name.
    #[schema(value_type = String)]
    pub channel: ChannelName,
    /// The version that it names.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// The digest of the release that it names.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Rises by one whenever the channel is moved or removed.
    pub number: u64,
    /// When that was last.
    #[schema(value_type = String, format = DateTime)]
    pub moved_at: Timestamp,
    /// Who did it.
    pub by: String,
    /// The newest document of the channel that this host has seen in its registry; absent where
    /// the channel is this host's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentSeen>,
}

/// A channel's document that a host has seen in its registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentSeen {
    /// Its number; one with a lower number is refused from then on.
    pub number: u64,
    /// The version that it names. The channel may have been moved here since.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// When it ceases to hold.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A request to move a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelRequest {
    /// The version that it shall name.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// Whether that may be a lower version than the one it names, which is otherwise refused
    /// with `artifact.downgrade`.
    #[serde(default)]
    pub downgrade: bool,
}

/// A request to deprecate a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeprecateRequest {
    /// Why, and what to use instead: 1 to 500 characters.
    pub message: String,
}

/// A request to yank a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct YankRequest {
    /// Why: 1 to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A request to remove what no release needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectRequest {
    /// Say what would go, and leave it.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Collected {
    /// Whether it was left.
    pub dry_run: bool,
    /// Builds of `troupe dev` that are not kept any longer, as `TENANT/AGENT@VERSION`.
    pub releases: Vec<String>,
    /// Blobs that no release needs, and unfinished files.
    pub blobs: u64,
    /// What they take, in bytes.
    pub blob_bytes: u64,
    /// Files of compiled code that no release uses.
    pub compiled: u64,
    /// What they take, in bytes.
    pub compiled_bytes: u64,
}

impl ReleaseView {
    /// The release by name and version, as `NAME@VERSION`.
    pub fn name(&self) -> String {
        format!("{}@{}", self.agent, self.version)
    }
}
