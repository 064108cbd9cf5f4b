//! Tasks of which nothing is kept.

use serde_json::{Value, json};

use crate::host;

fn fleeting(agent: &str, skill: &str, input: Value) -> Value {
    json!({ "agent": agent, "skill": skill, "input": input, "durability": "none" })
}

#[tokio::test]
async fn a_task_of_no_durability_answers_and_leaves_nothing() {
    let host = host().await;
    let answer = host.client().post("/api/v1/tasks?wait=30", &fleeting("echo", "version", json!({}))).await;
    assert_eq!(answer.output(), json!({ "version": "1.0.0" }));
    assert!(answer.header("troupe-release").unwrap().starts_with("echo@1.0.0; digest=sha256:"));
    let path = format!("/api/v1/tasks/{}", answer.json()["id"].as_str().unwrap());
    host.client().get(&path).await.problem(404, "task.not_found");
    let all = host.client().get("/api/v1/tasks").await.of(200);
    assert_eq!(all["items"], json!([]));
}

#[tokio::test]
async fn no_durability_needs_a_wait_and_takes_no_key() {
    let host = host().await;
    let task = fleeting("echo", "version", json!({}));
    host.client().post("/api/v1/tasks", &task).await.problem(400, "request.invalid");
    let mut keyed = task.clone();
    keyed["idempotency_key"] = json!("k");
    host.client().post("/api/v1/tasks?wait=1", &keyed).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn no_durability_is_for_skills_that_only_read() {
    let host = host().await;
    let task = fleeting("counter", "increment", json!({ "key": "n" }));
    host.client().post("/api/v1/tasks?wait=1", &task).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn a_task_of_no_durability_ends_with_its_wait() {
    let host = host().await;
    let task = fleeting("echo", "sleep", json!({ "ms": 9_000 }));
    host.client().post("/api/v1/tasks?wait=1", &task).await.problem(504, "limit.deadline");
}
