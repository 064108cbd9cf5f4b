//! The form in which an inventory is told. That of its rows is `troupe-estate`'s, as with every cloud.

use std::collections::BTreeMap;

use troupe_estate::collect::Part;
use troupe_estate::{Problem, Resource};
use troupe_sdk::prelude::*;

/// What subscriptions hold, and what could not be looked at.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Inventory {
    /// The ids of the subscriptions that were looked at.
    pub subscriptions: Vec<String>,
    /// How many resources there are of each type.
    pub counts: BTreeMap<String, u64>,
    /// The resources, by type, subscription, region and id; none if they are too many to be told here.
    pub resources: Vec<Resource>,
    /// The artefacts of the task that hold the resources, if they are too many: JSON Lines, each artefact sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What could not be looked at. What these hide is not in `resources`.
    pub errors: Vec<Problem>,
}
