//! Priorities of tasks, where more wait than there are places.

use futures::StreamExt as _;
use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::Client;

use super::cancel;
use crate::host;

/// Has `echo` sleep for longer than the test takes, under a priority; returns the id of the task.
async fn sleeper(client: &Client, priority: i32) -> String {
    let task = json!({
        "agent": "echo", "skill": "sleep", "input": { "ms": 110_000 }, "timeout_ms": 120_000, "priority": priority,
    });
    client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned()
}

async fn status(client: &Client, task: &str) -> Value {
    client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"].clone()
}

#[tokio::test]
async fn a_higher_priority_that_comes_later_runs_first_and_of_equals_whoever_came_first() {
    let host = host().await;
    let client = host.client();
    let places = futures::stream::iter(0..limits::INVOCATIONS_PER_AGENT_MAX).map(|_| sleeper(&client, 0));
    let running: Vec<String> = places.buffer_unordered(32).collect().await;
    for task in &running {
        client.runs(task).await;
    }
    let mut waiting = Vec::new();
    for (priority, place) in [(-5, 3), (0, 1), (0, 2), (7, 0)] {
        waiting.push((place, sleeper(&client, priority).await));
    }
    waiting.sort();
    // One place becomes free at a time, and whoever gets it keeps it.
    for (freed, (place, next)) in running.iter().zip(&waiting) {
        cancel(&client, freed).await.of(200);
        client.runs(next).await;
        for (_, later) in waiting.iter().filter(|(of, _)| of > place) {
            assert_eq!(status(&client, later).await, "pending", "{place}: {waiting:?}");
        }
    }
}
