//! What became of the findings of the last time.
//!
//! Fixed is only what was looked at again: a rule that could not be decided now, a document that nobody named or looked
//! for now, a region of which nothing is told, leave what was found there unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use troupe_estate::diff::{self, Change, Counts};
use troupe_estate::{Area, Finding, Fingerprint, Problem, Provider, Resource, Scan, Why, WhyKind, service_of};

use crate::ask::Asked;
use crate::check::{Changes, Check, Outcome};
use crate::gather::is_below;
use crate::secrets;

/// Compares findings with those of the last time, while they go by.
pub struct Comparing {
    scope: Scope,
    /// Those of the last time.
    before: BTreeMap<Fingerprint, Before>,
    counts: Counts,
    /// The first of what is not the same, by fingerprint.
    changes: Vec<Change<Finding>>,
    most: usize,
}

/// A finding of the last time.
struct Before {
    finding: Finding,
    /// Whether it went by among those that are there now.
    is_found: bool,
}

impl Comparing {
    /// Compares with the findings of the last time, and tells so many changes.
    pub fn new(previous: Vec<Finding>, asked: &Asked, most: usize) -> Self {
        let mut before = BTreeMap::new();
        for finding in previous {
            before.entry(finding.fingerprint.clone()).or_insert(Before { finding, is_found: false });
        }
        Self { scope: Scope::of(asked), before, counts: Counts::default(), changes: Vec::new(), most }
    }

    /// Takes a finding that is there now.
    pub fn take(&mut self, now: &Finding) {
        if let Some(before) = self.before.get_mut(&now.fingerprint) {
            before.is_found = true;
        }
        if let Some(change) = self.became(now.clone()) {
            self.note(change);
        }
    }

    /// What became of a finding that is there now.
    pub fn became(&self, now: Finding) -> Option<Change<Finding>> {
        let before = self.before.get(&now.fingerprint).map(|before| before.finding.clone());
        compare(before, Some(now), &Scan::default())
    }

    /// What became of those that are not there any more, once all that are have gone by.
    pub fn others(&self, check: &Check, outcome: &Outcome) -> impl Iterator<Item = Change<Finding>> {
        // A document says all that it makes, so all of its resources were looked at; the rest is as the caller says.
        let all = [Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Kubernetes, Provider::Other];
        let rules = Some(check.applied.clone());
        let of_documents = Scan { areas: all.map(Area::all).to_vec(), rules: rules.clone(), problems: Vec::new() };
        let Scope { areas, problems, .. } = &self.scope;
        let of_inventories = Scan { areas: areas.clone(), rules, problems: problems.clone() };
        let left = self.before.values().filter(|before| !before.is_found).map(|before| before.finding.clone());
        left.filter_map(move |finding| {
            if let Some(why) = self.why_unread(&finding, &outcome.problems) {
                return Some(Change::Unknown { before: finding, why });
            }
            // Where something was missing is an account or a region, in which the check itself says what was looked at.
            let is_anew = finding.place.is_some() || check.asked_again(&finding);
            let scan = if is_anew { &of_documents } else { &of_inventories };
            let now = check.why_undecided(&finding).map(|why| finding.clone().not_checked(&why));
            match compare(Some(finding), now, scan) {
                Some(Change::Fixed { before }) if !is_anew && check.asks_for_what_is_missing(&before.rule) => {
                    let reason = format!("the rule {} was not judged at {}", before.rule, before.resource.id);
                    Some(Change::Unknown { before, why: Why { kind: WhyKind::NotLookedAt, reason } })
                }
                change => change,
            }
        })
    }

    /// Notes what became of those that are not there any more.
    pub fn settle(&mut self, check: &Check, outcome: &Outcome) {
        let others: Vec<Change<Finding>> = self.others(check, outcome).collect();
        others.into_iter().for_each(|change| self.note(change));
        self.keep();
    }

    /// What became of all of them.
    pub fn finish(mut self, check: &Check, outcome: &Outcome) -> Changes {
        self.settle(check, outcome);
        self.told()
    }

    /// What became of all of them, once they are settled.
    pub fn told(self) -> Changes {
        Changes { counts: self.counts, changes: self.changes }
    }

    /// How many there are of each kind, once they are settled.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    fn note(&mut self, change: Change<Finding>) {
        self.counts.add(&change);
        if change.name() != "same" {
            self.changes.push(change);
        }
        if self.changes.len() > 2 * self.most {
            self.keep();
        }
    }

    fn keep(&mut self) {
        self.changes.sort_by(|one, other| one.entry().fingerprint.cmp(&other.entry().fingerprint));
        self.changes.truncate(self.most);
    }

    /// Why the document of a finding, or what is about it there, was not read.
    fn why_unread(&self, finding: &Finding, problems: &[Problem]) -> Option<Why> {
        let file = &finding.place.as_ref()?.file;
        let Scope { documents, directories, .. } = &self.scope;
        if !documents.contains(file) && !directories.iter().any(|directory| is_below(directory, file)) {
            let reason = format!("{file} is not among the documents");
            return Some(Why { kind: WhyKind::NotLookedAt, reason });
        }
        let problem = problems.iter().find(|problem| hides(problem, &finding.rule, file))?;
        Some(Why { kind: WhyKind::Problem, reason: format!("{}: {}", problem.code, problem.message) })
    }
}

/// What became of one finding; none if it is no news.
fn compare(before: Option<Finding>, now: Option<Finding>, scan: &Scan) -> Option<Change<Finding>> {
    let list = |one: Option<Finding>| one.into_iter().map(Ok::<_, Infallible>);
    diff::findings(list(before), list(now), scan).find_map(Result::ok)
}

/// What was looked at, as the caller says or, of a provider of which nobody says it, as it shows.
struct Scope {
    areas: Vec<Area>,
    documents: BTreeSet<String>,
    /// What is not there any more of these is gone.
    directories: Vec<String>,
    problems: Vec<Problem>,
}

impl Scope {
    /// Takes it from what is asked.
    fn of(asked: &Asked) -> Self {
        let mut areas = asked.areas.clone();
        let said: BTreeSet<Provider> = areas.iter().map(|area| area.provider).collect();
        let mut seen = BTreeSet::new();
        for resource in &asked.resources {
            let provider = Provider::of_type(&resource.kind);
            if !said.contains(&provider) {
                let Resource { account, region, kind, .. } = resource;
                seen.insert((provider, account.as_ref(), region, service_of(kind)));
            }
        }
        areas.extend(seen.into_iter().map(|(provider, account, region, service)| Area {
            provider,
            accounts: account.into_iter().cloned().collect(),
            regions: vec![region.clone()],
            services: vec![service.to_owned()],
        }));
        let documents = asked.documents.iter().map(|document| document.name.clone()).collect();
        Self { areas, documents, directories: asked.directories.clone(), problems: asked.problems.clone() }
    }
}

/// Reports whether a problem kept a document, or a part of it, from being read, or secrets in it from being told.
fn hides(problem: &Problem, rule: &str, file: &str) -> bool {
    let names = || problem.named().any(|name| name == file);
    let is_about = match problem.code.as_str() {
        "unreadable" | "unknown_format" | "unknown_part" => true,
        secrets::TOO_MANY => problem.service == rule,
        _ => false,
    };
    is_about && (problem.every || names())
}
