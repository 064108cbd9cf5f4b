//! The resources that are judged, found by whatever others call them.

use std::collections::{BTreeMap, BTreeSet};

use troupe_estate::{Place, Provider, Resource};

/// Where a resource was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// An inventory of a cloud.
    Inventory,
    /// A plan or a state of Terraform.
    Terraform,
    /// A template of CloudFormation.
    CloudFormation,
    /// A template of Azure Resource Manager.
    Arm,
    /// A manifest of Kubernetes.
    Kubernetes,
    /// An example beside a rule, which tells everything.
    Example,
}

impl Source {
    /// Its name, for reasons and data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Terraform => "terraform",
            Self::CloudFormation => "cloudformation",
            Self::Arm => "arm",
            Self::Kubernetes => "kubernetes",
            Self::Example => "example",
        }
    }

    /// Reports whether what is not in it is not there at all: a document says all that it makes, an inventory
    /// only what it was asked for.
    pub const fn is_whole(self) -> bool {
        !matches!(self, Self::Inventory)
    }
}

/// A resource, and where it was read.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The resource.
    pub resource: Resource,
    /// Where it was read.
    pub source: Source,
    /// Where it is written down.
    pub place: Option<Place>,
    /// What else it is called in its document: an address of Terraform's.
    pub aliases: Vec<String>,
}

/// The resources, with who names whom.
#[derive(Debug, Default)]
pub struct Estate {
    /// The resources, in the order in which they came.
    pub subjects: Vec<Subject>,
    names: BTreeMap<String, Vec<usize>>,
    /// For each resource, those that name it and as what.
    backwards: BTreeMap<usize, Vec<(usize, String)>>,
    types: BTreeSet<String>,
}

impl Estate {
    /// Puts resources in order.
    pub fn new(subjects: Vec<Subject>) -> Self {
        let mut estate = Self { subjects, ..Self::default() };
        for (at, subject) in estate.subjects.iter().enumerate() {
            let resource = &subject.resource;
            estate.types.insert(resource.kind.to_ascii_lowercase());
            let mut named: Vec<String> = vec![key(resource.provider, &resource.id)];
            named.extend(resource.arn.iter().map(|arn| key(resource.provider, arn)));
            named.extend(subject.aliases.iter().map(|alias| key(resource.provider, alias)));
            named.sort_unstable();
            named.dedup();
            for name in named {
                estate.names.entry(name).or_default().push(at);
            }
        }
        for at in 0..estate.subjects.len() {
            for (target, kind) in estate.targets(at) {
                if let Some(target) = target {
                    estate.backwards.entry(target).or_default().push((at, kind));
                }
            }
        }
        estate
    }

    /// A resource by its place.
    pub fn get(&self, at: usize) -> Option<&Subject> {
        self.subjects.get(at)
    }

    /// The resources of a name, an id or an ARN.
    pub fn named(&self, provider: Provider, name: &str) -> &[usize] {
        self.names.get(&key(provider, name)).map_or(&[], Vec::as_slice)
    }

    /// What a resource names, and as what; a place is absent where nothing of that name was read.
    pub fn targets(&self, at: usize) -> Vec<(Option<usize>, String)> {
        let Some(subject) = self.get(at) else { return Vec::new() };
        let resource = &subject.resource;
        let mut targets = Vec::new();
        for relation in &resource.relations {
            let found = self.named(resource.provider, &relation.target);
            let found: Vec<usize> = found.iter().copied().filter(|target| *target != at).collect();
            if found.is_empty() {
                targets.push((None, relation.kind.to_string()));
            }
            targets.extend(found.into_iter().map(|target| (Some(target), relation.kind.to_string())));
        }
        targets
    }

    /// Those that name a resource, and as what.
    pub fn referrers(&self, at: usize) -> &[(usize, String)] {
        self.backwards.get(&at).map_or(&[], Vec::as_slice)
    }

    /// Reports whether a resource of a type that fits was read.
    pub fn has_type(&self, types: &super::Glob) -> bool {
        self.types.iter().any(|kind| types.fits(kind))
    }
}

/// Azure's names are the same in any case.
fn key(provider: Provider, name: &str) -> String {
    if provider == Provider::Azure { name.to_ascii_lowercase() } else { name.to_owned() }
}
