//! How a stream of events ends.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why nothing more comes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StreamEndReason {
    /// All is told.
    Done,
    /// The host shuts down; it goes on when the host is back.
    HostStopping,
    /// The caller is let in no more: the key was revoked or has expired, or its tenant is disabled.
    Refused,
    /// The host cannot read what comes next just now.
    Unavailable,
    /// Nothing of it was taken for so long that its place was given to others; it goes on where it was.
    Slow,
}

/// The last event of every stream, `end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamEnd {
    /// Why.
    pub reason: StreamEndReason,
    /// Where the stream goes on, as `Last-Event-ID` of the next request; absent if there is nothing
    /// to go on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
}
