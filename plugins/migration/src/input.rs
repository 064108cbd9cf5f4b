//! What callers say of an estate and of where it shall go.

use std::collections::BTreeMap;

use troupe_cloud::source::Inventory;
use troupe_estate::Resource;
use troupe_sdk::prelude::*;

use crate::Cloud;

/// Resources an estate may have where a skill looks at all of them at once. Such an estate is in memory with what
/// depends on what; `map` alone takes them one by one, and any number of them.
pub const RESOURCES_MAX: usize = 20_000;

/// Bytes that such an estate may have as JSON: a resource takes some four times as much in memory.
pub const RESOURCE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the resources are told. All three may be given; a resource that is told twice counts once.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The resources themselves, as the agents of the clouds tell them.
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// Agents that are asked for their inventory.
    #[serde(default)]
    pub inventories: Vec<Inventory>,
    /// Files in the directory `inventories` that hold resources: artefacts of inventories, or answers as JSON.
    #[serde(default)]
    pub files: Vec<String>,
}

/// Where the estate shall go.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The cloud.
    pub cloud: Cloud,
    /// The region for everything. Where it is absent, each resource goes to a region of the same country, and one
    /// for which there is none says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether machines may change their processor's architecture, which asks for programs that are built for it.
    #[serde(default)]
    pub any_architecture: bool,
    /// Virtual processors that the target's quota leaves, where somebody has looked. Without it quotas are told as
    /// not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcpu_quota: Option<u64>,
}

/// How much of a machine or database is used, in percent of what it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// The processors at their busiest: the highest of the averages of five minutes, or the 99th of a hundred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_peak_percent: Option<f64>,
    /// The memory at its fullest. A hypervisor does not see it: it is known where an agent on the machine tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_peak_percent: Option<f64>,
    /// Over how many days that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// For how many days a machine has been stopped that is retired, where nobody says otherwise.
pub const fn stopped_days() -> u32 {
    30
}

/// How much is used, by the resource's id.
pub type Usages = BTreeMap<String, Usage>;
