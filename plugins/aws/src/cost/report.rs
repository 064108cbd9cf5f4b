//! The form in which costs are told.

use troupe_estate::Problem;
use troupe_estate::cost::Bill;
use troupe_sdk::prelude::*;

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
    /// What was spent.
    #[serde(flatten)]
    pub bill: Bill,
    /// What could not be asked.
    pub errors: Vec<Problem>,
}
