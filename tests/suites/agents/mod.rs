//! `agents`: what one agent asks of another is a task of its own, once, and for whoever asked first.

mod asked;
mod cancelled;
mod crash;
mod dependents;
mod ends;
mod granted;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::{Client, Host, guests};

/// Longest until something that is due has happened, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host with the agent `asker`, which is granted what it asks for.
async fn host() -> Host {
    let host = crate::empty_host().await;
    deploy(&host.client(), &grants()).await;
    host
}

/// What `asker` asks for.
pub fn grants() -> Value {
    json!({
        "state": { "bytes": 1 << 20, "keys": 100 },
        "locks": [{ "name": "res/*", "lease_ms": 600_000 }],
        "agents": [{ "ask": "*/*" }],
    })
}

/// Publishes and deploys `asker` with these grants.
pub async fn deploy(client: &Client, grants: &Value) {
    client.publish(guests().asker.archive("1.0.0")).await.of(201);
    client.swap("asker", "1.0.0").await.of(200);
    client.put("/api/v1/deployments/asker/grants", &json!({ "grants": grants })).await.of(200);
}

/// A skill of `asker` that is asked for, with further fields.
fn wanted(skill: &str, input: Value, more: Value) -> Value {
    let mut wanted = json!({ "agent": "asker", "skill": skill, "input": input });
    wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    wanted
}

/// What came of asking for one skill and waiting for it.
async fn told(client: &Client, wanted: Value) -> Value {
    let input = json!({ "ask": [wanted], "then": "wait" });
    client.run("asker", "ask", input).await.output()["told"][0].clone()
}

/// The output of a task that completed.
async fn output(client: &Client, task: &str) -> Value {
    let ended = ends(client, task).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    ended["output"].clone()
}

/// A task once it has ended.
async fn ends(client: &Client, task: &str) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let task = client.ended(task).await;
        if !task["ended_at"].is_null() {
            return task;
        }
        assert!(Instant::now() < until, "it never ends: {task:#}");
    }
}

/// The tasks that the agent of a task asked for, once there are so many; the oldest first.
async fn children(client: &Client, task: &str, count: usize) -> Vec<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let listed = client.get(&format!("/api/v1/tasks?caused_by={task}")).await.of(200);
        let mut children = listed["items"].as_array().unwrap().clone();
        children.reverse();
        if children.len() == count {
            return children;
        }
        assert!(Instant::now() < until, "there are never {count}: {children:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn id(task: &Value) -> &str {
    task["id"].as_str().unwrap()
}

/// Checks that a task's journal gives the same again, and that nothing is asked for by that.
async fn replays(client: &Client, task: &str) {
    let before = client.get("/api/v1/tasks?limit=500").await.of(200)["items"].as_array().unwrap().len();
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null), "{replay:#}");
    let after = client.get("/api/v1/tasks?limit=500").await.of(200)["items"].as_array().unwrap().len();
    assert_eq!(before, after);
}
