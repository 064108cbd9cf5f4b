//! What feed and audit hold of a swap from its beginning to its end, whatever becomes of it.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::{Client, guests, redacted};

use super::{begin, canary, feed, host_with_trials, is_decided, over, reaches, work};
use crate::{empty_host, host};

/// The records of the audit that name a swap, each on a line: kind, code, who, version and facts.
async fn records(client: &Client, id: &str) -> String {
    let page = client.get("/api/v1/audit?limit=500").await.of(200);
    let of_swap = page["items"].as_array().unwrap().iter().filter(|record| record["details"]["swap"] == id);
    lines(of_swap)
}

fn lines<'a>(records: impl Iterator<Item = &'a Value>) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |record: &Value| {
        let mut details = record["details"].clone();
        let known = details.as_object_mut().unwrap();
        known.remove("swap");
        // It is compared whole elsewhere.
        known.remove("policy");
        let [kind, code, by, version] = ["kind", "code", "principal", "version"].map(|name| text(&record[name]));
        redacted(&format!("{kind} {code} {by} {version} {details}\n"))
    };
    records.map(line).collect()
}

#[tokio::test]
async fn a_swap_that_is_promoted_is_on_record_from_its_beginning_to_its_retirement() {
    let host = host_with_trials(&[("2.0.0", json!({ "mib": 2 }))]).await;
    let client = host.client();
    let policy = json!({ "canary": canary(&[30, 60], 5), "watch": { "seconds": 1 }, "judge": { "latency": null } });
    let operator = client.with_key("default", &["operate", "read", "run"]).await;
    let id = begin(&operator, "trial", "2.0.0", &policy).await;
    work(&client, &id, 2_000, |swap| swap["state"]["phase"] == "watching").await;
    let swap = over(&client, "trial", &id).await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
    assert_snapshot!(records(&client, &id).await, @r#"
    swap_begun - key/[id] 2.0.0 {"from":"1.0.0"}
    swap_step - - 2.0.0 {"begun_by":"key/[id]","from":"verifying","to":"warming"}
    canary - - 1.0.0 {"candidate":"2.0.0","candidate_digest":"[digest]","epoch":2,"weight":30}
    canary - - 1.0.0 {"candidate":"2.0.0","candidate_digest":"[digest]","epoch":3,"weight":60}
    swap - - 2.0.0 {"epoch":4,"previous":"1.0.0"}
    swap_decided - - 2.0.0 {"begun_by":"key/[id]","outcome":"promoted"}
    retired - - 1.0.0 {"begun_by":"key/[id]"}
    "#);
    let begun = client.get("/api/v1/audit?kind=swap_begun").await.of(200);
    let told: Value = serde_json::from_str(begun["items"][0]["details"]["policy"].as_str().unwrap()).unwrap();
    assert_eq!(told, swap["policy"]);
    let by: Vec<Value> = feed(&client)
        .await
        .iter()
        .filter(|e| e["subject"] == format!("swap/{id}"))
        .map(|e| e["data"]["by"].clone())
        .collect();
    assert!(by.len() == 7 && by.iter().all(|by| *by == swap["by"]), "{by:?}");
}

#[tokio::test]
async fn a_swap_that_is_stopped_or_ended_by_hand_is_on_record_with_who_began_it() {
    let host = host_with_trials(&[("2.0.0", json!({ "trap": true })), ("2.1.0", json!({}))]).await;
    let client = host.client();
    let policy = json!({ "canary": canary(&[50], 1_000_000), "judge": { "latency": null, "memory": null } });
    let id = begin(&client, "trial", "2.0.0", &policy).await;
    work(&client, &id, 400, is_decided).await;
    over(&client, "trial", &id).await;
    let told = records(&client, &id).await;
    let without_reason: Vec<&str> = told.lines().map(|line| line.split(",\"reason\"").next().unwrap()).collect();
    assert_snapshot!(without_reason.join("\n"), @r#"
    swap_begun - owner 2.0.0 {"from":"1.0.0"}
    swap_step - - 2.0.0 {"begun_by":"owner","from":"verifying","to":"warming"}
    canary - - 1.0.0 {"candidate":"2.0.0","candidate_digest":"[digest]","epoch":2,"weight":50}
    canary - - 1.0.0 {"candidate":"2.0.0","epoch":3,"weight":0}
    swap_decided swap.unhealthy - 2.0.0 {"begun_by":"owner","outcome":"stopped"
    retired - - 2.0.0 {"begun_by":"owner"}
    "#);
    let id = begin(&client, "trial", "2.1.0", &json!({ "canary": canary(&[50], 1_000_000) })).await;
    reaches(&client, "trial", &id, "canary").await;
    let operator = client.with_key("default", &["operate"]).await;
    operator.post(&format!("/api/v1/deployments/trial/swaps/{id}/abort"), &Value::Null).await.of(200);
    over(&client, "trial", &id).await;
    assert_snapshot!(records(&client, &id).await, @r#"
    swap_begun - owner 2.1.0 {"from":"1.0.0"}
    swap_step - - 2.1.0 {"begun_by":"owner","from":"verifying","to":"warming"}
    canary - - 1.0.0 {"candidate":"2.1.0","candidate_digest":"[digest]","epoch":4,"weight":50}
    canary - key/[id] 1.0.0 {"candidate":"2.1.0","epoch":5,"weight":0}
    swap_decided cancelled key/[id] 2.1.0 {"asked":"abort","begun_by":"owner","outcome":"aborted","reason":"an operator decided so"}
    retired - - 2.1.0 {"begun_by":"owner"}
    "#);
}

#[tokio::test]
async fn a_swap_that_is_refused_is_on_record_with_who_wanted_it() {
    let host = host().await;
    let client = host.client();
    client.publish(guests().counter.called("echo").archive("3.0.0")).await.of(201);
    let operator = client.with_key("default", &["operate"]).await;
    let at_once = operator.swap("echo", "3.0.0").await.problem(409, "swap.incompatible");
    let refused = client.get("/api/v1/audit?kind=swap_refused").await.of(200);
    assert_snapshot!(lines(refused["items"].as_array().unwrap().iter()), @r#"
    swap_refused swap.incompatible key/[id] 3.0.0 {"reason":"echo@3.0.0 does not keep what echo@1.0.0 promises its callers: skill `echo`: it is gone; `troupe release diff echo@3.0.0` shows all of it, and `troupe release approve echo@3.0.0 --breaking` lets it serve all the same"}
    "#);
    let told = feed(&client).await.into_iter().find(|event| event["type"] == "swap.refused").unwrap();
    assert_eq!(
        (&told["subject"], &told["data"]["to"], &told["data"]["code"], &told["data"]["reason"]),
        (&json!("deployment/echo"), &json!("3.0.0"), &json!("swap.incompatible"), &at_once["detail"])
    );
    let id = begin(&client, "echo", "3.0.0", &json!({ "watch": { "seconds": 1 } })).await;
    let ended = over(&client, "echo", &id).await;
    assert_eq!(ended["state"]["outcome"], "refused", "{ended:#}");
    let told = records(&client, &id).await;
    let without_reason: Vec<&str> = told.lines().map(|line| line.split(",\"reason\"").next().unwrap()).collect();
    assert_snapshot!(without_reason.join("\n"), @r#"
    swap_begun - owner 3.0.0 {"from":"1.0.0"}
    swap_decided swap.incompatible - 3.0.0 {"begun_by":"owner","outcome":"refused"
    "#);
    // What nobody could have meant is no decision about a release.
    client.swap("echo", "9.9.9").await.problem(404, "release.not_found");
    assert_eq!(client.get("/api/v1/audit?kind=swap_refused").await.of(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_release_that_suspended_tasks_need_is_parked_and_retired_when_they_are_over() {
    let host = empty_host().await;
    let client = host.client();
    client.publish(guests().sleeper.archive("1.0.0")).await.of(201);
    client.publish(guests().sleeper.marked(2).archive("2.0.0")).await.of(201);
    client.swap("sleeper", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    client.put("/api/v1/deployments/sleeper/grants", &grants).await.of(200);
    let task = client.submit("sleeper", "nights", json!({ "key": "k", "nights": 1, "ms": 12_000 })).await;
    client.becomes(&task, "suspended").await;
    let swapped = client.swap("sleeper", "2.0.0").await.of(200);
    let id = swapped["swap"].as_str().unwrap();
    over(&client, "sleeper", id).await;
    assert_snapshot!(records(&client, id).await, @r#"
    swap - owner 2.0.0 {"epoch":3,"previous":"1.0.0"}
    parked - - 1.0.0 {"begun_by":"owner"}
    retired - - 1.0.0 {"begun_by":"owner"}
    "#);
}
