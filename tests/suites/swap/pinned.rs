//! A call ends on the release it began on.

use std::time::{Duration, Instant};

use serde_json::json;
use troupe_tests::{Client, Host, guests};

use crate::host;
use crate::rest::tasks::{cancel, fill};

/// A host with a third release of `echo`.
async fn host_with_three() -> Host {
    let host = host().await;
    host.client().publish(guests().echo_2.archive("3.0.0")).await.of(201);
    host
}

/// Begins a call that takes a while, and returns its id once it runs.
async fn start_sleeping(client: &Client) -> String {
    let task = client.submit("echo", "sleep", json!({ "ms": 1_500 })).await;
    client.runs(&task).await;
    task
}

#[tokio::test]
async fn a_call_that_runs_during_a_swap_ends_on_the_old_release() {
    let host = host().await;
    let client = host.client();
    let running = start_sleeping(&client).await;
    client.swap("echo", "2.0.0").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "2.0.0" }));
    let ended = client.ended(&running).await;
    assert_eq!(ended["output"], json!({ "ms": 1_500, "version": "1.0.0" }));
    assert_eq!((&ended["release"]["version"], &ended["release"]["epoch"]), (&json!("1.0.0"), &json!(1)));
}

#[tokio::test]
async fn grants_change_at_once_while_a_swap_waits_for_what_drains() {
    let host = host_with_three().await;
    let client = host.client();
    // What is not kept is not suspended, and so keeps its route.
    let sleep = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 9_000 }, "durability": "none" });
    let sleeper = tokio::spawn({
        let client = client.clone();
        async move { client.post("/api/v1/tasks?wait=30", &sleep).await }
    });
    while !client.get("/metrics").await.text.contains("troupe_invocations_running 1") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.swap("echo", "2.0.0").await.of(200);
    let third = tokio::spawn({
        let client = client.clone();
        async move { client.swap("echo", "3.0.0").await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let granted = client.put("/api/v1/deployments/echo/grants", &json!({ "grants": {} })).await.of(200);
    assert_eq!(granted["epoch"], 3);
    assert!(!third.is_finished() && !sleeper.is_finished());
    assert_eq!(third.await.unwrap().of(200)["deployment"]["epoch"], 4);
    assert_eq!(sleeper.await.unwrap().output()["version"], "1.0.0");
}

#[tokio::test]
async fn a_third_release_waits_until_the_oldest_has_drained() {
    let host = host_with_three().await;
    let client = host.client();
    let running = start_sleeping(&client).await;
    client.swap("echo", "2.0.0").await.of(200);
    let swapped = client.swap("echo", "3.0.0").await.of(200);
    assert_eq!((&swapped["deployment"]["epoch"], &swapped["expired"]), (&json!(3), &json!(0)));
    // The swap has waited, so what ran on the first release has ended.
    let ended = client.get(&format!("/api/v1/tasks/{running}")).await.of(200);
    assert_eq!(ended["status"], "completed", "{ended:#}");
}

#[tokio::test]
async fn a_swap_that_is_refused_waits_for_nothing_and_ends_nothing() {
    let host = host().await;
    let client = host.client();
    let running = start_sleeping(&client).await;
    client.swap("echo", "2.0.0").await.of(200);
    let asked = Instant::now();
    let late = json!({ "version": "1.0.0", "epoch": 1 });
    client.post("/api/v1/deployments/echo/swap", &late).await.problem(409, "swap.conflict");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(client.ended(&running).await["status"], "completed");
}

#[tokio::test]
async fn a_call_that_waits_for_room_runs_on_the_release_that_serves_then() {
    let host = host().await;
    let client = host.client();
    let sleepers = fill(&client).await;
    let task = json!({ "agent": "echo", "skill": "version" });
    let waiting = {
        let (client, task) = (client.clone(), task.clone());
        tokio::spawn(async move { client.post("/api/v1/tasks?wait=30", &task).await })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    client.swap("echo", "2.0.0").await.of(200);
    cancel(&client, &sleepers[0]).await.of(200);
    assert_eq!(waiting.await.unwrap().output(), json!({ "version": "2.0.0" }));
}

#[tokio::test]
async fn going_back_to_a_release_that_drains_waits_for_nothing() {
    let host = host().await;
    let client = host.client();
    let running = start_sleeping(&client).await;
    client.swap("echo", "2.0.0").await.of(200);
    let asked = Instant::now();
    client.swap("echo", "1.0.0").await.of(200);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(client.ended(&running).await["release"]["epoch"], 1);
}

#[tokio::test]
async fn a_drain_has_a_deadline_after_which_what_still_runs_begins_anew_or_ends_with_a_code() {
    let host = host().await;
    let client = host.client();
    // What is kept and has written nothing begins anew on the release that serves.
    let task = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 8_000 }, "timeout_ms": 600_000 });
    let kept = client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned();
    client.runs(&kept).await;
    let fleeting = json!({
        "agent": "echo", "skill": "sleep", "input": { "ms": 60_000 }, "timeout_ms": 600_000, "durability": "none",
    });
    let awaited = tokio::spawn({
        let client = client.clone();
        async move { client.post("/api/v1/tasks?wait=60", &fleeting).await }
    });
    while !client.get("/metrics").await.text.contains("troupe_invocations_running 2") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let policy = json!({ "version": "2.0.0", "policy": { "drain": { "mode": "wait", "seconds": 2 } } });
    let asked = Instant::now();
    let swapped = client.post("/api/v1/deployments/echo/swap", &policy).await.of(200);
    assert_eq!(swapped["expired"], 0);
    let failure = awaited.await.unwrap().failure("swap.drained");
    assert_eq!(failure["retryable"], true);
    let waited = Duration::from_secs(2)..Duration::from_secs(4);
    assert!(waited.contains(&asked.elapsed()), "{:?}", asked.elapsed());
    let ended = client.ended(&kept).await;
    assert_eq!(ended["output"], json!({ "ms": 8_000, "version": "2.0.0" }), "{ended:#}");
    assert_eq!((&ended["attempt"], &ended["release"]["epoch"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn a_further_swap_may_end_what_drains_to_make_room() {
    let host = host_with_three().await;
    let client = host.client();
    let task = json!({
        "agent": "echo", "skill": "sleep", "input": { "ms": 60_000 }, "timeout_ms": 600_000, "durability": "none",
    });
    let hung = tokio::spawn({
        let client = client.clone();
        async move { client.post("/api/v1/tasks?wait=60", &task).await }
    });
    while !client.get("/metrics").await.text.contains("troupe_invocations_running 1") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.swap("echo", "2.0.0").await.of(200);
    let policy = json!({ "version": "3.0.0", "policy": { "drain": { "mode": "expire" } } });
    let swapped = client.post("/api/v1/deployments/echo/swap", &policy).await.of(200);
    assert_eq!(swapped["expired"], 1);
    hung.await.unwrap().failure("swap.drained");
}
