//! Stopping an instance: what it had accepted ends, and then what it kept is gone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::Client;

use super::PATH;
use crate::host;

const VALUE: &str = "what is kept";

/// Lets instances of `counter` keep keys, as many as its manifest asks for.
async fn grant(client: &Client) {
    let all = json!({ "grants": { "state": { "bytes": 16 << 20, "keys": 1000, "instances": true } } });
    client.put("/api/v1/deployments/counter/grants", &all).await.of(200);
}

async fn put(client: &Client, instance: &str, key: &str) {
    let input = json!({ "key": key, "value": VALUE, "instance": true });
    client.run_for(instance, "counter", "put", input).await.output();
}

/// Waits until nothing is left of what an instance kept; returns it.
async fn cleared(client: &Client, instance: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let found = client.get(&format!("{PATH}/{instance}")).await.of(200);
        if found["cleared_at"].is_string() {
            return found;
        }
        assert!(Instant::now() < until, "its keys are still there: {found:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_stopped_instance_takes_no_more_tasks_and_its_keys_go() {
    let mut host = host().await;
    let client = host.client();
    grant(&client).await;
    let (instance, other) = (client.start_instance("counter").await, client.start_instance("counter").await);
    for instance in [&instance, &other] {
        put(&client, instance, "k").await;
    }
    let stop = format!("{PATH}/{instance}/stop");
    let stopped = client.post(&stop, &Value::Null).await.of(200);
    assert_eq!((&stopped["status"], stopped["stopped_at"].is_string()), (&json!("stopped"), true));
    let refused = client.run_for(&instance, "counter", "instance", json!({})).await.problem(409, "instance.stopped");
    assert_eq!(
        refused["detail"],
        format!("instance {instance} was stopped and takes no more tasks; start another one")
    );
    let task = json!({ "agent": "counter", "skill": "instance", "instance": instance });
    client.post("/api/v1/tasks", &task).await.problem(409, "instance.stopped");
    let gone = cleared(&client, &instance).await;
    assert_eq!(client.post(&stop, &Value::Null).await.of(200), gone, "it stays as it is");
    host.kill().await;
    host.start().await;
    let client = host.client();
    let found = client.run_for(&other, "counter", "get", json!({ "key": "k", "instance": true })).await.output();
    assert_eq!(found["value"], VALUE);
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let subject = format!("instance/{instance}");
    let told = feed["items"].as_array().unwrap().iter().filter(|event| event["subject"] == *subject);
    let told: Vec<_> = told.map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(told, ["instance.started", "instance.stopped", "instance.cleared"]);
    let audit = client.get("/api/v1/audit?kind=instance_stopped").await.of(200);
    let [record] = audit["items"].as_array().unwrap().as_slice() else { panic!("{audit:#}") };
    assert_eq!((&record["principal"], &record["agent"]), (&json!("owner"), &json!("counter")));
    assert_eq!(record["details"], json!({ "instance": instance }));
}

#[tokio::test]
async fn what_was_accepted_before_the_stop_ends_and_finds_its_keys() {
    let host = host().await;
    let client = host.client();
    grant(&client).await;
    let instance = client.start_instance("echo").await;
    let counter = client.start_instance("counter").await;
    let sleeps = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 1_500 }, "instance": instance });
    let running = client.post("/api/v1/tasks", &sleeps).await.of(202)["id"].as_str().unwrap().to_owned();
    client.runs(&running).await;
    put(&client, &counter, "k").await;
    // One that waits its turn: it is on disk and has not begun.
    let adds = json!({
        "agent": "counter", "skill": "add", "input": { "key": "n", "delta": 1, "instance": true }, "instance": counter,
    });
    let accepted = client.post("/api/v1/tasks", &adds).await.of(202)["id"].as_str().unwrap().to_owned();
    for instance in [&instance, &counter] {
        client.post(&format!("{PATH}/{instance}/stop"), &Value::Null).await.of(200);
    }
    assert_eq!(client.ended(&accepted).await["output"], json!({ "sum": 1 }));
    assert_eq!(client.ended(&running).await["status"], "completed");
    cleared(&client, &counter).await;
    cleared(&client, &instance).await;
}
