//! Rehearsing a release: what is found, what is told, and what it may take.

mod asked;
mod found;
mod step;
mod told;
mod under_way;

use futures::StreamExt as _;
use futures::stream;
use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Client, Host, guests};

use crate::empty_host;

/// Calls under way at once.
const AT_ONCE: usize = 8;

/// What the clerk asks for: a service, somebody else, and state.
fn capabilities(server: &Server, methods: &[&str], state: Value) -> Value {
    let service = json!({
        "id": "service", "scheme": "http", "host": "127.0.0.1", "port": server.port(), "methods": methods,
    });
    let other = json!({ "id": "other", "scheme": "http", "host": "prices.example.com", "methods": ["GET"] });
    json!({ "state": state, "http": [service, other] })
}

/// A host on which the clerk 1.0.0 serves, and the service it asks.
async fn clerk() -> (Host, Server) {
    let server = Server::start().await;
    let host = empty_host().await;
    let client = host.client();
    publish(&client, &server, "1.0.0", "plain").await;
    client.swap("clerk", "1.0.0").await.of(200);
    let granted = capabilities(&server, &["GET", "POST"], json!({ "bytes": 1 << 20, "keys": 100 }));
    client.put("/api/v1/deployments/clerk/grants", &json!({ "grants": granted })).await.of(200);
    let configuration = json!({ "configuration": { "authority": format!("127.0.0.1:{}", server.port()) } });
    client.put("/api/v1/deployments/clerk/configuration", &configuration).await.of(200);
    (host, server)
}

/// Publishes a release of the clerk that has a habit.
async fn publish(client: &Client, server: &Server, version: &str, habit: &str) {
    publish_asking(client, &capabilities(server, &["GET", "POST"], json!({})), version, habit).await;
}

async fn publish_asking(client: &Client, capabilities: &Value, version: &str, habit: &str) {
    let clerk = guests().clerk.asking(capabilities.clone()).configured(&json!({ "habit": habit }));
    client.publish(clerk.archive(version)).await.of(201);
}

/// Has the clerk quote items of these numbers.
async fn quoted(client: &Client, numbers: std::ops::Range<u64>) {
    let quoting = stream::iter(numbers).map(|number| {
        let client = client.clone();
        async move { client.run("clerk", "quote", json!({ "number": number })).await.output() }
    });
    let quoted: Vec<Value> = quoting.buffer_unordered(AT_ONCE).collect().await;
    assert!(quoted.iter().all(|quote| quote["price"].as_u64() == quote["number"].as_u64().map(|number| number + 100)));
}

async fn rehearse(client: &Client, agent: &str, request: Value) -> Value {
    client.post(&format!("/api/v1/deployments/{agent}/rehearse"), &request).await.of(200)
}

fn count(report: &Value, kind: &str) -> u64 {
    let mut kinds = report["kinds"].as_array().unwrap().iter();
    kinds.find(|count| count["kind"] == kind).map_or(0, |count| count["invocations"].as_u64().unwrap())
}

/// Whether the default policy stops it, and why, each reason a line.
fn stopped(report: &Value) -> (bool, String) {
    let reasons: Vec<&str> =
        report["verdict"]["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect();
    (report["verdict"]["passes"] == false, reasons.join("\n"))
}
