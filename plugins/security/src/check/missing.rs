//! Rules about what is missing: each is judged once for an account or region that was looked at, and asks whether one
//! of the resources there is as it says.
//!
//! *The danger:* what nobody looked at seems to have nothing in it. *The rule:* that something is missing is told only
//! where the caller's `areas` say that all of the place was looked at and no problem may hide it; else nobody can tell.
//! Of a document, which says all that it makes, a rule asks only if it makes something of the type at all.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use troupe_estate::{Area, GLOBAL, Key, Place, Problem, Provider, Reference, Resource, service_of};

use super::Verdict;
use super::verdict::{About, finding};
use crate::judge::{Base, Estate, Judge, Source, Truth};
use crate::rule::{Rule, Within};

/// Most regions that a reason names.
const NAMED_MAX: usize = 3;

/// The code of a row about a region that the account has not enabled.
const NOT_ENABLED: &str = "not_enabled";

/// Where one rule asks for something.
pub struct Missing {
    /// The place of the rule.
    pub rule: usize,
    /// The account, the region or, of a document, the first of the resources.
    reference: Reference,
    place: Option<Place>,
    /// The resources there.
    among: Vec<usize>,
    /// Why others may be there that nobody told of.
    unseen: Option<String>,
}

impl Missing {
    /// What the rule says of it.
    pub fn verdict(&self, judge: &Judge<'_>, rule: &Rule) -> Verdict {
        let mut verdict = Verdict { applies: true, ..Verdict::default() };
        let mut doubt = self.unseen.clone();
        for at in &self.among {
            match judge.judge(Base::Resource(*at), &rule.fail) {
                Truth::Yes => return verdict,
                Truth::Unknown(why) => doubt = Some(why),
                Truth::No => {}
            }
        }
        if doubt.is_none() {
            let about = About { reference: self.reference.clone(), place: self.place.as_ref() };
            let seen = vec![(self.reference.kind.to_string(), json!(self.among.len()))];
            verdict.findings.push(finding(rule, about, "", seen));
        }
        verdict.undecided = doubt;
        verdict
    }

    /// Its id, for people.
    pub fn id(&self) -> &str {
        &self.reference.id
    }

    /// What tells it from every other.
    pub fn at(&self) -> At {
        (self.rule, self.reference.key(), self.place.as_ref().map(|place| place.file.clone()))
    }
}

/// Where one rule asks for something: the place of the rule, what its findings are about, and the document.
pub type At = (usize, Key, Option<String>);

/// The resources of one type that inventories tell, by their region (of a rule about accounts, all in one) and then by
/// their account, where it is known.
#[derive(Default)]
struct Listed<'a> {
    by_region: BTreeMap<&'a str, BTreeMap<Option<&'a str>, Vec<usize>>>,
}

impl<'a> Listed<'a> {
    fn add(&mut self, within: Within, at: usize, resource: &'a Resource) {
        let region = if within == Within::Account { GLOBAL } else { resource.region.as_str() };
        self.by_region.entry(region).or_default().entry(resource.account.as_deref()).or_default().push(at);
    }

    /// Those of a spot, in their order: what is of no known account may be of each, and the other way round.
    fn among(&self, account: Option<&str>, region: &str) -> Vec<usize> {
        let Some(by_account) = self.by_region.get(region) else { return Vec::new() };
        let mut among: Vec<usize> = match account {
            None => by_account.values().flatten().copied().collect(),
            Some(_) => [account, None].iter().filter_map(|one| by_account.get(one)).flatten().copied().collect(),
        };
        among.sort_unstable();
        among
    }
}

/// Where resources may be: the account, where it is known, and the region.
type Spot = (Option<String>, String);

/// Who says what was looked at.
pub struct Looked<'a> {
    /// What was looked at.
    pub areas: &'a [Area],
    /// What could not be.
    pub problems: &'a [Problem],
    /// By partition, the regions that each of its accounts has.
    pub regions: &'a BTreeMap<String, BTreeSet<String>>,
}

impl Looked<'_> {
    /// Where the rules ask for something, in the order of the rules.
    pub fn missing<'r>(&self, rules: impl Iterator<Item = (usize, &'r Rule)>, estate: &Estate) -> Vec<Missing> {
        let mut told: BTreeMap<Provider, BTreeSet<Spot>> = BTreeMap::new();
        for subject in estate.subjects.iter().filter(|subject| subject.source == Source::Inventory) {
            let resource = &subject.resource;
            let spots = told.entry(resource.provider).or_default();
            spots.insert((resource.account.clone(), resource.region.clone()));
        }
        let mut missing = Vec::new();
        for (number, rule) in rules {
            let Some((within, kind)) = rule.within.zip(rule.types.first()) else { continue };
            let provider = Provider::of_type(kind);
            let those = estate.subjects.iter().enumerate().filter(|(_, one)| rule.is_about(&one.resource.kind));
            let mut listed = Listed::default();
            let mut written: BTreeMap<Option<&str>, Missing> = BTreeMap::new();
            for (at, subject) in those {
                if subject.source == Source::Inventory {
                    listed.add(within, at, &subject.resource);
                    continue;
                }
                let document = written.entry(subject.file()).or_insert_with(|| {
                    let (reference, place) = (subject.resource.reference(), subject.place.clone());
                    Missing { rule: number, reference, place, among: Vec::new(), unseen: None }
                });
                document.among.push(at);
            }
            missing.extend(written.into_values());
            let no_spots = BTreeSet::new();
            for (account, region) in self.spots(within, provider, kind, told.get(&provider).unwrap_or(&no_spots)) {
                let among = listed.among(account.as_deref(), &region);
                let id = match within {
                    Within::Account => account.clone().unwrap_or_else(|| "account".to_owned()),
                    Within::Region => region.clone(),
                };
                let kind = kind.clone().into();
                let reference = Reference { id, arn: None, provider, kind, account, region, name: None };
                let unseen = self.why_unseen(within, rule.shows_everywhere, &reference);
                missing.push(Missing { rule: number, reference, place: None, among, unseen });
            }
        }
        missing
    }

    /// The accounts or regions of a provider of which something is told or said.
    fn spots(&self, within: Within, provider: Provider, kind: &str, told: &BTreeSet<Spot>) -> BTreeSet<Spot> {
        let accounts: BTreeSet<Option<String>> = told.iter().map(|(account, _)| account.clone()).collect();
        let mut spots = told.clone();
        for area in self.areas.iter().filter(|area| is_of(area, provider, kind)) {
            let named: BTreeSet<Option<String>> = match area.accounts.as_slice() {
                [] if accounts.is_empty() => BTreeSet::from([None]),
                [] => accounts.clone(),
                named => named.iter().cloned().map(Some).collect(),
            };
            let regions: &[String] = if area.regions.is_empty() { &[GLOBAL.to_owned()] } else { &area.regions };
            spots.extend(named.iter().flat_map(|account| regions.iter().map(|one| (account.clone(), one.clone()))));
        }
        let spots = spots.into_iter().filter_map(|(account, region)| match within {
            Within::Account => Some((account, GLOBAL.to_owned())),
            Within::Region => (region != GLOBAL).then_some((account, region)),
        });
        let spots: BTreeSet<Spot> = spots.collect();
        // What is of no known account is of the one that is.
        let named: BTreeSet<String> =
            spots.iter().filter(|(account, _)| account.is_some()).map(|(_, region)| region.clone()).collect();
        spots.into_iter().filter(|(account, region)| account.is_some() || !named.contains(region)).collect()
    }

    /// Why something may be in a place though nobody told of it; none if it was looked at fully.
    fn why_unseen(&self, within: Within, shows_everywhere: bool, place: &Reference) -> Option<String> {
        let provider = place.provider;
        let service = service_of(&place.kind);
        let is_named = |list: &[String], it: &str| is_among(provider, list, it);
        let areas = self.areas.iter().filter(|area| {
            is_of(area, provider, &place.kind)
                && place.account.as_deref().is_none_or(|account| is_named(&area.accounts, account))
        });
        let areas: Vec<&Area> = areas.collect();
        if within == Within::Region && !areas.iter().any(|area| is_named(&area.regions, &place.region)) {
            return Some(format!("nobody says that {service} in {} was looked at", place.region));
        }
        if areas.is_empty() {
            return Some(format!("nobody says that {service} was looked at"));
        }
        if within == Within::Account && areas.iter().all(|area| !area.regions.is_empty()) {
            let regions: BTreeSet<&String> = areas.iter().flat_map(|area| &area.regions).collect();
            let is_whole = shows_everywhere && regions.iter().any(|region| *region != GLOBAL)
                || self.regions.values().any(|all| all.iter().all(|region| regions.contains(region)));
            if !is_whole {
                let some: Vec<&str> = regions.iter().map(|region| region.as_str()).take(NAMED_MAX).collect();
                let others = if regions.len() > NAMED_MAX { " and others" } else { "" };
                return Some(format!(
                    "{service} was looked at in {}{others}, and not in every region",
                    some.join(", ")
                ));
            }
        }
        let problem = self.problems.iter().find(|problem| {
            // An account has nothing in a region that it has not enabled.
            if within == Within::Account && problem.code == NOT_ENABLED {
                return false;
            }
            let region = if within == Within::Account { &problem.region } else { &place.region };
            problem.may_hide(&Reference { region: region.clone(), id: String::new(), ..place.clone() })
        })?;
        let Problem { operation, region, code, .. } = problem;
        Some(format!("{operation} of {service} in {region}: {code} ({})", problem.kind.name()))
    }
}

/// Reports whether an area has what is of a type.
fn is_of(area: &Area, provider: Provider, kind: &str) -> bool {
    area.provider == provider && is_among(provider, &area.services, service_of(kind))
}

/// Reports whether a list has something; one that is empty bounds nothing.
fn is_among(provider: Provider, list: &[String], it: &str) -> bool {
    let it = provider.canonical(it);
    list.is_empty() || list.iter().any(|one| provider.canonical(one) == it)
}
