//! The skill `cost-report`: sums agree, currencies stay apart, and what cannot be asked is a row.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use jiff::civil::Date;
use serde_json::{Value, json};
use troupe_agent_azure::Azure;
use troupe_sdk::Failure;
use troupe_sdk::test::{self, Answer, Host};

use crate::cloud::{Asked, S1, S2, cloud, error, list, subscription};

/// Noon of 2026-03-20, a Friday.
const NOW: u64 = 1_774_008_000;

const QUERY_1: &str = "/subscriptions/S1/providers/microsoft.costmanagement/query";
const QUERY_2: &str = "/subscriptions/S2/providers/microsoft.costmanagement/query";

const SERVICES: [&str; 2] = ["Storage", "Virtual Machines"];

/// What a service cost on a day, in millionths.
type Costs = fn(&str, Date) -> i64;

fn at_noon(host: Host) -> Host {
    host.at(UNIX_EPOCH + Duration::from_secs(NOW))
}

fn report(input: Value) -> Value {
    test::perform::<Azure>("cost-report", input).expect("a report")
}

/// Cost Management of a subscription: the table that a question asks for, each service of it on a page of its own. The
/// columns stand in another order on the second.
fn table(asked: &Asked, currency: &str, costs: Costs) -> Answer {
    let body = &asked.body;
    assert_eq!((&body["timeframe"], &body["dataset"]["granularity"]), (&json!("Custom"), &json!("Daily")));
    assert_eq!(body["dataset"]["aggregation"], json!({ "PreTaxCost": { "name": "PreTaxCost", "function": "Sum" } }));
    let day = |name: &str, time: &str| {
        let text = body["timePeriod"][name].as_str().unwrap();
        text.strip_suffix(time).unwrap_or_else(|| panic!("{text}")).parse::<Date>().unwrap()
    };
    let (from, last) = (day("from", "T00:00:00Z"), day("to", "T23:59:59Z"));
    let is_second = asked.query.contains_key("page");
    let service = SERVICES[usize::from(is_second)];
    let group = &body["dataset"]["grouping"][0];
    let (column, key) = match (group["type"].as_str(), group["name"].as_str()) {
        (Some("Dimension"), Some("ServiceName")) => ("ServiceName", service),
        (Some("Dimension"), Some("ResourceGroup")) => ("ResourceGroup", if is_second { "Web" } else { "" }),
        (Some("Dimension"), Some("ResourceLocation")) => ("ResourceLocation", "EU West"),
        (Some("TagKey"), Some("team")) => ("TagValue", if is_second { "data" } else { "" }),
        (None, None) => ("SubscriptionName", "Work"),
        other => panic!("{other:?}"),
    };
    let mut rows = Vec::new();
    let mut at = from;
    while at <= last {
        let cost = costs(service, at) as f64 / 1e6;
        let number = i64::from(at.year()) * 10_000 + i64::from(at.month()) * 100 + i64::from(at.day());
        // A day without costs has no row.
        if cost != 0.0 {
            rows.push(if is_second {
                json!([key, number, currency, cost])
            } else {
                json!([cost, number, key, currency])
            });
        }
        at = at.tomorrow().unwrap();
    }
    let names = if is_second {
        [column, "UsageDate", "Currency", "PreTaxCost"]
    } else {
        ["PreTaxCost", "UsageDate", column, "Currency"]
    };
    let columns: Vec<Value> = names.iter().map(|name| json!({ "name": name, "type": "String" })).collect();
    let next = format!("https://management.azure.com:443{}?api-version=2023-11-01&page=two", real(&asked.path));
    let next = if is_second { Value::Null } else { json!(next) };
    Answer::json(200, json!({ "properties": { "nextLink": next, "columns": columns, "rows": rows } }))
}

fn real(path: &str) -> String {
    path.replace("S1", S1).replace("S2", S2).replace("microsoft.costmanagement", "Microsoft.CostManagement")
}

fn is_weekend(day: Date) -> bool {
    day.weekday().to_monday_zero_offset() >= 5
}

/// 10 a day for machines but at weekends, and 2.5 and a little for storage.
fn steady(service: &str, day: Date) -> i64 {
    match service {
        "Storage" => 2_500_001,
        _ if is_weekend(day) => 4_000_000,
        _ => 10_000_000,
    }
}

/// As steady, but storage costs five times as much from 12 March on, for four days.
fn jumping(service: &str, day: Date) -> i64 {
    let jump = Date::new(2026, 3, 12).unwrap()..Date::new(2026, 3, 16).unwrap();
    if service == "Storage" && jump.contains(&day) { 12_500_000 } else { steady(service, day) }
}

/// Millionths of an amount in JSON.
fn millionths(value: &Value) -> i64 {
    (value.as_f64().unwrap_or_else(|| panic!("{value}")) * 1e6).round() as i64
}

fn sum(rows: &Value, name: &str) -> i64 {
    rows.as_array().unwrap().iter().map(|row| millionths(&row[name])).sum()
}

fn keys(by: &Value) -> Vec<&str> {
    by["rows"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect()
}

#[test]
fn sums_agree_whatever_they_are_made_by() {
    let host = at_noon(cloud(|asked| (asked.path == QUERY_1).then(|| table(asked, "EUR", steady))));
    let told = report(json!({ "by": ["service", "resource_group", "location", "subscription"], "tags": ["team"] }));
    assert_eq!((&told["errors"], &told["subscriptions"]), (&json!([]), &json!([S1])));
    assert_eq!(
        (&told["from"], &told["to"], &told["settled"], &told["metric"]),
        (&json!("2025-12-18"), &json!("2026-03-20"), &json!("2026-03-18"), &json!("ActualCost"))
    );
    let bills = told["bills"].as_array().unwrap();
    assert_eq!(bills.len(), 1);
    let bill = &bills[0];
    assert_eq!((&bill["currency"], &bill["omitted"], &bill["anomalies"]), (&json!("EUR"), &json!([]), &json!([])));
    let total = millionths(&bill["total"]);
    assert_eq!(bill["days"].as_array().unwrap().len(), 92);
    assert_eq!((sum(&bill["days"], "cost"), sum(&bill["months"], "cost")), (total, total));
    let by = bill["by"].as_array().unwrap();
    for by in by {
        assert_eq!((millionths(&by["total"]), sum(&by["rows"], "cost")), (total, total), "{}", by["by"]);
    }
    assert_eq!(keys(&by[0]), ["Virtual Machines", "Storage"]);
    assert_eq!(keys(&by[1]), [format!("/subscriptions/{S1}/resourceGroups/web").as_str(), ""]);
    assert_eq!((keys(&by[2]), keys(&by[3])), (vec!["euwest"], vec![S1]));
    assert_eq!((&by[4]["by"], millionths(&by[4]["untagged"])), (&json!("tag:team"), 92 * 2_500_001));
    // From the 18th to the 31st there are ten weekdays and four days of weekends.
    let forecast = &bill["forecast"];
    let to_come = millionths(&forecast["expected"]) - millionths(&forecast["so_far"]);
    assert_eq!((&forecast["month"], &forecast["days_to_come"]), (&json!("2026-03"), &json!(14)));
    assert!((to_come - 10 * 12_500_001 - 4 * 6_500_001).abs() < 100, "{forecast:#}");
    assert_eq!(bill["trend"]["direction"], "level");
    // Which subscriptions there are, and two pages for each of five questions.
    assert_eq!(host.sent().len(), 1 + 2 * 5);
}

#[test]
fn currencies_are_bills_of_their_own_and_what_jumps_is_odd_in_its_subscription() {
    let _host = at_noon(cloud(|asked| match asked.path.as_str() {
        "/subscriptions" => Some(list(&[subscription(S2), subscription(S1)])),
        QUERY_1 => Some(table(asked, "EUR", jumping)),
        QUERY_2 => Some(table(asked, "USD", steady)),
        _ => None,
    }));
    let told = report(json!({ "compare_days": 6 }));
    assert_eq!(told["subscriptions"], json!([S1, S2]));
    let bills = told["bills"].as_array().unwrap();
    let currencies: Vec<&Value> = bills.iter().map(|bill| &bill["currency"]).collect();
    assert_eq!(currencies, [&json!("EUR"), &json!("USD")]);
    let days_of = |costs: Costs| -> i64 {
        let first = Date::new(2025, 12, 18).unwrap();
        first.series(jiff::ToSpan::day(1)).take(92).flat_map(|day| SERVICES.map(|service| costs(service, day))).sum()
    };
    assert_eq!((millionths(&bills[0]["total"]), millionths(&bills[1]["total"])), (days_of(jumping), days_of(steady)));
    assert_eq!(bills[1]["anomalies"], json!([]));
    let odd = bills[0]["anomalies"].as_array().unwrap();
    assert_eq!(odd.len(), 1, "{odd:#?}");
    assert_eq!(
        (&odd[0]["rule"], &odd[0]["resource"]["account"], &odd[0]["discriminator"]),
        (&json!("cost.anomaly"), &json!(S1), &json!("service/Storage from 2026-03-12"))
    );
    let change = &bills[0]["by"][0]["changes"][0];
    assert_eq!((&change["key"], millionths(&change["change"])), (&json!("Storage"), 4 * (12_500_000 - 2_500_001)));
}

#[test]
fn two_subscriptions_of_one_currency_are_one_bill() {
    let _host = at_noon(cloud(|asked| match asked.path.as_str() {
        QUERY_1 | QUERY_2 => Some(table(asked, "EUR", steady)),
        _ => None,
    }));
    let one = report(json!({ "subscriptions": [S1], "by": ["service"] }));
    let both = report(json!({ "subscriptions": [S1, S2], "by": ["service", "resource_group", "subscription"] }));
    let total = millionths(&one["bills"][0]["total"]);
    assert_eq!((both["bills"].as_array().unwrap().len(), millionths(&both["bills"][0]["total"])), (1, 2 * total));
    let by = &both["bills"][0]["by"];
    assert_eq!(keys(&by[0]), ["Virtual Machines", "Storage"]);
    // Groups of one name in two subscriptions are two.
    assert_eq!(keys(&by[1]).iter().filter(|key| key.ends_with("/resourceGroups/web")).count(), 2);
    assert_eq!(keys(&by[2]), [S1, S2]);
}

#[test]
fn a_subscription_that_cannot_be_asked_is_one_row_and_hides_no_other() {
    let host = at_noon(cloud(|asked| match asked.path.as_str() {
        QUERY_1 => Some(table(asked, "EUR", steady)),
        QUERY_2 => Some(error(401, "RBACAccessDenied")),
        _ => None,
    }));
    let told = report(json!({ "subscriptions": [S1, S2], "by": ["service", "location"], "tags": ["team"] }));
    let errors = told["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(
        (&errors[0]["account"], &errors[0]["kind"], &errors[0]["code"], &errors[0]["service"], &errors[0]["count"]),
        (&json!(S2), &json!("denied"), &json!("RBACAccessDenied"), &json!("microsoft.costmanagement"), &json!(1))
    );
    assert_eq!(told["bills"][0]["by"].as_array().unwrap().len(), 3);
    let asked = host.sent().iter().filter(|sent| sent.url.contains(S2)).count();
    assert_eq!(asked, 1, "where it may not be asked, it is asked once");
}

#[test]
fn a_question_that_fails_takes_its_own_part_away_and_nothing_else() {
    let _host = at_noon(cloud(|asked| {
        let is_tag = asked.body["dataset"]["grouping"][0]["type"] == "TagKey";
        (asked.path == QUERY_1).then(|| if is_tag { error(400, "BadRequest") } else { table(asked, "EUR", steady) })
    }));
    let told = report(json!({ "by": ["service"], "tags": ["team"] }));
    let bill = &told["bills"][0];
    assert_eq!((bill["by"].as_array().unwrap().len(), &bill["by"][0]["by"]), (1, &json!("service")));
    assert_eq!(
        (&told["errors"][0]["code"], &told["errors"][0]["resource"]),
        (&json!("BadRequest"), &json!("tag:team"))
    );
}

#[test]
fn it_waits_as_long_as_cost_management_says() {
    let throttled = Rc::new(Cell::new(false));
    let host = at_noon(cloud(move |asked| {
        (asked.path == QUERY_1).then(|| {
            if throttled.replace(true) {
                table(asked, "EUR", steady)
            } else {
                error(429, "429").header("x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after", "7")
            }
        })
    }));
    let told = report(json!({ "by": ["service"] }));
    assert_eq!((&told["errors"], told["bills"].as_array().unwrap().len()), (&json!([]), 1));
    assert_eq!(host.sent().len(), 1 + 3);
    assert!(troupe_sdk::time::now() >= UNIX_EPOCH + Duration::from_secs(NOW + 7));
}

#[test]
fn a_subscription_without_costs_is_no_bill_and_no_error() {
    let empty = json!({ "properties": { "nextLink": null, "columns": [], "rows": [] } });
    for answer in [Answer::new(204), Answer::json(200, empty)] {
        let _host = at_noon(cloud(move |asked| (asked.path == QUERY_1).then(|| answer.clone())));
        let told = report(json!({}));
        assert_eq!((&told["bills"], &told["errors"]), (&json!([]), &json!([])));
    }
}

#[test]
fn an_answer_that_is_no_table_of_costs_is_a_row_that_says_why() {
    let page = |columns: &[&str], row: Value| {
        let columns: Vec<Value> = columns.iter().map(|name| json!({ "name": name })).collect();
        json!({ "properties": { "nextLink": null, "columns": columns, "rows": [row] } })
    };
    let whole = ["PreTaxCost", "UsageDate", "ServiceName", "Currency"];
    for (body, why) in [
        (json!({ "value": [] }), "properties"),
        (page(&["PreTaxCost", "UsageDate", "Currency"], json!([1, 20_260_301, "EUR"])), "no column `ServiceName`"),
        (page(&whole, json!(["much", 20_260_301, "Storage", "EUR"])), "is not an amount"),
        (page(&whole, json!([1, 20_261_341, "Storage", "EUR"])), "is not a day"),
        (page(&whole, json!([1, 20_260_301, "Storage", null])), "is not a currency"),
    ] {
        let _host = at_noon(cloud(move |asked| (asked.path == QUERY_1).then(|| Answer::json(200, body.clone()))));
        let told = report(json!({ "by": ["service"] }));
        let error = &told["errors"][0];
        assert_eq!((&told["bills"], &error["code"]), (&json!([]), &json!("unreadable")));
        assert!(error["message"].as_str().unwrap().contains(why), "{error:#}");
    }
}

#[test]
fn a_list_that_goes_on_elsewhere_or_round_is_not_followed() {
    for (next, why) in [
        ("https://elsewhere.example/query".to_owned(), "not Resource Manager's"),
        (format!("https://management.azure.com{}?api-version=2023-11-01&page=one", real(QUERY_1)), "gave already"),
    ] {
        let _host = at_noon(cloud(move |asked| {
            let page = json!({ "properties": { "nextLink": next, "columns": [], "rows": [] } });
            (asked.path == QUERY_1).then(|| Answer::json(200, page))
        }));
        let told = report(json!({ "by": ["service"] }));
        assert!(told["errors"][0]["message"].as_str().unwrap().contains(why), "{:#}", told["errors"]);
    }
}

#[test]
fn bad_input_is_refused_with_what_is_wrong_before_anything_is_asked() {
    let host = at_noon(cloud(|_| None));
    for (input, why) in [
        (json!({ "from": "2026-03-19", "to": "2026-03-19" }), "`from` (2026-03-19) is not before `to`"),
        (json!({ "from": "yesterday" }), "`from` is not a day"),
        (json!({ "from": "2025-01-01" }), "more than 365 days"),
        (json!({ "compare_days": 90 }), "`compare_days` is not between"),
        (json!({ "top": 0 }), "`top` is not between 1 and 1000"),
        (json!({ "smallest_anomaly": -1 }), "`smallest_anomaly` is below zero"),
        (json!({ "tags": [""] }), "no key of a tag"),
        (json!({ "tags": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"] }), "by 10 things at most"),
        (json!({ "by": ["colour"] }), "colour"),
        (json!({ "subscriptions": ["../x"] }), "`../x` is no id of a subscription"),
    ] {
        match test::perform::<Azure>("cost-report", input.clone()).expect_err(&input.to_string()) {
            Failure::InvalidInput(problem) => assert!(problem.message.contains(why), "{input}: {}", problem.message),
            other => panic!("{input}: {other:?}"),
        }
    }
    assert_eq!(host.sent().len(), 0);
}
