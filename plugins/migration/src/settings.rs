//! The agent's configuration.

use troupe_sdk::prelude::*;

/// The tags whose value is the name of a workload, in the order in which they are looked for.
const WORKLOAD_TAGS: [&str; 6] = ["workload", "application", "app", "service", "project", "system"];

/// The agent's configuration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Tags, in any case, whose value names the workload that a resource is of; the first that is there counts.
    #[serde(default = "workload_tags")]
    pub workload_tags: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { workload_tags: workload_tags() }
    }
}

fn workload_tags() -> Vec<String> {
    WORKLOAD_TAGS.map(str::to_owned).to_vec()
}
