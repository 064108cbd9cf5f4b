//! The feed: a tenant's sequence-numbered change log.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Timestamp;

/// One change. Numbers rise without gaps visible to a reader that resumes after the
/// last one it saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeedEvent {
    /// Its number in the tenant's feed.
    pub seq: u64,
    /// When it was committed.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What happened, such as `task.completed` or `deployment.swapped`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it happened to, such as `task/0199…` or `deployment/aws`.
    pub subject: String,
    /// Facts about it.
    pub data: Value,
}
