//! Files in granted directories, as an agent and its operator meet them.

mod crash;
mod granted;

use serde_json::{Value, json};
use troupe_tests::{Host, guests};

/// A host with the agent `files`, which is granted what it asks for.
async fn host() -> Host {
    let host = crate::empty_host().await;
    let client = host.client();
    client.publish(guests().files.archive("1.0.0")).await.of(201);
    client.swap("files", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "files": [
        { "name": "in" },
        { "name": "out", "access": "read-write" },
        { "name": "work", "access": "read-write" },
    ] } });
    client.put("/api/v1/deployments/files/grants", &grants).await.of(200);
    host
}

/// What became of a call.
async fn ask(host: &Host, skill: &str, input: Value) -> Value {
    host.client().run("files", skill, input).await.output()
}
