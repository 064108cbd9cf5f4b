//! Cancelling a task.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{cancel, fill};
use crate::host;

#[tokio::test]
async fn a_task_that_computes_and_heeds_nothing_is_cut_off_when_its_time_to_clean_up_is_over() {
    let host = host().await;
    let task = json!({ "agent": "hostile", "skill": "spin", "timeout_ms": 60_000 });
    let task = host.client().post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned();
    host.client().runs(&task).await;
    let asked = Instant::now();
    cancel(&host.client(), &task).await.of(200);
    let ended = host.client().ended(&task).await;
    assert_eq!((&ended["status"], &ended["failure"]["code"]), (&json!("cancelled"), &json!("cancelled")));
    assert!(asked.elapsed() < Duration::from_secs(9), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_task_that_sleeps_is_cancelled() {
    let host = host().await;
    let task = host.client().submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    host.client().runs(&task).await;
    cancel(&host.client(), &task).await.of(200);
    assert_eq!(host.client().ended(&task).await["status"], "cancelled");
}

#[tokio::test]
async fn a_task_that_waits_its_turn_is_cancelled_and_never_runs() {
    let host = host().await;
    let client = host.client();
    fill(&client).await;
    let waiting = client.submit("echo", "version", json!({})).await;
    let cancelled = cancel(&client, &waiting).await.of(200);
    assert_eq!((&cancelled["status"], &cancelled["attempt"]), (&json!("cancelled"), &json!(0)));
    assert_eq!(client.ended(&waiting).await["status"], "cancelled");
}

#[tokio::test]
async fn what_has_ended_cannot_be_cancelled() {
    let host = host().await;
    let task = host.client().run("echo", "version", json!({})).await.of(200);
    let id = task["id"].as_str().unwrap();
    cancel(&host.client(), id).await.problem(409, "task.ended");
    assert_eq!(host.client().ended(id).await, task);
}
