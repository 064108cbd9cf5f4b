//! Asking for what a task asked for once more.

use serde_json::{Value, json};

use super::cancel;
use crate::host;

async fn retry(client: &troupe_tests::Client, task: &str, body: Value) -> troupe_tests::Answer {
    client.post(&format!("/api/v1/tasks/{task}/retry?wait=30"), &body).await
}

#[tokio::test]
async fn what_failed_is_asked_for_once_more_on_the_release_that_serves_now() {
    let host = host().await;
    let client = host.client();
    let task = json!({
        "agent": "echo", "skill": "sleep", "input": { "ms": 5_000 }, "timeout_ms": 200, "priority": 3,
    });
    let failed = client.post("/api/v1/tasks?wait=30", &task).await.of(200);
    let id = failed["id"].as_str().unwrap();
    assert_eq!(failed["failure"]["code"], "limit.deadline");
    client.swap("echo", "2.0.0").await.of(200);
    let again = retry(&client, id, Value::Null).await.of(200);
    assert_eq!((&again["retry_of"], &again["input"], &again["priority"]), (&json!(id), &failed["input"], &json!(3)));
    assert_eq!((&again["timeout_ms"], &again["release"]["version"]), (&json!(200), &json!("2.0.0")), "{again:#}");
    assert_ne!(again["id"], failed["id"]);
    assert_eq!(client.ended(id).await, failed, "what has ended stays as it is");
    let key = json!({ "idempotency_key": "again" });
    let keyed = retry(&client, id, key.clone()).await.of(200);
    assert_eq!(retry(&client, id, key.clone()).await.of(200)["id"], keyed["id"]);
    let other = again["id"].as_str().unwrap();
    retry(&client, other, key).await.problem(409, "conflict.idempotency");
}

#[tokio::test]
async fn what_was_cancelled_is_retried_and_what_goes_on_completed_or_was_forgotten_is_not() {
    let host = host().await;
    let client = host.client();
    let task = client.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    client.runs(&task).await;
    retry(&client, &task, json!({})).await.problem(409, "task.not_ended");
    cancel(&client, &task).await.of(200);
    client.ended(&task).await;
    let again = client.post(&format!("/api/v1/tasks/{task}/retry"), &json!({})).await.of(202);
    assert_eq!((&again["status"], &again["retry_of"]), (&json!("pending"), &json!(task)));
    client.post(&format!("/api/v1/tasks/{task}/journal/redact"), &json!({ "documents": true })).await.of(200);
    let refused = retry(&client, &task, json!({})).await.problem(409, "task.not_retryable");
    assert!(refused["detail"].as_str().unwrap().contains("redacted"), "{refused:#}");
    let completed = client.run("echo", "version", json!({})).await.of(200);
    retry(&client, completed["id"].as_str().unwrap(), json!({})).await.problem(409, "task.not_retryable");
    retry(&client, "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b", json!({})).await.problem(404, "task.not_found");
    let reader = client.with_key("default", &["read"]).await;
    retry(&reader, &task, json!({})).await.problem(403, "auth.scope");
}
