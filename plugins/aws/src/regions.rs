//! Which regions are meant by `all`, and what is told of one that the account has not enabled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use troupe_cloud::Budget;
use troupe_estate::EVERY_SERVICE;
use troupe_sdk::prelude::*;

use crate::client::{Client, Fault};
use crate::endpoint::{Partition, is_region};
use crate::model::{GLOBAL, Problem, ProblemKind, Resource, Word};
use crate::services::{Identity, Reach, Service, ec2};

/// What stands for every region that is enabled for the account.
const ALL: &str = "all";

/// Longest that the question which these are may take in one place.
const TIME_MAX: Duration = Duration::from_secs(15);

/// Codes of a region that turns away keys which are good elsewhere.
const KEYS_REFUSED: [&str; 3] = ["AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"];

/// The code of a service, or a region, that the account has not signed up for.
const NOT_SIGNED_UP: &str = "OptInRequired";

/// The regions that are meant: those that are named, or for `all` those that are enabled for the account. They are
/// asked for in the first region that the configuration names, and where that does not answer, in the first of its partition,
/// which every account has.
///
/// # Errors
///
/// If `all` does not stand alone, or which regions are enabled could not be asked.
pub async fn meant(asked: Vec<String>, configured: &[String]) -> Result<Vec<String>, Failure> {
    if !asked.iter().any(|region| region == ALL) {
        return Ok(asked);
    }
    if asked.len() > 1 {
        return Err(Failure::invalid_input("`all` is every region that is enabled for the account; name no others"));
    }
    let place = asking(configured);
    let place = place.first().map_or_else(|| Partition::Aws.first_region(), String::as_str);
    let partition =
        Partition::of(place).map_err(|why| Failure::invalid_input(format!("`{place}` {why}")).with("region", place))?;
    progress::report(0.0, "asking which regions the account has enabled");
    let enabled = match enabled(place).await {
        Err(fault) if place != partition.first_region() => enabled(partition.first_region()).await.map_err(|_| fault),
        answer => answer,
    };
    let enabled = enabled.map_err(|fault| unknown(place, &fault))?;
    let ours = |region: &String| is_region(region) && Partition::of(region) == Ok(partition);
    let enabled: Vec<String> = enabled.into_iter().filter(ours).collect();
    if enabled.is_empty() {
        return Err(unknown(place, &Fault::unreadable("the answer names no region")));
    }
    Ok(enabled)
}

async fn enabled(place: &str) -> Result<Vec<String>, Fault> {
    let time = (Budget::of_invocation().time / 8).min(TIME_MAX);
    ec2::regions(&Client::new(time::now() + time), place).await
}

fn unknown(place: &str, fault: &Fault) -> Failure {
    let Fault { code, message, kind, .. } = fault;
    let why = format!(
        "which regions are enabled could not be asked in {place}, so name them, or allow `ec2:DescribeRegions`: {message} \
         ({code})"
    );
    if *kind == ProblemKind::Denied { Failure::denied(why) } else { Failure::unavailable(why) }
}

/// The regions that somebody is asked in who needs no more than one of them.
pub fn asking(regions: &[String]) -> Vec<String> {
    let named: Vec<String> = regions.iter().filter(|region| *region != ALL).cloned().collect();
    if named.is_empty() { vec![Partition::Aws.first_region().to_owned()] } else { named }
}

/// The regions in which something was found.
#[derive(Debug, Default)]
pub struct Heard(BTreeSet<String>);

impl Heard {
    /// Takes what was found. What a service without regions tells lies in regions that nobody asked.
    pub fn take(&mut self, resources: &[Resource]) {
        for resource in resources {
            let service = resource.kind.split('.').nth(1).unwrap_or_default();
            if !self.0.contains(&resource.region)
                && Service::ALL.iter().any(|one| one.name() == service && one.reach() == Reach::Regional)
            {
                self.0.insert(resource.region.clone());
            }
        }
    }

    /// Rows in order, with one for each of `regions` that is not enabled in place of one for each service there: where
    /// STS took the keys, they are good, and a region that refuses them is another matter.
    pub fn settle(&self, identity: &Identity, regions: &[String], problems: Vec<Problem>) -> Vec<Problem> {
        let problems = troupe_estate::settle(problems);
        let not_enabled = self.not_enabled(identity, regions, &problems);
        let mut rows: BTreeMap<String, Problem> = BTreeMap::new();
        let mut told = Vec::new();
        for problem in problems {
            if !(refuses(&problem) && not_enabled.contains(&problem.region)) {
                told.push(problem);
            } else if let Some(row) = rows.get_mut(&problem.region) {
                row.count = row.count.saturating_add(problem.count);
            } else {
                rows.insert(problem.region.clone(), row(problem));
            }
        }
        told.extend(rows.into_values());
        troupe_estate::settle(told)
    }

    /// The regions that refuse the keys, whatever they are asked. What one operation refuses, or one service that nobody
    /// signed up for, is its own matter; so is a region that took them once. Keys that are refused in all, though one
    /// of these took them at first, are taken nowhere any more.
    fn not_enabled(&self, identity: &Identity, regions: &[String], problems: &[Problem]) -> BTreeSet<String> {
        if identity.account.is_none() {
            return BTreeSet::new();
        }
        let mut refused: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
        for problem in problems.iter().filter(|problem| refuses(problem)) {
            let operation = if problem.code == NOT_SIGNED_UP { "" } else { &*problem.operation };
            refused.entry(&problem.region).or_default().insert((&*problem.service, operation));
        }
        let refuse = |region: &&String| {
            !self.0.contains(*region) && refused.get(region.as_str()).is_some_and(|refused| refused.len() > 1)
        };
        let all: BTreeSet<String> = regions.iter().filter(refuse).cloned().collect();
        let took = |region: &String| identity.region.as_ref() == Some(region);
        if all.len() == regions.len() && all.iter().any(took) {
            return BTreeSet::new();
        }
        all.into_iter().filter(|region| !took(region)).collect()
    }
}

fn refuses(problem: &Problem) -> bool {
    problem.region != GLOBAL && (KEYS_REFUSED.contains(&&*problem.code) || problem.code == NOT_SIGNED_UP)
}

fn row(problem: Problem) -> Problem {
    let message = format!(
        "the region is not enabled for the account, or takes no keys such as the host has: enable it, leave it out of \
         `regions`, or ask for `all`, which is those that are enabled ({}: {})",
        problem.code, problem.message
    );
    Problem {
        service: Word::Borrowed(EVERY_SERVICE),
        operation: Word::Borrowed("requests"),
        code: "not_enabled".to_owned(),
        message,
        resource: None,
        others: Vec::new(),
        every: false,
        hides: Vec::new(),
        ..problem
    }
}
