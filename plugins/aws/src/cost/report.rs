//! The form in which costs are told.

use troupe_estate::{Amount, Finding, Problem};
use troupe_sdk::prelude::*;

use super::changes::Change;
use super::trend::{Forecast, Trend};

/// What an account spent.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CostReport {
    /// The account's number; absent if it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The ARN of the identity that looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The first day.
    pub from: String,
    /// The day after the last.
    pub to: String,
    /// The day after the last one whose amounts do not grow any more. Only days before it are
    /// in `trend`, `forecast`, `changes` and `anomalies`.
    pub settled: String,
    /// Which costs, as Cost Explorer calls them: `UnblendedCost`.
    pub metric: String,
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
    /// What could not be asked.
    pub errors: Vec<Problem>,
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
