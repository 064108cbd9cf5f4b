//! `locks`: what one task holds keeps others out, until it gives it back, its lease or its task is over.

mod command;
mod crash;
mod fenced;
mod granted;
mod operated;
mod queue;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::{Client, Host, guests};

/// Longest until something that is due has happened, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host with the agent `locker`, which is granted what it asks for.
async fn host() -> Host {
    let host = crate::empty_host().await;
    deploy(&host.client(), &grants()).await;
    host
}

/// What `locker` asks for.
pub fn grants() -> Value {
    json!({
        "state": { "bytes": 1 << 20, "keys": 100, "instances": true },
        "locks": [{ "name": "res/*", "lease_ms": 600_000, "preempt": true }],
    })
}

/// Has `locker`, which is deployed for it, hold a lock for a minute.
pub async fn held_lock(client: &Client, name: &str) {
    deploy(client, &grants()).await;
    let task = hold(client, name, 60_000, json!({})).await;
    held_by(client, name, &task).await;
}

/// Publishes and deploys `locker` with these grants.
pub async fn deploy(client: &Client, grants: &Value) {
    client.publish(guests().locker.archive("1.0.0")).await.of(201);
    client.swap("locker", "1.0.0").await.of(200);
    client.put("/api/v1/deployments/locker/grants", &json!({ "grants": grants })).await.of(200);
}

/// What became of a call.
async fn ask(client: &Client, skill: &str, input: Value) -> Value {
    let task = client.submit("locker", skill, input).await;
    let mut ended = client.ended(&task).await;
    // Thousands of commits take their time on a busy machine.
    for _ in 0..3 {
        if ended["status"] == "running" {
            ended = client.ended(&task).await;
        }
    }
    assert_eq!(ended["status"], "completed", "{ended:#}");
    ended["output"].clone()
}

/// Begins to hold a lock, for so long, with further fields of the input.
pub async fn hold(client: &Client, name: &str, ms: u64, more: Value) -> String {
    let mut input = json!({ "name": name, "ms": ms });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.submit("locker", "hold", input).await
}

/// The path of a lock.
fn path(name: &str) -> String {
    format!("/api/v1/locks/{}", name.replace('/', "%2F"))
}

/// Waits until a lock is as `is` says.
async fn stands(client: &Client, name: &str, is: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = client.get(&path(name)).await;
        let lock = if answer.status == 200 { answer.of(200) } else { Value::Null };
        if is(&lock) {
            return lock;
        }
        assert!(Instant::now() < until, "{name} never stands so: {lock:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a task holds a lock.
pub async fn held_by(client: &Client, name: &str, task: &str) -> Value {
    stands(client, name, |lock| lock["task"] == task).await
}

/// Waits until so many wait for a lock.
async fn waited_for(client: &Client, name: &str, waiting: u64) -> Value {
    stands(client, name, |lock| lock["waiting"] == waiting).await
}

/// The output of a task that completed.
async fn output(client: &Client, task: &str) -> Value {
    let mut ended = client.ended(task).await;
    let until = Instant::now() + PATIENCE;
    while ended["ended_at"].is_null() && Instant::now() < until {
        ended = client.ended(task).await;
    }
    assert_eq!(ended["status"], "completed", "{ended:#}");
    ended["output"].clone()
}

/// Checks that a task's journal gives the same again.
async fn replays(client: &Client, task: &str) {
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null), "{replay:#}");
}
