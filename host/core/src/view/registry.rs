//! Releases and channels in OCI registries, as clients ask for them and see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::trust::KeyStanding;
use crate::{ChannelName, Digest, KeyName, Timestamp};

/// What to fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PullRequest {
    /// The image, such as `registry.example.com/agents/aws:1.2.0`; or AGENT@CHANNEL, for the
    /// release that the channel's document in the host's registry names.
    pub image: String,
    /// Whether that document may bring the channel to a lower version than the one it names here,
    /// which is otherwise refused with `artifact.downgrade`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub downgrade: bool,
}

/// What to send where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushRequest {
    /// The release, as AGENT@VERSION.
    pub release: String,
    /// The image; its place under the host's registry when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// What was sent where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PushedView {
    /// The release.
    pub release: String,
    /// The image.
    pub image: String,
    /// The digest of its manifest, by which it can be fetched whatever the tag names.
    #[schema(value_type = String)]
    pub digest: Digest,
}

/// A request for the next document of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftRequest {
    /// For how many seconds it shall hold; a month when absent, a year at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
}

/// The next document of a channel, to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DraftView {
    /// The document, to the byte, in base64.
    pub document: String,
}

/// A channel's document, or more signatures of the one that is in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelPush {
    /// The document that was signed, to the byte, in base64.
    pub document: String,
    /// Its signatures, each in base64.
    pub signatures: Vec<String>,
}

/// The document of a channel in the host's registry, and what this host thinks of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelDocumentView {
    /// Where it is.
    pub image: String,
    /// The agent's name.
    pub agent: String,
    /// The channel's name.
    #[schema(value_type = String)]
    pub channel: ChannelName,
    /// Its number; each document of a channel has a higher one than those before.
    pub number: u64,
    /// The version that it names.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// The digest of the release that it names.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// When it was issued.
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: Timestamp,
    /// When it ceases to hold.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The highest number that this host has seen of the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
    /// Whether this host goes by it now: signed as the tenant's policy wants it, and neither
    /// stale nor of another time.
    pub holds: bool,
    /// Why not, where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The signatures by keys that the tenant knows.
    pub signatures: Vec<DocumentSignature>,
    /// The document, to the byte, in base64.
    pub document: String,
}

/// A signature of a channel's document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentSignature {
    /// The id of the key.
    #[schema(value_type = String)]
    pub key: Digest,
    /// What people call the key.
    #[schema(value_type = String)]
    pub name: KeyName,
    /// Whether signatures of the key count now.
    pub standing: KeyStanding,
    /// The signature, in base64.
    pub signature: String,
}
