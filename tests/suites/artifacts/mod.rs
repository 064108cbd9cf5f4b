//! What tasks leave beside their outputs, as an agent, whoever fetches it and the operator meet it.

mod command;
mod crash;
mod forgotten;
mod left;

use serde_json::{Value, json};
use troupe_tests::{Host, guests};

/// A host with the agent `scribe`, which is granted what it asks for.
async fn host() -> Host {
    let host = crate::empty_host().await;
    let client = host.client();
    client.publish(guests().scribe.archive("1.0.0")).await.of(201);
    client.swap("scribe", "1.0.0").await.of(200);
    grant(&host, json!({ "artifacts": { "bytes": 64 << 20, "count": 3 } })).await;
    host
}

async fn grant(host: &Host, grants: Value) {
    host.client().put("/api/v1/deployments/scribe/grants", &json!({ "grants": grants })).await.of(200);
}

/// A text to leave, under a name.
pub(crate) fn text(name: &str, text: &str) -> Value {
    json!({ "name": name, "text": text })
}

/// The names of the files in the directory of artefacts, but for that of those that are written.
fn on_disk(host: &Host) -> Vec<String> {
    let names = std::fs::read_dir(host.data_dir().join("artifacts")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned());
    let mut names: Vec<_> = names.filter(|name| name != "unfinished").collect();
    names.sort();
    names
}

/// How many artefacts are being written.
fn unfinished(host: &Host) -> usize {
    std::fs::read_dir(host.data_dir().join("artifacts/unfinished")).unwrap().count()
}

fn id(task: &Value) -> &str {
    task["id"].as_str().unwrap()
}

fn path(task: &Value, name: &str) -> String {
    format!("/api/v1/tasks/{}/artifacts/{name}", id(task))
}
