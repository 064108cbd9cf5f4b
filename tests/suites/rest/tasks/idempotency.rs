//! The same key with the same request gives the same task.

use serde_json::{Value, json};
use troupe_tests::oracle::Oracle;
use troupe_tests::{Guest, guests};

use crate::host;

fn keyed(key: &str, text: &str) -> Value {
    json!({ "agent": "echo", "skill": "echo", "input": { "text": text }, "idempotency_key": key })
}

#[tokio::test]
async fn the_same_request_again_is_the_same_task() {
    let host = host().await;
    let first = host.client().post("/api/v1/tasks?wait=30", &keyed("k", "a")).await.of(200);
    let again = host.client().post("/api/v1/tasks?wait=30", &keyed("k", "a")).await.of(200);
    assert_eq!(again, first);
    let other = host.client().post("/api/v1/tasks?wait=30", &keyed("other", "a")).await.of(200);
    assert_ne!(other["id"], first["id"]);
}

#[tokio::test]
async fn f75_another_request_under_the_same_key_is_refused() {
    let host = host().await;
    let oracle = Oracle::watch(&host).await;
    let client = oracle.client();
    client.post("/api/v1/tasks?wait=30", &keyed("k", "a")).await.of(200);
    client.post("/api/v1/tasks?wait=30", &keyed("k", "b")).await.problem(409, "conflict.idempotency");
    assert_eq!(client.get("/api/v1/tasks?agent=echo").await.of(200)["items"].as_array().unwrap().len(), 1);
    oracle.holds().await;
}

#[tokio::test]
async fn the_same_request_again_is_told_that_its_task_was_redacted() {
    let host = host().await;
    let first = host.client().post("/api/v1/tasks?wait=30", &keyed("k", "a")).await.of(200);
    let redact = format!("/api/v1/tasks/{}/journal/redact", first["id"].as_str().unwrap());
    host.client().post(&redact, &json!({ "documents": true })).await.of(200);
    let again = host.client().post("/api/v1/tasks?wait=30", &keyed("k", "a")).await;
    let problem = again.problem(409, "conflict.idempotency");
    assert_eq!(problem["details"]["task"], first["id"]);
    insta::assert_snapshot!(problem["detail"].as_str().unwrap(), @"the task that this idempotency key came with was redacted, so nobody can tell whether this is the same request; look at the task, and use a new key if you want another");
}

#[tokio::test]
async fn many_requests_at_once_under_one_key_are_one_task() {
    let host = host().await;
    let client = host.client();
    let request = keyed("k", "a");
    let answers = futures::future::join_all((0..16).map(|_| client.post("/api/v1/tasks?wait=30", &request))).await;
    let first = answers[0].of(200)["id"].clone();
    assert!(answers.iter().all(|answer| answer.of(200)["id"] == first), "{answers:#?}");
    assert_eq!(client.get("/api/v1/tasks").await.of(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_outlives_the_host() {
    let mut host = host().await;
    let first = host.client().post("/api/v1/tasks?wait=30", &keyed("k", "a")).await.of(200);
    host.kill().await;
    host.start().await;
    assert_eq!(host.client().post("/api/v1/tasks?wait=30", &keyed("k", "a")).await.of(200), first);
}

#[tokio::test]
async fn a_key_is_neither_empty_nor_endless() {
    let host = host().await;
    for key in [String::new(), "x".repeat(256)] {
        host.client().post("/api/v1/tasks", &keyed(&key, "a")).await.problem(400, "request.invalid");
    }
}

#[tokio::test]
async fn a_key_finds_its_task_also_when_the_agent_has_changed() {
    let host = host().await;
    let client = host.client();
    let first = client.post("/api/v1/tasks?wait=30", &keyed("k", "a")).await.of(200);
    // A release of the same name with other skills.
    let other = Guest { manifest: guests().echo.manifest.clone(), ..guests().counter.clone() };
    client.publish(other.archive("3.0.0")).await.of(201);
    client.approve_with("echo", "3.0.0", json!({ "breaking": true })).await.of(200);
    client.swap("echo", "3.0.0").await.of(200);
    client.post("/api/v1/tasks", &keyed("new", "a")).await.problem(404, "skill.not_found");
    assert_eq!(client.post("/api/v1/tasks?wait=30", &keyed("k", "a")).await.of(200), first);
    client.post("/api/v1/tasks?wait=30", &keyed("k", "b")).await.problem(409, "conflict.idempotency");
}
