//! A task that failed is tried again, where its request and its failure say so.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::guests;

use super::cancel;
use super::sleeper::{host_that_counts, shows, submit, told};
use crate::host;

/// Tries of `sleeper`, of which the first fail.
fn trying(key: &str, failures: u32, retry: Value) -> Value {
    json!({ "agent": "sleeper", "skill": "persist", "input": { "key": key, "failures": failures }, "retry": retry })
}

/// A failure of the agent `echo`.
fn failing(kind: &str, tries: u32) -> Value {
    json!({ "agent": "echo", "skill": "fail", "input": { "kind": kind }, "retry": { "tries": tries, "pause_ms": 100 } })
}

#[tokio::test]
async fn a_task_is_tried_again_until_it_succeeds_whether_it_is_awaited_or_not() {
    let host = host_that_counts().await;
    let client = host.client();
    let asked = Instant::now();
    let awaited = client.post("/api/v1/tasks?wait=60", &trying("a", 2, json!({ "tries": 5, "pause_ms": 400 }))).await;
    assert_eq!(awaited.output(), json!({ "count": 3, "attempt": 3 }));
    // At least half of each pause, of which the second is twice as long.
    assert!(asked.elapsed() >= Duration::from_millis(200 + 400), "{:?}", asked.elapsed());
    let awaited = awaited.of(200);
    assert_eq!((&awaited["attempt"], &awaited["retries"], &awaited["wake_at"]), (&json!(3), &json!(2), &Value::Null));

    let accepted = submit(&client, &trying("b", 2, json!({ "tries": 3, "pause_ms": 1 }))).await;
    let ended = client.ended(&accepted).await;
    assert_eq!((&ended["status"], &ended["output"]["count"]), (&json!("completed"), &json!(3)), "{ended:#}");
    // It waits for its time, and then for its turn.
    let again = ["task.running", "task.pending", "task.pending"];
    let kinds = told(&client, &accepted).await;
    assert_eq!(kinds, [&["task.created"], &again[..], &again[..], &["task.running", "task.completed"]].concat());
    let replay = client.post(&format!("/api/v1/tasks/{accepted}/replay"), &Value::Null).await.of(200);
    assert_eq!(replay["identical"], true, "{replay:#}");
    // Each try has a journal of its own.
    let journal = async |attempt: u32| client.get(&format!("/api/v1/tasks/{accepted}/journal?attempt={attempt}")).await;
    for attempt in 1..=3 {
        let of_try = journal(attempt).await.of(200);
        assert_eq!(of_try["attempt"], attempt);
        assert_eq!(of_try["calls"][1]["call"], "state.compare-and-set b", "{of_try:#}");
    }
    for attempt in [0, 4] {
        journal(attempt).await.problem(400, "request.invalid");
    }
    let metrics = client.get("/metrics").await.text;
    assert!(metrics.contains("troupe_task_retries_total{agent=\"sleeper\"} 4\n"), "{metrics}");
}

#[tokio::test]
async fn a_task_that_goes_on_failing_ends_with_its_last_failure_and_no_sooner_than_it_asks() {
    let host = host().await;
    let client = host.client();
    let asked = Instant::now();
    let ended = client.post("/api/v1/tasks?wait=60", &failing("unavailable", 3)).await;
    ended.failure("guest.unavailable");
    // It asks for a second and a half before it is tried again.
    assert!(asked.elapsed() >= Duration::from_millis(2 * 1_500), "{:?}", asked.elapsed());
    let ended = ended.of(200);
    assert_eq!((&ended["status"], &ended["attempt"], &ended["retries"]), (&json!("failed"), &json!(3), &json!(2)));
    assert_eq!(ended["retry"], json!({ "tries": 3, "pause_ms": 100 }));
}

#[tokio::test]
async fn what_would_fail_again_is_not_tried_again() {
    let host = host().await;
    for (kind, code) in [
        ("failed", "guest.failed"),
        ("denied", "denied.capability"),
        ("invalid-input", "input.invalid"),
        ("bad-output", "output.invalid"),
    ] {
        let ended = host.client().post("/api/v1/tasks?wait=60", &failing(kind, 3)).await;
        ended.failure(code);
        assert_eq!(ended.of(200)["attempt"], 1, "{kind}");
    }
}

#[tokio::test]
async fn a_task_that_waits_for_its_next_try_says_so_and_outlives_the_host() {
    let mut host = host_that_counts().await;
    let client = host.client();
    let task = submit(&client, &trying("n", 1, json!({ "tries": 2, "pause_ms": 30_000 }))).await;
    shows(&client, "troupe_tasks_put_off", 1).await;
    let waits = client.get(&format!("/api/v1/tasks/{task}")).await.of(200);
    assert_eq!((&waits["status"], &waits["retries"]), (&json!("pending"), &json!(1)), "{waits:#}");
    assert_eq!(waits["failure"]["message"], "try 1 fails", "{waits:#}");
    assert!(waits["wake_at"].is_string() && waits["ended_at"].is_null() && waits["release"].is_null(), "{waits:#}");
    // It holds nothing, so a swap does not wait for it, and its next try is the new release's.
    client.publish(guests().sleeper.marked(2).archive("2.0.0")).await.of(201);
    assert_eq!(client.swap("sleeper", "2.0.0").await.of(200)["expired"], 0);
    host.kill().await;
    host.start().await;
    let ended = host.client().becomes(&task, "completed").await;
    assert_eq!(ended["output"]["count"], 2, "{ended:#}");
    assert_eq!((&ended["release"]["version"], &ended["failure"]), (&json!("2.0.0"), &Value::Null));
}

#[tokio::test]
async fn a_task_that_waits_for_its_next_try_is_cancelled_at_once() {
    let host = host_that_counts().await;
    let client = host.client();
    let task = submit(&client, &trying("n", 1, json!({ "tries": 2, "pause_ms": 60_000 }))).await;
    shows(&client, "troupe_tasks_put_off", 1).await;
    let cancelled = cancel(&client, &task).await.of(200);
    assert_eq!((&cancelled["status"], &cancelled["failure"]["code"]), (&json!("cancelled"), &json!("cancelled")));
    shows(&client, "troupe_tasks_put_off", 0).await;
}

#[tokio::test]
async fn a_task_that_is_cancelled_during_a_try_is_not_tried_again() {
    let host = host_that_counts().await;
    let client = host.client();
    let mut task = trying("n", 5, json!({ "tries": 5, "pause_ms": 1 }));
    task["input"]["ms"] = 30_000.into();
    let task = submit(&client, &task).await;
    client.runs(&task).await;
    cancel(&client, &task).await.of(200);
    let ended = client.ended(&task).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("cancelled"), &json!(1)), "{ended:#}");
}

#[tokio::test]
async fn what_did_not_end_in_time_may_have_done_anything_and_is_not_tried_again() {
    let host = host().await;
    let task = json!({
        "agent": "echo", "skill": "sleep", "input": { "ms": 9_000 }, "timeout_ms": 300,
        "retry": { "tries": 2, "pause_ms": 1 },
    });
    let ended = host.client().post("/api/v1/tasks?wait=60", &task).await;
    ended.failure("limit.deadline");
    assert_eq!(ended.of(200)["attempt"], 1);
}

#[tokio::test]
async fn tries_and_pauses_have_bounds_and_need_something_that_is_kept() {
    let host = host().await;
    let client = host.client();
    let most = u64::try_from(limits::TASK_RETRY_PAUSE_MAX.as_millis()).unwrap();
    let refused = async |retry: Value| {
        let task = json!({ "agent": "echo", "skill": "version", "retry": retry });
        let problem = client.post("/api/v1/tasks?wait=5", &task).await.problem(400, "request.invalid");
        problem["detail"].as_str().unwrap().to_owned()
    };
    for tries in [0, 1, 21, u32::MAX] {
        assert_eq!(refused(json!({ "tries": tries })).await, "`retry.tries` is 2 to 20");
    }
    for pause in [0, most + 1, u64::MAX] {
        let said = refused(json!({ "tries": 2, "pause_ms": pause })).await;
        assert_eq!(said, "`retry.pause_ms` is 1 to 86400000");
    }
    for pause in [0, 49, most + 1] {
        let said = refused(json!({ "tries": 2, "pause_ms": 50, "pause_max_ms": pause })).await;
        assert_eq!(said, "`retry.pause_max_ms` is 50 to 86400000");
    }
    let fleeting = json!({ "agent": "echo", "skill": "version", "durability": "none", "retry": { "tries": 2 } });
    client.post("/api/v1/tasks?wait=5", &fleeting).await.problem(400, "request.invalid");
}
