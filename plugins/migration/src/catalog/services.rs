//! Which service of one cloud does what which of another does.
//!
//! A row names the types of each cloud that do the same work. A resource is of the first row that names its type;
//! where none does, of the row that stands for its class (`default`). A cloud that has no entry in a row has no such
//! service. So every class has an answer, be it that there is none.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use troupe_estate::{Class, Resource};

use crate::Cloud;

/// How something moves to another cloud: one of the six ways, or with what it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Move {
    /// It has no way of its own: it is made anew with what it belongs to.
    Follows,
    /// It is given up.
    Retire,
    /// It stays where it is.
    Retain,
    /// It moves as it is.
    Rehost,
    /// It moves to a managed service that speaks the same language.
    Replatform,
    /// A product is bought or subscribed to in its place.
    Repurchase,
    /// What uses it is rewritten.
    Refactor,
}

impl Move {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Follows => "follows",
            Self::Retire => "retire",
            Self::Retain => "retain",
            Self::Rehost => "rehost",
            Self::Replatform => "replatform",
            Self::Repurchase => "repurchase",
            Self::Refactor => "refactor",
        }
    }
}

/// What a cloud offers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The service's name.
    pub service: String,
    /// Types of its resources; the first is what something becomes.
    pub types: Vec<String>,
}

/// What is to be minded on the way.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Caveat {
    /// To which clouds; to any when absent.
    #[serde(default)]
    to: Vec<Cloud>,
    says: String,
}

/// A row. What else stands in it is no cloud, and refused as such.
#[derive(Debug, Clone, Deserialize)]
pub struct Service {
    /// Its name in this table.
    pub key: String,
    /// Its class.
    pub class: Class,
    /// Whether it stands for its class.
    #[serde(default)]
    pub default: bool,
    #[serde(rename = "move")]
    way: Move,
    /// The way to one cloud, where it is another than to the rest.
    #[serde(default)]
    moves: BTreeMap<Cloud, Move>,
    #[serde(default)]
    caveats: Vec<Caveat>,
    /// What each cloud offers.
    #[serde(flatten)]
    offers: BTreeMap<Cloud, Offer>,
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The documents it was made of.
    pub sources: Vec<String>,
    /// The day from which it is.
    pub as_of: String,
    /// The rows.
    pub services: Vec<Service>,
}

impl Service {
    /// What a cloud offers for it.
    pub fn offer(&self, cloud: Cloud) -> Option<&Offer> {
        self.offers.get(&cloud)
    }

    /// The way to a cloud.
    pub fn way(&self, cloud: Cloud) -> Move {
        self.moves.get(&cloud).copied().unwrap_or(self.way)
    }

    /// What is to be minded on the way to a cloud.
    pub fn caveats(&self, cloud: Cloud) -> impl Iterator<Item = &str> {
        let concerns = move |caveat: &&Caveat| caveat.to.is_empty() || caveat.to.contains(&cloud);
        self.caveats.iter().filter(concerns).map(|caveat| caveat.says.as_str())
    }
}

/// Read once. The tests hold that it can be read.
static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/services.json")).unwrap_or_default());

/// The row of each type, and of each class.
struct Rows {
    by_type: BTreeMap<&'static str, &'static Service>,
    by_class: BTreeMap<Class, &'static Service>,
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    let (mut by_type, mut by_class) = (BTreeMap::new(), BTreeMap::new());
    for service in &TABLE.services {
        let types = Cloud::ALL.iter().filter_map(|cloud| service.offer(*cloud)).flat_map(|offer| &offer.types);
        types.for_each(|kind| {
            by_type.entry(kind.as_str()).or_insert(service);
        });
        if service.default {
            by_class.entry(service.class).or_insert(service);
        }
    }
    Rows { by_type, by_class }
});

/// The table.
pub fn table() -> &'static Table {
    &TABLE
}

/// The row of a resource: that of its type, else that of its class, else that of what is not known.
pub fn of(resource: &Resource) -> Option<&'static Service> {
    let Rows { by_type, by_class } = &*ROWS;
    let kind = if Cloud::of(resource.provider) == Some(Cloud::Azure) {
        resource.kind.to_ascii_lowercase()
    } else {
        resource.kind.to_string()
    };
    by_type
        .get(kind.as_str())
        .or_else(|| by_class.get(&resource.class))
        .or_else(|| by_class.get(&Class::Other))
        .copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_class_has_one_row_that_stands_for_it_and_every_row_says_something() {
        let table: Table = serde_json::from_str(include_str!("../../data/services.json")).unwrap();
        assert!(table.services.len() >= 60, "{}", table.services.len());
        assert!(!table.sources.is_empty() && table.as_of.len() == 10);
        for class in Class::ALL {
            let count = table.services.iter().filter(|service| service.default && service.class == *class).count();
            assert_eq!(count, 1, "{class}");
        }
        let mut keys = BTreeSet::new();
        for service in &table.services {
            assert!(keys.insert(&service.key), "{} stands twice", service.key);
            assert!(!service.caveats.is_empty(), "{} says nothing of what to mind", service.key);
            for caveat in &service.caveats {
                assert!(caveat.says.ends_with('.'), "{}: {}", service.key, caveat.says);
            }
            for cloud in Cloud::ALL {
                let types = service.offer(cloud).map(|offer| &offer.types);
                for kind in types.into_iter().flatten() {
                    assert!(kind.starts_with(&format!("{}.", cloud.name())), "{}: {kind}", service.key);
                }
            }
        }
    }

    #[test]
    fn types_of_the_table_are_types_that_the_estate_knows_by_a_class() {
        for service in &table().services {
            for cloud in Cloud::ALL {
                for kind in service.offer(cloud).iter().flat_map(|offer| &offer.types) {
                    let class = troupe_estate::class_of(kind);
                    assert_ne!(class, Class::Other, "{}: {kind} has no class", service.key);
                }
            }
        }
    }

    #[test]
    fn a_row_is_found_by_type_then_by_class() {
        let key = |kind: &'static str| of(&Resource::new(kind, "r", "x")).unwrap().key.as_str();
        assert_eq!(key("aws.rds.cluster"), "clustered-database");
        assert_eq!(key("azure.Microsoft.Compute/virtualMachines"), "virtual-machine");
        assert_eq!(key("kubernetes.Deployment"), "container-workload");
        assert_eq!(key("aws.ec2.carrier-gateway"), "unknown");
    }
}
