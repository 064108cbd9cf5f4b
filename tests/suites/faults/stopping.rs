//! A host that is asked to end while people use it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use troupe_tests::Client;

use crate::host;
use crate::rest::tasks::sleeper::host_that_counts;

/// Has agents sleep, one call after the other, until the host is gone; says which of its calls were answered.
async fn callers(client: Client, name: usize, answered: Arc<Mutex<BTreeSet<String>>>, is_over: Arc<AtomicBool>) {
    for number in 0.. {
        let key = format!("{name}-{number}");
        let task = json!({
            "agent": "sleeper", "skill": "nights", "idempotency_key": key, "input": { "key": key, "nights": 1, "ms": 20 },
        });
        let path = if number % 2 == 0 { "/api/v1/tasks?wait=30" } else { "/api/v1/tasks" };
        match client.try_send(client.request(reqwest::Method::POST, path).json(&task)).await {
            Ok(answer) if answer.status < 300 => {
                answered.lock().unwrap().insert(key);
            }
            // Whoever is heard while the host ends is told to come again, and nothing was done.
            Ok(answer) => {
                answer.problem(503, "unavailable.host");
                assert!(answer.header("retry-after").is_some());
            }
            Err(_) => {
                return assert!(is_over.load(Ordering::SeqCst), "a call breaks off before anybody asked for an end");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i130_a_host_that_ends_under_load_answers_what_it_took_on_and_loses_nothing_that_it_accepted() {
    let mut host = host_that_counts().await;
    let client = host.client().fresh();
    let (answered, is_over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
    let mut users = tokio::task::JoinSet::new();
    for name in 0..12 {
        users.spawn(callers(client.clone(), name, Arc::clone(&answered), Arc::clone(&is_over)));
    }
    // These run when the end is asked for, and are waited for.
    let long: Vec<_> = (0..6)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let input = json!({ "key": format!("long-{number}"), "nights": 1, "ms": 3_000 });
                client.run("sleeper", "nights", input).await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    is_over.store(true, Ordering::SeqCst);
    let address = client.url.strip_prefix("http://").unwrap().to_owned();
    let door = async {
        // Whoever looks whether it is ready finds a closed door, while it still answers those within.
        let until = Instant::now() + Duration::from_secs(2);
        while TcpStream::connect(&address).await.is_ok() {
            assert!(Instant::now() < until, "it lets people in although it ends");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (status, ()) = tokio::join!(host.stop(), door);
    assert_eq!(status.code(), Some(0));
    for call in long {
        assert_eq!(call.await.unwrap().output()[0]["count"], 1);
    }
    while let Some(user) = users.join_next().await {
        user.unwrap();
    }

    host.start().await;
    let client = host.client();
    let answered: BTreeSet<String> = Arc::try_unwrap(answered).unwrap().into_inner().unwrap();
    assert!(answered.len() > 12, "{answered:?}");
    for key in &answered {
        let task = json!({
            "agent": "sleeper", "skill": "nights", "idempotency_key": key, "input": { "key": key, "nights": 1, "ms": 20 },
        });
        let task = client.post("/api/v1/tasks?wait=30", &task).await.of(200);
        assert_eq!((&task["status"], &task["output"][0]["count"]), (&json!("completed"), &json!(1)), "{key}: {task:#}");
    }
    println!("{} calls were answered", answered.len());
}

#[tokio::test]
async fn i130_a_second_signal_ends_a_host_at_once_and_the_next_start_settles_what_ran() {
    let mut host = host().await;
    let client = host.client();
    let asked = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 50_000 }, "timeout_ms": 60_000 });
    let task = client.post("/api/v1/tasks", &asked).await.of(202)["id"].as_str().unwrap().to_owned();
    client.runs(&task).await;
    let from = host.said().len();
    host.signal();
    host.says(from, |said| said.contains("stopping; a second Ctrl-C stops at once")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(host.is_alive(), "it waits for what runs");
    let second = Instant::now();
    let status = host.stop().await;
    assert_eq!(status.code(), Some(130));
    assert!(second.elapsed() < Duration::from_secs(2), "{:?}", second.elapsed());
    host.start().await;
    let settled: Value = host.client().get(&format!("/api/v1/tasks/{task}")).await.of(200);
    assert!(matches!(settled["status"].as_str(), Some("pending" | "running")), "{settled:#}");
}
