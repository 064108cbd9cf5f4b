//! What is shown of a step while its tasks wait for somebody, or for time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::Client;
use troupe_tests::command::{command_on, ended as over};
use troupe_tests::events::Raw;

use super::{counted, create, get, host_that_counts, of, step, step_with};
use crate::PROGRAM;
use crate::rest::tasks::sleeper;

/// Waits until a step is shown in a status.
async fn shown(client: &Client, id: &str, name: &str, status: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let group = get(client, id).await;
        if of(&group, name)["status"] == status {
            return group;
        }
        assert!(Instant::now() < until, "{name} is never {status}: {group:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_step_that_waits_for_approval_is_shown_so_through_every_door() {
    let host = host_that_counts().await;
    let client = host.client();
    crate::task_approvals::demand(&client, json!([{ "agents": "counter", "levels": [{}] }])).await;
    let undo =
        json!({ "compensate": { "task": { "agent": "counter", "skill": "increment", "input": { "key": "x" } } } });
    let says = step_with(step("says", "echo", "echo", json!({ "text": "x" })), undo);
    let group = create(&client, &json!({ "steps": [says, counted("asks", &["says"])] })).await.of(202);
    let id = group["id"].as_str().unwrap();
    let group = shown(&client, id, "asks", "awaiting_approval").await;
    assert_eq!((&group["status"], &of(&group, "says")["status"]), (&json!("running"), &json!("completed")));
    let mut stream = Raw::open(&client, &format!("/api/v1/task-groups/{id}/events"), None).await;
    let told = stream.until(|events| events.iter().any(|event| event.name == "group")).await;
    assert!(told.iter().any(|event| event.data.to_string().contains("awaiting_approval")), "{told:#?}");
    let shows = over(command_on(PROGRAM, &host, &["groups", "get", id]).spawn().unwrap()).await;
    assert!(shows.good().contains("awaiting_approval"), "{shows:#?}");
    // Nobody approves, so it fails, and what undoes the first waits as well.
    let task = of(&group, "asks")["tasks"][0]["task"].as_str().unwrap();
    client.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let group = get(&client, id).await;
        if of(&group, "says")["compensations"][0]["status"] == "awaiting_approval" {
            assert_eq!(group["status"], "compensating");
            break;
        }
        assert!(Instant::now() < until, "{group:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_step_whose_tasks_are_suspended_is_shown_so_and_running_while_one_runs() {
    let host = sleeper::host_that_counts().await;
    let client = host.client();
    let mut naps = step("naps", "sleeper", "nights", json!({ "key": "naps", "nights": 1, "ms": 60_000 }));
    naps["task"]["lifetime_ms"] = json!(600_000);
    let group = create(&client, &json!({ "steps": [naps] })).await.of(202);
    let id = group["id"].as_str().unwrap();
    shown(&client, id, "naps", "running").await;
    shown(&client, id, "naps", "suspended").await;
    client.post(&format!("/api/v1/task-groups/{id}/cancel"), &Value::Null).await.of(200);
    assert_eq!(super::ended(&client, id).await["status"], "cancelled");
}
