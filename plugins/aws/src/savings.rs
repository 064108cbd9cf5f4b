//! What could be saved: what is paid for and not used, or used less than it is paid for.
//!
//! ```text
//! in each region:  lists ─▶ which measures ─▶ CloudWatch ─▶ rules ─▶ findings
//!                                                            ▲
//!                                            data/prices.json ┘
//! ```
//!
//! Each amount comes from a price list with its day (`prices`); where no price is known, the
//! finding says so and has none. A few regions are looked at at once, and their findings are kept as they come
//! (`report`), so that neither all lists nor all findings are in memory. Nothing is counted twice, and nothing is guessed: what a list
//! or measure that failed leaves open is `not_checked`, or a row of `errors`.

mod input;
mod prices;
mod report;
mod rules;

use std::cell::RefCell;

use jiff::Timestamp;
use troupe_cloud::Budget;
use troupe_sdk::prelude::*;
use troupe_sdk::wait::Turns;

pub use input::{Rule, SavingsInput, SavingsPlan};
pub use report::Savings;

use crate::client::Client;
use crate::found::Found;
use crate::metrics::{self, DAY, Measured, Span};
use crate::services::{Scope, ec2, elbv2, sts};
use report::Tally;
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

/// Regions whose lists are in memory at once.
const REGIONS_AT_ONCE: usize = 4;

/// Looks for what could be saved.
///
/// # Errors
///
/// Input that is not acceptable; what the host said, if the artefacts could not be written.
pub async fn find(input: SavingsInput, configured: Vec<String>) -> Result<Savings, Failure> {
    let plan = &SavingsPlan::of(input, configured).await?;
    let Budget { time, until } = Budget::of_invocation();
    let now = Timestamp::try_from(time::now()).map_err(Failure::failed)?;
    let client = Client::new(until);
    progress::report(0.0, "asking whose account this is");
    let (identity, asked) = sts::identity(&plan.regions, time / 4).await;
    progress::report(0.1, format!("looking at {} regions", plan.regions.len()));
    let scope = |region| Scope {
        client: &client,
        partition: plan.partition,
        identity: &identity,
        region,
        regions: &plan.regions,
        outlet: None,
    };
    let tally = RefCell::new(Tally::new(plan, asked));
    let turns = Turns::new(REGIONS_AT_ONCE);
    wait::all(plan.regions.iter().map(async |region| {
        let _turn = turns.take().await;
        let (judged, found) = look(plan, scope(region), now).await;
        tally.borrow_mut().take(judged, found);
    }))
    .await;
    tally.into_inner().finish(plan, identity)
}

async fn look(plan: &SavingsPlan, scope: Scope<'_>, now: Timestamp) -> (Vec<(Rule, Judged)>, Found) {
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
    (rules::judge(plan, &facts), found)
}
