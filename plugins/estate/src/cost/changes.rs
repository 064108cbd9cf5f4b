//! What costs more or less than before: the last settled days against as many before them.

use schemars::JsonSchema;
use serde::Serialize;

use super::ledger::{Ledger, less};
use crate::Amount;

/// What a key cost in one period and in the one before.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// The service, the region, the tag's value, …
    pub key: String,
    /// What it cost in the earlier period.
    pub before: Amount,
    /// What it cost in the later one.
    pub now: Amount,
    /// How much more it cost in the later one.
    pub change: Amount,
    /// The same in percent of the earlier amount, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
}

/// Differences below this are not told: a cent.
const SMALLEST: i64 = 10_000;

/// Compares the last settled days with as many before them, the largest differences first.
pub fn largest(ledger: &Ledger, days: usize, top: usize) -> Vec<Change> {
    let end = ledger.period.settled_days();
    let (Some(middle), Some(start)) = (end.checked_sub(days), end.checked_sub(2 * days)) else { return Vec::new() };
    let sum = |row: &[Amount], from: usize, to: usize| row.iter().take(to).skip(from).copied().sum::<Amount>();
    let mut changes: Vec<Change> = ledger
        .rows()
        .map(|(key, row)| change(key, sum(row, start, middle), sum(row, middle, end)))
        .filter(|change| change.change.millionths().abs() >= SMALLEST)
        .collect();
    changes.sort_by(|one, other| {
        let size = |change: &Change| change.change.millionths().saturating_abs();
        size(other).cmp(&size(one)).then_with(|| one.key.cmp(&other.key))
    });
    changes.truncate(top);
    changes
}

fn change(key: &str, before: Amount, now: Amount) -> Change {
    let change = less(now, before);
    let percent = (before.millionths() > 0).then(|| (change.value() / before.value() * 1000.0).round() / 10.0);
    Change { key: key.to_owned(), before, now, change, percent }
}
