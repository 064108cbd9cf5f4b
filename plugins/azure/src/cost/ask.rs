//! Asking Cost Management for the costs of one subscription, page by page.
//!
//! A query is a POST that reads, and so is each of its pages, with the same body. It answers a table, whose columns
//! name themselves: `PreTaxCost`, `UsageDate` (a number such as 20260331), the group, `Currency`
//! (learn.microsoft.com, *Query - Usage*, 2025). Days without costs have no row; a subscription without any may be
//! answered with status 204.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use troupe_cloud::{Client, Fault, Next, each_page};
use troupe_estate::Amount;
use troupe_estate::cost::{Ledger, Period};
use troupe_sdk::http;

use super::input::{Dimension, Group, Metric};
use crate::arm;

/// The version of Cost Management's API.
const API: &str = "2023-11-01";

const COST: &str = "PreTaxCost";
const DAY: &str = "UsageDate";
const CURRENCY: &str = "Currency";

/// The column of a tag's values.
const TAG_VALUE: &str = "TagValue";

/// Most keys of a question about a subscription: each has an amount for each of up to a year's days in memory.
const KEYS_MAX: usize = 10_000;

/// The ledgers of a question, by currency.
pub type Ledgers = BTreeMap<String, Ledger>;

#[derive(Deserialize)]
struct Page {
    properties: Table,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    next_link: Option<String>,
    #[serde(default)]
    columns: Vec<Column>,
    #[serde(default)]
    rows: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

/// Asks for the costs of each day. What was told before an error is lost: half of the groups would look like all of
/// them.
///
/// # Errors
///
/// What Cost Management says; `unreadable` for what is no such table, `too_many` for more keys than are kept.
pub async fn costs(
    client: &Client,
    subscription: &str,
    period: Period,
    metric: Metric,
    group: &Group,
) -> Result<Ledgers, Fault> {
    let mut ledgers = Ledgers::new();
    let path = format!("/subscriptions/{subscription}/providers/Microsoft.CostManagement/query");
    let body = body(period, metric, group);
    each_page(client, arm::post(&path, API, &body), async |page: Option<Page>| {
        let Some(Page { properties }) = page else { return Ok(None) };
        take(&mut ledgers, &properties, subscription, period, group)?;
        let next = arm::next(properties.next_link.as_deref())?;
        Ok(next.map(|Next { token, .. }| Next { request: http::post(token.clone()).json(&body), token }))
    })
    .await?;
    Ok(ledgers)
}

fn body(period: Period, metric: Metric, group: &Group) -> Value {
    let last = period.to.saturating_sub(jiff::ToSpan::day(1));
    let grouping = match group {
        Group::Subscription => json!([]),
        Group::Dimension(_, name) => json!([{ "type": "Dimension", "name": name }]),
        Group::Tag(key) => json!([{ "type": "TagKey", "name": key }]),
    };
    json!({
        "type": metric.name(),
        "timeframe": "Custom",
        "timePeriod": { "from": format!("{}T00:00:00Z", period.from), "to": format!("{last}T23:59:59Z") },
        "dataset": {
            "granularity": "Daily",
            "aggregation": { COST: { "name": COST, "function": "Sum" } },
            "grouping": grouping,
        },
    })
}

/// Puts the rows of a page into the ledgers.
fn take(ledgers: &mut Ledgers, table: &Table, subscription: &str, period: Period, group: &Group) -> Result<(), Fault> {
    if table.rows.is_empty() {
        return Ok(());
    }
    let place = |name: &str| table.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
    let column = |name: &str| place(name).ok_or_else(|| Fault::unreadable(format!("there is no column `{name}`")));
    let (cost, day, currency) = (column(COST)?, column(DAY)?, column(CURRENCY)?);
    let key = match group {
        Group::Subscription => None,
        Group::Dimension(_, name) => Some(column(name)?),
        Group::Tag(name) => Some(place(TAG_VALUE).map_or_else(|| column(name), Ok)?),
    };
    for row in &table.rows {
        let cell = |at: usize| row.get(at).unwrap_or(&Value::Null);
        let unreadable = |what: &str, at: usize| Fault::unreadable(format!("`{}` is not {what}", cell(at)));
        let amount = cell(cost).as_f64().and_then(Amount::new).ok_or_else(|| unreadable("an amount", cost))?;
        let date = date(cell(day)).ok_or_else(|| unreadable("a day", day))?;
        let unit = cell(currency).as_str().ok_or_else(|| unreadable("a currency", currency))?;
        // A day that was not asked for is none of this report's.
        let Some(place) = period.place(date) else { continue };
        let key = match key {
            None => subscription.to_owned(),
            Some(at) => key_of(group, subscription, cell(at).as_str().unwrap_or_default()),
        };
        let ledger = ledgers.entry(unit.to_owned()).or_insert_with(|| told(period));
        ledger.add(&key, place, amount, unit);
        if ledger.keys() > KEYS_MAX {
            return Err(Fault::of_ours(
                "too_many",
                format!("there are more than {KEYS_MAX} of them; ask by another thing"),
            ));
        }
    }
    Ok(())
}

/// A ledger all of whose days are told of: those without costs have no rows.
fn told(period: Period) -> Ledger {
    let mut ledger = Ledger::new(period);
    ledger.tell_all();
    ledger
}

fn date(value: &Value) -> Option<Date> {
    let number = value.as_i64()?;
    let part = |number: i64| i8::try_from(number % 100).ok();
    Date::new(i16::try_from(number / 10_000).ok()?, part(number / 100)?, part(number)?).ok()
}

/// The key in the form in which the inventory has it.
fn key_of(group: &Group, subscription: &str, told: &str) -> String {
    match group {
        // What belongs to no group, such as a reservation, has no name there.
        Group::Dimension(Dimension::ResourceGroup, _) if !told.is_empty() => {
            format!("/subscriptions/{subscription}/resourceGroups/{}", told.to_ascii_lowercase())
        }
        Group::Dimension(Dimension::Location, _) => arm::region(told),
        _ => told.to_owned(),
    }
}
