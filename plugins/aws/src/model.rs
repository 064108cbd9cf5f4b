//! The form in which an inventory is told. That of its rows is `troupe-estate`'s, as with every cloud.

use std::collections::BTreeMap;

use troupe_estate::Area;
use troupe_estate::collect::Part;
pub use troupe_estate::{GLOBAL, Problem, ProblemKind, Resource, Word};
use troupe_sdk::prelude::*;

/// What an account holds, and what could not be looked at.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Inventory {
    /// The account's number; absent if it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The ARN of the identity that looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The regions that were looked at.
    pub regions: Vec<String>,
    /// The same for whoever looks for what is missing: in which services of which account; none if it is not known
    /// whose account it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub areas: Vec<Area>,
    /// How many resources there are of each type.
    pub counts: BTreeMap<String, u64>,
    /// The resources, by type, region and id; absent if they are too many to be told here, so that nobody takes
    /// them for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Vec<Resource>>,
    /// The artefacts of the task that hold the resources, if they are too many: JSON Lines, each artefact
    /// sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What could not be looked at. What these hide is not in `resources`.
    pub errors: Vec<Problem>,
}
