//! The connection to the database is cut while the host works.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Client, guests};

use super::Base;
use crate::faults::came;
use crate::may_send_plainly;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_guest_does_waits_for_the_database_and_is_done_once() {
    let Some(base) = Base::new() else { return };
    let server = Server::silent().await;
    let leave = may_send_plainly(&server);
    let mut host = base.host();
    host.start().await;
    let client = host.client();
    client.publish(guests().fetch.asking(leave.clone()).archive("1.0.0")).await.of(201);
    client.swap("fetch", "1.0.0").await.of(200);
    client.put("/api/v1/deployments/fetch/grants", &json!({ "grants": leave })).await.of(200);
    let (tasks, steps) = (2, 15);
    let mut accepted = Vec::new();
    for task in 0..tasks {
        let request = |step: usize| {
            json!({ "method": "POST", "scheme": "http", "authority": format!("127.0.0.1:{}", server.port()),
                "path": format!("/{task}/{step}"), "headers": [] })
        };
        let input = json!({ "requests": (0..steps).map(request).collect::<Vec<_>>() });
        let task = json!({ "agent": "fetch", "skill": "one_by_one", "input": input, "timeout_ms": 120_000 });
        accepted.push(client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned());
    }
    // Whenever a request is answered, while what came of it is written down and the next is announced.
    let (mut cut, mut seen) = (0, 0);
    while seen < tasks * steps {
        let next = tokio::time::timeout(Duration::from_secs(60), server.came(seen + 1));
        let count = next.await.expect("the next request").len();
        server.answer_more(count - seen);
        (seen, cut) = (count, cut + base.cut());
    }
    // One that came twice is not to wait for its answer: it is told below.
    server.answer();
    assert!(cut > 10, "{cut} sessions were cut");
    for task in &accepted {
        let ended = ended(&client, task).await;
        assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(1)), "{ended:#}");
    }
    let came = came(&server);
    let twice: Vec<_> = came.iter().filter(|(_, tokens)| tokens.len() != 1).collect();
    assert!(came.len() == tasks * steps && twice.is_empty(), "{} came, {twice:?}", came.len());
}
