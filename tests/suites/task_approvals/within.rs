//! Tasks of groups, sessions and schedules wait like any other, and so does what they are of.

use serde_json::json;

use super::{approval_of, approve, demand, host_that_counts, somebody};
use crate::rest::groups::{create, ended, get as group, step, task_of};

#[tokio::test]
async fn a_step_of_a_group_waits_and_the_next_one_for_it() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "skills": "increment", "levels": [{}] }])).await;
    let (alice, _) = somebody(&owner).await;
    let mut second = step("read", "counter", "sum", json!({ "keys": ["a"] }));
    second["needs"] = json!(["count"]);
    let first = step("count", "counter", "increment", json!({ "key": "a" }));
    let id = create(&owner, &json!({ "steps": [first, second] })).await.of(202)["id"].as_str().unwrap().to_owned();
    let task = loop {
        let group = group(&owner, &id).await;
        let steps = group["steps"].as_array().unwrap();
        if steps[0]["tasks"][0]["status"] == "awaiting_approval" {
            break task_of(&group, "count");
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let approval = approval_of(&owner, &task).await;
    approve(&alice, &approval).await.of(200);
    assert_eq!(ended(&owner, &id).await["status"], "completed");
}

#[tokio::test]
async fn what_is_said_in_a_session_waits_and_is_answered_when_it_has_run() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "agents": "echo", "levels": [{}] }])).await;
    let (alice, _) = somebody(&owner).await;
    let session = owner.start_session(json!({})).await;
    let path = format!("/api/v1/sessions/{session}/messages");
    let said = owner.post(&path, &json!({ "text": "version", "to": "echo" })).await;
    assert!(said.status < 300, "{}", said.text);
    let task = loop {
        let messages = owner.get(&path).await.of(200);
        if let Some(task) = messages["items"][0]["task"].as_str() {
            break task.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let approval = approval_of(&owner, &task).await;
    approve(&alice, &approval).await.of(200);
    assert_eq!(owner.ended(&task).await["status"], "completed");
    let message = owner.get(&format!("{path}/1?wait=30")).await.of(200);
    assert!(message["reply"].is_object(), "{message:#}");
}

#[tokio::test]
async fn a_stream_says_that_a_task_waits_for_approval() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "skills": "increment", "levels": [{}] }])).await;
    let (alice, _) = somebody(&owner).await;
    let (task, approval) = super::asked(&owner, "a").await;
    let mut stream = owner.open(&format!("/api/v1/tasks/{task}/events")).await;
    let mut told = String::new();
    while !told.contains("awaiting_approval") {
        told.push_str(&String::from_utf8(stream.chunk().await.unwrap().expect("an event")).unwrap());
    }
    approve(&alice, &approval).await.of(200);
    while let Some(piece) = stream.chunk().await.unwrap() {
        told.push_str(&String::from_utf8(piece).unwrap());
    }
    assert!(told.contains("\"status\":\"completed\""), "{told}");
}
