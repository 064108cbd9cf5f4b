//! Which attributes who tells.
//!
//! An attribute that is absent means that the resource does not have it, only if whoever read the resource would
//! have told it. `data/inventory.yaml` says what the inventories of the agents tell; what a mapping makes of a
//! document is what that tells. Without this, a rule about an attribute that nobody asked for would pass.

use std::collections::{BTreeMap, BTreeSet};

use crate::judge::{Delivers, Source};
use crate::read::Mappings;

/// Which attributes who tells.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    by_source: BTreeMap<Source, BTreeMap<String, BTreeSet<String>>>,
}

impl Facts {
    /// Gathers them from the inventories' list and the mappings.
    pub fn new(inventory: BTreeMap<String, Vec<String>>, mappings: &Mappings) -> Self {
        let lower = |(kind, names): (String, Vec<String>)| (kind.to_ascii_lowercase(), names.into_iter().collect());
        let mut by_source: BTreeMap<Source, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        by_source.insert(Source::Inventory, inventory.into_iter().map(lower).collect());
        for (source, kind, attribute) in mappings.attributes() {
            let kinds = by_source.entry(source).or_default();
            kinds.entry(kind.to_ascii_lowercase()).or_default().insert(attribute);
        }
        Self { by_source }
    }

    /// Those who tell an attribute of a type.
    pub fn sources(&self, kind: &str, attribute: &str) -> Vec<Source> {
        let all = [Source::Inventory, Source::Terraform, Source::CloudFormation, Source::Arm];
        let mut sources: Vec<Source> =
            all.into_iter().filter(|source| self.delivers(*source, kind, attribute)).collect();
        if kind.starts_with("kubernetes.") {
            sources.push(Source::Kubernetes);
        }
        sources
    }
}

impl Delivers for Facts {
    fn delivers(&self, source: Source, kind: &str, attribute: &str) -> bool {
        match source {
            // An object of Kubernetes is told whole, and so is an example.
            Source::Kubernetes | Source::Example => true,
            source => {
                let names = self.by_source.get(&source).and_then(|kinds| {
                    // Types of Azure may come in any case; most do not need to be looked at twice.
                    kinds.get(kind).or_else(|| kinds.get(&kind.to_ascii_lowercase()))
                });
                names.is_some_and(|names| names.contains(attribute))
            }
        }
    }
}
