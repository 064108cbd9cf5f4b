//! What could be saved: what is paid for and not used, or used less than it is paid for.
//!
//! ```text
//! in each region:  lists ─▶ which measures ─▶ CloudWatch ─▶ rules ─▶ findings
//!                                                            ▲
//!                                            data/prices.json ┘
//! ```
//!
//! Each amount comes from a price list with its day (`prices`); where no price is known, the
//! finding says so and has none. Nothing is counted twice, and nothing is guessed: what a list
//! or measure that failed leaves open is `not_checked`, or a row of `errors`.

mod input;
mod prices;
mod report;
mod rules;

use std::collections::BTreeMap;

use jiff::Timestamp;
use troupe_cloud::Budget;
use troupe_estate::{Amount, Finding, Status};
use troupe_sdk::prelude::*;

pub use input::{Rule, SavingsInput, SavingsPlan};
pub use report::Savings;

use crate::client::Client;
use crate::found::Found;
use crate::metrics::{self, DAY, Measured, Span};
use crate::services::{Identity, Scope, ec2, elbv2, sts};
use report::{Applied, Total};
use rules::{Facts, Judged};

/// The lists of EC2 that rules read.
const LISTS: [(Rule, &[&str]); 8] = [
    (Rule::VolumeUnattached, &["DescribeVolumes"]),
    (Rule::VolumeGp2, &["DescribeVolumes", "DescribeInstances"]),
    (Rule::AddressUnattached, &["DescribeAddresses"]),
    (Rule::InstanceStopped, &["DescribeInstances", "DescribeVolumes"]),
    (Rule::InstanceUnderused, &["DescribeInstances"]),
    (Rule::SnapshotOld, &["DescribeSnapshots", "DescribeImages"]),
    (Rule::LoadBalancerIdle, &[]),
    (Rule::NatGatewayIdle, &["DescribeNatGateways"]),
];

/// What a region came to.
struct Looked {
    judged: Vec<(Rule, Judged)>,
    found: Found,
}

/// Looks for what could be saved.
pub async fn find(plan: &SavingsPlan) -> Result<Savings, Failure> {
    let Budget { time, until } = Budget::of_invocation();
    let now = Timestamp::try_from(time::now()).map_err(Failure::failed)?;
    let client = Client::new(until);
    progress::report(0.0, "asking whose account this is");
    let (identity, asked) = sts::identity(&plan.regions, time / 4).await;
    progress::report(0.1, format!("looking at {} regions", plan.regions.len()));
    let scope =
        |region| {
        let (client, identity, regions) = (&client, &identity, &plan.regions);
        Scope { client, partition: plan.partition, identity, region, regions, outlet: None }
    };
    let looked = wait::all(plan.regions.iter().map(|region| look(plan, scope(region), now))).await;
    Ok(tell(plan, &identity, asked, looked))
}

async fn look(plan: &SavingsPlan, scope: Scope<'_>, now: Timestamp) -> Looked {
    let lists: Vec<&str> =
        LISTS.iter().filter(|(rule, _)| plan.applies(*rule)).flat_map(|(_, lists)| lists.iter().copied()).collect();
    let machines = ec2::collect_some(scope, |operation| lists.contains(&operation));
    let balancers =
        async { if plan.applies(Rule::LoadBalancerIdle) { elbv2::balancers(scope).await } else { Found::default() } };
    let (machines, balancers) = wait::both(machines, balancers).await;
    let mut found = Found::all([machines, balancers]);
    found.settle(scope.identity);
    let midnight = now.as_second().div_euclid(DAY) * DAY;
    let span = Span { from: midnight - i64::from(plan.bounds.days) * DAY, to: midnight, period: DAY };
    let questions = rules::questions(plan, &found.resources);
    let (measured, asked): (Measured, Found) = metrics::measure(scope, &questions, span).await;
    found.problems.extend(asked.problems);
    let facts =
        Facts { resources: &found.resources, measured: &measured, problems: &found.problems, bounds: plan.bounds, now };
    let judged = rules::judge(plan, &facts);
    found.resources.clear();
    Looked { judged, found }
}

fn tell(plan: &SavingsPlan, identity: &Identity, asked: Found, looked: Vec<Looked>) -> Savings {
    let mut applied: BTreeMap<String, Applied> = BTreeMap::new();
    for rule in &plan.rules {
        applied.insert(rule.id().to_owned(), Applied::default());
    }
    let (mut findings, mut problems) = (Vec::new(), asked);
    for region in looked {
        problems.problems.extend(region.found.problems);
        for (rule, judged) in region.judged {
            let counts = applied.entry(rule.id().to_owned()).or_default();
            counts.passed += judged.passed;
            for finding in &judged.findings {
                match finding.status {
                    Status::Fail => counts.found += 1,
                    Status::NotChecked => counts.not_checked += 1,
                    Status::Pass => counts.passed += 1,
                }
                counts.without_amount += u64::from(finding.status == Status::Fail && finding.saving.is_none());
            }
            findings.extend(judged.findings);
        }
    }
    problems.settle(identity);
    let amount = |finding: &Finding| finding.saving.as_ref().map_or(Amount::ZERO, |money| money.monthly);
    findings.sort_by(|one, other| {
        amount(other)
            .cmp(&amount(one))
            .then(one.status.cmp(&other.status))
            .then(one.fingerprint.cmp(&other.fingerprint))
    });
    Savings {
        account: identity.account.clone(),
        caller: identity.caller.clone(),
        regions: plan.regions.clone(),
        totals: totals(&findings),
        rules: applied,
        findings,
        errors: problems.problems,
    }
}

/// Sums up, a line for each currency.
fn totals(findings: &[Finding]) -> Vec<Total> {
    let mut totals: BTreeMap<&str, Total> = BTreeMap::new();
    for (finding, money) in findings.iter().filter_map(|finding| Some((finding, finding.saving.as_ref()?))) {
        let total = totals.entry(&money.currency).or_insert_with(|| Total {
            currency: money.currency.clone(),
            monthly: Amount::ZERO,
            by_rule: BTreeMap::new(),
            by_region: BTreeMap::new(),
        });
        total.monthly += money.monthly;
        for (sums, key) in [(&mut total.by_rule, &finding.rule), (&mut total.by_region, &finding.resource.region)] {
            let sum = sums.entry(key.clone()).or_default();
            *sum += money.monthly;
        }
    }
    totals.into_values().collect()
}
