//! The WebSocket: what is followed on it, what is refused, and how it ends.

mod browser;
mod closed;
mod followed;
mod refused;

use serde_json::{Value, json};
use troupe_tests::{Client, Host, guests};

use crate::empty_host;

/// A host with `sleeper`, which may keep state.
async fn host_that_sleeps() -> Host {
    let host = empty_host().await;
    let client = host.client();
    client.publish(guests().sleeper.archive("1.0.0")).await.of(201);
    client.swap("sleeper", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 65_536, "keys": 10 } } });
    client.put("/api/v1/deployments/sleeper/grants", &grants).await.of(200);
    host
}

/// A task that sleeps so many times so long.
fn nights(nights: u32, ms: u64) -> Value {
    let input = json!({ "key": "n", "nights": nights, "ms": ms });
    json!({ "agent": "sleeper", "skill": "nights", "input": input, "lifetime_ms": 600_000 })
}

/// A task that echoes.
fn echo(text: &str) -> Value {
    json!({ "agent": "echo", "skill": "echo", "input": { "text": text } })
}

/// What was said of a subscription under a name.
fn named<'a>(said: &'a [Value], id: &str, name: &str) -> Vec<&'a Value> {
    said.iter().filter(|said| said["id"] == id && said["event"] == name).map(|said| &said["data"]).collect()
}

/// Where the feed of a tenant ends.
async fn end_of_feed(client: &Client) -> u64 {
    let page = client.get("/api/v1/feed?limit=500").await.of(200);
    page["next"].as_str().unwrap().parse().unwrap()
}
