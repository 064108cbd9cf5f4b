//! What became of the findings of the last time.
//!
//! Fixed is only what was looked at again: a rule that could not be decided now, a document that is not there now,
//! a region of which nothing is told, leave what was found there unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use troupe_estate::diff::{self, Change, Counts};
use troupe_estate::{Area, Finding, Key, Problem, Provider, Scan, Why, WhyKind};
use troupe_sdk::prelude::*;

use crate::ask::Asked;
use crate::check::{Changes, Outcome};
use crate::secrets;

/// What was looked at, as the caller says or as it shows.
pub struct Scope {
    areas: Vec<Area>,
    documents: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Scope {
    /// Takes it from what is asked.
    pub fn of(asked: &Asked) -> Self {
        let mut areas = asked.areas.clone();
        if areas.is_empty() {
            let mut seen: BTreeSet<(Provider, Option<String>, String, String)> = BTreeSet::new();
            for resource in &asked.resources {
                let reference = resource.reference();
                let provider = Provider::of_type(&resource.kind);
                seen.insert((
                    provider,
                    resource.account.clone(),
                    resource.region.clone(),
                    reference.service().to_owned(),
                ));
            }
            areas.extend(seen.into_iter().map(|(provider, account, region, service)| Area {
                provider,
                accounts: account.into_iter().collect(),
                regions: vec![region],
                services: vec![service],
            }));
        }
        let documents = asked.documents.iter().map(|document| document.name.clone()).collect();
        Self { areas, documents, problems: asked.problems.clone() }
    }
}

/// Tells what became of each.
pub fn tell(previous: Vec<Finding>, outcome: &Outcome, scope: &Scope, inline_max: usize) -> Result<Changes, Failure> {
    let mut undecided: BTreeMap<(&str, Key), &str> = BTreeMap::new();
    for ((rule, at), reason) in &outcome.undecided {
        if let Some(subject) = outcome.estate.get(*at) {
            undecided.insert((rule, subject.resource.key()), reason);
        }
    }
    let mut present = outcome.findings.clone();
    let there: BTreeSet<_> = present.iter().map(|finding| finding.fingerprint.clone()).collect();
    let mut unknown: Vec<Change<Finding>> = Vec::new();
    let mut before: Vec<Finding> = Vec::new();
    let mut of_documents: Vec<Finding> = Vec::new();
    for finding in previous {
        if let Some(place) = &finding.place {
            if !scope.documents.contains(&place.file) {
                let reason = format!("{} is not among the documents", place.file);
                unknown.push(Change::Unknown { before: finding, why: Why { kind: WhyKind::NotLookedAt, reason } });
                continue;
            }
            if let Some(problem) = outcome.problems.iter().find(|problem| hides(problem, &finding.rule, &place.file)) {
                let reason = format!("{}: {}", problem.code, problem.message);
                unknown.push(Change::Unknown { before: finding, why: Why { kind: WhyKind::Problem, reason } });
                continue;
            }
        }
        if !there.contains(&finding.fingerprint)
            && let Some(reason) = undecided.get(&(finding.rule.as_str(), finding.resource.key()))
        {
            present.push(finding.clone().not_checked(reason));
        }
        if finding.place.is_some() { of_documents.push(finding) } else { before.push(finding) }
    }
    let rules = Some(outcome.applied.iter().cloned().collect());
    let mut counts = Counts::default();
    let mut changes: Vec<Change<Finding>> = Vec::new();
    // A document says all that it makes, so all of its resources were looked at; the rest is as the caller says.
    let all = [Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Kubernetes, Provider::Other].map(Area::all);
    let (of_present, present): (Vec<Finding>, Vec<Finding>) =
        present.into_iter().partition(|finding| finding.place.is_some());
    for (before, present, areas, problems) in [
        (before, present, scope.areas.clone(), scope.problems.clone()),
        (of_documents, of_present, all.to_vec(), Vec::new()),
    ] {
        let scan = Scan { areas, rules: Option::clone(&rules), problems };
        for change in diff::findings(sorted(before), sorted(present), &scan) {
            changes.push(change.map_err(Failure::failed)?);
        }
    }
    changes.extend(unknown);
    changes.iter().for_each(|change| counts.add(change));
    changes.retain(|change| change.name() != "same");
    changes.truncate(inline_max);
    Ok(Changes { counts, changes })
}

/// Reports whether a problem kept a document, or a part of it, from being read, or secrets in it from being told.
fn hides(problem: &Problem, rule: &str, file: &str) -> bool {
    let names = || problem.resource.iter().chain(&problem.others).any(|name| name == file);
    let is_about = match problem.code.as_str() {
        "unreadable" | "unknown_format" | "unknown_part" => true,
        secrets::TOO_MANY => problem.service == rule,
        _ => false,
    };
    is_about && (problem.every || names())
}

fn sorted(mut findings: Vec<Finding>) -> impl Iterator<Item = Result<Finding, Infallible>> {
    findings.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
    findings.into_iter().map(Ok)
}
