//! Pausing an instance: what is asked of it waits, and nothing is refused or lost.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_tests::Client;

use super::PATH;
use crate::host;

async fn set(client: &Client, instance: &str, verb: &str) -> Value {
    client.post(&format!("{PATH}/{instance}/{verb}"), &Value::Null).await.of(200)
}

/// Asks an instance of `echo` for something; returns the task's id.
async fn ask(client: &Client, instance: &str, skill: &str, input: Value) -> String {
    let task = json!({ "agent": "echo", "skill": skill, "input": input, "instance": instance });
    client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned()
}

async fn status(client: &Client, task: &str) -> Value {
    client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"].clone()
}

#[tokio::test]
async fn a_paused_instance_begins_nothing_and_goes_on_with_all_of_it_when_it_is_resumed() {
    let mut host = host().await;
    let client = host.client();
    let (paused, other) = (client.start_instance("echo").await, client.start_instance("echo").await);
    let running = ask(&client, &paused, "sleep", json!({ "ms": 1_500 })).await;
    client.runs(&running).await;
    let found = set(&client, &paused, "pause").await;
    assert_eq!((&found["status"], found["paused_at"].is_string()), (&json!("paused"), true));
    assert_eq!(set(&client, &paused, "pause").await, found, "it stays as it is");

    // Accepted, waited for and not: both wait on disk.
    let first = ask(&client, &paused, "version", json!({})).await;
    let task = json!({ "agent": "echo", "skill": "version", "instance": paused });
    let awaited = client.post("/api/v1/tasks?wait=1", &task).await.of(202);
    let second = awaited["id"].as_str().unwrap().to_owned();
    assert_eq!(awaited["status"], "pending");
    // What runs goes on, and so does everybody else.
    assert_eq!(client.ended(&running).await["status"], "completed");
    client.run_for(&other, "echo", "version", json!({})).await.output();
    client.run("echo", "version", json!({})).await.output();
    let mut fleeting = task.clone();
    fleeting["durability"] = json!("none");
    let refused = client.post("/api/v1/tasks?wait=1", &fleeting).await;
    refused.problem(503, "instance.paused");
    let listed = client.get(&format!("{PATH}?status=paused")).await.of(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);

    // It stays so over a restart, and over more than one look for what is pending.
    host.kill().await;
    host.start().await;
    let client = host.client();
    tokio::time::sleep(Duration::from_secs(6)).await;
    for task in [&first, &second] {
        assert_eq!(status(&client, task).await, "pending");
    }
    let cancelled = ask(&client, &paused, "version", json!({})).await;
    assert_eq!(
        client.post(&format!("/api/v1/tasks/{cancelled}/cancel"), &Value::Null).await.of(200)["status"],
        "cancelled"
    );

    let resumed = set(&client, &paused, "resume").await;
    assert_eq!((&resumed["status"], resumed.get("paused_at")), (&json!("idle"), None));
    for task in [&first, &second] {
        assert_eq!(client.ended(task).await["status"], "completed");
    }
    assert_eq!(status(&client, &cancelled).await, "cancelled");
    let feed = client.get(&format!("/api/v1/feed?limit=500&types=instance.*&subjects=instance/{paused}")).await.of(200);
    let told: Vec<&str> =
        feed["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(told, ["instance.started", "instance.paused", "instance.resumed"]);
    for kind in ["instance_paused", "instance_resumed"] {
        let audit = client.get(&format!("/api/v1/audit?kind={kind}")).await.of(200);
        let [record] = audit["items"].as_array().unwrap().as_slice() else { panic!("{audit:#}") };
        assert_eq!((&record["principal"], &record["details"]), (&json!("owner"), &json!({ "instance": paused })));
    }
}

#[tokio::test]
async fn a_paused_instance_that_is_stopped_comes_to_the_end_of_what_it_had_accepted() {
    let host = host().await;
    let client = host.client();
    let instance = client.start_instance("echo").await;
    set(&client, &instance, "pause").await;
    let task = ask(&client, &instance, "version", json!({})).await;
    let stopped = set(&client, &instance, "stop").await;
    assert_eq!((&stopped["status"], stopped.get("paused_at")), (&json!("stopped"), None));
    assert_eq!(client.ended(&task).await["status"], "completed");
    for verb in ["pause", "resume"] {
        client.post(&format!("{PATH}/{instance}/{verb}"), &Value::Null).await.problem(409, "instance.stopped");
    }
}

#[tokio::test]
async fn a_message_to_a_paused_instance_is_answered_when_it_is_resumed() {
    let host = host().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    let instance = client.join_session(&session, "echo").await;
    set(&client, &instance, "pause").await;
    let path = format!("/api/v1/sessions/{session}/messages");
    let sent = client.post(&format!("{path}?wait=1"), &json!({ "text": "version" })).await.of(202);
    assert_eq!(sent["state"], "running");
    set(&client, &instance, "resume").await;
    let answered = client.get(&format!("{path}/{}?wait=30", sent["number"])).await.of(200);
    assert_eq!(answered["reply"]["kind"], "result", "{answered:#}");
}
