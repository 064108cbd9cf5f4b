//! A disk that refuses writes for a while.

use std::time::Duration;

use serde_json::json;
use troupe_tests::{Client, Host};

use crate::PROGRAM;

/// Begins a call that sleeps, and returns its id once it runs.
async fn sleeping(client: &Client, ms: u64) -> String {
    let task = client.submit("echo", "sleep", json!({ "ms": ms })).await;
    client.runs(&task).await;
    task
}

#[tokio::test]
async fn i119_a_task_whose_end_the_disk_refuses_ends_when_it_takes_writes_again() {
    let host = Host::with_agents_on_a_bad_disk(PROGRAM).await;
    let client = host.client();
    let task = sleeping(&client, 500).await;
    host.refuse_writes(true);
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "running");
    let refused = client.post("/api/v1/tasks", &json!({ "agent": "echo", "skill": "version" })).await;
    refused.problem(503, "unavailable.storage");
    // Whoever waits hears of the end that is kept late.
    let waiting = tokio::spawn(async move { client.ended(&task).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    host.refuse_writes(false);
    let ended = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("no long wait").unwrap();
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn i119_an_awaited_call_whose_wait_ends_on_a_bad_disk_is_refused_and_nothing_runs_on_for_ever() {
    let host = Host::with_agents_on_a_bad_disk(PROGRAM).await;
    let client = host.client();
    let awaited = {
        let client = client.clone();
        let task = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 1_500 } });
        tokio::spawn(async move { client.post("/api/v1/tasks?wait=1", &task).await })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    host.refuse_writes(true);
    // Its id is handed out only once it is on disk, and that cannot be.
    awaited.await.unwrap().problem(503, "unavailable.storage");
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    host.refuse_writes(false);
    // It ran to its end all the same, and is on record like any other.
    let kept = async {
        loop {
            let tasks = client.get("/api/v1/tasks").await.of(200)["items"].clone();
            if let Some(task) = tasks.get(0) {
                return task.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let kept = tokio::time::timeout(Duration::from_secs(5), kept).await.expect("a record");
    assert_eq!(kept["status"], "completed", "{kept:#}");
}
