//! What an agent asks people about is done after a yes, exactly as it was shown, and not otherwise.

mod command;
mod crash;
mod decided;
mod ends;
mod granted;
mod links;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::{Answer, Client, Host, guests};

/// Longest until something that is due has happened, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `janitor` asks for.
fn grants(open: u32) -> Value {
    json!({ "state": { "bytes": 1 << 20, "keys": 1000 }, "approvals": { "open": open } })
}

/// A host on which `janitor` keeps `a`, `b` and `c`.
async fn host() -> Host {
    let host = crate::empty_host().await;
    let client = host.client();
    client.publish(guests().janitor.archive("1.0.0")).await.of(201);
    client.swap("janitor", "1.0.0").await.of(200);
    grant(&client, &grants(20)).await;
    client.run("janitor", "keep", json!({ "things": ["a", "b", "c"] })).await.output();
    host
}

async fn grant(client: &Client, grants: &Value) {
    client.put("/api/v1/deployments/janitor/grants", &json!({ "grants": grants })).await.of(200);
}

/// Somebody who may approve, see and ask, and what the audit calls them.
async fn somebody(owner: &Client) -> (Client, String) {
    let client = owner.with_key("default", &["approve", "read", "run"]).await;
    let who = client.get("/api/v1/whoami").await.of(200)["principal"].as_str().unwrap().to_owned();
    (client, who)
}

/// Has `janitor` ask whether it may remove things; returns the task.
async fn purge(client: &Client, things: &[&str]) -> String {
    client.submit("janitor", "purge", json!({ "things": things })).await
}

/// The approval that the agent of a task has asked for last, once it has.
async fn approval_of(client: &Client, task: &str) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let listed = client.get(&format!("/api/v1/task-approvals?kind=action&task={task}")).await.of(200);
        if let Some(id) = listed["items"][0]["id"].as_str() {
            return id.to_owned();
        }
        assert!(Instant::now() < until, "nobody is asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn get(client: &Client, approval: &str) -> Value {
    client.get(&format!("/api/v1/task-approvals/{approval}")).await.of(200)
}

/// Says something to what is shown now.
async fn say(client: &Client, approval: &str, verb: &str, reason: &str) -> Answer {
    let revision = get(client, approval).await["revision"].clone();
    let said = json!({ "revision": revision, "reason": reason });
    client.post(&format!("/api/v1/task-approvals/{approval}/{verb}"), &said).await
}

/// Waits until an approval has a status.
async fn becomes(client: &Client, approval: &str, status: &str) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = get(client, approval).await;
        if found["status"] == status {
            return found;
        }
        assert!(Instant::now() < until, "never {status}: {found:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The output of a task that completes.
async fn output(client: &Client, task: &str) -> Value {
    let ended = client.ended(task).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    ended["output"].clone()
}

/// What is kept.
async fn kept(client: &Client) -> Value {
    client.run("janitor", "kept", json!({})).await.output()
}

/// Checks that a task's journal gives the same again, and that nobody is asked by that.
async fn replays(client: &Client, task: &str) {
    let all = async || client.get("/api/v1/task-approvals?limit=500").await.of(200);
    let before = all().await;
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null), "{replay:#}");
    assert_eq!(before, all().await);
}
