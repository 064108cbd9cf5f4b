//! Clients that go away at any instant: what they began is whole or absent, every row
//! ends, and what the host says is what runs.

use std::time::Duration;

use rand::rngs::StdRng;
use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::{Client, Host, seed};

use super::instant;
use crate::host;

const CLIENTS: usize = 150;

/// Longest until a client goes away: some requests are answered by then, most are not.
const WINDOW: Duration = Duration::from_millis(12);

/// Sends a request and goes away before long; whether it was answered.
async fn hasty(random: &mut StdRng, request: impl Future<Output = ()>) -> bool {
    tokio::time::timeout(instant(random, WINDOW), request).await.is_ok()
}

/// Every task on record.
async fn tasks(host: &Host) -> Vec<Value> {
    host.client().get("/api/v1/tasks?limit=500").await.of(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn tasks_whose_clients_go_away_all_end() {
    let host = host().await;
    let mut random = seed::seeded("clients of tasks");
    let mut answered = 0;
    for number in 0..CLIENTS {
        let client = host.client();
        let mut task = json!({ "agent": "echo", "skill": "echo", "input": { "text": number.to_string() } });
        if number % 3 == 0 {
            task["idempotency_key"] = json!(format!("key-{number}"));
        }
        let path = if number % 2 == 0 { "/api/v1/tasks" } else { "/api/v1/tasks?wait=0" };
        let request = async { drop(client.post(path, &task).await) };
        answered += usize::from(hasty(&mut random, request).await);
        if number % 3 == 0 {
            // Asked for again under its key, it ends at once, whatever became of the first.
            let again = client.post("/api/v1/tasks?wait=3", &task).await.of(200);
            assert_eq!(again["status"], "completed", "{again:#}");
        }
    }
    // What was accepted in the last instant may still be about to run.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let all = tasks(&host).await;
    // One whose client was gone before anything of it was on disk is cancelled.
    let ended = |task: &Value| ["completed", "cancelled"].contains(&task["status"].as_str().unwrap());
    assert!(all.iter().all(ended), "{all:#?}");
    println!("{CLIENTS} clients, {answered} of them answered, {} tasks", all.len());
    assert!(answered < CLIENTS, "nobody went away");
}

/// What the deployment says must be what runs. A change that goes on without its client
/// may come in between; then it is asked again.
async fn agree(client: &Client) {
    let (said, ran) = loop {
        let before = client.get("/api/v1/deployments/echo").await.of(200);
        let ran = client.run("echo", "who", json!({})).await.of(200);
        let after = client.get("/api/v1/deployments/echo").await.of(200);
        if before == after {
            break (before, ran);
        }
    };
    assert_eq!(ran["release"]["epoch"], said["epoch"]);
    assert_eq!(ran["release"]["version"], said["serving"]);
    assert_eq!(ran["output"]["configuration"], said["configuration"]);
}

#[tokio::test]
async fn a_deployment_whose_operators_go_away_says_what_runs() {
    let mut host = host().await;
    let mut random = seed::seeded("operators");
    let mut answered = 0;
    for number in 0..CLIENTS {
        let client = host.client();
        let request = async {
            drop(match number % 3 {
                0 => client.swap("echo", ["1.0.0", "2.0.0"][number / 3 % 2]).await,
                1 => {
                    let configuration = json!({ "configuration": { "repeat": number } });
                    client.put("/api/v1/deployments/echo/configuration", &configuration).await
                }
                _ => client.put("/api/v1/deployments/echo/grants", &json!({ "grants": {} })).await,
            });
        };
        answered += usize::from(hasty(&mut random, request).await);
        agree(&host.client()).await;
    }
    println!("{CLIENTS} operators, {answered} of them answered");
    assert!(answered < CLIENTS, "nobody went away");
    // The last change is made within a moment, with or without its client.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = host.client().get("/api/v1/deployments/echo").await.of(200);
    host.kill().await;
    host.start().await;
    assert_eq!(host.client().get("/api/v1/deployments/echo").await.of(200), before);
    agree(&host.client()).await;
}

#[tokio::test]
async fn a_cancel_right_after_the_request_is_never_lost() {
    let host = host().await;
    let mut random = seed::seeded("cancels");
    // All at once: an agent that does not heed it has its time to clean up first.
    let cancelled = (0..CLIENTS / 3).map(|_| {
        let (client, pause) = (host.client(), instant(&mut random, Duration::from_millis(8)));
        async move {
            let task = client.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
            tokio::time::sleep(pause).await;
            client.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
            let time = limits::CANCEL_TIME_MAX + Duration::from_secs(10);
            let ended = tokio::time::timeout(time, client.ended(&task)).await.expect("a cancel that works");
            assert_eq!(ended["status"], "cancelled");
        }
    });
    futures::future::join_all(cancelled).await;
}
