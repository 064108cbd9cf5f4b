//! The skill `cost-report`: what subscriptions spend, where that goes, and what is odd.
//!
//! Cost Management is asked for ledgers, one for each subscription, thing and currency; [`troupe_estate::cost`] makes
//! a bill of those of one currency. Amounts of two currencies are never added.
//!
//! A question that fails takes its own part away and nothing else, and a subscription that may not be asked is one
//! row in `errors`. Anomalies are found in each subscription by itself: what is usual in one is odd in another.

mod ask;
mod input;

use std::collections::BTreeMap;

use troupe_cloud::{Asked, Budget, Client, Fault};
use troupe_estate::cost::{Bill, Ledger, anomalies};
use troupe_estate::{Finding, GLOBAL, Problem, ProblemKind, Provider, Reference, Resource, settle};
use troupe_sdk::prelude::*;

pub use input::{CostInput, CostPlan, Dimension, Metric};

use crate::arm::CREDENTIAL;
use crate::inventory::subscriptions;
use ask::Ledgers;

/// Questions under way at once. Cost Management gives a caller twelve units of queries in ten seconds, of which each
/// month that is asked for takes one (learn.microsoft.com, *Manage costs with automation*, 2025); what is beyond that
/// it has wait, and says how long.
const AT_ONCE: usize = 4;

/// What subscriptions spent.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CostReport {
    /// The ids of the subscriptions that were asked; `errors` says which of them could not be.
    pub subscriptions: Vec<String>,
    /// The first day.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// The day after the last one whose amounts do not grow any more. Only days before it are
    /// in `trend`, `forecast`, `changes` and `anomalies`.
    pub settled: String,
    /// Which costs, as Cost Management calls them: `ActualCost`. Taxes are not in them.
    pub metric: String,
    /// A bill for each currency; none where nothing was spent, or nothing could be asked.
    pub bills: Vec<Bill>,
    /// What could not be asked: it is in no bill.
    pub errors: Vec<Problem>,
}

/// What a subscription answered: to each question its ledgers, or none where it failed.
struct Told {
    subscription: String,
    answers: Vec<Option<Ledgers>>,
}

impl Told {
    /// What a question came to in a currency.
    fn ledger(&self, number: usize, currency: &str) -> Option<&Ledger> {
        self.answers.get(number)?.as_ref()?.get(currency)
    }
}

/// Asks for the costs and makes the report.
pub async fn report(plan: &CostPlan) -> CostReport {
    let client = Client::new(CREDENTIAL, AT_ONCE, Budget::of_invocation().until);
    let mut problems = Vec::new();
    let mut all = plan.subscriptions.clone();
    if all.is_empty() {
        progress::report(0.0, "asking which subscriptions there are");
        if let Err(fault) = subscriptions::each(&client, |id, _| all.push(id.to_owned())).await {
            let asked = Asked::new(Provider::Azure, "microsoft.resources", GLOBAL, "subscriptions");
            problems.push(asked.problem(None, fault));
        }
        all.sort_unstable();
        all.dedup();
    }
    progress::report(0.1, format!("asking for the costs of {} subscriptions", all.len()));
    let mut told = Vec::new();
    let asked = wait::all(all.iter().map(|subscription| one(&client, plan, subscription))).await;
    for (answer, faults) in asked {
        problems.extend(faults);
        told.push(answer);
    }
    let period = &plan.terms.period;
    CostReport {
        subscriptions: all,
        from: period.from.to_string(),
        to: period.to.to_string(),
        settled: period.settled.to_string(),
        metric: plan.metric.name().to_owned(),
        bills: bills(plan, &told),
        errors: settle(problems),
    }
}

/// Asks one subscription. Where it may not be asked, it is asked once.
async fn one(client: &Client, plan: &CostPlan, subscription: &str) -> (Told, Vec<Problem>) {
    let ask = |by: &'_ input::By| {
        let group = by.group.clone();
        async move { ask::costs(client, subscription, plan.terms.period, plan.metric, &group).await }
    };
    let asked = Asked::new(Provider::Azure, "microsoft.costmanagement", GLOBAL, "query costs");
    let asked = asked.account(Some(subscription.to_owned()));
    let is_closed = |fault: &Fault| matches!(fault.kind, ProblemKind::Denied | ProblemKind::NotAvailable);
    let mut answers = Vec::new();
    let mut things = plan.by.iter();
    if let Some(first) = things.next() {
        answers.push(ask(first).await);
    }
    if let Some(Err(fault)) = answers.first().filter(|answer| answer.as_ref().is_err_and(is_closed)) {
        let problems = vec![asked.problem(None, fault.clone())];
        return (Told { subscription: subscription.to_owned(), answers: Vec::new() }, problems);
    }
    answers.extend(wait::all(things.map(ask)).await);
    let mut problems = Vec::new();
    let mut take = |(answer, by): (Result<Ledgers, Fault>, &input::By)| {
        answer.map_err(|fault| problems.push(asked.problem(Some(&by.thing.name), fault))).ok()
    };
    let answers = answers.into_iter().zip(&plan.by).map(&mut take).collect();
    (Told { subscription: subscription.to_owned(), answers }, problems)
}

fn bills(plan: &CostPlan, told: &[Told]) -> Vec<Bill> {
    let mut currencies: Vec<&String> =
        told.iter().flat_map(|told| told.answers.iter().flatten()).flat_map(BTreeMap::keys).collect();
    currencies.sort_unstable();
    currencies.dedup();
    currencies.into_iter().map(|currency| bill(plan, told, currency)).collect()
}

fn bill(plan: &CostPlan, told: &[Told], currency: &str) -> Bill {
    // Each thing's rows are all that was spent, so the first that was told is the sum of a subscription.
    let total = sum(told.iter().filter_map(|told| (0..plan.by.len()).find_map(|number| told.ledger(number, currency))));
    let sums = (0..plan.by.len()).map(|number| sum(told.iter().filter_map(|told| told.ledger(number, currency))));
    let by: Vec<Option<Ledger>> = sums.collect();
    let things: Vec<_> = plan.by.iter().zip(&by).map(|(by, ledger)| (by.thing.clone(), ledger.as_ref())).collect();
    let odd = told.iter().flat_map(|told| odd(plan, told, currency)).collect();
    Bill::new(&plan.terms, total.as_ref(), &things, odd)
}

fn odd(plan: &CostPlan, told: &Told, currency: &str) -> Vec<Finding> {
    let (Some(by), Some(ledger)) = (plan.by.first(), told.ledger(0, currency)) else { return Vec::new() };
    anomalies(ledger, &by.thing.name, plan.terms.smallest_anomaly, &reference(&told.subscription))
}

fn sum<'a>(mut ledgers: impl Iterator<Item = &'a Ledger>) -> Option<Ledger> {
    let mut sum = ledgers.next()?.clone();
    for ledger in ledgers {
        sum.absorb(ledger);
    }
    Some(sum)
}

/// A subscription, as what an anomaly is about.
fn reference(subscription: &str) -> Reference {
    let id = format!("/subscriptions/{subscription}");
    Resource::new(subscriptions::KIND, GLOBAL, id).account(Some(subscription.to_owned())).reference()
}
