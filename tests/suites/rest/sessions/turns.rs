//! One message at a time, through crashes and swaps.

use serde_json::{Value, json};
use troupe_tests::Client;

use crate::host;

async fn send(client: &Client, session: &str, message: Value) -> Value {
    client.post(&format!("/api/v1/sessions/{session}/messages"), &message).await.of(202)
}

async fn replied(client: &Client, session: &str, number: u64) -> Value {
    let message = client.get(&format!("/api/v1/sessions/{session}/messages/{number}?wait=60")).await.of(200);
    assert_eq!(message["state"], "answered", "{message:#}");
    message
}

#[tokio::test]
async fn a_message_waits_until_the_one_before_to_the_same_instance_is_answered() {
    let host = host().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    let (one, other) = (client.join_session(&session, "echo").await, client.join_session(&session, "echo").await);
    let first = send(&client, &session, json!({ "text": "sleep 1500", "to": one })).await;
    assert_eq!(first["state"], "running");
    for message in [json!({ "text": "version" }), json!({ "text": "echo" }), json!({ "text": "at last" })] {
        let waiting = send(&client, &session, message).await;
        assert_eq!((&waiting["state"], &waiting["task"]), (&json!("waiting"), &Value::Null));
    }
    // Another instance is not in the way.
    let beside = client.say(&session, json!({ "text": "version", "to": other })).await.of(200);
    assert!(beside["answered_at"].is_string());
    client.say(&session, json!({ "text": "version" })).await.of(200);
    let mut last = String::new();
    for number in 1..=4 {
        let message = replied(&client, &session, number).await;
        let at = message["answered_at"].as_str().unwrap().to_owned();
        assert!(at >= last, "{message:#}");
        last = at;
    }
    // What is said at its turn is understood as it then stands: the last answers the question.
    assert_eq!(replied(&client, &session, 3).await["reply"]["kind"], "asks");
    assert_eq!(replied(&client, &session, 4).await["reply"]["output"], json!({ "text": "at last" }));
    assert!(beside["answered_at"].as_str().unwrap() < last.as_str());
}

#[tokio::test]
async fn what_waits_is_bounded_and_answered_with_the_end_of_its_session() {
    let host = host().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    client.join_session(&session, "echo").await;
    send(&client, &session, json!({ "text": "sleep 2000" })).await;
    for _ in 0..32 {
        send(&client, &session, json!({ "text": "version" })).await;
    }
    client.say(&session, json!({ "text": "version" })).await.problem(409, "limit.messages");
    client.post(&format!("/api/v1/sessions/{session}/end"), &Value::Null).await.of(200);
    let waited = replied(&client, &session, 2).await;
    assert_eq!((&waited["reply"]["failure"]["code"], &waited["task"]), (&json!("session.ended"), &Value::Null));
    // What runs comes to its end.
    assert_eq!(replied(&client, &session, 1).await["reply"]["output"]["ms"], 2_000);
}

#[tokio::test]
async fn what_was_accepted_is_answered_after_a_kill_and_by_the_release_of_its_turn() {
    let mut host = host().await;
    let client = host.client();
    let session = client.start_session(json!({ "context": { "region": "eu" } })).await;
    let instance = client.join_session(&session, "echo").await;
    send(&client, &session, json!({ "text": "sleep 4000" })).await;
    send(&client, &session, json!({ "text": "version" })).await;
    client.swap("echo", "2.0.0").await.of(200);
    host.kill().await;
    host.start().await;
    let client = host.client();
    let slept = replied(&client, &session, 1).await;
    assert_eq!(slept["reply"]["output"], json!({ "ms": 4_000, "version": "1.0.0" }));
    assert_eq!(slept["reply"]["release"]["version"], "1.0.0");
    let version = replied(&client, &session, 2).await;
    assert_eq!(version["reply"]["output"], json!({ "version": "2.0.0" }));
    assert_eq!((&version["instance"], &version["reply"]["release"]["version"]), (&json!(instance), &json!("2.0.0")));
    assert_eq!(client.get("/api/v1/tasks").await.of(200)["items"].as_array().unwrap().len(), 2);
    let task = slept["task"].as_str().unwrap();
    assert_eq!(client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200)["identical"], true);
    assert_eq!(client.get(&format!("/api/v1/sessions/{session}")).await.of(200)["context"], json!({ "region": "eu" }));
}

#[tokio::test]
async fn a_message_whose_task_is_cancelled_is_answered_and_the_next_has_its_turn() {
    let host = host().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    client.join_session(&session, "echo").await;
    let first = send(&client, &session, json!({ "text": "sleep 9000" })).await;
    send(&client, &session, json!({ "text": "version" })).await;
    let task = first["task"].as_str().unwrap();
    client.runs(task).await;
    client.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    assert_eq!(replied(&client, &session, 1).await["reply"]["failure"]["code"], "cancelled");
    assert_eq!(replied(&client, &session, 2).await["reply"]["kind"], "result");
}

#[tokio::test]
async fn a_redacted_task_takes_the_words_that_led_to_it_along() {
    let host = host().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    client.join_session(&session, "echo").await;
    client.say(&session, json!({ "text": "echo" })).await.of(200);
    let message = client.say(&session, json!({ "text": "a private thing" })).await.of(200);
    let task = message["task"].as_str().unwrap();
    let all = json!({ "documents": true });
    client.post(&format!("/api/v1/tasks/{task}/journal/redact"), &all).await.of(200);
    let export = client.get(&format!("/api/v1/sessions/{session}/export")).await;
    assert!(!export.text.contains("private"), "{}", export.text);
    assert_eq!(export.json()["messages"][1]["text"], "redacted");
}
