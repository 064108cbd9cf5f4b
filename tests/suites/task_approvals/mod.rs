//! What a tenant's policy demands approval of waits for it, and runs as it was shown or not at all.

mod command;
mod decided;
mod seen;
mod swapped;
mod timed;
mod within;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::{Answer, Client};

use crate::rest::groups::{count, host_that_counts};

/// Longest until something that is due has happened, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says which tasks need approval; returns what is in force then.
pub async fn demand(client: &Client, rules: Value) -> Value {
    client.put("/api/v1/approval-policy", &json!({ "policy": { "rules": rules } })).await.of(200)
}

/// Somebody of the default tenant who may approve, see and ask, and what the audit calls them.
async fn somebody(owner: &Client) -> (Client, String) {
    let client = owner.with_key("default", &["approve", "read", "run"]).await;
    let who = client.get("/api/v1/whoami").await.of(200)["principal"].as_str().unwrap().to_owned();
    (client, who)
}

/// Asks `counter` to count under a key; returns the task and the approval that it waits for.
pub async fn asked(client: &Client, key: &str) -> (String, String) {
    let task = client.submit("counter", "increment", json!({ "key": key })).await;
    let approval = approval_of(client, &task).await;
    (task, approval)
}

/// The approval that a task waits for.
async fn approval_of(client: &Client, task: &str) -> String {
    let task = client.becomes(task, "awaiting_approval").await;
    task["approval"].as_str().expect("an approval").to_owned()
}

async fn get(client: &Client, approval: &str) -> Value {
    client.get(&format!("/api/v1/task-approvals/{approval}")).await.of(200)
}

async fn say(client: &Client, approval: &str, verb: &str, body: Value) -> Answer {
    client.post(&format!("/api/v1/task-approvals/{approval}/{verb}"), &body).await
}

/// Approves of what is shown now.
async fn approve(client: &Client, approval: &str) -> Answer {
    let revision = get(client, approval).await["revision"].clone();
    say(client, approval, "approve", json!({ "revision": revision })).await
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

/// The kinds of what the feed tells of an approval.
pub async fn told(client: &Client, approval: &str) -> Vec<String> {
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let of_it = feed["items"].as_array().unwrap().iter().filter(|e| e["subject"] == format!("approval/{approval}"));
    of_it.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// What the audit records of an approval: the step and who took it.
pub async fn recorded(client: &Client, approval: &str) -> Vec<(String, Value)> {
    let audit = client.get("/api/v1/audit?kind=task_approval&limit=500").await.of(200);
    let of_it = audit["items"].as_array().unwrap().iter().filter(|record| record["details"]["approval"] == approval);
    let step = |record: &Value| (record["details"]["step"].as_str().unwrap().to_owned(), record["principal"].clone());
    of_it.map(step).collect()
}
