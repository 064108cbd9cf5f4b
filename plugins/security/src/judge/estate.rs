//! The resources that are judged, found by whatever others call them.
//!
//! *The attack:* ten thousand resources have one name, and each names it: a hundred million connections. *The rule:*
//! of one name so many are followed, and of all names together so many; what goes beyond counts as not read, so
//! that no rule passes or fails by it.
//!
//! Documents have names of their own: what one calls `Role` is what stands in it under that name, and only where
//! nothing does, what others have.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Range};

use troupe_estate::{Place, Provider, Resource};

/// Most resources of one name that a relation leads to.
const NAMESAKES_MAX: usize = 1_000;
/// Most connections that are followed from resources whose names are not theirs alone.
const SHARED_MAX: usize = 2_000_000;

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

impl Subject {
    /// The document it stands in, if it was read from one.
    pub fn file(&self) -> Option<&str> {
        self.place.as_ref().map(|place| place.file.as_str())
    }
}

/// The resources, with who names whom.
#[derive(Debug, Default)]
pub struct Estate {
    /// The resources, in the order in which they came; those of a document stand together.
    pub subjects: Vec<Subject>,
    names: BTreeMap<String, Vec<usize>>,
    /// For each resource: which of its relations leads where.
    forwards: Vec<Vec<(usize, Option<usize>)>>,
    /// For each resource: who names it, and by which of his relations.
    backwards: Vec<Vec<(usize, usize)>>,
    /// The types that are there, in lower case.
    types: BTreeSet<String>,
}

impl Estate {
    /// Puts resources in order.
    pub fn new(subjects: Vec<Subject>) -> Self {
        let mut estate = Self { subjects, ..Self::default() };
        let mut before = None;
        for (at, subject) in estate.subjects.iter().enumerate() {
            let resource = &subject.resource;
            if before != Some(&resource.kind) {
                estate.types.insert(resource.kind.to_ascii_lowercase());
                before = Some(&resource.kind);
            }
            for name in [&resource.id].into_iter().chain(&resource.arn).chain(&subject.aliases) {
                let places = estate.names.entry(resource.provider.canonical(name)).or_default();
                if places.last() != Some(&at) {
                    places.push(at);
                }
            }
        }
        estate.connect();
        estate
    }

    /// Follows the relations of each resource, once for all.
    fn connect(&mut self) {
        let mut shared_left = SHARED_MAX;
        let mut backwards = vec![Vec::new(); self.subjects.len()];
        let mut forwards = Vec::with_capacity(self.subjects.len());
        for document in self.subjects.chunk_by(|one, other| one.file() == other.file()) {
            let first = forwards.len();
            let own = first..first + document.len();
            for (at, subject) in own.clone().zip(document) {
                let mut ends = Vec::new();
                for (number, relation) in subject.resource.relations.iter().enumerate() {
                    let found = self.meant(subject.resource.provider, &relation.target, &own);
                    let count = ends.len();
                    for to in found.iter().copied().filter(|to| *to != at) {
                        if found.len() > 1 {
                            let Some(left) = shared_left.checked_sub(1) else { break };
                            shared_left = left;
                        }
                        ends.push((number, Some(to)));
                        backwards.get_mut(to).into_iter().for_each(|who: &mut Vec<_>| who.push((at, number)));
                    }
                    if ends.len() == count {
                        ends.push((number, None));
                    }
                }
                forwards.push(ends);
            }
        }
        (self.forwards, self.backwards) = (forwards, backwards);
    }

    /// The resources that a document means by a name: its own, else those of others.
    fn meant(&self, provider: Provider, name: &str, own: &Range<usize>) -> &[usize] {
        let all = self.named(provider, name);
        let (from, to) = (all.partition_point(|at| *at < own.start), all.partition_point(|at| *at < own.end));
        let within = all.get(from..to).filter(|within| !within.is_empty()).unwrap_or(all);
        within.get(..NAMESAKES_MAX).unwrap_or(within)
    }

    /// A resource by its place.
    pub fn get(&self, at: usize) -> Option<&Subject> {
        self.subjects.get(at)
    }

    /// The places of the resources of a name, an id or an ARN, in order.
    pub fn named(&self, provider: Provider, name: &str) -> &[usize] {
        self.names.get(&provider.canonical(name)).map_or(&[], Vec::as_slice)
    }

    /// What a resource names, and as what; a place is absent where nothing of that name was read.
    pub fn targets(&self, at: usize) -> impl Iterator<Item = (Option<usize>, &str)> {
        let ends = self.forwards.get(at).map(Vec::as_slice).unwrap_or_default();
        ends.iter().map(move |(number, to)| (*to, self.kind(at, *number)))
    }

    /// Those that name a resource, and as what.
    pub fn referrers(&self, at: usize) -> impl Iterator<Item = (usize, &str)> {
        let ends = self.backwards.get(at).map(Vec::as_slice).unwrap_or_default();
        ends.iter().map(|(from, number)| (*from, self.kind(*from, *number)))
    }

    /// Of what kind a relation is.
    fn kind(&self, at: usize, number: usize) -> &str {
        let relation = self.get(at).and_then(|subject| subject.resource.relations.get(number));
        relation.map(|relation| relation.kind.as_ref()).unwrap_or_default()
    }

    /// Reports whether a resource of a type that fits was read.
    pub fn has_type(&self, types: &super::Glob) -> bool {
        let beginning = types.beginning();
        let mut those = self
            .types
            .range::<str, _>((Bound::Included(beginning), Bound::Unbounded))
            .take_while(|kind| kind.starts_with(beginning));
        those.any(|kind| types.fits(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(id: &str, file: &str, names: &str) -> Subject {
        let resource = Resource::new("aws.iam.role", "global", id).to("role", Some(names));
        let place = Some(Place { file: file.to_owned(), line: None });
        Subject { resource, source: Source::CloudFormation, place, aliases: Vec::new() }
    }

    #[test]
    fn a_name_means_what_its_own_document_has_under_it_and_else_what_others_have() {
        let estate = Estate::new(vec![
            subject("Role", "a.yaml", "Role"),
            subject("User", "a.yaml", "Role"),
            subject("Role", "b.yaml", "User"),
            subject("Other", "b.yaml", "nobody"),
        ]);
        let targets = |at: usize| estate.targets(at).map(|(to, _)| to).collect::<Vec<_>>();
        assert_eq!((targets(0), targets(1)), (vec![None], vec![Some(0)]));
        assert_eq!((targets(2), targets(3)), (vec![Some(1)], vec![None]));
        assert_eq!(estate.referrers(0).collect::<Vec<_>>(), [(1, "role")]);
    }

    #[test]
    fn many_of_one_name_that_all_name_it_are_no_square() {
        let estate = Estate::new((0..20_000).map(|_| subject("x", "a.yaml", "x")).collect());
        let links: usize = (0..20_000).map(|at| estate.targets(at).count()).sum();
        assert!(links <= SHARED_MAX + 20_000, "{links}");
        assert_eq!(estate.targets(19_999).collect::<Vec<_>>(), [(None, "role")]);
    }
}
