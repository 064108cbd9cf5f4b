//! A swap by steps, as an operator sees it.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::events::told;
use troupe_tests::{guests, redacted_json};

use super::{begin, calls, canary, feed, host_with_trials, over, reaches, swap_of, work};
use crate::host;

const SWAP: &str = "/api/v1/deployments/echo/swap";

#[tokio::test]
async fn a_swap_goes_by_its_steps_and_tells_each_in_feed_and_audit() {
    let host = host_with_trials(&[("2.0.0", json!({ "mib": 2 }))]).await;
    let client = host.client();
    let policy = json!({ "canary": canary(&[30, 60], 5), "watch": { "seconds": 1 }, "judge": { "latency": null } });
    let id = begin(&client, "trial", "2.0.0", &policy).await;
    work(&client, &id, 2_000, |swap| swap["state"]["phase"] == "watching").await;
    let swap = over(&client, "trial", &id).await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
    let told: Vec<String> = feed(&client)
        .await
        .iter()
        .filter(|event| event["subject"] == format!("swap/{id}") || event["type"] == "deployment.tried")
        .map(|event| format!("{} {} {}", event["type"], event["data"]["weight"], event["data"]["outcome"]))
        .collect();
    assert_snapshot!(told.join("\n").replace('"', ""), @r"
    swap.verifying 0 null
    swap.warming 0 null
    deployment.tried 30 null
    swap.canary 30 null
    deployment.tried 60 null
    swap.canary 60 null
    swap.watching 100 null
    swap.draining 100 promoted
    swap.ended 100 promoted
    ");
    let audit = client.get("/api/v1/audit?limit=50").await.of(200);
    let kinds: Vec<&str> = audit["items"].as_array().unwrap().iter().map(|r| r["kind"].as_str().unwrap()).collect();
    let count = |kind: &str| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!((count("swap_begun"), count("canary"), count("swap"), count("swap_decided")), (1, 2, 2, 1), "{kinds:?}");
    let listed = client.get("/api/v1/deployments/trial/swaps").await.of(200);
    let ends: Vec<_> = listed["items"].as_array().unwrap().iter().map(|s| (&s["to"], &s["state"]["outcome"])).collect();
    assert_eq!(ends, [(&json!("2.0.0"), &json!("promoted")), (&json!("1.0.0"), &json!("promoted"))]);
}

#[tokio::test]
async fn a_swap_is_followed_by_events_to_its_end() {
    let host = host_with_trials(&[("2.0.0", json!({}))]).await;
    let client = host.client();
    let id = begin(&client, "trial", "2.0.0", &json!({ "canary": canary(&[50], 1_000_000) })).await;
    reaches(&client, "trial", &id, "canary").await;
    let mut stream = client.open(&format!("/api/v1/deployments/trial/swaps/{id}/events")).await;
    assert_eq!(stream.status(), 200);
    let mut text = String::from_utf8(stream.chunk().await.unwrap().unwrap()).unwrap();
    calls(&client, 20).await;
    // How it does is told every so often.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let aborted = client.post(&format!("/api/v1/deployments/trial/swaps/{id}/abort"), &Value::Null).await.of(200);
    assert_eq!((&aborted["state"]["outcome"], &aborted["state"]["weight"]), (&json!("aborted"), &json!(0)));
    while let Some(piece) = stream.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    let states: Vec<Value> = told(&text).into_iter().map(|event| event.data["state"].clone()).collect();
    let phases: Vec<&Value> = states.iter().map(|state| &state["phase"]).collect();
    assert_eq!((phases[0], *phases.last().unwrap()), (&json!("canary"), &json!("ended")), "{phases:?}");
    let seen = states.iter().any(|state| state["judgement"]["new"]["calls"].as_u64() > Some(0));
    assert!(seen, "nobody is told how the candidate does");
    // What is over says so once.
    let again = client.get(&format!("/api/v1/deployments/trial/swaps/{id}/events")).await;
    assert_eq!(told(&again.text).len(), 1);
    let late = client.post(&format!("/api/v1/deployments/trial/swaps/{id}/abort"), &Value::Null).await;
    late.problem(409, "swap.conflict");
}

#[tokio::test]
async fn a_policy_that_cannot_be_followed_is_refused_and_nothing_has_begun() {
    let host = host().await;
    let client = host.client();
    let refused = async |policy: Value, status: u16, code: &str| {
        let request = json!({ "version": "2.0.0", "policy": policy });
        client.post(SWAP, &request).await.problem(status, code)
    };
    refused(json!({ "canary": { "steps": [] } }), 400, "request.invalid").await;
    refused(json!({ "canary": { "steps": [{ "weight": 50 }, { "weight": 20 }] } }), 400, "request.invalid").await;
    refused(json!({ "surprise": true }), 400, "request.invalid").await;
    refused(json!({ "rehearse": { "last": 0 } }), 400, "request.invalid").await;
    let same = json!({ "version": "1.0.0", "policy": { "watch": { "seconds": 5 } } });
    client.post(SWAP, &same).await.problem(400, "request.invalid");
    let stale = json!({ "version": "2.0.0", "epoch": 9, "policy": { "watch": { "seconds": 5 } } });
    client.post(SWAP, &stale).await.problem(409, "swap.conflict");
    client.publish(guests().trial.archive("1.0.0")).await.of(201);
    let first = json!({ "version": "1.0.0", "policy": { "watch": { "seconds": 5 } } });
    client.post("/api/v1/deployments/trial/swap", &first).await.problem(400, "request.invalid");
    let swaps = client.get("/api/v1/deployments/echo/swaps").await.of(200);
    assert_eq!(swaps["items"].as_array().unwrap().len(), 1, "{swaps:#}");
}

#[tokio::test]
async fn a_swap_at_once_is_on_record_and_its_end_when_the_old_release_has_drained() {
    let host = host().await;
    let client = host.client();
    let task = client.submit("echo", "sleep", json!({ "ms": 1_500 })).await;
    client.runs(&task).await;
    let swapped = client.swap("echo", "2.0.0").await.of(200);
    let id = swapped["swap"].as_str().unwrap();
    let swap = swap_of(&client, "echo", id).await;
    assert_eq!((&swap["state"]["phase"], &swap["state"]["outcome"]), (&json!("draining"), &json!("promoted")));
    let ended = over(&client, "echo", id).await;
    assert_eq!(client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "completed");
    assert_snapshot!(redacted_json(&ended), @r#"
    {
      "id": "[id]",
      "agent": "echo",
      "from": "1.0.0",
      "to": "2.0.0",
      "by": "owner",
      "epoch": 2,
      "state": {
        "phase": "ended",
        "outcome": "promoted",
        "since": "[time]",
        "step": 0,
        "weight": 100,
        "held": false,
        "migrates": false,
        "draining_since": "[time]"
      },
      "policy": {
        "judge": {
          "errors": true,
          "denied": true,
          "latency": 1.5,
          "memory": 1.5,
          "alpha": 0.01
        },
        "on_failure": "rollback",
        "keep_previous_seconds": 900
      },
      "started_at": "[time]",
      "changed_at": "[time]",
      "ended_at": "[time]"
    }
    "#);
}

#[tokio::test]
async fn another_scope_sees_swaps_and_changes_none() {
    let host = host().await;
    let client = host.client();
    let id = begin(&client, "echo", "2.0.0", &json!({ "canary": canary(&[50], 1_000_000) })).await;
    let reader = client.with_key("default", &["read"]).await;
    reaches(&reader, "echo", &id, "canary").await;
    for (path, body) in [
        ("canary".to_owned(), json!({ "weight": 60 })),
        ("promote".to_owned(), Value::Null),
        ("rollback".to_owned(), Value::Null),
        (format!("swaps/{id}/abort"), Value::Null),
    ] {
        reader.post(&format!("/api/v1/deployments/echo/{path}"), &body).await.problem(403, "auth.scope");
    }
    client.make_tenant("other").await;
    let stranger = client.with_key("other", &["read", "operate"]).await;
    stranger.get(&format!("/api/v1/deployments/echo/swaps/{id}")).await.problem(404, "swap.not_found");
    stranger.post("/api/v1/deployments/echo/promote", &Value::Null).await.problem(404, "swap.not_found");
    let wrong = "/api/v1/deployments/counter/swaps";
    client.get(&format!("{wrong}/{id}")).await.problem(404, "swap.not_found");
    client.get(&format!("{wrong}/no-id")).await.problem(404, "swap.not_found");
    client.with_token(None).get(wrong).await.problem(401, "auth.missing");
}
