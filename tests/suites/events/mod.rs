//! `events`: what is published reaches whoever has subscribed, in order, once, and whatever happens to the host.

mod again;
mod by_agents;
mod command;
mod crash;
mod doors;
mod followed;
mod hooks;
mod order;
mod redacted;
mod scheduled;
mod subscribed;
mod triggers;
mod webhooks;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::{Client, Host};

/// Longest until something that is due has happened, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host on which `counter` may count.
async fn host() -> Host {
    let host = crate::host().await;
    let grants = json!({ "grants": { "state": { "bytes": 16 << 20, "keys": 1000 } } });
    host.client().put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    host
}

/// The path of a subscription.
fn path(name: &str) -> String {
    format!("/api/v1/events/subscriptions/{}", name.replace('/', "%2F"))
}

/// Has a skill take a topic, with further fields.
async fn subscribe(client: &Client, name: &str, topic: &str, to: (&str, &str), more: Value) -> Value {
    let mut subscription = json!({ "topic": topic, "agent": to.0, "skill": to.1, "input": "data" });
    subscription.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.put(&path(name), &subscription).await.of(200)
}

/// An event.
fn event(topic: &str, data: Value) -> Value {
    json!({ "specversion": "1.0", "type": topic, "datacontenttype": "application/json", "data": data })
}

/// The same with a priority.
fn urgent(topic: &str, priority: &str, data: Value) -> Value {
    let mut event = event(topic, data);
    event["priority"] = priority.into();
    event
}

/// Publishes an event; its position.
async fn publish(client: &Client, event: &Value) -> u64 {
    client.post("/api/v1/events", event).await.of(202)["position"].as_u64().unwrap()
}

/// An event as it stands.
async fn get(client: &Client, position: u64) -> Value {
    client.get(&format!("/api/v1/events/{position}")).await.of(200)
}

/// Waits until an event is as `is` says.
async fn stands(client: &Client, position: u64, is: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let event = get(client, position).await;
        if is(&event) {
            return event;
        }
        assert!(Instant::now() < until, "event {position} never stands so: {event:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until all deliveries of an event have ended.
async fn settled(client: &Client, position: u64) -> Value {
    stands(client, position, |event| event["state"] == "settled").await
}

/// The state of the delivery of an event that has one.
fn state(event: &Value) -> &str {
    event["deliveries"][0]["state"].as_str().unwrap()
}

/// The task that handled an event at the only subscription that took it.
async fn task(client: &Client, event: &Value) -> Value {
    let task = event["deliveries"][0]["task"].as_str().unwrap();
    client.get(&format!("/api/v1/tasks/{task}")).await.of(200)
}

/// How far a key of `counter` was counted.
async fn counted(client: &Client, key: &str) -> Value {
    client.run("counter", "get", json!({ "key": key })).await.output()
}

/// The kinds of what the feed tells of events.
async fn told(client: &Client, kind: &str) -> Vec<Value> {
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    feed["items"].as_array().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
}
