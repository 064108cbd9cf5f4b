//! The connection to the database is cut while the host works.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use troupe_tests::Client;

use super::Base;

/// Asks for a task until it is accepted: the same request under the same key is the same task.
async fn insist(client: &Client, number: usize) -> String {
    let until = Instant::now() + Duration::from_secs(60);
    let task = json!({
        "agent": "sleeper", "skill": "nights", "idempotency_key": format!("n{number}"),
        "input": { "key": "n", "nights": 1, "ms": 1 },
        "retry": { "tries": 10, "pause_ms": 50 },
    });
    loop {
        let answer = client.send(client.request(Method::POST, "/api/v1/tasks").json(&task)).await;
        if answer.status == 202 || answer.status == 200 {
            return answer.json()["id"].as_str().unwrap().to_owned();
        }
        answer.problem(503, "unavailable.store");
        assert!(Instant::now() < until, "task {number} is never accepted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The end of a task, asked for until somebody tells.
async fn ended(client: &Client, task: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let answer = client.get(&format!("/api/v1/tasks/{task}")).await;
        if answer.status == 200 && !answer.json()["ended_at"].is_null() {
            return answer.json();
        }
        assert!(Instant::now() < until, "task {task} never ends: {answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i122_under_load_nothing_that_was_accepted_is_lost_or_done_twice_and_no_restart_is_needed() {
    let Some(base) = Base::new() else { return };
    let mut host = base.host_that_counts().await;
    let client = host.client();
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..48 {
        let client = client.clone();
        clients.spawn(async move {
            tokio::time::sleep(Duration::from_millis(40 * number as u64)).await;
            insist(&client, number).await
        });
    }
    let mut cut = 0;
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(120)).await;
        cut += base.cut();
    }
    let tasks: BTreeSet<String> = clients.join_all().await.into_iter().collect();
    assert_eq!(tasks.len(), 48, "a task for each key");
    let mut seen = BTreeSet::new();
    for task in &tasks {
        let ended = ended(&client, task).await;
        assert_eq!(ended["status"], "completed", "{ended:#}");
        let count = ended["output"][0]["count"].as_u64().unwrap();
        assert!(seen.insert(count), "two evenings counted to {count}");
    }
    println!("{cut} sessions were cut");
    assert!(host.is_alive());
    assert_eq!(client.get("/readyz").await.status, 200);
    assert!(!host.said().contains("restart the host"), "nobody has to");
}
