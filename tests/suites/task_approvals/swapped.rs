//! What was shown is what runs: another release or configuration is another action.

use serde_json::{Value, json};
use troupe_core::view::TaskStatus;
use troupe_core::{ApprovalId, SystemClock, SystemEntropy, TenantId};
use troupe_store::{NeededApproval, TaskRow};
use troupe_tests::{Client, guests};

use super::{approval_of, approve, asked, becomes, demand, get, host_that_counts, somebody, told};

/// Makes another release of `counter` serve, with the same skills.
async fn swap(client: &Client, version: &str, mark: u32) {
    client.publish(guests().counter.marked(mark).archive(version)).await.of(201);
    client.swap("counter", version).await.of(200);
}

#[tokio::test]
async fn a_release_that_was_not_shown_is_approved_of_by_nobody() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "skills": "increment", "levels": [{}] }])).await;
    let (alice, _) = somebody(&owner).await;
    let (task, approval) = asked(&owner, "a").await;
    swap(&owner, "1.1.0", 1).await;
    let refused = approve(&alice, &approval).await.problem(409, "approval.conflict");
    let anew = refused["details"]["approval"].as_str().expect("another approval").to_owned();
    assert_eq!(approval_of(&owner, &task).await, anew);
    assert_eq!(get(&owner, &approval).await["status"], "void");
    let shown = get(&owner, &anew).await;
    assert_eq!((&shown["action"]["version"], &shown["replaces"]), (&json!("1.1.0"), &json!(approval)));
    assert_eq!(told(&owner, &approval).await, ["approval.requested", "approval.void"]);
    approve(&alice, &approval).await.problem(409, "approval.decided");
    approve(&alice, &anew).await.of(200);
    let ended = owner.ended(&task).await;
    assert_eq!((&ended["status"], &ended["release"]["version"]), (&json!("completed"), &json!("1.1.0")), "{ended:#}");
}

#[tokio::test]
async fn a_release_that_comes_between_the_approval_and_the_turn_is_asked_for_anew() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "skills": "increment", "levels": [{}] }])).await;
    let (alice, _) = somebody(&owner).await;
    let request = json!({ "agent": "counter", "skill": "increment", "input": { "key": "a" }, "delay_ms": 20_000 });
    let task = owner.post("/api/v1/tasks", &request).await.of(202);
    let (task, approval) = (task["id"].as_str().unwrap().to_owned(), task["approval"].as_str().unwrap().to_owned());
    approve(&alice, &approval).await.of(200);
    swap(&owner, "1.1.0", 1).await;
    becomes(&owner, &approval, "void").await;
    let anew = approval_of(&owner, &task).await;
    assert_eq!(get(&owner, &anew).await["action"]["version"], "1.1.0");
    assert_eq!(owner.run("counter", "sum", json!({ "keys": ["a"] })).await.output()["count"], 0);
    approve(&alice, &anew).await.of(200);
    assert_eq!(owner.ended(&task).await["release"]["version"], "1.1.0");
    // Each is told in the audit, with the release that it was about.
    let audit = owner.get("/api/v1/audit?kind=task_approval&limit=500").await.of(200);
    let of_task = audit["items"].as_array().unwrap().iter().filter(|record| record["details"]["task"] == task.as_str());
    let mut lines: Vec<String> = of_task
        .map(|record: &Value| {
            format!("{} {}", record["version"].as_str().unwrap(), record["details"]["step"].as_str().unwrap())
        })
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, ["1.0.0 granted", "1.0.0 requested", "1.0.0 void", "1.1.0 granted", "1.1.0 requested"]);
}

/// Sets the configuration of `counter`.
async fn configure(client: &Client, configuration: Value) {
    let path = "/api/v1/deployments/counter/configuration";
    client.put(path, &json!({ "configuration": configuration })).await.of(200);
}

/// A task of `counter` that begins in a while and was approved of; and its approval.
async fn approved_for_later(owner: &Client, alice: &Client) -> (String, String) {
    let request = json!({ "agent": "counter", "skill": "increment", "input": { "key": "a" }, "delay_ms": 8_000 });
    let task = owner.post("/api/v1/tasks", &request).await.of(202);
    let (task, approval) = (task["id"].as_str().unwrap().to_owned(), task["approval"].as_str().unwrap().to_owned());
    approve(alice, &approval).await.of(200);
    (task, approval)
}

#[tokio::test]
async fn a_configuration_that_was_not_shown_is_approved_of_by_nobody() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "skills": "increment", "levels": [{}] }])).await;
    let (alice, _) = somebody(&owner).await;
    configure(&owner, json!({ "region": "eu", "keep": { "days": 7 } })).await;
    let (task, approval) = asked(&owner, "a").await;
    let seen = get(&alice, &approval).await;
    assert_eq!(seen["configuration"], json!({ "region": "eu", "keep": { "days": 7 } }), "{seen:#}");
    let listed = owner.get("/api/v1/task-approvals").await.of(200);
    let listed = &listed["items"][0];
    assert_eq!((&listed["action"], &listed["configuration"]), (&seen["action"], &Value::Null), "{listed:#}");
    configure(&owner, json!({ "region": "us", "keep": { "days": 7 } })).await;
    let refused = approve(&alice, &approval).await.problem(409, "approval.conflict");
    let anew = refused["details"]["approval"].as_str().expect("another approval").to_owned();
    assert_eq!(approval_of(&owner, &task).await, anew);
    let void = get(&owner, &approval).await;
    assert_eq!(void["status"], "void", "{void:#}");
    assert!(void["outcome"]["reason"].as_str().unwrap().contains("configuration"), "{void:#}");
    assert_eq!(void["configuration"]["region"], "eu", "what was shown then is still there");
    let shown = get(&owner, &anew).await;
    assert_eq!((&shown["configuration"]["region"], &shown["replaces"]), (&json!("us"), &json!(approval)));
    assert_ne!(shown["action"]["configuration"]["digest"], seen["action"]["configuration"]["digest"]);
    assert_eq!(shown["action"]["digest"], seen["action"]["digest"], "the release is the same");
    approve(&alice, &anew).await.of(200);
    assert_eq!(owner.ended(&task).await["status"], "completed");
    let audit = owner.get("/api/v1/audit?kind=task_approval&limit=500").await.of(200);
    let digest = &shown["action"]["configuration"]["digest"];
    let granted = audit["items"].as_array().unwrap().iter().find(|record| record["details"]["step"] == "granted");
    assert_eq!(&granted.unwrap()["details"]["configuration"], digest, "{audit:#}");
}

#[tokio::test]
async fn a_configuration_that_comes_between_the_approval_and_the_turn_is_asked_for_anew() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "skills": "increment", "levels": [{}] }])).await;
    let (alice, _) = somebody(&owner).await;
    let (task, approval) = approved_for_later(&owner, &alice).await;
    configure(&owner, json!({ "region": "us" })).await;
    becomes(&owner, &approval, "void").await;
    let anew = approval_of(&owner, &task).await;
    assert_eq!(get(&owner, &anew).await["configuration"], json!({ "region": "us" }));
    assert_eq!(owner.run("counter", "sum", json!({ "keys": ["a"] })).await.output()["count"], 0);
    approve(&alice, &anew).await.of(200);
    assert_eq!(owner.ended(&task).await["status"], "completed");
}

#[tokio::test]
async fn a_configuration_that_says_the_same_by_then_is_what_was_shown() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "skills": "increment", "levels": [{}] }])).await;
    let (alice, _) = somebody(&owner).await;
    configure(&owner, json!({ "region": "eu", "days": 7 })).await;
    let (task, approval) = approved_for_later(&owner, &alice).await;
    configure(&owner, json!({ "region": "us" })).await;
    configure(&owner, json!({ "days": 7, "region": "eu" })).await;
    assert_eq!(owner.ended(&task).await["status"], "completed");
    assert_eq!(get(&owner, &approval).await["status"], "granted");
}

#[tokio::test]
async fn what_was_asked_for_without_a_configuration_being_shown_is_read_and_asked_for_anew() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "skills": "increment", "levels": [{}] }])).await;
    let (alice, _) = somebody(&owner).await;
    let (_, shown) = asked(&owner, "a").await;
    // As a host wrote it that did not show it yet.
    let (store, tenant) = (crate::faults::apart::store(&host).await, TenantId::default());
    let kept = store.task_approval(&tenant, shown.parse().unwrap()).await.unwrap().unwrap();
    let mut approval = kept.approval;
    approval.action.configuration = None;
    let id = ApprovalId::generate(&SystemClock, &SystemEntropy);
    let needed = NeededApproval { id, asked: Some(Box::new(approval)) };
    let row = TaskRow {
        agent: "counter".parse().unwrap(),
        status: TaskStatus::AwaitingApproval,
        approval: Some(needed),
        ..crate::faults::apart::pending("increment", &json!({ "key": "b" }))
    };
    let task = row.id.to_string();
    store.create_task(row).await.unwrap();
    let before = id.to_string();
    let seen = get(&alice, &before).await;
    assert_eq!((&seen["action"]["configuration"], &seen["configuration"]), (&Value::Null, &Value::Null), "{seen:#}");
    assert_eq!(seen["input"], json!({ "key": "b" }));
    let refused = approve(&alice, &before).await.problem(409, "approval.conflict");
    let anew = refused["details"]["approval"].as_str().unwrap();
    assert_eq!(get(&alice, anew).await["configuration"], json!({}));
    approve(&alice, anew).await.of(200);
    assert_eq!(owner.ended(&task).await["status"], "completed");
}
