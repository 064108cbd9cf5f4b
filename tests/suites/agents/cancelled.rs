//! A guest whose task is cancelled: it is told, cleans up, and is cut off.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ends, host, replays};
use crate::locks::hold;
use crate::rest::tasks::cancel;

/// A task that tidies up once it is told, on a host of its own.
async fn tidies(wait: &str, more: Value) -> (troupe_tests::Host, String) {
    let host = host().await;
    let client = host.client();
    if wait == "lock" {
        crate::locks::deploy(&client, &crate::locks::grants()).await;
        let other = hold(&client, "res/a/second", 60_000, json!({})).await;
        crate::locks::held_by(&client, "res/a/second", &other).await;
    }
    let mut input = json!({ "lock": "res/a", "wait": wait });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let task = client.submit("asker", "tidy", input).await;
    crate::locks::held_by(&client, "res/a", &task).await;
    (host, task)
}

/// How one ends that is cancelled while it runs.
async fn tidied(wait: &str, more: Value) -> (troupe_tests::Host, Value, Duration) {
    let (host, task) = tidies(wait, more).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (ended, took) = cancelled(&host, &task).await;
    (host, ended, took)
}

/// Cancels one, and returns how it ended and how long that took.
async fn cancelled(host: &troupe_tests::Host, task: &str) -> (Value, Duration) {
    let client = host.client();
    let asked = Instant::now();
    let answered = cancel(&client, task).await.of(200);
    assert_eq!(answered["id"], json!(task));
    assert!(asked.elapsed() < Duration::from_secs(3), "whoever cancels is answered at once");
    let ended = ends(&client, task).await;
    let took = asked.elapsed();
    assert_eq!((&ended["status"], &ended["failure"]["code"]), (&json!("cancelled"), &json!("cancelled")), "{ended:#}");
    client.get("/api/v1/locks/res%2Fa").await.problem(404, "lock.not_found");
    (ended, took)
}

/// That it was told, was refused what is new, and gave back what it held.
async fn was_told(host: &troupe_tests::Host, wait: &str, ended: &Value) {
    let told = &ended["output"];
    assert_eq!(told["cancelled"], true, "{wait}: {ended:#}");
    for call in ["read", "write", "ask"] {
        assert_eq!(told[call]["code"], "cancelled", "{wait} {call}: {told:#}");
    }
    assert_eq!(told["release"]["value"], true, "{wait}: {told:#}");
    if ["lock", "agent"].contains(&wait) {
        assert_eq!(told["wait"]["code"], "cancelled", "{wait}: {told:#}");
    }
    replays(&host.client(), ended["id"].as_str().unwrap()).await;
    let journal = host.client().get(&format!("/api/v1/tasks/{}/journal", ended["id"].as_str().unwrap())).await;
    assert!(journal.of(200).to_string().contains("the task was cancelled"));
}

#[tokio::test]
async fn a_guest_that_waits_is_told_gives_back_what_it_holds_and_its_answer_is_kept() {
    for wait in ["time", "lock", "agent", "word"] {
        let (host, ended, took) = tidied(wait, json!({})).await;
        assert!(took < Duration::from_secs(4), "{wait}: {took:?}");
        was_told(&host, wait, &ended).await;
    }
}

#[tokio::test]
async fn a_guest_that_does_not_heed_it_is_cut_off_after_a_while() {
    let (_host, ended, took) = tidied("time", json!({ "stubborn": true })).await;
    assert_eq!(ended["output"], Value::Null);
    assert!(took >= Duration::from_secs(4) && took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test]
async fn a_guest_that_is_suspended_is_resumed_told_and_gives_back_what_it_holds() {
    for wait in ["time", "lock", "agent"] {
        let (host, task) = tidies(wait, json!({})).await;
        let client = host.client();
        client.becomes(&task, "suspended").await;
        let (ended, _) = cancelled(&host, &task).await;
        was_told(&host, wait, &ended).await;
        assert_eq!((&ended["attempt"], &ended["wake_at"]), (&json!(1), &Value::Null), "it is the same attempt");
        let kinds = crate::rest::tasks::sleeper::told(&client, &task).await;
        assert_eq!(kinds[2..], ["task.suspended", "task.pending", "task.running", "task.cancelled"], "{wait}");
        if wait == "agent" {
            let child = super::children(&client, &task, 1).await.remove(0);
            let child = ends(&client, child["id"].as_str().unwrap()).await;
            assert_eq!(child["status"], "cancelled", "{child:#}");
        }
    }
}

#[tokio::test]
async fn a_suspended_guest_is_told_however_often_it_is_cancelled() {
    let (host, task) = tidies("time", json!({})).await;
    let client = host.client();
    client.becomes(&task, "suspended").await;
    // Again and again, until there is nothing left to cancel.
    let mut times = 0;
    while cancel(&client, &task).await.status == 200 {
        times += 1;
    }
    assert!(times > 1, "it had ended before anybody could ask twice");
    was_told(&host, "time", &ends(&client, &task).await).await;
}

#[tokio::test]
async fn a_suspended_guest_that_does_not_heed_it_is_cut_off_after_a_while() {
    let (host, task) = tidies("time", json!({ "stubborn": true })).await;
    host.client().becomes(&task, "suspended").await;
    let (ended, took) = cancelled(&host, &task).await;
    assert_eq!(ended["output"], Value::Null);
    assert!(took >= Duration::from_secs(4) && took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test]
async fn a_host_that_is_killed_while_a_suspended_guest_is_told_loses_no_cancel() {
    let mut killed = Vec::new();
    for stubborn in [true, false, false, false, false, false] {
        // One that heeds it may have ended before the end of the host: then it is tried again.
        if killed.contains(&stubborn) {
            continue;
        }
        let (mut host, task) = tidies("time", json!({ "stubborn": stubborn })).await;
        host.client().becomes(&task, "suspended").await;
        cancel(&host.client(), &task).await.of(200);
        if stubborn {
            host.client().becomes(&task, "running").await;
        }
        let before = host.client().get(&format!("/api/v1/tasks/{task}")).await.of(200);
        if before["ended_at"].is_null() {
            killed.push(stubborn);
        }
        host.kill().await;
        host.start().await;
        let ended = ends(&host.client(), &task).await;
        assert_eq!(
            (&ended["status"], &ended["failure"]["code"]),
            (&json!("cancelled"), &json!("cancelled")),
            "{ended:#}"
        );
        host.client().get("/api/v1/locks/res%2Fa").await.problem(404, "lock.not_found");
    }
    assert_eq!(killed, [true, false], "each had ended before its host");
}
