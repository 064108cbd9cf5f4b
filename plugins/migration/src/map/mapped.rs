//! What is told of one resource.

use troupe_estate::{Class, Money, Reference, Resource};
use troupe_sdk::prelude::*;

use super::{Blocker, Unchecked};
use crate::catalog::services::Move;

/// What one resource becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mapped {
    /// The resource.
    pub resource: Reference,
    /// What it is in common words.
    pub class: Class,
    /// The row of the services' table.
    pub service: String,
    /// Which way it goes.
    pub way: Move,
    /// What it becomes; nothing if it follows, is bought anew, is given up or has no target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Destination>,
    /// What to mind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
    /// What is in the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blockers: Vec<Blocker>,
    /// What could not be checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<Unchecked>,
    /// What it costs, and would cost.
    pub price: Price,
}

/// What a resource becomes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// The service's name.
    pub service: String,
    /// The type of the resource there.
    #[serde(rename = "type")]
    pub kind: String,
    /// Types that may be meant instead, or are made beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The region; `global` of what belongs to an account as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The size of a machine, a node or a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Chosen>,
    /// The type of a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_type: Option<String>,
    /// The size of a disk or a database's storage, in GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gib: Option<f64>,
    /// The class of a bucket's objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// The engine of a database, cache or cluster, or the language of a function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A size that was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// By what it was chosen: what it has to hold, and whether that is what is there or what is used.
    pub why: String,
}

/// What a resource costs and would cost for a month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// Now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Money>,
    /// Then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Money>,
    /// What the prices are of, or why one is not known.
    pub note: String,
}

impl Mapped {
    /// A row of which nothing is said yet.
    pub fn of(resource: &Resource) -> Self {
        Self {
            resource: resource.reference(),
            class: resource.class,
            service: String::new(),
            way: Move::Retain,
            to: None,
            caveats: Vec::new(),
            blockers: Vec::new(),
            unchecked: Vec::new(),
            price: Price { note: "no price known: it has none of its own there".to_owned(), ..Price::default() },
        }
    }

    /// Whether something must be solved before it moves.
    pub fn is_stopped(&self) -> bool {
        self.blockers.iter().any(|blocker| blocker.stops)
    }
}
