//! A task that is put off begins when its time has come, and not before.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::guests;

use super::cancel;
use super::sleeper::{host_that_counts, shows, submit, told};
use crate::host;

/// A request for the version of `echo` after a while.
fn later(ms: u64) -> Value {
    json!({ "agent": "echo", "skill": "version", "delay_ms": ms })
}

#[tokio::test]
async fn a_task_begins_when_its_time_has_come() {
    let host = host().await;
    let client = host.client();
    let asked = Instant::now();
    let task = submit(&client, &later(3_000)).await;
    let waits = client.get(&format!("/api/v1/tasks/{task}")).await.of(200);
    assert_eq!((&waits["status"], &waits["attempt"]), (&json!("pending"), &json!(0)), "{waits:#}");
    assert!(waits["wake_at"].is_string() && waits["started_at"].is_null(), "{waits:#}");
    shows(&client, "troupe_tasks_put_off", 1).await;
    // What is asked for later overtakes it.
    client.run("echo", "version", json!({})).await.output();
    assert!(asked.elapsed() < Duration::from_secs(3), "the machine is too slow to tell: {:?}", asked.elapsed());
    let ended = client.ended(&task).await;
    assert!(asked.elapsed() >= Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!((&ended["status"], &ended["wake_at"]), (&json!("completed"), &Value::Null), "{ended:#}");
    assert_eq!(told(&client, &task).await, ["task.created", "task.pending", "task.running", "task.completed"]);
    shows(&client, "troupe_tasks_put_off", 0).await;

    // Who waits is answered with its end, or with how it stands.
    let awaited = client.post("/api/v1/tasks?wait=30", &later(1_000)).await;
    assert_eq!(awaited.output(), json!({ "version": "1.0.0" }));
    let stands = client.post("/api/v1/tasks?wait=1", &later(60_000)).await.of(202);
    assert_eq!(stands["status"], "pending");
    assert_eq!(client.post("/api/v1/tasks?wait=1", &later(0)).await.output(), json!({ "version": "1.0.0" }));
}

#[tokio::test]
async fn a_task_that_is_put_off_outlives_the_host_and_begins_on_the_release_that_serves_then() {
    let mut host = host_that_counts().await;
    let client = host.client();
    client.publish(guests().sleeper.marked(2).archive("2.0.0")).await.of(201);
    let task = json!({
        "agent": "sleeper", "skill": "persist", "input": { "key": "n", "failures": 0 }, "delay_ms": 6_000,
        "idempotency_key": "once",
    });
    let id = submit(&client, &task).await;
    // The same request finds it.
    assert_eq!(client.post("/api/v1/tasks", &task).await.json()["id"], id);
    client.swap("sleeper", "2.0.0").await.of(200);
    host.kill().await;
    // Its time comes while no host is there.
    tokio::time::sleep(Duration::from_secs(6)).await;
    host.start().await;
    let ended = host.client().ended(&id).await;
    assert_eq!((&ended["status"], &ended["output"]["count"]), (&json!("completed"), &json!(1)), "{ended:#}");
    assert_eq!(ended["release"]["version"], "2.0.0");
    assert_eq!(host.client().post("/api/v1/tasks", &task).await.json()["id"], id);
}

#[tokio::test]
async fn a_task_that_is_put_off_is_cancelled_at_once_and_never_runs() {
    let host = host().await;
    let client = host.client();
    let task = submit(&client, &later(60_000)).await;
    let cancelled = cancel(&client, &task).await.of(200);
    assert_eq!((&cancelled["status"], &cancelled["attempt"]), (&json!("cancelled"), &json!(0)));
    assert!(cancelled["wake_at"].is_null(), "{cancelled:#}");
    shows(&client, "troupe_tasks_put_off", 0).await;
}

#[tokio::test]
async fn a_task_is_put_off_by_at_most_a_year_and_only_if_it_is_kept() {
    let host = host().await;
    let client = host.client();
    let most = u64::try_from(limits::TASK_DELAY_MAX.as_millis()).unwrap();
    for delay in [most + 1, u64::MAX] {
        let problem = client.post("/api/v1/tasks", &later(delay)).await.problem(400, "request.invalid");
        assert_eq!(problem["detail"], "`delay_ms` is at most 31622400000");
    }
    let task = client.post("/api/v1/tasks", &later(most)).await.of(202);
    cancel(&client, task["id"].as_str().unwrap()).await.of(200);
    let mut fleeting = later(1_000);
    fleeting["durability"] = json!("none");
    client.post("/api/v1/tasks?wait=5", &fleeting).await.problem(400, "request.invalid");
}
