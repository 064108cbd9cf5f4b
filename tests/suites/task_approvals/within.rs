//! Tasks of groups, sessions, schedules, events and agents wait like any other, and so does what they are of; and
//! whoever has them made has asked for them.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};
use troupe_core::approval::ApprovalRule;
use troupe_core::view::{ApprovedAction, TaskApproval, TaskStatus};
use troupe_core::{ApprovalId, Clock as _, Digest, Effect, SystemClock, SystemEntropy, limits};
use troupe_store::{NeededApproval, TaskRow};
use troupe_tests::{Client, Host};

use super::{PATIENCE, approval_of, approve, demand, get, host_that_counts, recorded, somebody};
use crate::agents;
use crate::faults::apart;
use crate::rest::groups::{create, ended, get as group, step, task_of};
use crate::swap::{begin, canary, reaches};

/// Somebody who may do all of these, and what the audit calls them.
async fn somebody_with(owner: &Client, scopes: &[&str]) -> (Client, String) {
    let client = owner.with_key("default", scopes).await;
    let who = client.get("/api/v1/whoami").await.of(200)["principal"].as_str().unwrap().to_owned();
    (client, who)
}

/// Waits for the first task of `counter`, also if that is one of a schedule; returns it with its approval.
async fn the_first(client: &Client) -> (String, String) {
    let until = Instant::now() + 2 * PATIENCE;
    let task = loop {
        let listed = client.get("/api/v1/tasks?agent=counter").await.of(200);
        if let Some(task) = listed["items"].as_array().unwrap().last() {
            break task["id"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < until, "nobody asks counter");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let approval = approval_of(client, &task).await;
    (task, approval)
}

/// Checks that `asker`, who may approve, has asked for it, decides nothing of it and hands no link to it on, and that
/// somebody else decides.
async fn asked_for_by(owner: &Client, (asker, who): (&Client, &str), (task, approval): (&str, &str)) {
    let seen = get(owner, approval).await;
    assert_eq!((&seen["asked_by"], &seen["status"]), (&json!(who), &json!("pending")), "{seen:#}");
    approve(asker, approval).await.problem(403, "approval.denied");
    let path = format!("/api/v1/task-approvals/{approval}/links");
    asker.post(&path, &json!({ "for": who })).await.problem(403, "approval.denied");
    let (other, other_name) = somebody(owner).await;
    approve(&other, approval).await.of(200);
    assert_eq!(owner.ended(task).await["status"], "completed");
    let steps = recorded(owner, approval).await;
    let step = |name: &str, by: &str| (name.to_owned(), json!(by));
    assert!(steps.contains(&step("requested", who)), "{steps:?}");
    assert!(steps.contains(&step("granted", &other_name)), "{steps:?}");
}

/// A host that counts and has the agent `asker`.
async fn host_with_asker() -> Host {
    let host = host_that_counts().await;
    agents::deploy(&host.client(), &agents::grants()).await;
    host
}

/// Has `asker` ask `counter` to count; returns the task.
async fn has_it_count(client: &Client, then: &str) -> String {
    let wanted = json!({ "agent": "counter", "skill": "increment", "input": { "key": "a" } });
    client.submit("asker", "ask", json!({ "ask": [wanted], "then": then })).await
}

#[tokio::test]
async fn whoever_a_task_is_for_approves_nothing_that_its_agent_asks_another_for() {
    let host = host_with_asker().await;
    let owner = host.client();
    demand(&owner, json!([{ "agents": "counter", "skills": "increment", "levels": [{}] }])).await;
    let (asker, who) = somebody(&owner).await;
    let root = has_it_count(&asker, "wait").await;
    let (task, approval) = the_first(&owner).await;
    let child = owner.get(&format!("/api/v1/tasks/{task}")).await.of(200);
    assert_eq!((&child["caused_by"], &child["principal"]), (&json!(root), &json!(who)), "{child:#}");
    asked_for_by(&owner, (&asker, &who), (&task, &approval)).await;
    assert_eq!(owner.ended(&root).await["status"], "completed");
}

#[tokio::test]
async fn during_a_canary_a_child_is_shown_on_the_release_that_whoever_it_is_for_gets() {
    let host = host_with_asker().await;
    let owner = host.client();
    owner.publish(troupe_tests::guests().counter.marked(5).archive("1.1.0")).await.of(201);
    demand(&owner, json!([{ "agents": "counter", "skills": "increment", "levels": [{}] }])).await;
    let swap = begin(&owner, "counter", "1.1.0", &json!({ "canary": canary(&[50], 1_000_000) })).await;
    reaches(&owner, "counter", &swap, "canary").await;
    // Each affinity goes to one of both releases, and so does what is asked for under it.
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..16 {
        let affinity = format!("a{number}");
        let probe = json!({ "agent": "counter", "skill": "get", "input": { "key": "a" }, "affinity": affinity });
        let gets = owner.post("/api/v1/tasks?wait=30", &probe).await.of(200)["release"]["version"].clone();
        let wanted = json!({ "agent": "counter", "skill": "increment", "input": { "key": "a" } });
        let task = json!({
            "agent": "asker", "skill": "ask", "input": { "ask": [wanted] }, "affinity": affinity,
        });
        let root = owner.post("/api/v1/tasks?wait=30", &task).await.of(200)["id"].as_str().unwrap().to_owned();
        let listed = owner.get(&format!("/api/v1/tasks?caused_by={root}")).await.of(200);
        let approval = listed["items"][0]["approval"].as_str().expect("an approval").to_owned();
        assert_eq!(get(&owner, &approval).await["action"]["version"], gets, "{affinity}");
        seen.insert(gets.to_string());
    }
    assert_eq!(seen.len(), 2, "both were shown: {seen:?}");
}

#[tokio::test]
async fn an_agent_is_told_that_there_is_no_room_where_too_many_approvals_wait() {
    let host = host_with_asker().await;
    let owner = host.client();
    demand(&owner, json!([{ "agents": "counter", "skills": "increment", "levels": [{}] }])).await;
    // As many as may wait, written here: over the network they would take minutes.
    let store = apart::store(&host).await;
    let waiting = || {
        let rule: ApprovalRule = serde_json::from_value(json!({ "levels": [{}] })).unwrap();
        let action = ApprovedAction {
            agent: "echo".to_owned(),
            version: "1.0.0".parse().unwrap(),
            digest: Digest::of(b"some release"),
            skill: "version".to_owned(),
            effect: Effect::Read,
            instance: None,
            configuration: None,
        };
        let asked = TaskApproval::asked(action, "owner", (1, &rule, 1), SystemClock.now());
        let id = ApprovalId::generate(&SystemClock, &SystemEntropy);
        let approval = Some(NeededApproval { id, asked: Some(Box::new(asked)) });
        TaskRow { status: TaskStatus::AwaitingApproval, approval, ..apart::pending("version", &json!({})) }
    };
    let rows = (0..limits::TASK_APPROVALS_MAX).map(|_| waiting());
    let kept = futures::stream::iter(rows).map(|row| store.create_task(row)).buffer_unordered(500);
    kept.for_each(async |kept| drop(kept.unwrap())).await;
    owner
        .post("/api/v1/tasks", &json!({ "agent": "counter", "skill": "increment", "input": { "key": "a" } }))
        .await
        .problem(429, "limit.concurrency");
    let root = has_it_count(&owner, "wait").await;
    let ended = owner.ended(&root).await;
    assert_eq!(ended["status"], "completed", "its agent goes on: {ended:#}");
    let told = &ended["output"]["told"][0];
    assert_eq!(told["code"], "unavailable", "{told:#}");
    assert!(told["error"].as_str().unwrap().contains("approvals of the tenant wait"), "{told:#}");
    let children = owner.get(&format!("/api/v1/tasks?caused_by={root}")).await.of(200);
    assert_eq!(children["items"], json!([]));
    let replay = owner.post(&format!("/api/v1/tasks/{root}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null), "{replay:#}");
}

#[tokio::test]
async fn whoever_sets_a_schedule_asks_for_what_it_makes() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "skills": "increment", "levels": [{}] }])).await;
    let (asker, who) = somebody_with(&owner, &["approve", "read", "run", "operate"]).await;
    let task = json!({ "agent": "counter", "skill": "increment", "input": { "key": "a" } });
    let schedule = json!({ "cron": "* * * * *", "task": task });
    asker.put("/api/v1/schedules/soon", &schedule).await.of(200);
    let (task, approval) = the_first(&owner).await;
    asked_for_by(&owner, (&asker, &who), (&task, &approval)).await;
}

#[tokio::test]
async fn whoever_sets_a_subscription_asks_for_what_handles_an_event() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "skills": "increment", "levels": [{}] }])).await;
    let (asker, who) = somebody_with(&owner, &["approve", "read", "run", "operate"]).await;
    let subscription = json!({ "topic": "a.b", "agent": "counter", "skill": "increment", "input": "data" });
    asker.put("/api/v1/events/subscriptions/counts", &subscription).await.of(200);
    let event = json!({
        "specversion": "1.0", "type": "a.b", "datacontenttype": "application/json", "data": { "key": "a" },
    });
    owner.post("/api/v1/events", &event).await.of(202);
    let (task, approval) = the_first(&owner).await;
    asked_for_by(&owner, (&asker, &who), (&task, &approval)).await;
}

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
        tokio::time::sleep(Duration::from_millis(20)).await;
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
        tokio::time::sleep(Duration::from_millis(20)).await;
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
