//! The agents that come with Troupe and the templates over them, made and used as their readers would.

mod chatbot;
mod executor;
mod qa_manager;
mod security;

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use troupe_tests::{Client, Host, guests, root};

use crate::plugin_host;

/// Longest until something that is due has happened, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host on which `troupe dev` serves one of the agents, and on which `echo` and `counter` are deployed.
async fn host(plugin: &str) -> Host {
    let mut host = plugin_host(plugin);
    host.start().await;
    let client = host.client();
    for guest in [&guests().echo, &guests().counter] {
        client.publish(guest.archive("1.0.0")).await.of(201);
        client.swap(guest.manifest.name.as_str(), "1.0.0").await.of(200);
    }
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    client.put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    host
}

/// Imports a template that comes with an agent; it is given back as it was.
async fn import(client: &Client, plugin: &str, template: &str) {
    let text = std::fs::read_to_string(root().join(format!("plugins/{plugin}/templates/{template}.yaml"))).unwrap();
    let request = client.request(Method::POST, "/api/v1/templates").header("content-type", "application/yaml");
    let imported = client.send(request.body(text)).await.of(201);
    let path = format!("/api/v1/templates/{template}/export");
    let yaml = client.send(client.request(Method::GET, &path).header("accept", "application/yaml")).await;
    assert_eq!(yaml.status, 200, "{}", yaml.text);
    let again = client.request(Method::POST, "/api/v1/templates").header("content-type", "application/yaml");
    client.send(again.body(yaml.text.clone())).await.of(200);
    let json = client.get(&path).await.of(200);
    assert_eq!(json["agent"], imported["agent"]);
}

/// Makes an agent of a template, deploys it and grants it this.
async fn make(client: &Client, name: &str, template: &str, parameters: Value, grants: Value) -> Value {
    let asked = json!({ "name": name, "template": template, "parameters": parameters });
    let made = client.create_agent(&asked).await.of(201);
    client.swap(name, made["version"].as_str().unwrap()).await.of(200);
    client.put(&format!("/api/v1/deployments/{name}/grants"), &json!({ "grants": grants })).await.of(200);
    made
}

/// What is listed at a path, once something is.
async fn listed(client: &Client, path: &str) -> Vec<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let items = client.get(path).await.of(200)["items"].as_array().unwrap().clone();
        if !items.is_empty() {
            return items;
        }
        assert!(Instant::now() < until, "nothing is ever listed at {path}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
