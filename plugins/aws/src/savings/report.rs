//! The form in which savings are told.

use std::collections::BTreeMap;

use troupe_estate::{Amount, Finding, Problem};
use troupe_sdk::prelude::*;

/// What an account could save.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Savings {
    /// The account's number; absent if it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The ARN of the identity that looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The regions that were looked at.
    pub regions: Vec<String>,
    /// What could be saved altogether, by the prices that are known; one line a currency.
    pub totals: Vec<Total>,
    /// What each rule came to.
    pub rules: BTreeMap<String, Applied>,
    /// What could be saved, the largest amount first, and what nobody could tell.
    pub findings: Vec<Finding>,
    /// What could not be looked at. What these hide is not in `findings`.
    pub errors: Vec<Problem>,
}

/// What could be saved in a month in one currency: the sum of the savings of the findings.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Total {
    /// The currency.
    pub currency: String,
    /// The amount.
    pub monthly: Amount,
    /// The same by rule.
    pub by_rule: BTreeMap<String, Amount>,
    /// The same by region.
    pub by_region: BTreeMap<String, Amount>,
}

/// What a rule came to.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Applied {
    /// How many resources there is something to save at.
    pub found: u64,
    /// How many of them have no amount: no price is known, or none can be told.
    pub without_amount: u64,
    /// How many resources nobody could tell of.
    pub not_checked: u64,
    /// How many resources there is nothing to save at.
    pub passed: u64,
}
