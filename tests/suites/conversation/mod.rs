//! An agent's own conversation: what it is told, what becomes of what it answers, and what keeps it within bounds.

mod bounds;
mod crash;
mod doors;
mod said;
mod suggested;

use serde_json::{Value, json};
use troupe_tests::{Client, Host, guests};

/// A host on which `parley` serves and may keep something, and a session with an instance of it.
async fn with_parley(session: Value) -> (Host, Client, String) {
    let host = crate::empty_host().await;
    let client = host.client();
    client.publish(guests().parley.archive("1.0.0")).await.of(201);
    client.swap("parley", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 65_536, "keys": 100 } } });
    client.put("/api/v1/deployments/parley/grants", &grants).await.of(200);
    let session = client.start_session(session).await;
    client.join_session(&session, "parley").await;
    (host, client, session)
}

/// Says something and returns the message with its reply.
async fn said(client: &Client, session: &str, message: Value) -> Value {
    client.say(session, message).await.of(200)
}

/// The reply to some words.
async fn reply(client: &Client, session: &str, text: &str) -> Value {
    said(client, session, json!({ "text": text })).await["reply"].clone()
}
