//! A recorded invocation, repeated: many of them at once, and those that an earlier build of
//! the host recorded.

mod golden;
mod thousand;

use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Client, Guest, Host, guests};

/// What agents of these suites ask for, and may do: one service, under one path, and state, of
/// which a manifest writes how much otherwise than a grant.
fn grants(server: &Server, state: Value) -> Value {
    json!({
        "state": state,
        "http": [{
            "id": "service", "scheme": "http", "host": "127.0.0.1", "port": server.port(),
            "methods": ["GET", "POST"], "path_prefix": "/v1/",
        }],
    })
}

/// Publishes a guest that asks for all it is granted, and deploys it.
async fn deploy(client: &Client, guest: &Guest, server: &Server) {
    let name = guest.manifest.name.to_string();
    let (asked, grants) = (grants(server, json!({})), grants(server, json!({ "bytes": 1 << 24, "keys": 1000 })));
    client.publish(guest.asking(asked).archive("1.0.0")).await.of(201);
    client.swap(&name, "1.0.0").await.of(200);
    client.put(&format!("/api/v1/deployments/{name}/grants"), &json!({ "grants": grants })).await.of(200);
}

/// Deploys agents that together use every capability there is.
async fn deploy_all(host: &Host, server: &Server) {
    let client = host.client();
    for guest in [&guests().echo, &guests().counter, &guests().fetch, &guests().weave] {
        deploy(&client, guest, server).await;
    }
    let configuration = json!({ "configuration": { "greeting": "hey", "repeat": 3 } });
    client.put("/api/v1/deployments/echo/configuration", &configuration).await.of(200);
}

/// Replays a task, which must do the same call by call.
async fn replay(client: &Client, task: &str) {
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    let calls = replay["calls"].as_array().unwrap();
    let same = replay["identical"] == true && calls.iter().all(|call| call["repeated"] == "same");
    assert!(same && replay.get("difference").is_none(), "{replay:#}");
    assert!(replay["replayed"] == replay["recorded"] || replay.get("replayed").is_none(), "{replay:#}");
}
