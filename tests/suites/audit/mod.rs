//! The audit: what was decided, once each, in a chain that shows when it was altered.

mod altered;
mod beyond;
mod command;
mod doors;
mod invocations;
mod operators;

use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Client, Host};

use crate::{deploy_fetch, empty_host, may_send_plainly};

/// Every record that a client may see, in order.
async fn records(client: &Client) -> Vec<Value> {
    let page = client.get("/api/v1/audit?limit=500").await.of(200);
    assert_eq!(page["next"], Value::Null, "more than a page");
    page["items"].as_array().unwrap().clone()
}

/// The records about a task, each as its kind, its code and how many times.
async fn of_task(client: &Client, task: &str) -> Vec<String> {
    let page = client.get(&format!("/api/v1/audit?task={task}")).await.of(200);
    let told = |record: &Value| {
        let code = record["code"].as_str().unwrap_or("-");
        format!("{} {code} {}", record["kind"].as_str().unwrap(), record["times"])
    };
    page["items"].as_array().unwrap().iter().map(told).collect()
}

/// A request to a service, and one to a place that no grant leads to.
fn allowed(server: &Server) -> Value {
    json!({ "scheme": "http", "authority": format!("127.0.0.1:{}", server.port()), "path": "/private" })
}

fn denied() -> Value {
    json!({ "authority": "elsewhere.example", "path": "/private" })
}

fn id(task: &Value) -> &str {
    task["id"].as_str().unwrap()
}

/// A host whose one agent may send requests to one service, with no credential that would be on record.
async fn sending() -> (Server, Host) {
    let server = Server::start().await;
    let host = empty_host().await;
    deploy_fetch(&host.client(), &may_send_plainly(&server)).await;
    (server, host)
}

/// Takes away from that agent all that it may.
async fn grant_nothing(client: &Client) {
    client.put("/api/v1/deployments/fetch/grants", &json!({ "grants": {} })).await.of(200);
}

/// Gives it back.
async fn grant(client: &Client, server: &Server) {
    client.put("/api/v1/deployments/fetch/grants", &json!({ "grants": may_send_plainly(server) })).await.of(200);
}
