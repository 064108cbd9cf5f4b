//! Journals: how long they are kept, and what is left of one that was redacted.

use serde_json::{Value, json};
use troupe_tests::command::{command_on, ended};
use troupe_tests::{Host, nowhere_in};

use crate::{PROGRAM, host};

const CANARY: &str = "canary-3f9c1b7e";

fn id(task: &Value) -> &str {
    task["id"].as_str().unwrap()
}

/// A host with an agent that has written and read the canary; the task that did.
async fn with_canary() -> (Host, Value) {
    let host = host().await;
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    let client = host.client();
    client.put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    let task = client.run("counter", "put", json!({ "key": CANARY, "value": CANARY.repeat(500) })).await.of(200);
    client.run("counter", "delete", json!({ "key": CANARY })).await.of(200);
    (host, task)
}

#[tokio::test]
async fn a_journal_is_read_page_by_page() {
    let (host, _) = with_canary().await;
    let client = host.client();
    let task = client.run("counter", "sum", json!({ "keys": ["a", "b", "c", "d", "e"] })).await.of(200);
    let path = format!("/api/v1/tasks/{}/journal", id(&task));
    let (mut numbers, mut next) = (Vec::new(), json!(0));
    for length in [2, 2, 1] {
        let page = client.get(&format!("{path}?limit=2&after={next}")).await.of(200);
        let calls = page["calls"].as_array().unwrap();
        assert_eq!((calls.len(), &page["task"]), (length, &task["id"]));
        numbers.extend(calls.iter().map(|call| call["number"].as_u64().unwrap()));
        next = page["next"].clone();
    }
    assert_eq!(next, Value::Null);
    assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
    let whole = client.get(&path).await.of(200);
    assert_eq!((whole["calls"].as_array().unwrap().len(), &whole["next"]), (5, &Value::Null));
    client.get(&format!("{path}?after=first")).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn a_redacted_task_is_named_call_by_call_and_cannot_be_replayed() {
    let (host, task) = with_canary().await;
    let client = host.client();
    let path = format!("/api/v1/tasks/{}", id(&task));
    let redacted = client.post(&format!("{path}/journal/redact"), &json!({})).await.of(200);
    assert_eq!((&redacted["status"], &redacted["output"]), (&task["status"], &task["output"]));
    let journal = client.get(&format!("{path}/journal")).await.of(200);
    assert_eq!(journal["redacted"], true);
    let calls: Vec<_> =
        journal["calls"].as_array().unwrap().iter().map(|call| (&call["call"], &call["answer"])).collect();
    assert_eq!(calls, [(&json!("state.set"), &json!("redacted"))]);
    let problem = client.post(&format!("{path}/replay"), &Value::Null).await.problem(409, "replay.impossible");
    assert!(problem["detail"].as_str().unwrap().contains("was redacted"), "{problem:#}");
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let event = feed["items"].as_array().unwrap().iter().find(|event| event["type"] == "task.redacted").unwrap();
    assert_eq!(
        (&event["subject"], &event["data"]["agent"]),
        (&json!(format!("task/{}", id(&task))), &json!("counter"))
    );
}

#[tokio::test]
async fn what_a_task_held_is_nowhere_in_the_data_directory_once_all_of_it_is_redacted() {
    let (host, task) = with_canary().await;
    let client = host.client();
    // What an agent keeps in state is its own to delete, which it did. That task named the
    // key, too.
    let tasks = client.get("/api/v1/tasks?agent=counter").await.of(200);
    for task in tasks["items"].as_array().unwrap() {
        let said = ended(command_on(PROGRAM, &host, &["tasks", id(task), "--redact", "--all"]).spawn().unwrap()).await;
        assert!(said.good().starts_with("redacted: task "));
    }
    let shown = client.get(&format!("/api/v1/tasks/{}", id(&task))).await.of(200);
    assert_eq!((&shown["input"], &shown["output"]), (&Value::Null, &Value::Null), "{shown:#}");
    // While the host runs: nothing of it waits in the database's log for a stop.
    nowhere_in(host.data_dir(), CANARY);
}

#[tokio::test]
async fn a_task_that_has_not_ended_is_not_redacted() {
    let host = host().await;
    let client = host.client();
    let task = client.submit("echo", "sleep", json!({ "ms": 20_000 })).await;
    let path = format!("/api/v1/tasks/{task}/journal/redact");
    client.post(&path, &json!({})).await.problem(409, "task.not_ended");
    client.post(&path, &json!({ "everything": true })).await.problem(400, "request.invalid");
    let unknown = "/api/v1/tasks/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b/journal/redact";
    client.post(unknown, &json!({})).await.problem(404, "task.not_found");
    client.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
}

#[tokio::test]
async fn a_task_whose_journal_was_dropped_says_so_and_why() {
    let (mut host, task) = with_canary().await;
    let path = format!("/api/v1/tasks/{}/journal", id(&task));
    host.client().get(&path).await.of(200);
    host.stop().await;
    let mut host = host.with_variable("TROUPE_JOURNAL_BYTES", "64");
    host.start().await;
    let client = host.client();
    let mut answer = client.get(&path).await;
    for _ in 0..100 {
        if answer.status != 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        answer = client.get(&path).await;
    }
    let problem = answer.problem(409, "replay.impossible");
    let why = problem["detail"].as_str().unwrap().replace(id(&task), "[task]");
    insta::assert_snapshot!(why, @"the journal of task [task] was dropped: this host keeps one for 30 days after its task has ended, and 64 bytes of them for a tenant");
    client.post(&format!("/api/v1/tasks/{}/replay", id(&task)), &Value::Null).await.problem(409, "replay.impossible");
    client.get(&format!("/api/v1/tasks/{}", id(&task))).await.of(200);
}
