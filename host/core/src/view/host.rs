//! Hosts as their owner sees them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// A host that works on the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostView {
    /// Its name, another for each start.
    pub id: String,
    /// Where other hosts reach it.
    pub address: String,
    /// Its version.
    pub version: String,
    /// When it began, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When others take over from it unless it is heard of, by the database's clock; absent where there are
    /// no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Whether it was heard of in time.
    pub is_live: bool,
    /// Whether it is the one that answers.
    pub is_this: bool,
}

/// The hosts of the database, by when they began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostsView {
    /// Each of them.
    pub hosts: Vec<HostView>,
}
