//! `kill -9` while an agent answers.

use serde_json::json;

use super::{reply, with_parley};

#[tokio::test]
async fn what_was_being_answered_when_the_host_died_is_answered_once() {
    let (mut host, client, session) = with_parley(json!({})).await;
    let path = format!("/api/v1/sessions/{session}/messages");
    let message = client.post(&path, &json!({ "text": "count 3000" })).await.of(202);
    let task = message["task"].as_str().unwrap().to_owned();
    client.runs(&task).await;
    // What it has counted is on disk, and it waits.
    let counted = async |client: &troupe_tests::Client| client.run("parley", "counted", json!({})).await.output();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while counted(&client).await != json!(1) {
        assert!(std::time::Instant::now() < until, "it never counts");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    host.kill().await;
    host.start().await;
    let client = host.client();
    let answered = client.get(&format!("{path}/1?wait=30")).await.of(200);
    assert_eq!(answered["reply"]["text"], "counted 1", "{answered:#}");
    let task = client.get(&format!("/api/v1/tasks/{task}")).await.of(200);
    assert_eq!((&task["attempt"], &task["status"]), (&json!(1), &json!("completed")));
    let seen = client.get(&format!("/api/v1/sessions/{session}")).await.of(200);
    assert_eq!((&seen["context"], &seen["context_revision"]), (&json!({ "counted": 1 }), &json!(2)));
    assert_eq!(counted(&client).await, json!(1));
    assert_eq!(reply(&client, &session, "count 0").await["text"], "counted 2");
}
