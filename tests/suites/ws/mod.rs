//! The WebSocket: what is followed on it, what is refused, and how it ends.

mod browser;
mod closed;
mod followed;
mod refused;
mod topics;

use serde_json::{Value, json};
use troupe_tests::Client;

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
