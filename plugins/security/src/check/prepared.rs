//! What is judged, and by what: made once of what is asked, and read as often as findings are wanted.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use serde_json::Value;
use troupe_estate::{Finding, Framework, Problem, Provider, Resource};
use troupe_sdk::prelude::*;

use super::missing::{At, Looked, Missing};
use super::{Findings, verdict};
use crate::ask::{Asked, Settings};
use crate::judge::{Base, Condition, Estate, Glob, Judge, Pattern, Source, Subject, Truth};
use crate::read::{self, Document, Mappings};
use crate::rule::{Catalogue, Rule};
use crate::secrets;
use crate::suppress::Suppressions;
use crate::text;

/// Most resources of one name of which it is found out anew why a rule could not be decided.
const NAMESAKES_MAX: usize = 100;

/// Which rules are wanted of those that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    Everything,
    /// Those that say what is exposed.
    Exposure,
}

/// What is judged, and by what.
pub struct Check {
    /// The rules.
    pub catalogue: Catalogue,
    /// The ids of those that are applied.
    pub applied: BTreeSet<String>,
    /// The resources.
    pub estate: Estate,
    /// By when ages are judged.
    pub now: Timestamp,
    /// What could not be read or looked at, before anything was judged.
    pub(super) problems: Vec<Problem>,
    /// What is searched for secrets, by name.
    pub(super) documents: Vec<Document>,
    /// The controls that secrets are about.
    pub controls: Vec<Framework>,
    pub(super) suppressions: Suppressions,
    /// Where something may be missing.
    pub(super) missing: Vec<Missing>,
    /// Which of these is where.
    missing_at: BTreeMap<At, usize>,
    turns: Vec<Turn>,
    /// For each type that is there, the places of the rules about it.
    rules_of: Vec<Vec<usize>>,
}

/// When a resource is looked at.
struct Turn {
    at: usize,
    /// Its type, by its place in `rules_of`.
    kind: usize,
    /// Whether the one before it has the same name, so that findings of both may be the same.
    is_same: bool,
}

impl Check {
    /// Makes a check of what is asked.
    ///
    /// # Errors
    ///
    /// [`Failure::InvalidInput`] if a rule, a parameter or a suppression is none.
    pub fn new(asked: Asked, settings: &Settings, wanted: Wanted) -> Result<Self, Failure> {
        let now = Timestamp::try_from(troupe_sdk::time::now()).map_err(Failure::failed)?;
        let suppressions = Suppressions::new(asked.suppressions.into_iter().chain(settings.suppressions.clone()))?;
        let mappings = Mappings::load().map_err(Failure::failed)?;
        let mut parameters = settings.parameters.clone();
        for (rule, more) in asked.parameters {
            parameters.entry(rule).or_default().extend(more);
        }
        let catalogue = Catalogue::load(&mappings, &more_rules(&asked.more_rules)?, &parameters)
            .map_err(|problems| Failure::invalid_input(problems.to_string()))?;
        let read = read::documents(&asked.documents, &mappings);
        let mut problems = asked.problems;
        problems.extend(read.problems);
        let estate = Estate::new(asked.resources.into_iter().map(listed).chain(read.subjects).collect());
        let globs: Vec<Glob> = asked.rules.iter().map(|pattern| Glob::new(pattern)).collect();
        let is_asked = |id: &str| globs.is_empty() || globs.iter().any(|glob| glob.fits(id));
        let is_wanted = |rule: &Rule| (wanted == Wanted::Everything || rule.exposes) && is_asked(&rule.id);
        let mut applied: BTreeSet<String> =
            catalogue.rules.iter().filter(|rule| is_wanted(rule)).map(|rule| rule.id.clone()).collect();
        let mut documents = asked.documents;
        if wanted == Wanted::Everything {
            let patterns = catalogue.patterns.iter().filter(|pattern| is_asked(&pattern.id));
            applied.extend(patterns.map(|pattern| pattern.id.clone()));
            documents.sort_by(|one, other| one.name.cmp(&other.name));
        } else {
            documents.clear();
        }
        let (turns, rules_of) = turns(&estate, &catalogue, &applied, now);
        let looked = Looked { areas: &asked.areas, problems: &problems, regions: &catalogue.regions };
        let those = catalogue.rules.iter().enumerate().filter(|(_, rule)| applied.contains(&rule.id));
        let missing = looked.missing(those, &estate);
        let missing_at = missing.iter().enumerate().map(|(number, one)| (one.at(), number)).collect();
        let controls = catalogue.frameworks.of_topic(secrets::TOPIC).map_err(Failure::failed)?;
        Ok(Self {
            catalogue,
            applied,
            estate,
            now,
            problems,
            documents,
            controls,
            suppressions,
            missing,
            missing_at,
            turns,
            rules_of,
        })
    }

    /// The findings, from the first.
    pub fn findings(&self) -> Findings<'_> {
        Findings::new(self)
    }

    /// The resource that is looked at as the one of this number, and the places of the rules about it.
    pub(super) fn rules_at(&self, number: usize) -> Option<(usize, &[usize])> {
        let turn = self.turns.get(number)?;
        Some((turn.at, self.rules_of.get(turn.kind).map(Vec::as_slice).unwrap_or_default()))
    }

    /// Whether the resource of this number has the name of the one before it.
    pub(super) fn is_same_as_before(&self, number: usize) -> bool {
        self.turns.get(number).is_some_and(|turn| turn.is_same)
    }

    /// What secrets look like that are searched for.
    pub(super) fn patterns(&self) -> Vec<&Pattern> {
        self.catalogue.patterns.iter().filter(|pattern| self.applied.contains(&pattern.id)).collect()
    }

    /// Why nobody can tell whether a finding of another time is still so; none if somebody can.
    pub fn why_undecided(&self, finding: &Finding) -> Option<String> {
        let (place, rule) = self.rule(&finding.rule).filter(|(_, rule)| self.applied.contains(&rule.id))?;
        let judge = Judge::new(&self.estate, &self.catalogue.facts, &self.catalogue.patterns, self.now);
        if rule.within.is_some() {
            return self.missing_at(place, finding)?.verdict(&judge, rule).undecided;
        }
        let (resource, key) = (&finding.resource, finding.resource.key());
        let places = self.estate.named(resource.provider, &resource.id).iter().take(NAMESAKES_MAX);
        let mut subjects = places.filter_map(|at| Some((*at, self.estate.get(*at)?)));
        subjects.find_map(|(at, subject)| {
            let is_it = subject.resource.key() == key && rule.is_about(&subject.resource.kind);
            if is_it { verdict(&judge, rule, at, subject).undecided } else { None }
        })
    }

    /// Reports whether a rule is about what is missing, so that it is judged at accounts and regions alone.
    pub fn asks_for_what_is_missing(&self, id: &str) -> bool {
        self.rule(id).is_some_and(|(_, rule)| rule.within.is_some())
    }

    /// Reports whether a rule about what is missing was judged where it once found something.
    pub fn asked_again(&self, finding: &Finding) -> bool {
        let rule = self.rule(&finding.rule).filter(|(_, rule)| rule.within.is_some());
        rule.is_some_and(|(place, _)| self.missing_at(place, finding).is_some())
    }

    /// The rule of an id, and its place.
    fn rule(&self, id: &str) -> Option<(usize, &Rule)> {
        let rules = &self.catalogue.rules;
        let place = rules.binary_search_by(|rule| rule.id.as_str().cmp(id)).ok()?;
        Some((place, rules.get(place)?))
    }

    /// Where the rule of this place, which found something once, asks for it now.
    fn missing_at(&self, rule: usize, finding: &Finding) -> Option<&Missing> {
        let file = finding.place.as_ref().map(|place| place.file.clone());
        self.missing.get(*self.missing_at.get(&(rule, finding.resource.key(), file))?)
    }
}

/// A resource of an inventory.
fn listed(mut resource: Resource) -> Subject {
    // What was told before there was a provider or a class says neither; its type does.
    if resource.provider == Provider::Other {
        resource.provider = Provider::of_type(&resource.kind);
        resource.class = troupe_estate::class_of(&resource.kind);
    }
    // Role assignments of Azure's name a principal, which is what a machine's own identity is called.
    let principal = resource.attributes.get("identity_principal").and_then(Value::as_str).map(str::to_owned);
    Subject { resource, source: Source::Inventory, place: None, aliases: principal.into_iter().collect() }
}

/// In which order resources are looked at: as they came, but those of one name and document after each other, so that
/// what is found at both is seen to be the same while only theirs is remembered. What is gone has no turn.
fn turns(
    estate: &Estate,
    catalogue: &Catalogue,
    applied: &BTreeSet<String>,
    now: Timestamp,
) -> (Vec<Turn>, Vec<Vec<usize>>) {
    let judge = Judge::new(estate, &catalogue.facts, &[], now);
    let is_gone = |at: usize, kind: &str| {
        let gone: Option<&Condition> = catalogue.gone.get(kind);
        gone.is_some_and(|gone| judge.judge(Base::Resource(at), gone) == Truth::Yes)
    };
    let mut first_of: BTreeMap<u64, usize> = BTreeMap::new();
    let mut order: Vec<(usize, usize)> = Vec::with_capacity(estate.subjects.len());
    for (at, subject) in estate.subjects.iter().enumerate() {
        if is_gone(at, &subject.resource.kind) {
            continue;
        }
        // Two that are not the same and come to one number are looked at after each other, and nothing else.
        let mut hasher = DefaultHasher::new();
        (subject.resource.key(), subject.file()).hash(&mut hasher);
        order.push((*first_of.entry(hasher.finish()).or_insert(at), at));
    }
    order.sort_unstable();
    let rules = catalogue.rules.iter().enumerate();
    let applied: Vec<(usize, &Rule)> =
        rules.filter(|(_, rule)| rule.within.is_none() && applied.contains(&rule.id)).collect();
    let (mut kinds, mut rules_of) = (BTreeMap::new(), Vec::new());
    let mut turns = Vec::with_capacity(order.len());
    for (first, at) in order {
        let Some(Subject { resource, .. }) = estate.get(at) else { continue };
        let kind = *kinds.entry(resource.kind.as_ref()).or_insert_with_key(|kind| {
            let about = applied.iter().filter(|(_, rule)| rule.is_about(kind)).map(|(number, _)| *number);
            rules_of.push(about.collect::<Vec<usize>>());
            rules_of.len() - 1
        });
        turns.push(Turn { at, kind, is_same: first != at });
    }
    (turns, rules_of)
}

fn more_rules(texts: &[String]) -> Result<Vec<(String, Value)>, Failure> {
    let mut more = Vec::new();
    for (number, written) in texts.iter().enumerate() {
        let name = format!("more_rules[{number}]");
        let nodes = text::read(written).map_err(|error| Failure::invalid_input(format!("{name}: {error}")))?;
        more.extend(nodes.iter().map(|node| (name.clone(), node.value())));
    }
    Ok(more)
}
