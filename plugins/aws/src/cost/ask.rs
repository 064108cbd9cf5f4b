//! Asking Cost Explorer, page by page.
//!
//! Cost Explorer is one service for the whole partition, asked at one place. Each request
//! costs its account 0.01 USD, pages too, so nothing is asked twice.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use troupe_estate::Amount;
use troupe_estate::cost::{Ledger, Period};

use super::input::{By, Metric};
use crate::client::{Client, Fault, check_progress};
use crate::protocol::json::Api;

/// The operation, as problems name it.
pub const OPERATION: (&str, &str) = ("ce", "GetCostAndUsage");

/// The key of a ledger by nothing.
pub const TOTAL: &str = "total";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    results_by_time: Vec<Slice>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Slice {
    time_period: Dates,
    #[serde(default)]
    total: BTreeMap<String, Told>,
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dates {
    start: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    metrics: BTreeMap<String, Told>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    amount: String,
    unit: String,
}

/// Asks for the costs of each day, by one thing or by nothing. What was told before an error
/// is lost: half of the groups would look like all of them.
pub async fn costs(
    client: &Client,
    endpoint: &str,
    period: Period,
    metric: Metric,
    by: Option<&By>,
) -> Result<Ledger, Fault> {
    let api = Api { client, endpoint, target: "AWSInsightsIndexService", version: "1.1" };
    let mut ledger = Ledger::new(period);
    let mut token: Option<String> = None;
    loop {
        let mut input = json!({
            "TimePeriod": { "Start": period.from.to_string(), "End": period.to.to_string() },
            "Granularity": "DAILY",
            "Metrics": [metric.name()],
        });
        if let (Value::Object(input), Some(by)) = (&mut input, by) {
            input.insert("GroupBy".to_owned(), json!([{ "Type": by.kind(), "Key": by.key }]));
        }
        if let (Value::Object(input), Some(token)) = (&mut input, &token) {
            input.insert("NextPageToken".to_owned(), json!(token));
        }
        let page: Page = api.ask(OPERATION.1, input).await?;
        for slice in &page.results_by_time {
            take(&mut ledger, slice, metric, by)?;
        }
        let Some(next) = page.next_page_token.filter(|next| !next.is_empty()) else { return Ok(ledger) };
        check_progress(token.as_deref(), &next)?;
        token = Some(next);
    }
}

/// Puts what was told of one day into the ledger.
fn take(ledger: &mut Ledger, slice: &Slice, metric: Metric, by: Option<&By>) -> Result<(), Fault> {
    let start = &slice.time_period.start;
    let day: Date = start.parse().map_err(|_| Fault::unreadable(format!("`{start}` is not a day")))?;
    // A day that was not asked for is none of this report's.
    let Some(place) = ledger.period.place(day) else { return Ok(()) };
    ledger.tell(place);
    let Some(by) = by else { return add(ledger, TOTAL, place, slice.total.get(metric.name())) };
    for group in &slice.groups {
        let key = group.keys.first().map(String::as_str).unwrap_or_default();
        // Values of a tag are told as `key$value`, with nothing behind for what has no such tag.
        let tag = || key.strip_prefix(by.key.as_str()).and_then(|rest| rest.strip_prefix('$'));
        let key = if by.thing.is_tag { tag().unwrap_or(key) } else { key };
        add(ledger, key, place, group.metrics.get(metric.name()))?;
    }
    Ok(())
}

fn add(ledger: &mut Ledger, key: &str, place: usize, told: Option<&Told>) -> Result<(), Fault> {
    let Some(told) = told else { return Ok(()) };
    let amount = told.amount.parse().ok().and_then(Amount::new);
    let amount = amount.ok_or_else(|| Fault::unreadable(format!("`{}` is not an amount", told.amount)))?;
    ledger.add(key, place, amount, &told.unit);
    Ok(())
}
