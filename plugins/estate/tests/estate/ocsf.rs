//! OCSF: the classes' required attributes, and what became of findings.

use serde_json::{Value, json};
use troupe_estate::diff::Change;
use troupe_estate::output::{json as lines_of, ocsf};
use troupe_estate::{Finding, Why, WhyKind};

use crate::samples::{about, findings, money, now, rows, volume, written};

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What OCSF 1.3.0 requires of every event.
fn assert_holds(event: &Value) {
    let number = |name: &str| event[name].as_u64().unwrap_or_else(|| panic!("{name} of {event:#}"));
    assert_eq!(number("type_uid"), number("class_uid") * 100 + number("activity_id"));
    assert_eq!(number("class_uid") / 1000, number("category_uid"));
    assert_eq!(event["time"], json!(now().as_millisecond()));
    assert!((1..=5).contains(&number("severity_id")));
    assert_eq!(event["metadata"]["version"], "1.3.0");
    assert!(
        event["metadata"]["product"]["name"].is_string() && event["metadata"]["product"]["vendor_name"].is_string()
    );
    assert!(event["cloud"]["provider"].is_string());
}

#[test]
fn a_finding_is_a_compliance_finding() {
    let told = events(&written(|out| ocsf::findings(out, about(), rows(findings())).unwrap()));
    for event in &told {
        assert_holds(event);
        assert!(event["compliance"]["standards"].as_array().is_some_and(|standards| !standards.is_empty()));
        assert!(event["finding_info"]["uid"].as_str().is_some_and(|uid| uid.starts_with("1:")));
    }
    let outcome = |event: &Value| (event["compliance"]["status_id"].clone(), event["status_id"].clone());
    let outcomes: Vec<(Value, Value)> = told.iter().map(outcome).collect();
    let numbers = [(3, 1), (3, 1), (2, 1), (3, 3), (1, 1)].map(|(one, two)| (json!(one), json!(two)));
    assert_eq!(outcomes, numbers);
    insta::assert_json_snapshot!(told[0], { ".finding_info.uid" => "1:…" });
}

#[test]
fn what_became_of_a_finding_is_the_activity() {
    let found = || findings().remove(0);
    let why = Why { kind: WhyKind::Problem, reason: "denied".to_owned() };
    let changes: Vec<Change<Finding>> = vec![
        Change::New { now: found() },
        Change::Changed { before: found(), now: found(), fields: Vec::new() },
        Change::Same { now: found() },
        Change::Fixed { before: found() },
        Change::Unknown { before: found(), why },
    ];
    let told = events(&written(|out| ocsf::changes(out, about(), rows(changes)).unwrap()));
    told.iter().for_each(assert_holds);
    let of = |event: &Value| ["activity_name", "status"].map(|name| event[name].as_str().unwrap().to_owned());
    let outcome = |event: &Value| event["compliance"]["status"].as_str().unwrap().to_owned();
    let told: Vec<String> = told.iter().map(|event| format!("{} {}", of(event).join(" "), outcome(event))).collect();
    assert_eq!(
        told,
        [
            "Create New Fail",
            "Update In Progress Fail",
            "Update In Progress Fail",
            "Close Resolved Pass",
            "Update In Progress Warning"
        ]
    );
}

#[test]
fn a_resource_is_inventory() {
    let disk = volume("vol-1").tags([("Name".to_owned(), "data".to_owned())]).cost(Some(money(1.6)));
    let told = events(&written(|out| ocsf::resources(out, about(), rows(vec![disk])).unwrap()));
    told.iter().for_each(assert_holds);
    insta::assert_json_snapshot!(told[0]);
}

#[test]
fn rows_are_told_as_they_are_in_json_and_lines() {
    let list = findings();
    let array = written(|out| lines_of::array(out, rows(list.clone())).unwrap());
    assert_eq!(serde_json::from_str::<Vec<Finding>>(&array).unwrap(), list);
    let lines = written(|out| lines_of::lines(out, rows(list.clone())).unwrap());
    let read: Vec<Finding> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, list);
    assert_eq!(written(|out| lines_of::array(out, rows(Vec::<Finding>::new())).unwrap()), "[\n]\n");
}
