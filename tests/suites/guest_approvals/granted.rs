//! Whether an agent may ask, about how much, and what it may show.

use serde_json::{Value, json};
use troupe_tests::guests;

use super::{approval_of, grant, grants, host, kept, output, purge, say, somebody};

async fn show(client: &troupe_tests::Client, summary: &str, action: Value, times: u32) -> Value {
    client.run("janitor", "show", json!({ "summary": summary, "action": action, "times": times })).await.output()
}

#[tokio::test]
async fn without_a_grant_nobody_is_asked_and_nothing_is_done() {
    let host = host().await;
    let client = host.client();
    grant(&client, &json!({ "state": { "bytes": 1 << 20, "keys": 1000 } })).await;
    let told = client.run("janitor", "purge", json!({ "things": ["a"] })).await.output();
    assert_eq!((&told["end"], &told["code"]), (&json!("refused"), &json!("denied.capability")), "{told:#}");
    assert_eq!(client.get("/api/v1/task-approvals").await.of(200)["items"], json!([]));
    assert_eq!(kept(&client).await, json!(["a", "b", "c"]));
    let explain = json!({ "question": "approvals ask" });
    let told = client.post("/api/v1/deployments/janitor/grants/explain", &explain).await.of(200);
    assert_eq!((&told["allowed"], &told["code"]), (&json!(false), &json!("denied.capability")), "{told:#}");
    grant(&client, &grants(1)).await;
    let told = client.post("/api/v1/deployments/janitor/grants/explain", &explain).await.of(200);
    assert_eq!((&told["allowed"], &told["operator"]["lines"][0]["line"]), (&json!(true), &json!("approvals")));
}

#[tokio::test]
async fn what_waits_is_bounded_by_task_and_by_agent() {
    let host = host().await;
    let client = host.client();
    let told = show(&client, "a", json!({}), 10).await;
    let codes: Vec<_> = told.as_array().unwrap().iter().map(|told| told["code"].clone()).collect();
    assert_eq!(codes[..8], vec![Value::Null; 8], "{told:#}");
    assert_eq!(codes[8..], ["limit.approvals", "limit.approvals"], "{told:#}");
    // What is over does not count.
    grant(&client, &grants(1)).await;
    let task = purge(&client, &["a"]).await;
    let approval = approval_of(&client, &task).await;
    let told = show(&client, "a", json!({}), 1).await;
    assert_eq!(told[0]["code"], "limit.approvals", "{told:#}");
    assert!(told[0]["error"].as_str().unwrap().contains("its grant allows no more"), "{told:#}");
    let (alice, _) = somebody(&client).await;
    say(&alice, &approval, "approve", "fine").await.of(200);
    output(&client, &task).await;
    assert_eq!(show(&client, "a", json!({}), 1).await[0]["code"], Value::Null);
}

#[tokio::test]
async fn what_could_mislead_whoever_reads_it_is_not_shown() {
    let host = host().await;
    let client = host.client();
    let long = "x".repeat(301);
    for summary in ["", "two\nlines", "\u{1b}[2Jnothing to see", "remove \u{202e}c.gpj", long.as_str()] {
        let told = show(&client, summary, json!({}), 1).await;
        assert_eq!(told[0]["code"], "invalid", "{summary:?}: {told:#}");
    }
    let big = json!({ "text": "x".repeat(40_000) });
    for action in [json!([]), json!("remove"), Value::Null, big] {
        let told = show(&client, "a", action, 1).await;
        assert_eq!(told[0]["code"], "invalid", "{told:#}");
    }
    assert_eq!(client.get("/api/v1/task-approvals").await.of(200)["items"], json!([]));
    let fits = json!({ "text": "x".repeat(30_000), "deep": [[[[1]]]], "big": 18_446_744_073_709_551_615_u64 });
    show(&client, "a", fits.clone(), 1).await;
    let listed = client.get("/api/v1/task-approvals").await.of(200);
    let shown = super::get(&client, listed["items"][0]["id"].as_str().unwrap()).await;
    assert_eq!(shown["shown"]["action"], fits);
}

#[tokio::test]
async fn a_run_that_keeps_nothing_and_a_rehearsal_ask_nobody() {
    let host = host().await;
    let client = host.client();
    let input = json!({ "summary": "a", "action": {} });
    let task = json!({ "agent": "janitor", "skill": "show", "durability": "none", "input": input });
    client.post("/api/v1/tasks?wait=30", &task).await.of(200);
    assert_eq!(client.get("/api/v1/task-approvals").await.of(200)["items"], json!([]));

    let (alice, _) = somebody(&client).await;
    let task = purge(&client, &["a"]).await;
    say(&alice, &approval_of(&client, &task).await, "approve", "fine").await.of(200);
    output(&client, &task).await;
    client.publish(guests().janitor.archive("1.1.0")).await.of(201);
    let before = client.get("/api/v1/task-approvals").await.of(200);
    let request = json!({ "version": "1.1.0" });
    let report = client.post("/api/v1/deployments/janitor/rehearse", &request).await.of(200);
    assert_eq!(report["verdict"]["passes"], json!(true), "{report:#}");
    assert_eq!(before, client.get("/api/v1/task-approvals").await.of(200));
    assert_eq!(kept(&client).await, json!(["b", "c"]));
}

#[tokio::test]
async fn another_tenant_sees_no_question_and_decides_none() {
    let host = host().await;
    let owner = host.client();
    owner.make_tenant("acme").await;
    let other = owner.with_key("acme", &["approve", "read", "run"]).await;
    let task = purge(&owner, &["a"]).await;
    let approval = approval_of(&owner, &task).await;
    assert_eq!(other.get("/api/v1/task-approvals").await.of(200)["items"], json!([]));
    other.get(&format!("/api/v1/task-approvals/{approval}")).await.problem(404, "approval.not_found");
    let yes = json!({ "revision": 1 });
    other.post(&format!("/api/v1/task-approvals/{approval}/approve"), &yes).await.problem(404, "approval.not_found");
}
