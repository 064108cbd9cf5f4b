//! The form in which a bill is told, and its sums.

use schemars::JsonSchema;
use serde::Serialize;

use super::anomaly;
use super::changes::{self, Change};
use super::ledger::Ledger;
use super::period::days_between;
use super::terms::Terms;
use super::trend::{Forecast, Line, Trend};
use crate::{Amount, Finding};

/// What was spent, all of it in one currency.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Bill {
    /// The currency of every amount, as the bill says; absent where no amount was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What was spent: the sum of `days`, and of `months`. Absent if it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Amount>,
    /// What was spent on each day.
    pub days: Vec<Day>,
    /// What was spent in each month.
    pub months: Vec<Month>,
    /// Whether costs rise or fall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
    /// What this month will come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// What was spent, by each thing asked for.
    pub by: Vec<Breakdown>,
    /// Days on which something cost what it usually does not, by the first thing asked for.
    pub anomalies: Vec<Finding>,
    /// What is not told, and why: too few days, an unknown month.
    pub omitted: Vec<Omitted>,
}

/// A thing that costs are told by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Its name in the report: `service`, `tag:team`.
    pub name: String,
    /// Whether it is a tag, which some of what is paid for may not have.
    pub is_tag: bool,
}

/// What a day cost.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Day {
    /// The day.
    pub day: String,
    /// What it cost.
    pub cost: Amount,
    /// Its amount may grow yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

/// What the days of a month cost that are in the report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Month {
    /// The month: `2026-10`.
    pub month: String,
    /// What its days cost.
    pub cost: Amount,
    /// Some of its days are not in the report, or not settled.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub part: bool,
}

/// What was spent, by one thing.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Breakdown {
    /// The thing: `service`, `region`, `tag:team`.
    pub by: String,
    /// The sum of `rows` and `rest`.
    pub total: Amount,
    /// What each cost, the largest first.
    pub rows: Vec<Row>,
    /// What the others cost together, if there are more than are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
    /// What what has no such tag cost; of tags alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untagged: Option<Amount>,
    /// The largest differences between the last days and as many before them.
    pub changes: Vec<Change>,
    /// How many days are compared with as many.
    pub compared_days: usize,
}

/// What one of them cost.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Row {
    /// The service, the region, the tag's value; empty for what has no such tag.
    pub key: String,
    /// What it cost.
    pub cost: Amount,
    /// In percent of the total, if that is above nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
}

/// What is not told row by row.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Rest {
    /// How many there are.
    pub count: usize,
    /// What they cost together.
    pub cost: Amount,
}

/// Something that is not told.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Omitted {
    /// What: `trend`, `forecast`, `changes`, `anomalies`.
    pub what: String,
    /// Why.
    pub why: String,
}

impl Bill {
    /// Makes a bill of what was told in all, by each thing, and found odd by the first; of what could not be asked there
    /// is no ledger.
    pub fn new(
        terms: &Terms,
        total: Option<&Ledger>,
        by: &[(Thing, Option<&Ledger>)],
        mut anomalies: Vec<Finding>,
    ) -> Self {
        let mut omitted = Vec::new();
        let mut omit = |what: &str, why: String| omitted.push(Omitted { what: what.to_owned(), why });
        let (mut trend, mut forecast) = (None, None);
        if let Some(ledger) = total {
            match Line::through(ledger) {
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
        if terms.compare_days == 0 {
            omit("changes", "there are not two settled days to compare".to_owned());
        }
        if let Some((_, Some(ledger))) = by.first()
            && ledger.period.settled_days() <= anomaly::DAYS_MIN
        {
            omit("anomalies", format!("it takes {} settled days and one more", anomaly::DAYS_MIN));
        }
        anomalies.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
        let ledgers = total.into_iter().chain(by.iter().filter_map(|(_, ledger)| *ledger));
        Self {
            currency: ledgers.into_iter().find_map(|ledger| ledger.currency.clone()),
            total: total.map(Ledger::total),
            days: total.map(days).unwrap_or_default(),
            months: total.map(months).unwrap_or_default(),
            trend,
            forecast,
            by: by.iter().filter_map(|(thing, ledger)| Some(breakdown(terms, thing, (*ledger)?))).collect(),
            anomalies,
            omitted,
        }
    }
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

fn breakdown(terms: &Terms, thing: &Thing, ledger: &Ledger) -> Breakdown {
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
    let is_tag = thing.is_tag;
    let untagged = rows.iter().filter(|row| is_tag && row.key.is_empty()).map(|row| row.cost).sum();
    let others = rows.split_off(rows.len().min(terms.top));
    let rest = Rest { count: others.len(), cost: others.iter().map(|row| row.cost).sum() };
    Breakdown {
        by: thing.name.clone(),
        total,
        rows,
        rest: (rest.count > 0).then_some(rest),
        untagged: is_tag.then_some(untagged),
        changes: if terms.compare_days > 0 {
            changes::largest(ledger, terms.compare_days, terms.top)
        } else {
            Vec::new()
        },
        compared_days: terms.compare_days,
    }
}
