//! A recorded invocation, repeated: many of them at once, and those that an earlier build of
//! the host recorded.

mod golden;
mod thousand;

use serde_json::{Value, json};
use troupe_tests::canary::canary;
use troupe_tests::server::Server;
use troupe_tests::{Client, Guest, Host, guests};

use crate::PROGRAM;
use crate::credentials::write_document;

/// What agents of these suites ask for, and may do: one service and one secret, under one path,
/// one directory, some locks, and state, of which a manifest writes how much otherwise than a grant.
fn grants(server: &Server, state: Value) -> Value {
    let port = server.port();
    json!({
        "state": state,
        "http": [{
            "id": "service", "scheme": "http", "host": "127.0.0.1", "port": port,
            "methods": ["GET", "POST"], "path_prefix": "/v1/",
        }],
        "secrets": [{ "name": "key", "scheme": "http", "host": "127.0.0.1", "port": port, "path_prefix": "/v1/" }],
        "files": [{ "name": "work", "access": "read-write" }],
        "locks": [{ "name": "l/*", "preempt": true }],
    })
}

/// Publishes a guest that asks for all it is granted, and deploys it.
async fn deploy(client: &Client, guest: &Guest, server: &Server) {
    let name = guest.manifest.name.to_string();
    let asked = grants(server, json!({ "instances": true }));
    let grants = grants(server, json!({ "bytes": 1 << 24, "keys": 1000, "instances": true }));
    client.publish(guest.asking(asked).archive("1.0.0")).await.of(201);
    client.swap(&name, "1.0.0").await.of(200);
    client.put(&format!("/api/v1/deployments/{name}/grants"), &json!({ "grants": grants })).await.of(200);
}

/// A host with agents that together use every capability there is, and the secret that they
/// may place.
async fn host_of_all(server: &Server) -> Host {
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"]).with_secret("SERVICE_KEY", &canary());
    let document = format!(
        "[tenant.default.secrets.key]\nvalue = {{ env = \"SERVICE_KEY\" }}\n\
         to = {{ hosts = [\"127.0.0.1\"], scheme = \"http\", port = {}, path_prefix = \"/v1/\" }}\n",
        server.port()
    );
    write_document(&host, &document);
    host.start().await;
    let client = host.client();
    let all = guests();
    for guest in [&all.echo, &all.counter, &all.fetch, &all.files, &all.locker, &all.sleeper, &all.weave] {
        deploy(&client, guest, server).await;
    }
    let configuration = json!({ "configuration": { "greeting": "hey", "repeat": 3 } });
    client.put("/api/v1/deployments/echo/configuration", &configuration).await.of(200);
    host
}

/// Replays a task, which must do the same call by call; returns what it called.
async fn replay(client: &Client, task: &str) -> Vec<String> {
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    let calls = replay["calls"].as_array().unwrap();
    let same = replay["identical"] == true && calls.iter().all(|call| call["repeated"] == "same");
    assert!(same && replay.get("difference").is_none(), "{replay:#}");
    assert!(replay["replayed"] == replay["recorded"] || replay.get("replayed").is_none(), "{replay:#}");
    calls.iter().map(|call| call["call"].as_str().unwrap().to_owned()).collect()
}
