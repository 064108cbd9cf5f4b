//! What was shown is what runs: another release is another action.

use serde_json::{Value, json};
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
