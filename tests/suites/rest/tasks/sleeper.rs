//! A host whose agent waits: what suites of suspended, delayed and repeated tasks share.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::{Client, Guest, Host, guests};

use crate::empty_host;

/// Longest until something that is due has happened on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A host with the one agent `sleeper`, which may do what it asks for.
pub async fn host_that_sleeps(host: Host, sleeper: &Guest, grants: Value) -> Host {
    let client = host.client();
    client.publish(sleeper.archive("1.0.0")).await.of(201);
    client.swap("sleeper", "1.0.0").await.of(200);
    client.put("/api/v1/deployments/sleeper/grants", &json!({ "grants": grants })).await.of(200);
    host
}

/// A host with the one agent `sleeper`, which may count its evenings.
pub async fn host_that_counts() -> Host {
    let grants = json!({ "state": { "bytes": 1 << 20, "keys": 1_000 } });
    host_that_sleeps(empty_host().await, &guests().sleeper, grants).await
}

/// A task that sleeps so many times so long, if need be for minutes.
pub fn long_nights(nights: u32, ms: u64) -> Value {
    let input = json!({ "key": "n", "nights": nights, "ms": ms });
    json!({ "agent": "sleeper", "skill": "nights", "input": input, "lifetime_ms": 600_000 })
}

/// Asks for a task that is accepted; returns its id.
pub async fn submit(client: &Client, task: &Value) -> String {
    client.post("/api/v1/tasks", task).await.of(202)["id"].as_str().unwrap().to_owned()
}

/// What a gauge shows.
pub async fn gauge(client: &Client, name: &str) -> u64 {
    let text = client.get("/metrics").await.text;
    let shown = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    shown.map_or(0, |value| value.parse().unwrap())
}

/// Waits until a gauge shows a value.
pub async fn shows(client: &Client, name: &str, value: u64) {
    let until = Instant::now() + PATIENCE;
    while gauge(client, name).await != value {
        assert!(Instant::now() < until, "{name} never shows {value}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What the feed tells of a task: the types of its events, in order.
pub async fn told(client: &Client, task: &str) -> Vec<String> {
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let of_task = feed["items"].as_array().unwrap().iter().filter(|event| event["subject"] == format!("task/{task}"));
    of_task.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}
