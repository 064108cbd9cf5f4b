//! A host that dies while it swaps: before or after, never between, and it goes on by itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::{Client, Host, seed};

use super::{begin, canary, over, swap_of, with_trials};
use crate::faults::instant;
use crate::postgres::Base;
use crate::{empty_host, host};

/// Looks whether route and swap of `trial` say the same, and whether it answers; returns the swap.
pub(super) async fn coherent(client: &Client, id: &str) -> Value {
    let swap = told_alike(client, "trial", id).await;
    let answered = client.run("trial", "work", json!({ "number": 1 })).await.of(200);
    assert_eq!(answered["status"], "completed", "{answered:#}");
    swap
}

/// Looks whether route and swap of an agent say the same; returns the swap.
pub(super) async fn told_alike(client: &Client, agent: &str, id: &str) -> Value {
    loop {
        let before = swap_of(client, agent, id).await;
        let route = client.get(&format!("/api/v1/deployments/{agent}")).await.of(200);
        let swap = swap_of(client, agent, id).await;
        let state = &swap["state"];
        if (&state["phase"], &state["weight"], &state["outcome"])
            != (&before["state"]["phase"], &before["state"]["weight"], &before["state"]["outcome"])
        {
            continue;
        }
        let (phase, outcome) = (state["phase"].as_str().unwrap(), state["outcome"].as_str());
        let serves_new = phase == "watching" || outcome == Some("promoted");
        let serving = if serves_new { &swap["to"] } else { &swap["from"] };
        assert_eq!(&route["serving"], serving, "{swap:#} {route:#}");
        match phase {
            "canary" => {
                assert_eq!(route["canary"]["weight"], state["weight"], "{swap:#} {route:#}");
                assert_eq!(route["canary"]["swap"], swap["id"]);
            }
            _ => assert_eq!(route["canary"], Value::Null, "{swap:#}"),
        }
        if phase == "canary" || serves_new {
            assert_eq!(route["epoch"], swap["epoch"]);
        }
        return swap;
    }
}

/// Lets a swap come to its end as an operator would.
async fn settled(client: &Client, id: &str, promote: bool) -> Value {
    for _ in 0..600 {
        if swap_of(client, "trial", id).await["state"]["outcome"] != Value::Null {
            break;
        }
        // What is not that far yet is asked again.
        let verb = if promote { "promote" } else { "rollback" };
        client.post(&format!("/api/v1/deployments/trial/{verb}"), &Value::Null).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    over(client, "trial", id).await
}

#[tokio::test]
async fn i115_a_swap_that_is_killed_at_any_instant_is_before_or_after() {
    killed_while_it_swaps(empty_host().await, seed::kills()).await;
}

#[tokio::test]
async fn i115_a_swap_that_is_killed_at_any_instant_is_before_or_after_on_postgres() {
    let Some(base) = Base::new() else { return };
    killed_while_it_swaps(base.started().await, seed::kills_on_postgres()).await;
}

async fn killed_while_it_swaps(host: Host, kills: usize) {
    let mut host = with_trials(host, &[("2.0.0", json!({ "mib": 2 }))]).await;
    let mut random = seed::seeded("swap");
    let mut phases: Vec<String> = Vec::new();
    for kill in 0..kills {
        let client = host.client();
        let serving = client.get("/api/v1/deployments/trial").await.of(200)["serving"].clone();
        let to = if serving == "1.0.0" { "2.0.0" } else { "1.0.0" };
        let policy = json!({
            "rehearse": { "last": 50, "only_tell": true }, "canary": canary(&[20, 60], 2), "watch": { "seconds": 1 }, "judge": { "latency": null },
            "drain": { "mode": "wait", "seconds": 1 },
        });
        let id = begin(&client, "trial", to, &policy).await;
        let load = tokio::spawn({
            let client = client.clone();
            async move {
                let task = json!({ "agent": "trial", "skill": "work", "input": { "number": 0 } });
                let mut accepted = Vec::new();
                while let Ok(answer) =
                    client.try_send(client.request(reqwest::Method::POST, "/api/v1/tasks").json(&task)).await
                {
                    if answer.status == 202 {
                        accepted.push(answer.json()["id"].as_str().unwrap().to_owned());
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                accepted
            }
        });
        tokio::time::sleep(instant(&mut random, Duration::from_secs(3))).await;
        host.dies().await;
        let accepted = load.await.unwrap();
        let client = host.client();
        let swap = coherent(&client, &id).await;
        phases.push(swap["state"]["phase"].as_str().unwrap().to_owned());
        for task in &accepted {
            let ended = client.ended(task).await;
            assert_eq!(ended["status"], "completed", "{ended:#}");
        }
        let swap = settled(&client, &id, kill % 2 == 0).await;
        coherent(&client, &id).await;
        assert!(swap["state"]["outcome"] != Value::Null);
    }
    println!("found after {} kills: {phases:?}", phases.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_a_swap_at_once_or_a_rollback_that_is_killed_at_any_instant_is_before_or_after() {
    killed_at_once(host().await, seed::kills()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_a_swap_at_once_or_a_rollback_that_is_killed_at_any_instant_is_before_or_after_on_postgres() {
    let Some(base) = Base::new() else { return };
    killed_at_once(base.host_with_echo().await, seed::kills_on_postgres()).await;
}

/// A host that serves `echo` and dies while that is swapped by one request.
async fn killed_at_once(mut host: Host, kills: usize) {
    const ECHO: &str = "/api/v1/deployments/echo";
    host.client().swap("echo", "2.0.0").await.of(200);
    let mut random = seed::seeded("swap at once and rollback");
    let asked = async |client: Client, rolls_back: bool, to: &str| {
        let (path, body) = if rolls_back { ("rollback", Value::Null) } else { ("swap", json!({ "version": to })) };
        client.try_send(client.request(reqwest::Method::POST, &format!("{ECHO}/{path}")).json(&body)).await
    };
    let mut window = Duration::MAX;
    for (rolls_back, to) in [(true, "1.0.0"), (false, "2.0.0")] {
        // A host that has just started does it more slowly, and each of these has.
        host.dies().await;
        let began = Instant::now();
        asked(host.client(), rolls_back, to).await.unwrap().of(200);
        window = window.min(began.elapsed());
    }
    let (window, mut done) = (window.mul_f64(1.5), 0);
    for kill in 0..kills {
        let client = host.client();
        let before = client.get(ECHO).await.of(200);
        let swaps =
            async |client: &Client| client.get(&format!("{ECHO}/swaps?limit=1")).await.of(200)["items"][0].clone();
        let last = swaps(&client).await;
        let to = if before["serving"] == "1.0.0" { "2.0.0" } else { "1.0.0" };
        let asking = tokio::spawn(asked(client, kill % 2 == 0, to));
        tokio::time::sleep(instant(&mut random, window)).await;
        host.dies().await;
        let acknowledged = asking.await.unwrap().is_ok_and(|answer| answer.status == 200);
        let client = host.client();
        let (after, swap) = (client.get(ECHO).await.of(200), swaps(&client).await);
        let is_done = after["serving"] == to;
        assert!(is_done || !acknowledged, "what was acknowledged is gone: {after:#}");
        let epoch = before["epoch"].as_u64().unwrap() + u64::from(is_done);
        assert_eq!(after["epoch"], epoch, "{after:#}");
        if is_done {
            assert_eq!((&swap["to"], &swap["epoch"]), (&after["serving"], &after["epoch"]), "{swap:#}");
            assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
        } else {
            assert_eq!((&after["serving"], &swap["id"]), (&before["serving"], &last["id"]), "{swap:#}");
        }
        let task = client.run("echo", "version", json!({})).await.of(200);
        let ran = (&task["output"]["version"], &task["release"]["epoch"]);
        assert_eq!(ran, (&after["serving"], &after["epoch"]), "{task:#}");
        done += usize::from(is_done);
    }
    println!("killed {kills} times within {window:?}: {done} after, the rest before");
}
