//! What the account spends: by service, region and tag, where that goes, and what is odd.
//!
//! ```text
//! Cost Explorer ─ ask ─▶ Ledger ─┬─ trend     trend and forecast of the month
//!                 (days × keys)  ├─ changes   the last days against those before
//!                                ├─ anomaly   days that are odd
//!                                └─ report    sums
//! ```
//!
//! A question that fails takes its own part away and nothing else; `errors` says so. Sums are
//! made of what is told row by row, so they always agree.

mod anomaly;
mod ask;
mod changes;
mod input;
mod ledger;
mod period;
mod report;
mod trend;

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use troupe_cloud::Budget;
use troupe_estate::{Amount, Finding, Problem, Reference, Resource, settle};
use troupe_sdk::prelude::*;

pub use input::{CostInput, CostPlan, Dimension, Metric};
pub use report::CostReport;

use crate::client::{Client, Fault};
use crate::endpoint::Partition;
use crate::found::Found;
use crate::model::GLOBAL;
use crate::services::{Identity, sts};
use ledger::Ledger;
use period::days_between;
use report::{Breakdown, Day, Month, Omitted, Rest, Row};

/// The day that it is, in UTC, as bills count.
pub fn today(now: SystemTime) -> Result<Date, Failure> {
    let now = Timestamp::try_from(now).map_err(Failure::failed)?;
    Ok(now.to_zoned(TimeZone::UTC).date())
}

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
        let asked = things.clone().map(|by| ask::costs(&client, endpoint, plan.period, plan.metric, by));
        let mut answers = wait::all(asked).await.into_iter().zip(things).map(|(answer, by)| {
            let what = by.map_or("all", |by| by.name.as_str());
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
    let mut omitted = Vec::new();
    let mut omit = |what: &str, why: String| omitted.push(Omitted { what: what.to_owned(), why });
    let (mut trend, mut forecast) = (None, None);
    if let Some(ledger) = &told.total {
        match trend::Line::through(ledger) {
            Ok(line) => {
                trend = line.trend();
                match line.forecast(ledger) {
                    Ok(told) => forecast = Some(told),
                    Err(why) => omit("forecast", why),
                }
            }
            Err(why) => {
                omit("trend", why.clone());
                omit("forecast", why);
            }
        }
    }
    if plan.compare_days == 0 {
        omit("changes", "there are not two settled days to compare".to_owned());
    }
    let account = account(identity);
    let mut anomalies: Vec<Finding> = Vec::new();
    if let (Some(by), Some(Some(ledger))) = (plan.by.first(), told.by.first()) {
        if ledger.period.settled_days() <= anomaly::DAYS_MIN {
            omit("anomalies", format!("it takes {} settled days and one more", anomaly::DAYS_MIN));
        }
        anomalies = anomaly::find(ledger, &by.name, plan.smallest_anomaly, &account);
    }
    anomalies.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
    for problem in &mut problems {
        problem.account.clone_from(&identity.account);
    }
    let whole = told.total.as_ref();
    let currency = whole.into_iter().chain(told.by.iter().flatten()).find_map(|ledger| ledger.currency.clone());
    let breakdowns = plan.by.iter().zip(&told.by);
    CostReport {
        account: identity.account.clone(),
        caller: identity.caller.clone(),
        from: plan.period.from.to_string(),
        to: plan.period.to.to_string(),
        settled: plan.period.settled.to_string(),
        metric: plan.metric.name().to_owned(),
        currency,
        total: whole.map(Ledger::total),
        days: whole.map(days).unwrap_or_default(),
        months: whole.map(months).unwrap_or_default(),
        trend,
        forecast,
        by: breakdowns.filter_map(|(by, ledger)| Some(breakdown(plan, by, ledger.as_ref()?))).collect(),
        anomalies,
        omitted,
        errors: settle(problems),
    }
}

/// The account, as what an anomaly is about.
fn account(identity: &Identity) -> Reference {
    let id = identity.account.clone();
    let id = id.unwrap_or_else(|| "account".to_owned());
    Resource::new("aws.iam.account", GLOBAL, id).account(identity.account.clone()).reference()
}

fn days(ledger: &Ledger) -> Vec<Day> {
    let settled = ledger.period.settled_days();
    let days = ledger.by_day().into_iter().enumerate();
    days.map(|(place, cost)| Day { day: ledger.period.day(place).to_string(), cost, open: place >= settled }).collect()
}

fn months(ledger: &Ledger) -> Vec<Month> {
    let mut months: Vec<Month> = Vec::new();
    for (place, cost) in ledger.by_day().into_iter().enumerate() {
        let day = ledger.period.day(place);
        let name = day.strftime("%Y-%m").to_string();
        match months.last_mut().filter(|month| month.month == name) {
            Some(month) => month.cost += cost,
            None => {
                let part = day.day() > 1 || days_between(day.last_of_month(), ledger.period.settled) == 0;
                months.push(Month { month: name, cost, part });
            }
        }
    }
    months
}

fn breakdown(plan: &CostPlan, by: &input::By, ledger: &Ledger) -> Breakdown {
    let total = ledger.total();
    let percent =
        |cost: Amount| (total.millionths() > 0).then(|| (cost.value() / total.value() * 1000.0).round() / 10.0);
    let sum = |row: &[Amount]| row.iter().copied().sum::<Amount>();
    let mut rows: Vec<Row> = ledger
        .rows()
        .map(|(key, row)| (key, sum(row)))
        .map(|(key, cost)| Row { key: key.to_owned(), cost, percent: percent(cost) })
        .collect();
    rows.sort_by(|one, other| other.cost.cmp(&one.cost).then_with(|| one.key.cmp(&other.key)));
    let is_tag = by.kind == "TAG";
    let untagged = rows.iter().filter(|row| is_tag && row.key.is_empty()).map(|row| row.cost).sum();
    let others = rows.split_off(rows.len().min(plan.top));
    let rest = Rest { count: others.len(), cost: others.iter().map(|row| row.cost).sum() };
    Breakdown {
        by: by.name.clone(),
        total,
        rows,
        rest: (rest.count > 0).then_some(rest),
        untagged: is_tag.then_some(untagged),
        changes: if plan.compare_days > 0 { changes::largest(ledger, plan.compare_days, plan.top) } else { Vec::new() },
        compared_days: plan.compare_days,
    }
}
