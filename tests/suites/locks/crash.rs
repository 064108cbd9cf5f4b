//! `kill -9` with a holder and those who wait.

use std::time::Duration;

use serde_json::json;

use super::{held_by, hold, host, output, path, replays, waited_for};

#[tokio::test]
async fn a_holder_and_its_queue_outlive_the_host() {
    let mut host = host().await;
    let client = host.client();
    let holds = hold(&client, "res/a", 20_000, json!({ "then": "write" })).await;
    let held = held_by(&client, "res/a", &holds).await;
    let mut waits = Vec::new();
    for (place, priority) in (1..).zip(["low", "normal", "high"]) {
        waits.push(hold(&client, "res/a", 10, json!({ "priority": priority, "then": "write" })).await);
        waited_for(&client, "res/a", place).await;
    }
    // Once while all of them run, once while all are suspended.
    host.kill().await;
    host.start().await;
    let client = host.client();
    for task in waits.iter().chain([&holds]) {
        client.becomes(task, "suspended").await;
    }
    let lock = client.get(&path("res/a")).await.of(200);
    assert_eq!((&lock["task"], &lock["token"], &lock["waiting"]), (&json!(holds), &held["token"], &json!(3)));
    host.kill().await;
    host.start().await;
    let client = host.client();
    let mut last = held["token"].as_u64().unwrap();
    let first = output(&client, &holds).await;
    assert_eq!((&first["got"]["value"], &first["back"]["value"]), (&json!(last), &json!(true)), "{first:#}");
    assert_eq!(first["then"]["value"], 1);
    for task in [&waits[2], &waits[1], &waits[0]] {
        let told = output(&client, task).await;
        let token = told["got"]["value"].as_u64().unwrap();
        assert!(token > last, "{told:#}");
        assert!(told["then"]["value"].is_number(), "each wrote while it held it: {told:#}");
        last = token;
        replays(&client, task).await;
    }
    client.get(&path("res/a")).await.problem(404, "lock.not_found");
}

#[tokio::test]
async fn a_lease_that_is_over_while_no_host_runs_is_lost_and_the_next_has_the_lock() {
    let mut host = host().await;
    let client = host.client();
    let slow = hold(&client, "res/a", 3_000, json!({ "lease_ms": 2_000, "then": "write" })).await;
    held_by(&client, "res/a", &slow).await;
    let next = hold(&client, "res/a", 10, json!({ "then": "write" })).await;
    waited_for(&client, "res/a", 1).await;
    host.kill().await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    host.start().await;
    let client = host.client();
    let (slow, next) = (output(&client, &slow).await, output(&client, &next).await);
    assert_eq!((&slow["then"]["code"], &slow["back"]["details"]["reason"]), (&json!("stale"), &json!("expired")));
    assert_eq!(next["then"]["value"], 1, "{next:#}");
}
