//! What the account spends: by service, region and tag, where that goes, and what is odd.
//!
//! Cost Explorer is asked for ledgers; [`troupe_estate::cost`] makes the bill of them.
//!
//! A question that fails takes its own part away and nothing else; `errors` says so.

mod ask;
mod input;
mod report;

use troupe_cloud::Budget;
use troupe_estate::cost::{Bill, Ledger, anomalies};
use troupe_estate::{Problem, Reference, Resource, settle};
use troupe_sdk::prelude::*;

pub use input::{CostInput, CostPlan, Dimension, Metric};
pub use report::CostReport;

use crate::client::{Client, Fault};
use crate::endpoint::Partition;
use crate::found::Found;
use crate::model::GLOBAL;
use crate::services::{Identity, sts};

/// Asks for the costs and makes the report.
pub async fn report(plan: &CostPlan, regions: &[String], partition: Partition) -> CostReport {
    let Budget { time, until } = Budget::of_invocation();
    let client = Client::new(until);
    progress::report(0.0, "asking whose account this is");
    let (identity, mut found) = sts::identity(regions, time / 4).await;
    let mut told = Told::default();
    if let Some(endpoint) = partition.cost_explorer() {
        progress::report(0.1, "asking for the costs of each day");
        let things = std::iter::once(None).chain(plan.by.iter().map(Some));
        let asked = things.clone().map(|by| ask::costs(&client, endpoint, plan.terms.period, plan.metric, by));
        let mut answers = wait::all(asked).await.into_iter().zip(things).map(|(answer, by)| {
            let what = by.map_or("all", |by| by.thing.name.as_str());
            read(&mut found, what, answer)
        });
        told.total = answers.next().flatten();
        told.by = answers.collect();
    } else {
        found.note(ask::OPERATION, GLOBAL, None, Fault::no_endpoint());
    }
    tell(plan, &identity, told, found.problems)
}

/// What came of the questions: an answer, or none where it failed.
#[derive(Default)]
struct Told {
    total: Option<Ledger>,
    by: Vec<Option<Ledger>>,
}

/// Takes an answer, and notes what is wrong with it.
fn read(found: &mut Found, what: &str, asked: Result<Ledger, Fault>) -> Option<Ledger> {
    let ledger = match asked {
        Ok(ledger) => ledger,
        Err(fault) => {
            found.note(ask::OPERATION, GLOBAL, Some(what), fault);
            return None;
        }
    };
    for currency in &ledger.other_currencies {
        let ours = ledger.currency.as_deref().unwrap_or_default();
        let why = format!("some amounts are in {currency}; only those in {ours} are told");
        found.note(ask::OPERATION, GLOBAL, Some(what), Fault::partial("other_currency", why));
    }
    let untold = ledger.days_untold();
    if untold > 0 {
        let why = format!("Cost Explorer told nothing of {untold} of the {} days", ledger.period.days());
        found.note(ask::OPERATION, GLOBAL, Some(what), Fault::partial("days_untold", why));
    }
    Some(ledger)
}

fn tell(plan: &CostPlan, identity: &Identity, told: Told, mut problems: Vec<Problem>) -> CostReport {
    for problem in &mut problems {
        problem.account.clone_from(&identity.account);
    }
    let odd = match (plan.by.first(), told.by.first()) {
        (Some(by), Some(Some(ledger))) => {
            anomalies(ledger, &by.thing.name, plan.terms.smallest_anomaly, &account(identity))
        }
        _ => Vec::new(),
    };
    let by: Vec<_> = plan.by.iter().map(|by| by.thing.clone()).zip(told.by.iter().map(Option::as_ref)).collect();
    let period = &plan.terms.period;
    CostReport {
        account: identity.account.clone(),
        caller: identity.caller.clone(),
        from: period.from.to_string(),
        to: period.to.to_string(),
        settled: period.settled.to_string(),
        metric: plan.metric.name().to_owned(),
        bill: Bill::new(&plan.terms, told.total.as_ref(), &by, odd),
        errors: settle(problems),
    }
}

/// The account, as what an anomaly is about.
fn account(identity: &Identity) -> Reference {
    let id = identity.account.clone();
    let id = id.unwrap_or_else(|| "account".to_owned());
    Resource::new("aws.iam.account", GLOBAL, id).account(identity.account.clone()).reference()
}
