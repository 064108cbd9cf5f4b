//! What a release may not do beside the one that serves before somebody says so.

mod command;
mod crash;
mod decided;
mod grants;
mod order;
mod text;

use std::time::Duration;

use serde_json::{Value, json};
use troupe_tests::{Client, Guest, guests};

/// What a skill of `echo` says of itself, and what its releases here say instead.
const OLD: &str = "Says which version of the agent answers.";
const NEW: &str = "Says which version of the agent replies.";

/// `echo` with another description of one skill, and nothing else.
fn reworded() -> Guest {
    guests().echo.saying(OLD, NEW)
}

/// What the agent `echo` says of its skill `version` now.
async fn served_text(client: &Client) -> String {
    let agent = client.get("/api/v1/agents/echo").await.of(200);
    let skill = agent["skill_details"].as_array().unwrap().iter().find(|skill| skill["name"] == "version");
    skill.unwrap()["description"].as_str().unwrap().to_owned()
}

/// How a release differs from what serves.
async fn diff(client: &Client, agent: &str, version: &str) -> Value {
    client.get(&format!("/api/v1/agents/{agent}/releases/{version}/diff")).await.of(200)
}

async fn reject(client: &Client, agent: &str, version: &str, reason: &str) -> Value {
    let path = format!("/api/v1/agents/{agent}/releases/{version}/reject");
    client.post(&path, &json!({ "reason": reason })).await.of(200)
}

/// The versions of which something waits for approval.
async fn waiting(client: &Client) -> Vec<String> {
    let page = client.get("/api/v1/approvals?status=pending").await.of(200);
    page["items"].as_array().unwrap().iter().map(|item| item["version"].as_str().unwrap().to_owned()).collect()
}

/// Begins a swap of `echo` that watches for a second, which goes by steps.
async fn begin(client: &Client, agent: &str, version: &str) -> String {
    let request = json!({ "version": version, "policy": { "watch": { "seconds": 1 } } });
    let swap = client.post(&format!("/api/v1/deployments/{agent}/swap"), &request).await.of(202);
    swap["id"].as_str().unwrap().to_owned()
}

async fn swap_of(client: &Client, agent: &str, id: &str) -> Value {
    client.get(&format!("/api/v1/deployments/{agent}/swaps/{id}")).await.of(200)
}

/// Waits until a swap is in a phase, or decided.
async fn reaches(client: &Client, agent: &str, id: &str, phase: &str) -> Value {
    for _ in 0..2_000 {
        let swap = swap_of(client, agent, id).await;
        if swap["state"]["phase"] == phase || swap["state"]["outcome"] != Value::Null {
            return swap;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the swap is never {phase}: {:#}", swap_of(client, agent, id).await);
}

/// The kinds of the events of a release that the feed tells, and the kinds of records of it in
/// the audit.
async fn told(client: &Client, release: &str) -> (Vec<String>, Vec<String>) {
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let of_release = feed["items"].as_array().unwrap().iter().filter(|e| e["subject"] == format!("release/{release}"));
    let events = of_release.map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let (agent, version) = release.split_once('@').unwrap();
    let audit = client.get(&format!("/api/v1/audit?limit=500&agent={agent}")).await.of(200);
    let of_version = audit["items"].as_array().unwrap().iter().filter(|record| record["version"] == version);
    (events, of_version.map(|record| record["kind"].as_str().unwrap().to_owned()).collect())
}
