//! The form in which an inventory is told. That of its rows is `troupe-estate`'s, as with every cloud.

use std::collections::BTreeMap;

use troupe_cloud::Told;
use troupe_estate::collect::Part;
use troupe_estate::{Problem, Resource};
use troupe_sdk::prelude::*;

/// What projects hold, and what could not be looked at.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Inventory {
    /// The projects that were looked at.
    pub projects: Vec<String>,
    /// How many resources there are of each type.
    pub counts: BTreeMap<String, u64>,
    /// The resources, by type, project, region and id; none if they are in `parts`.
    pub resources: Vec<Resource>,
    /// The artefacts of this task that hold the resources, if they are too many for an output: lines of JSON, each
    /// artefact sorted as `resources` are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What could not be looked at. What these hide is not in `resources`.
    pub errors: Vec<Problem>,
}

impl Inventory {
    /// Makes an inventory of what was found in projects.
    pub fn new(projects: Vec<String>, told: Told) -> Self {
        let Told { counts, resources, parts, errors } = told;
        Self { projects, counts, resources, parts, errors }
    }
}
