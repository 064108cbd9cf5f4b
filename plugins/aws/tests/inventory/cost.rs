//! The skill `cost-report`: sums agree, what is told is settled, and what is odd is found.

use std::time::{Duration, UNIX_EPOCH};

use crate::aws::{ACCOUNT, Asked, account};
use jiff::civil::Date;
use serde_json::{Value, json};
use troupe_agent_aws::Aws;
use troupe_sdk::test::{self, Answer, Host};

/// Noon of 2026-03-20, a Friday.
const NOW: u64 = 1_774_008_000;

/// What a key cost on a day, in millionths.
type Bill = fn(&str, Date) -> Option<i64>;

const SERVICES: [&str; 3] = ["Amazon Elastic Compute Cloud - Compute", "Amazon Simple Storage Service", "Tax"];

/// Cost Explorer of an account with this bill: two pages to each question, and days in either.
fn explorer(bill: Bill) -> Host {
    let host = account(move |asked| {
        (asked.service == "ce").then(|| {
            assert_eq!((asked.region.as_str(), asked.operation.as_str()), ("us-east-1", "GetCostAndUsage"));
            answer(asked, bill)
        })
    });
    host.at(UNIX_EPOCH + Duration::from_secs(NOW))
}

fn answer(asked: &Asked, bill: Bill) -> Answer {
    let input = asked.json();
    assert_eq!(input["Granularity"], "DAILY");
    let metric = input["Metrics"][0].as_str().unwrap();
    let day = |name: &str| input["TimePeriod"][name].as_str().unwrap().parse::<Date>().unwrap();
    let amount = |millionths: i64| json!({ metric: { "Amount": decimal(millionths), "Unit": "USD" } });
    let is_second = input["NextPageToken"] == "two";
    let mut days = Vec::new();
    let mut at = day("Start");
    while at < day("End") {
        let cost = |key: &str| bill(key, at);
        let time = json!({ "Start": at.to_string(), "End": at.tomorrow().unwrap().to_string() });
        let is_here = (at.day() % 2 == 0) == is_second;
        match &input["GroupBy"][0] {
            // Without groups each day is in one of the pages.
            Value::Null if is_here => {
                let sum = SERVICES.iter().filter_map(|key| cost(key)).sum();
                days.push(json!({ "TimePeriod": time, "Total": amount(sum), "Groups": [], "Estimated": true }));
            }
            Value::Null => {}
            // With them each day is in both, and each group in one.
            group => {
                let name = |key: &str| match group["Type"].as_str() {
                    Some("TAG") => {
                        format!("{}${}", group["Key"].as_str().unwrap(), if key == "Tax" { "" } else { key })
                    }
                    _ => key.to_owned(),
                };
                let groups: Vec<Value> = SERVICES
                    .iter()
                    .filter(|key| (**key == "Tax") == is_second)
                    .filter_map(|key| Some(json!({ "Keys": [name(key)], "Metrics": amount(cost(key)?) })))
                    .collect();
                days.push(json!({ "TimePeriod": time, "Total": {}, "Groups": groups, "Estimated": false }));
            }
        }
        at = at.tomorrow().unwrap();
    }
    let next = if is_second { Value::Null } else { json!("two") };
    Answer::json(200, json!({ "ResultsByTime": days, "NextPageToken": next }))
}

fn decimal(millionths: i64) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    format!("{sign}{}.{:06}", millionths.abs() / 1_000_000, millionths.abs() % 1_000_000)
}

fn report(input: Value) -> Value {
    test::perform::<Aws>("cost-report", input).expect("a report")
}

/// Millionths of an amount in JSON.
fn millionths(value: &Value) -> i64 {
    (value.as_f64().unwrap_or_else(|| panic!("{value}")) * 1e6).round() as i64
}

fn sum<'a>(rows: impl IntoIterator<Item = &'a Value>, name: &str) -> i64 {
    rows.into_iter().map(|row| millionths(&row[name])).sum()
}

/// 10 a day for machines but at weekends, 2.5 and a little for storage, and on the first of a
/// month 30 of tax.
fn steady(key: &str, day: Date) -> Option<i64> {
    let is_weekend = day.weekday().to_monday_zero_offset() >= 5;
    match key {
        "Tax" => (day.day() == 1).then_some(30_000_000),
        "Amazon Simple Storage Service" => Some(2_500_001),
        _ => Some(if is_weekend { 4_000_000 } else { 10_000_000 }),
    }
}

#[test]
fn sums_agree_whatever_they_are_made_by() {
    let host = explorer(steady);
    let told = report(json!({ "by": ["service", "account"], "tags": ["team"] }));
    assert_eq!((&told["errors"], &told["omitted"]), (&json!([]), &json!([])));
    assert_eq!((&told["account"], &told["currency"]), (&json!(ACCOUNT), &json!("USD")));
    assert_eq!(
        (&told["from"], &told["to"], &told["settled"]),
        (&json!("2025-12-18"), &json!("2026-03-20"), &json!("2026-03-19"))
    );
    let days = told["days"].as_array().unwrap();
    assert_eq!(days.len(), 92);
    let total = millionths(&told["total"]);
    assert_eq!((sum(days, "cost"), sum(told["months"].as_array().unwrap(), "cost")), (total, total));
    for by in told["by"].as_array().unwrap() {
        assert_eq!(millionths(&by["total"]), total, "{}", by["by"]);
        assert_eq!(sum(by["rows"].as_array().unwrap(), "cost"), total, "{}", by["by"]);
    }
    let names: Vec<&Value> = told["by"].as_array().unwrap().iter().map(|by| &by["by"]).collect();
    assert_eq!(names, [&json!("service"), &json!("account"), &json!("tag:team")]);
    assert_eq!(millionths(&told["by"][2]["untagged"]), 3 * 30_000_000);
    assert_eq!(told["by"][0].get("untagged"), None);
    // What comes each month on its first day is none, though the days before are none like it.
    assert_eq!(told["anomalies"].as_array().unwrap().len(), 1, "{:#}", told["anomalies"]);
    assert_eq!(told["anomalies"][0]["discriminator"], "service/Tax from 2026-01-01");
    let parts: Vec<&Value> = told["months"].as_array().unwrap().iter().map(|month| &month["part"]).collect();
    assert_eq!(parts, [&json!(true), &Value::Null, &Value::Null, &json!(true)]);
    // Whose account it is, and two pages for each of four questions.
    assert_eq!(host.sent().len(), 1 + 2 * 4);
}

#[test]
fn what_is_not_told_row_by_row_is_told_as_one_sum() {
    let _host = explorer(steady);
    let told = report(json!({ "by": ["service"], "top": 1 }));
    let by = &told["by"][0];
    assert_eq!((by["rows"].as_array().unwrap().len(), &by["rest"]["count"]), (1, &json!(2)));
    assert_eq!(millionths(&by["rows"][0]["cost"]) + millionths(&by["rest"]["cost"]), millionths(&told["total"]));
}

#[test]
fn the_month_is_expected_by_its_weekdays() {
    let _host = explorer(steady);
    let told = report(json!({}));
    let forecast = &told["forecast"];
    assert_eq!((&forecast["month"], &forecast["days_to_come"]), (&json!("2026-03"), &json!(13)));
    // From the 19th to the 31st there are nine weekdays and four days of weekends.
    let to_come = 9 * 12_500_001 + 4 * 6_500_001;
    let so_far: i64 = (1..19)
        .filter_map(|day| {
            let day = Date::new(2026, 3, day).unwrap();
            SERVICES.iter().filter_map(|key| steady(key, day)).reduce(|one, other| one + other)
        })
        .sum();
    assert_eq!(millionths(&forecast["so_far"]), so_far);
    assert!((millionths(&forecast["expected"]) - so_far - to_come).abs() < 100, "{forecast:#}");
    assert!(millionths(&forecast["low"]) <= millionths(&forecast["expected"]));
    assert!(millionths(&forecast["high"]) >= millionths(&forecast["expected"]));
    assert_eq!(told["trend"]["direction"], "level");
}

/// Machines cost more each day; storage costs three times as much from 10 March on; what is
/// owed back is below nothing.
fn moving(key: &str, day: Date) -> Option<i64> {
    let from = Date::new(2025, 12, 1).unwrap();
    let days = i64::from((day - from).get_days());
    match key {
        "Tax" => Some(-1_000_000),
        "Amazon Simple Storage Service" => {
            Some(if day >= Date::new(2026, 3, 10).unwrap() { 15_000_000 } else { 5_000_000 + days % 3 * 100_000 })
        }
        _ => Some(20_000_000 + 200_000 * days),
    }
}

#[test]
fn what_rises_and_what_jumps_is_told() {
    let _host = explorer(moving);
    let told = report(json!({ "by": ["service"], "compare_days": 9 }));
    assert_eq!(told["trend"]["direction"], "rising");
    assert!((millionths(&told["trend"]["per_day"]) - 200_000).abs() < 20_000, "{:#}", told["trend"]);
    let changes = &told["by"][0]["changes"];
    // Nine days to 18 March, and nine before.
    assert_eq!(changes[0]["key"], "Amazon Simple Storage Service");
    assert_eq!(millionths(&changes[0]["now"]), 9 * 15_000_000);
    assert_eq!(millionths(&changes[0]["now"]) - millionths(&changes[0]["before"]), millionths(&changes[0]["change"]));
    assert_eq!(changes.as_array().unwrap().len(), 2, "{changes:#}");
    let anomalies = told["anomalies"].as_array().unwrap();
    let [jump] = anomalies.as_slice() else { panic!("{anomalies:#?}") };
    assert_eq!(
        (&jump["rule"], &jump["severity"], &jump["discriminator"]),
        (&json!("cost.anomaly"), &json!("medium"), &json!("service/Amazon Simple Storage Service from 2026-03-10"))
    );
    assert_eq!((&jump["resource"]["id"], &jump["resource"]["type"]), (&json!(ACCOUNT), &json!("aws.iam.account")));
}

#[test]
fn an_anomaly_stays_the_same_finding_while_it_goes_on() {
    let fingerprints = |now: u64| {
        let _host = explorer(moving).at(UNIX_EPOCH + Duration::from_secs(now));
        let told = report(json!({ "by": ["service"], "from": "2025-12-18" }));
        told["anomalies"].as_array().unwrap().iter().map(|one| one["fingerprint"].clone()).collect::<Vec<Value>>()
    };
    let first = fingerprints(NOW);
    assert_eq!(first.len(), 1);
    assert_eq!(fingerprints(NOW + 3 * 86_400), first);
}

#[test]
fn too_few_days_are_said_to_be_too_few() {
    let _host = explorer(steady);
    let told = report(json!({ "from": "2026-03-19" }));
    let omitted: Vec<&Value> = told["omitted"].as_array().unwrap().iter().map(|one| &one["what"]).collect();
    assert_eq!(omitted, ["trend", "forecast", "changes", "anomalies"].map(|what| json!(what)).each_ref());
    assert_eq!((&told["trend"], &told["forecast"]), (&Value::Null, &Value::Null));
    assert_eq!(millionths(&told["total"]), 12_500_001);
    let past = report(json!({ "from": "2026-01-01", "to": "2026-03-01" }));
    assert_eq!(
        (&past["omitted"][0]["what"], &past["omitted"][0]["why"]),
        (&json!("forecast"), &json!("the report ends before today"))
    );
}

#[test]
fn a_question_that_fails_takes_its_own_part_away_and_nothing_else() {
    let _host = account(|asked| {
        (asked.service == "ce").then(|| match asked.json()["GroupBy"][0]["Key"].as_str() {
            Some("REGION") => Answer::json(400, json!({ "__type": "AccessDeniedException", "message": "not you" })),
            Some("team") => Answer::json(
                200,
                json!({ "ResultsByTime": [{
                "TimePeriod": { "Start": "2026-03-18" },
                "Groups": [
                    { "Keys": ["team$a"], "Metrics": { "UnblendedCost": { "Amount": "1.5", "Unit": "USD" } } },
                    { "Keys": ["team$b"], "Metrics": { "UnblendedCost": { "Amount": "9", "Unit": "CNY" } } },
                ],
            }] }),
            ),
            _ => answer(asked, steady),
        })
    })
    .at(UNIX_EPOCH + Duration::from_secs(NOW));
    let told = report(json!({ "by": ["service", "region"], "tags": ["team"] }));
    let by: Vec<&Value> = told["by"].as_array().unwrap().iter().map(|by| &by["by"]).collect();
    assert_eq!(by, [&json!("service"), &json!("tag:team")]);
    assert_eq!(millionths(&told["by"][1]["total"]), 1_500_000);
    let errors: Vec<_> = told["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (error["code"].as_str().unwrap(), error["kind"].as_str().unwrap(), error["resource"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        errors,
        [
            ("AccessDeniedException", "denied", "region"),
            ("days_untold", "failed", "tag:team"),
            ("other_currency", "failed", "tag:team"),
        ]
    );
}

#[test]
fn a_partition_without_cost_explorer_is_said_to_have_none() {
    let host = account(|_| None).configuration(json!({ "regions": ["us-gov-west-1"] }));
    let told = report(json!({}));
    assert_eq!(told["errors"][0]["kind"], "not_available");
    assert_eq!((&told["total"], &told["by"]), (&Value::Null, &json!([])));
    assert!(host.sent().iter().all(|sent| !sent.url.contains("//ce.")));
}

#[test]
fn what_cannot_be_asked_is_refused_before_anything_is_paid_for() {
    let host = explorer(steady);
    for input in [
        json!({ "from": "2026-03-19", "to": "2026-03-19" }),
        json!({ "from": "yesterday" }),
        json!({ "from": "2024-01-01" }),
        json!({ "compare_days": 90 }),
        json!({ "top": 0 }),
        json!({ "smallest_anomaly": -1 }),
        json!({ "tags": [""] }),
        json!({ "by": ["colour"] }),
    ] {
        test::perform::<Aws>("cost-report", input.clone()).expect_err(&input.to_string());
    }
    assert_eq!(host.sent().len(), 0);
}
