//! Swapping a release while its agent is at work.

mod canary;
mod cases;
mod crash;
mod judged;
#[cfg(target_os = "linux")]
mod killed;
#[cfg(target_os = "linux")]
mod many;
mod migration;
mod pinned;
mod proof;
#[cfg(target_os = "linux")]
mod ready;
mod register;
mod rollback;
mod standing;
mod steps;
mod told;
mod under_load;
mod watched;
mod worse;

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};
use troupe_tests::{Client, Host, guests};

use crate::empty_host;

/// Calls that are under way at once.
const CALLS_AT_ONCE: usize = 8;

/// A host on which `trial` 1.0.0 serves, and its releases of these versions are published,
/// each with what it is like.
async fn host_with_trials(releases: &[(&str, Value)]) -> Host {
    with_trials(empty_host().await, releases).await
}

/// The same of an empty host.
async fn with_trials(host: Host, releases: &[(&str, Value)]) -> Host {
    let client = host.client();
    client.publish(guests().trial.archive("1.0.0")).await.of(201);
    client.swap("trial", "1.0.0").await.of(200);
    for (version, like) in releases {
        client.publish(guests().trial.configured(like).archive(version)).await.of(201);
    }
    host
}

/// A canary with one step for each weight.
pub(crate) fn canary(weights: &[u8], min_calls: u64) -> Value {
    let steps: Vec<Value> =
        weights.iter().map(|weight| json!({ "weight": weight, "min_calls": min_calls, "min_seconds": 0 })).collect();
    json!({ "steps": steps, "max_seconds": 120 })
}

/// Begins a swap by steps; returns its id.
pub(crate) async fn begin(client: &Client, agent: &str, version: &str, policy: &Value) -> String {
    let request = json!({ "version": version, "policy": policy });
    let answer = client.post(&format!("/api/v1/deployments/{agent}/swap"), &request).await;
    let swap = answer.of(202);
    let id = swap["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), Some(format!("/api/v1/deployments/{agent}/swaps/{id}").as_str()));
    id
}

async fn swap_of(client: &Client, agent: &str, id: &str) -> Value {
    client.get(&format!("/api/v1/deployments/{agent}/swaps/{id}")).await.of(200)
}

/// Waits until a swap is in a phase, or decided.
pub(crate) async fn reaches(client: &Client, agent: &str, id: &str, phase: &str) -> Value {
    for _ in 0..2_000 {
        let swap = swap_of(client, agent, id).await;
        if swap["state"]["phase"] == phase || swap["state"]["outcome"] != Value::Null {
            return swap;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the swap is never {phase}: {:#}", swap_of(client, agent, id).await);
}

/// Waits until a swap is over.
pub(crate) async fn over(client: &Client, agent: &str, id: &str) -> Value {
    for _ in 0..3_000 {
        let swap = swap_of(client, agent, id).await;
        if swap["state"]["phase"] == "ended" {
            return swap;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the swap is never over: {:#}", swap_of(client, agent, id).await);
}

/// Everything that the feed tells.
async fn feed(client: &Client) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let page = client.get(&format!("/api/v1/feed?limit=500&after={after}")).await.of(200);
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { return all };
        after = next.to_owned();
    }
}

/// The states that a swap has been in, in their order.
pub(crate) async fn phases(client: &Client, id: &str) -> Vec<String> {
    let (all, subject) = (feed(client).await, format!("swap/{id}"));
    let of_swap = all.iter().filter(|event| event["subject"] == subject);
    of_swap.filter_map(|event| event["type"].as_str()?.strip_prefix("swap.").map(str::to_owned)).collect()
}

/// Calls `trial` this often.
async fn calls(client: &Client, count: u64) -> Vec<Value> {
    let calls = futures::stream::iter(0..count).map(|number| call(client, number));
    calls.buffer_unordered(CALLS_AT_ONCE).collect().await
}

async fn call(client: &Client, number: u64) -> Value {
    client.run("trial", "work", json!({ "number": number })).await.of(200)
}

/// Calls `trial`; of a candidate that traps quicker than it is stopped nothing is answered.
async fn tried(client: &Client, number: u64) -> Value {
    let answer = client.run("trial", "work", json!({ "number": number })).await;
    if answer.status == 503 {
        answer.problem(503, "agent.quarantined");
        return Value::Null;
    }
    answer.of(200)
}

/// Calls `trial` again and again, several at once, until `until` says so of the swap or so many
/// calls are made; returns the tasks.
async fn work(client: &Client, id: &str, most: u64, until: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut tasks = Vec::new();
    let mut calls = futures::stream::iter(0..most).map(|number| tried(client, number)).buffer_unordered(CALLS_AT_ONCE);
    while let Some(task) = calls.next().await {
        tasks.push(task);
        if tasks.len() % 20 == 0 && until(&swap_of(client, "trial", id).await) {
            break;
        }
    }
    tasks
}

/// Whether a swap is decided.
fn is_decided(swap: &Value) -> bool {
    swap["state"]["outcome"] != Value::Null
}

/// How many tasks ran on a version.
fn on(tasks: &[Value], version: &str) -> usize {
    tasks.iter().filter(|task| task["release"]["version"] == version).count()
}

/// Of so many calls, each under a key of its own, how many a candidate of this weight (in percent)
/// gets at most: more come in one run of a billion (Chernoff's bound for a binomial), so that a
/// test that looks after each of a thousand calls is wrong once in a million runs. Of a few calls
/// that says little, of thousands nearly all.
fn share_max(calls: usize, weight: u8) -> usize {
    let (share, far) = (f64::from(weight) / 100.0, 1e9_f64.ln());
    let part = |of: f64, to: f64| if of > 0.0 { of * (of / to).ln() } else { 0.0 };
    let is_likely = |tried: usize| {
        let found = tried as f64 / calls as f64;
        found <= share || calls as f64 * (part(found, share) + part(1.0 - found, 1.0 - share)) < far
    };
    (0..=calls).rev().find(|tried| is_likely(*tried)).unwrap_or(0)
}
