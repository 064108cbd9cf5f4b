//! A candidate that traps on what the release before has kept: its author has said that it reads
//! that, and nobody has tried it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::{Client, Host, guests};

use super::migration::keeper;
use super::{CALLS_AT_ONCE, begin, canary, is_decided, on, over, phases, reaches, share_max, swap_of};
use crate::empty_host;

/// Sums that are kept before, each of its own name.
const SUMS: u64 = 40;

/// A host on which `keeper` 1.0.0 has kept sums, and the release is published that traps on them.
async fn with_sums() -> Host {
    let host = empty_host().await;
    let client = host.client();
    let worse = guests().keeper.configured(&json!({ "form": 3, "migration": "good", "migration_ms": 0 }));
    let worse = worse.keeping(1, "1..=1");
    for (guest, version) in [(keeper(1, "good", 0), "1.0.0"), (worse, "1.1.0")] {
        client.publish(guest.archive(version)).await.of(201);
    }
    client.swap("keeper", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 65_536, "keys": 1_000 } } });
    client.put("/api/v1/deployments/keeper/grants", &grants).await.of(200);
    for _ in 0..2 {
        for number in 0..SUMS {
            add(&client, number).await.of(200);
        }
    }
    host
}

async fn add(client: &Client, number: u64) -> troupe_tests::Answer {
    client.run("keeper", "add", json!({ "name": format!("sum-{number}"), "by": 1 })).await
}

async fn kept(client: &Client) -> Value {
    client.run("keeper", "dump", json!({})).await.output()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_traps_on_the_state_of_the_one_before_is_stopped_by_its_rehearsal_and_serves_nobody() {
    let host = with_sums().await;
    let client = host.client();
    let (before, route) = (kept(&client).await, client.get("/api/v1/deployments/keeper").await.of(200));
    let policy = json!({ "rehearse": {}, "canary": canary(&[25], 1_000) });
    let id = begin(&client, "keeper", "1.1.0", &policy).await;
    let swap = over(&client, "keeper", &id).await;
    assert_eq!(swap["state"]["outcome"], "differs", "{swap:#}");
    assert_eq!(swap["state"]["reason"]["code"], "swap.unhealthy");
    assert_snapshot!(swap["state"]["reason"]["message"].as_str().unwrap(), @"it traps in 40 of 81 invocations (49.4 %); it answers otherwise in 40 of 81 invocations (49.4 %), and may in 1 %");
    assert_eq!(phases(&client, &id).await, ["verifying", "rehearsing", "ended"]);
    assert_eq!((kept(&client).await, client.get("/api/v1/deployments/keeper").await.of(200)), (before, route));
    let tasks = client.get("/api/v1/tasks?agent=keeper&limit=500").await.of(200);
    assert!(tasks["items"].as_array().unwrap().iter().all(|task| task["release"]["version"] == "1.0.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_traps_on_the_state_of_the_one_before_is_stopped_within_its_share() {
    let host = with_sums().await;
    let client = host.client();
    let id = begin(&client, "keeper", "1.1.0", &json!({ "canary": canary(&[25], 1_000_000) })).await;
    reaches(&client, "keeper", &id, "canary").await;
    let mut tasks = Vec::new();
    // Those under way are waited for: one whose client goes away has written, and does not complete.
    let is_over = Cell::new(false);
    let mut calls = futures::stream::iter(0..400)
        .take_while(|_| std::future::ready(!is_over.get()))
        .map(|number| add(&client, number % SUMS))
        .buffer_unordered(CALLS_AT_ONCE);
    while let Some(answer) = calls.next().await {
        // One that is quarantined before it is stopped answers nothing.
        let answered = answer.status == 200;
        tasks.push(if answered { answer.json() } else { answer.problem(503, "agent.quarantined") });
        if tasks.len() % 10 == 0 && !is_over.get() {
            is_over.set(is_decided(&swap_of(&client, "keeper", &id).await));
        }
    }
    let swap = over(&client, "keeper", &id).await;
    let reason = &swap["state"]["reason"];
    assert_eq!((&swap["state"]["outcome"], &reason["code"]), (&json!("stopped"), &json!("swap.unhealthy")), "{swap:#}");
    let said = reason["message"].as_str().unwrap();
    assert!(said.contains("of its calls failed") && said.contains("guest.trap"), "{said}");
    assert_eq!(phases(&client, &id).await, ["verifying", "warming", "canary", "draining", "ended"]);
    let share = on(&tasks, "1.1.0");
    assert!(share > 0 && share <= share_max(tasks.len(), 25), "{share} of {} calls", tasks.len());
    // Whatever it was asked, what the release before has kept is as that has left it.
    let sums = async || -> i64 {
        let kept = kept(&client).await;
        kept.as_array().unwrap().iter().map(|kept| kept["value"].as_str().unwrap().parse::<i64>().unwrap()).sum()
    };
    let added = async || {
        let all = client.get("/api/v1/tasks?agent=keeper&status=completed&limit=500").await.of(200);
        all["items"].as_array().unwrap().iter().filter(|task| task["skill"] == "add").count() as i64
    };
    // One that has written may not have ended yet.
    let until = Instant::now() + Duration::from_secs(30);
    while sums().await != added().await {
        assert!(Instant::now() < until, "{} kept of {} calls that completed", sums().await, added().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
