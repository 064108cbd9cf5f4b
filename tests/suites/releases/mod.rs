//! The life of a release after its publish: channels, what is said of it, its end, and what is
//! collected.

mod cases;
mod channels;
mod collect;
mod command;
mod delete;
mod search;
mod standing;

use serde_json::{Value, json};
use troupe_tests::{Answer, Client};

/// Moves a channel of `echo`.
async fn set(client: &Client, channel: &str, version: &str, downgrade: bool) -> Answer {
    let request = json!({ "version": version, "downgrade": downgrade });
    client.put(&format!("/api/v1/agents/echo/channels/{channel}"), &request).await
}

/// Publishes an archive with a query.
async fn publish_with(client: &Client, query: &str, archive: Vec<u8>) -> Answer {
    client.send(client.publishing_with(query, archive)).await
}

/// The versions of an agent that are there.
async fn versions(client: &Client, agent: &str) -> Vec<String> {
    let page = client.get(&format!("/api/v1/agents/{agent}/versions")).await.of(200);
    let version = |release: &Value| release["version"].as_str().unwrap().to_owned();
    page["items"].as_array().unwrap().iter().map(version).collect()
}

async fn delete(client: &Client, release: &str) -> Answer {
    let (agent, version) = release.split_once('@').unwrap();
    client.delete(&format!("/api/v1/agents/{agent}/versions/{version}")).await
}

async fn mark(client: &Client, release: &str, what: &str, request: &Value) -> Answer {
    let (agent, version) = release.split_once('@').unwrap();
    client.post(&format!("/api/v1/agents/{agent}/versions/{version}/{what}"), request).await
}

/// The events of a kind in the feed.
async fn events(client: &Client, kind: &str) -> Vec<Value> {
    let page = client.get("/api/v1/feed?limit=500").await.of(200);
    let of_kind = page["items"].as_array().unwrap().iter().filter(|event| event["type"] == kind);
    of_kind.map(|event| event["data"].clone()).collect()
}

/// The records of a kind in the audit.
async fn records(client: &Client, kind: &str) -> Vec<Value> {
    client.get(&format!("/api/v1/audit?kind={kind}&limit=500")).await.of(200)["items"].as_array().unwrap().clone()
}
