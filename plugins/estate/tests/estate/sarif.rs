//! SARIF: what its schema asks for, and what code scanning reads.

use serde_json::{Value, json};
use troupe_estate::diff::{self, Change};
use troupe_estate::output::{OutputError, sarif};
use troupe_estate::{Entry, Finding, Severity};

use crate::samples::{about, findings, problem, rows, scan, volume, written};

fn log(problems: &[troupe_estate::Problem], list: Vec<Finding>) -> Value {
    let text = written(|out| sarif::findings(out, about(), problems, rows(list)).unwrap());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_log_reads_as_documented() {
    let mut log = log(&[problem("ec2", "DescribeVolumes", None)], findings());
    assert_holds(&log);
    for result in log["runs"][0]["results"].as_array_mut().unwrap() {
        let digits = result["partialFingerprints"]["troupe/v1"].as_str().unwrap();
        assert!(digits.len() == 64 && digits.bytes().all(|c| c.is_ascii_hexdigit()), "{digits}");
        result["partialFingerprints"]["troupe/v1"] = "…".into();
    }
    insta::assert_json_snapshot!(log);
}

/// What the schema and the text of SARIF 2.1.0 ask of the members that are written.
fn assert_holds(log: &Value) {
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(run["tool"]["driver"]["name"].is_string());
    for rule in rules {
        assert!(rule["shortDescription"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(["none", "note", "warning", "error"].map(Value::from).contains(&rule["defaultConfiguration"]["level"]));
    }
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"], "3.27.6: the index is that of the id");
        let kind = result["kind"].as_str().unwrap();
        assert!(["notApplicable", "pass", "fail", "review", "open", "informational"].contains(&kind));
        assert_eq!(kind == "fail", result["level"] != "none", "3.27.10: only what fails has a level");
        assert!(result["message"]["text"].is_string());
        for suppression in result["suppressions"].as_array().unwrap() {
            assert!(["inSource", "external"].map(Value::from).contains(&suppression["kind"]));
        }
        for location in result["locations"].as_array().unwrap() {
            assert!(location["logicalLocations"][0]["fullyQualifiedName"].is_string());
            if let Some(physical) = location.get("physicalLocation") {
                let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
                assert!(!uri.contains(' ') && !uri.starts_with('/'), "{uri} is no relative URI");
            }
        }
    }
    let invocation = &run["invocations"][0];
    let notifications = invocation["toolExecutionNotifications"].as_array().unwrap();
    assert_eq!(invocation["executionSuccessful"], notifications.is_empty());
}

#[test]
fn what_holds_no_more_is_not_suppressed() {
    let mut finding = findings().remove(3);
    finding.suppressed.as_mut().unwrap().until = Some("2026-11-19".to_owned());
    assert_eq!(log(&[], vec![finding])["runs"][0]["results"][0]["suppressions"], json!([]));
}

#[test]
fn a_rule_stands_once_however_many_results_it_has() {
    let found = |id: &str, rule: &str| Finding::new(rule, "t", Severity::High, volume(id).reference(), "");
    let log = log(&[], vec![found("a", "one"), found("b", "two"), found("c", "one")]);
    assert_holds(&log);
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), 2);
    let indexes: Vec<&Value> = run["results"].as_array().unwrap().iter().map(|result| &result["ruleIndex"]).collect();
    assert_eq!(indexes, [0, 1, 0]);
}

#[test]
fn no_findings_are_an_empty_run_and_not_none() {
    let log = log(&[], Vec::new());
    assert_holds(&log);
    assert_eq!(log["runs"][0]["results"], json!([]));
}

#[test]
fn what_became_of_findings_is_their_baseline_state() {
    let found = |id: &str| Finding::new("r", "t", Severity::High, volume(id).reference(), "").seen("a", 1);
    let mut before = vec![found("same"), found("changed"), found("fixed"), found("unknown")];
    let mut now =
        vec![found("same"), found("changed").seen("b", 2), found("new"), found("unknown").not_checked("denied")];
    before.sort_by_key(Entry::key);
    now.sort_by_key(Entry::key);
    let scan = scan(Vec::new());
    let changes: Vec<Change<Finding>> = diff::findings(rows(before), rows(now), &scan).map(Result::unwrap).collect();
    let text = written(|out| sarif::changes(out, about(), &[], rows(changes)).unwrap());
    let log: Value = serde_json::from_str(&text).unwrap();
    assert_holds(&log);
    let mut told: Vec<(&str, &str, &str)> = log["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            (
                result["locations"][0]["logicalLocations"][0]["name"].as_str().unwrap(),
                result["baselineState"].as_str().unwrap(),
                result["kind"].as_str().unwrap(),
            )
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("changed", "updated", "fail"),
            ("fixed", "absent", "fail"),
            ("new", "new", "fail"),
            ("same", "unchanged", "fail"),
            ("unknown", "unchanged", "open"),
        ]
    );
}

#[test]
fn a_row_that_cannot_be_read_ends_the_log_with_its_error() {
    let list = vec![Ok(findings().remove(0)), Err("line 2 is cut off")];
    let error = sarif::findings(&mut Vec::new(), about(), &[], list).unwrap_err();
    assert!(matches!(error, OutputError::Row("line 2 is cut off")), "{error}");
}
