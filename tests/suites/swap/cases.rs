//! What operators and guests do to swaps, each case by the letter and number under which it is
//! known.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::{Client, guests};

use super::{begin, calls, canary, host_with_trials, over, reaches, swap_of};
use crate::host;

#[tokio::test]
async fn j136_a_release_that_traps_is_said_to_be_unhealthy_and_the_one_before_serves() {
    let host = host_with_trials(&[("2.0.0", json!({ "trap": true }))]).await;
    let client = host.client();
    calls(&client, 40).await;
    let request = json!({ "version": "2.0.0", "policy": { "canary": canary(&[50], 1_000_000) } });
    let swap = tokio::spawn({
        let client = client.clone();
        async move { client.post("/api/v1/deployments/trial/swap?wait=60", &request).await }
    });
    let until = Instant::now() + Duration::from_secs(60);
    while !swap.is_finished() {
        assert!(Instant::now() < until, "nobody stops it");
        let call = json!({ "agent": "trial", "skill": "work", "input": { "number": 1 } });
        client.post("/api/v1/tasks?wait=30", &call).await;
    }
    let swap = swap.await.unwrap().of(200);
    let state = &swap["state"];
    assert_eq!((&state["outcome"], &state["reason"]["code"]), (&json!("stopped"), &json!("swap.unhealthy")));
    let deployment = client.get("/api/v1/deployments/trial").await.of(200);
    assert_eq!((&deployment["serving"], &deployment["canary"]), (&json!("1.0.0"), &Value::Null));
    let after = calls(&client, 40).await;
    assert!(after.iter().all(|task| task["status"] == "completed"));
}

#[tokio::test]
async fn j137_a_stream_that_is_open_during_a_swap_ends_on_the_release_it_began_on() {
    let host = host().await;
    let client = host.client();
    let task = client.submit("echo", "sleep", json!({ "ms": 1_500 })).await;
    client.runs(&task).await;
    let mut stream = client.open(&format!("/api/v1/tasks/{task}/events")).await;
    let mut text = String::from_utf8(stream.chunk().await.unwrap().unwrap()).unwrap();
    client.swap("echo", "2.0.0").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "2.0.0" }));
    while let Some(piece) = stream.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    let last = troupe_tests::events::told(&text).pop().unwrap().data;
    assert_eq!((&last["status"], &last["output"]["version"]), (&json!("completed"), &json!("1.0.0")));
    assert_eq!(last["release"]["epoch"], 1);
}

/// Starts a call that would outlast everything, of which nothing is kept.
fn hang(client: &Client) -> tokio::task::JoinHandle<troupe_tests::Answer> {
    let client = client.clone();
    let input = json!({ "ms": 300_000 });
    let task = json!({
        "agent": "echo", "skill": "sleep", "input": input, "timeout_ms": 600_000, "durability": "none",
    });
    tokio::spawn(async move { client.post("/api/v1/tasks?wait=120", &task).await })
}

async fn running(client: &Client) -> usize {
    let metrics = client.get("/metrics").await.text;
    let line = metrics.lines().find_map(|line| line.strip_prefix("troupe_invocations_running "));
    line.and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn j138_fifty_rapid_swaps_with_hung_guests_leave_two_releases_alive_at_most() {
    let host = host().await;
    let client = host.client();
    client.publish(guests().echo_2.archive("3.0.0")).await.of(201);
    let mut hung = Vec::new();
    for round in 0..50 {
        if round < 6 {
            let before = running(&client).await;
            hung.push(hang(&client));
            while running(&client).await <= before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let version = ["2.0.0", "3.0.0", "1.0.0"][round % 3];
        let swap = json!({ "version": version, "policy": { "drain": { "mode": "expire", "seconds": 3600 } } });
        let swapped = client.post("/api/v1/deployments/echo/swap", &swap).await.of(200);
        assert_eq!(swapped["deployment"]["serving"], version);
        // Of hung calls there is one on each release that lives, and none on an older one.
        let alive = running(&client).await;
        assert!(alive <= 1, "{alive} hung calls run beside the release that serves, after {round}");
    }
    for call in hung {
        let failure = call.await.unwrap().failure("swap.drained");
        assert_eq!(failure["retryable"], true);
    }
}

#[tokio::test]
async fn j139_two_concurrent_swaps_from_one_epoch_have_one_winner() {
    let host = host().await;
    let client = host.client();
    let path = "/api/v1/deployments/echo/swap";
    let policy = json!({ "canary": canary(&[50], 1_000_000) });
    let by_steps = json!({ "version": "2.0.0", "epoch": 1, "policy": policy });
    let at_once = json!({ "version": "2.0.0", "epoch": 1 });
    for (a, b) in [(&by_steps, &by_steps), (&at_once, &at_once), (&at_once, &by_steps)] {
        let epoch = client.get("/api/v1/deployments/echo").await.of(200)["epoch"].clone();
        let with = |request: &Value| {
            let mut request = request.clone();
            request["epoch"] = epoch.clone();
            request
        };
        let (a, b) = (with(a), with(b));
        let (a, b) = tokio::join!(client.post(path, &a), client.post(path, &b));
        let mut answers = [a, b];
        answers.sort_by_key(|answer| answer.status);
        assert!(matches!(answers[0].status, 200 | 202), "{answers:#?}");
        answers[1].problem(409, "swap.conflict");
        // Back to where it was.
        if answers[0].status == 202 {
            let id = answers[0].json()["id"].as_str().unwrap().to_owned();
            client.post(&format!("/api/v1/deployments/echo/swaps/{id}/abort"), &Value::Null).await.of(200);
            over(&client, "echo", &id).await;
        } else {
            client.swap("echo", "1.0.0").await.of(200);
        }
    }
}

#[tokio::test]
async fn j143_a_release_that_cannot_read_the_state_of_now_is_not_gone_back_to() {
    let host = host().await;
    let client = host.client();
    let mut guest = guests().echo_2.clone();
    guest.manifest.state = serde_json::from_value(json!({ "version": 2, "reads": "1..=2" })).unwrap();
    client.publish(guest.archive("3.0.0")).await.of(201);
    let by_steps = begin(&client, "echo", "3.0.0", &json!({ "canary": canary(&[50], 1) })).await;
    let swap = over(&client, "echo", &by_steps).await;
    assert_eq!((&swap["state"]["outcome"], &swap["epoch"]), (&json!("refused"), &Value::Null), "{swap:#}");
    client.swap("echo", "3.0.0").await.of(200);
    let problem = client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.problem(409, "swap.state");
    assert!(problem["detail"].as_str().unwrap().contains("echo@1.0.0 reads state"), "{problem:#}");
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200)["epoch"], 2);
}

#[tokio::test]
async fn j144_a_guest_that_does_not_cooperate_is_trapped_at_the_deadline_of_its_drain() {
    let host = host().await;
    let client = host.client();
    client.publish(guests().hostile.archive("2.0.0")).await.of(201);
    let spin = json!({ "agent": "hostile", "skill": "spin", "timeout_ms": 600_000, "durability": "none" });
    let spins = tokio::spawn({
        let client = client.clone();
        async move { client.post("/api/v1/tasks?wait=60", &spin).await }
    });
    while running(&client).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seconds = 2;
    let swap = json!({ "version": "2.0.0", "policy": { "drain": { "mode": "wait", "seconds": seconds } } });
    let swapped = client.post("/api/v1/deployments/hostile/swap", &swap).await.of(200);
    let flipped = Instant::now();
    let failure = spins.await.unwrap().failure("swap.drained");
    assert_eq!(failure["retryable"], true);
    // A look at the drain, a tick, and what a busy machine adds.
    let late = flipped.elapsed().saturating_sub(Duration::from_secs(seconds));
    assert!(late <= limits::SWAP_LOOK_EVERY + limits::TICK + Duration::from_millis(500), "{late:?}");
    let swap = over(&client, "hostile", swapped["swap"].as_str().unwrap()).await;
    assert_eq!(swap["state"]["outcome"], "promoted");
}

#[tokio::test]
async fn j145_a_hundred_simultaneous_swaps_leave_a_neighbour_in_peace() {
    let host = host().await;
    let client = host.client();
    let mut agents = Vec::new();
    for number in 0..10 {
        let mut guest = guests().trial.clone();
        guest.manifest.name = format!("trial-{number}").parse().unwrap();
        for version in ["1.0.0", "2.0.0"] {
            client.publish(guest.archive(version)).await.of(201);
        }
        client.swap(guest.manifest.name.as_str(), "1.0.0").await.of(200);
        agents.push(guest.manifest.name.to_string());
    }
    let swaps = agents.iter().flat_map(|agent| (0..10).map(move |n| (agent, ["1.0.0", "2.0.0"][n % 2])));
    let swapping = join_all(swaps.map(|(agent, version)| client.swap(agent, version)));
    let neighbour = async {
        let mut slowest = Duration::ZERO;
        for number in 0..50 {
            let started = Instant::now();
            let text = format!("call {number}");
            let said = client.run("echo", "echo", json!({ "text": text })).await.output();
            assert_eq!(said, json!({ "text": text }));
            slowest = slowest.max(started.elapsed());
        }
        slowest
    };
    let (answers, slowest) = tokio::join!(swapping, neighbour);
    answers.iter().for_each(|answer| drop(answer.of(200)));
    println!("the neighbour's slowest call took {slowest:?}");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    for agent in &agents {
        let deployment = client.get(&format!("/api/v1/deployments/{agent}")).await.of(200);
        assert_eq!(deployment["epoch"], 11);
    }
}

#[tokio::test]
async fn a_candidate_that_is_stopped_serves_nobody_whatever_was_waiting() {
    let host = host_with_trials(&[("2.0.0", json!({}))]).await;
    let client = host.client();
    let id = begin(&client, "trial", "2.0.0", &json!({ "canary": canary(&[100], 1_000_000) })).await;
    reaches(&client, "trial", &id, "canary").await;
    assert!(calls(&client, 10).await.iter().all(|task| task["release"]["version"] == "2.0.0"));
    client.post("/api/v1/deployments/trial/rollback", &Value::Null).await.of(200);
    assert!(calls(&client, 10).await.iter().all(|task| task["release"]["version"] == "1.0.0"));
    assert_eq!(swap_of(&client, "trial", &id).await["state"]["weight"], 0);
}
