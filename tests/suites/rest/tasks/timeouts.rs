//! How long a task may run.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::host;

/// What a busy machine may add to a deadline before the test calls it missed.
const SLACK: Duration = Duration::from_secs(3);

fn limited(skill: &str, input: Value, timeout_ms: u64) -> Value {
    let agent = if skill == "spin" { "hostile" } else { "echo" };
    json!({ "agent": agent, "skill": skill, "input": input, "timeout_ms": timeout_ms })
}

#[tokio::test]
async fn a_task_that_sleeps_past_its_time_is_cut_off() {
    let host = host().await;
    let started = Instant::now();
    let task = limited("sleep", json!({ "ms": 60_000 }), 300);
    let answer = host.client().post("/api/v1/tasks?wait=30", &task).await;
    let failure = answer.failure("limit.deadline");
    assert!((Duration::from_millis(300)..SLACK).contains(&started.elapsed()), "{:?}", started.elapsed());
    insta::assert_snapshot!(failure["message"].as_str().unwrap(), @"the agent did not end within its 300 ms; give the task a longer timeout");
}

#[tokio::test]
async fn a_task_that_computes_past_its_time_is_cut_off() {
    let host = host().await;
    let started = Instant::now();
    let answer = host.client().post("/api/v1/tasks?wait=30", &limited("spin", json!({}), 300)).await;
    answer.failure("limit.deadline");
    assert!((Duration::from_millis(300)..SLACK).contains(&started.elapsed()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_task_has_the_agents_own_time_unless_it_says_otherwise() {
    let host = host().await;
    let task = host.client().run("echo", "version", json!({})).await.of(200);
    assert_eq!(task["timeout_ms"], 10_000);
    let task = host.client().post("/api/v1/tasks?wait=30", &limited("version", json!({}), 5_000)).await.of(200);
    assert_eq!(task["timeout_ms"], 5_000);
}

#[tokio::test]
async fn no_time_and_endless_time_are_refused() {
    let host = host().await;
    for timeout_ms in [0, 3_600_001, u64::MAX] {
        let task = limited("version", json!({}), timeout_ms);
        host.client().post("/api/v1/tasks", &task).await.problem(400, "request.invalid");
    }
}
