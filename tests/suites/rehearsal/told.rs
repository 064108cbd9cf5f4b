//! The report, as programs and people get it.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::command::run_on;
use troupe_tests::{Client, Host, redacted, redacted_json};

use super::rehearse;
use crate::{PROGRAM, host};

/// A host on which `echo` was asked, with something of every kind that is left out.
async fn asked() -> Host {
    let host = host().await;
    let client = host.client();
    for _ in 0..3 {
        client.run("echo", "version", json!({})).await.output();
    }
    client.run("echo", "echo", json!({ "text": "hello" })).await.output();
    client.run("echo", "fail", json!({ "kind": "failed" })).await.failure("guest.failed");
    let gone = client.run("echo", "echo", json!({ "text": "secret" })).await.of(200);
    let path = format!("/api/v1/tasks/{}", gone["id"].as_str().unwrap());
    client.post(&format!("{path}/journal/redact"), &json!({ "documents": true })).await.of(200);
    let cancelled = sleeping(&client).await;
    client.post(&format!("/api/v1/tasks/{cancelled}/cancel"), &json!({})).await.of(200);
    client.becomes(&cancelled, "cancelled").await;
    sleeping(&client).await;
    host
}

async fn sleeping(client: &Client) -> String {
    let task = client.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    client.runs(&task).await;
    task
}

/// The same without what differs from run to run.
fn steady(mut report: Value) -> Value {
    report["cost"] = json!("[cost]");
    for skill in report["skills"].as_array_mut().unwrap() {
        skill["cost"] = json!("[cost]");
    }
    report
}

#[tokio::test]
async fn a_report_says_what_differs_what_was_left_out_and_which_skills_nobody_called() {
    let host = asked().await;
    let report = rehearse(&host.client(), "echo", json!({ "version": "2.0.0" })).await;
    assert_eq!(report["cost"]["invocations"], 5);
    assert_snapshot!("report", redacted_json(&steady(report)));
}

#[tokio::test]
async fn that_somebody_had_a_release_rehearsed_is_in_feed_and_audit_in_numbers() {
    let host = asked().await;
    let client = host.client();
    let key = client.with_key("default", &["read", "operate"]).await;
    let report = rehearse(&key, "echo", json!({ "version": "2.0.0", "last": 9, "skill": "version" })).await;
    let told = client.get("/api/v1/audit?kind=rehearsed").await.of(200);
    let [record] = told["items"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert!(record["principal"].as_str().unwrap().starts_with("key/"), "{record:#}");
    assert_eq!((&record["version"], &record["digest"]), (&json!("2.0.0"), &report["candidate"]["digest"]));
    assert_snapshot!(record["details"].to_string(), @r#"{"broken":0,"changed":3,"identical":0,"last":9,"no_time":0,"reasons":["it answers otherwise in 3 of 3 invocations (100 %), and may in 1 %"],"skill":"version","total":3,"unmatched":0,"verdict":"stops"}"#);
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let event = feed["items"].as_array().unwrap().iter().find(|event| event["type"] == "release.rehearsed").unwrap();
    assert_eq!(event["subject"], "release/echo@2.0.0");
    assert_eq!((&event["data"]["by"], &event["data"]["rehearsal"]), (&record["principal"], &record["details"]));
    // What tasks were asked and answered is told to nobody else.
    assert!(!format!("{record}{event}").contains("1.0.0"), "{record:#}");
}

#[tokio::test]
async fn the_command_shows_a_table_and_its_exit_status_says_what_came_of_it() {
    let host = asked().await;
    let said = run_on(PROGRAM, &host, &["rehearse", "echo@2.0.0"]).await;
    assert_eq!(said.code, Some(3), "{said:?}");
    let is_progress = |line: &str| line.starts_with("  rehearsing ") && line.contains(" repeated, ");
    assert!(!said.err.is_empty() && said.err.lines().all(is_progress), "{said:?}");
    let (before, rest) = said.out.split_once("\nWHAT IT TOOK").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    assert_snapshot!("table", redacted(&format!("{before}\n[what it took]\n\n{after}")));

    let same = run_on(PROGRAM, &host, &["rehearse", "echo@2.0.0", "--skill", "echo"]).await;
    assert_eq!(same.code, Some(0), "{same:?}");
    assert!(same.out.starts_with("identical: echo@2.0.0 in 1 invocations; beside 1.0.0, which serves"), "{same:?}");

    let nothing = run_on(PROGRAM, &host, &["rehearse", "counter@1.0.0"]).await;
    assert_eq!(nothing.code, Some(4), "{nothing:?}");
    assert_snapshot!(nothing.out.trim_end(), @r"
    not rehearsed: counter@1.0.0; beside 1.0.0, which serves

    the default policy lets it go on
      not rehearsed: there is nothing that it could be tried on
    ");

    let json = run_on(PROGRAM, &host, &["--json", "rehearse", "echo@2.0.0", "--last", "1"]).await;
    let report: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, &report["last"]), (Some(3), &json!(1)));

    let unknown = run_on(PROGRAM, &host, &["rehearse", "echo@9.9.9"]).await;
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("there is no release echo@9.9.9"), "{unknown:?}");
}

#[tokio::test]
async fn what_is_rare_among_the_newest_is_looked_for_further_back() {
    let host = asked().await;
    let client = host.client();
    for number in 0..10 {
        client.run("echo", "echo", json!({ "text": number.to_string() })).await.output();
    }
    let report = rehearse(&client, "echo", json!({ "version": "2.0.0", "last": 3 })).await;
    let skills: Vec<(&str, u64)> = report["skills"]
        .as_array()
        .unwrap()
        .iter()
        .map(|skill| (skill["skill"].as_str().unwrap(), skill["invocations"].as_u64().unwrap()))
        .collect();
    let expected = [("echo", 5), ("fail", 1), ("shout", 0), ("sleep", 0), ("version", 3), ("who", 0)];
    assert_eq!(skills, expected, "{report:#}");
    assert_eq!((&report["last"], &report["chosen"]), (&json!(3), &json!(9)));
}

#[tokio::test]
async fn whoever_has_no_time_is_told_how_much_was_not_rehearsed() {
    let host = asked().await;
    let client = host.client();
    let report = rehearse(&client, "echo", json!({ "version": "2.0.0", "timeout_ms": 1 })).await;
    let (rehearsed, no_time) = (report["rehearsed"].as_u64().unwrap(), report["no_time"].as_u64().unwrap());
    assert!(no_time > 0 && rehearsed + no_time == report["chosen"].as_u64().unwrap(), "{report:#}");
    // What was given up leaves nothing behind.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(super::under_way::running(&client).await, 1, "the sleeper alone");
}
