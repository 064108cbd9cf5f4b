//! A host that dies in each state of a swap that there is, the state being known when it dies: what
//! is there afterwards is that state or a later one, route and swap say the same, calls are answered
//! within the time that a restart may take, and the swap comes to its end by itself.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use troupe_tests::processes::{children_of, process};
use troupe_tests::{Client, Guest, Host, guests};

use super::crash::{coherent, told_alike};
use super::many::forget;
use super::{begin, calls, canary, host_with_trials, is_decided, over, reaches, swap_of};
use crate::empty_host;

/// Every state, in the order in which a swap can be in them.
const PHASES: [&str; 8] = ["verifying", "rehearsing", "warming", "canary", "watching", "draining", "parked", "ended"];

/// Kills the host while a swap of `trial` is in a state, and starts it again; returns the swap.
async fn dies_in(host: &mut Host, id: &str, phase: &str) -> Value {
    let before = swap_of(&host.client(), "trial", id).await;
    assert_eq!(before["state"]["phase"], phase, "it dies too late: {before:#}");
    host.kill().await;
    host.serves_again("trial", "work", json!({ "number": 1 })).await;
    let after = coherent(&host.client(), id).await;
    check_goes_on(&before, &after);
    after
}

/// Checks that a swap is where it was, or further.
fn check_goes_on(before: &Value, after: &Value) {
    let at = |swap: &Value| PHASES.iter().position(|phase| swap["state"]["phase"] == *phase);
    assert!(at(after) >= at(before), "it goes back: {before:#} {after:#}");
    if is_decided(before) {
        let (before, after) = (&before["state"], &after["state"]);
        assert_eq!((&after["outcome"], &after["reason"]), (&before["outcome"], &before["reason"]));
    }
}

/// Stops the process that compiles for a host, once there is one, and returns its number.
async fn holds_compile(host: &Host) -> Pid {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < until, "nothing is compiled");
        if let Some(child) = children_of(host.pid()).first() {
            let pid = Pid::from_raw(child.pid).unwrap();
            kill_process(pid, Signal::STOP).unwrap();
            while process(child.pid).is_some_and(|child| !matches!(child.state, 'T' | 'Z')) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(process(child.pid).map(|child| child.state), Some('T'), "it was over before it was held");
            return pid;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Kills a host in a state in which it compiles, for a swap from the one release to the other.
async fn dies_while_it_compiles(first: &Guest, second: &Guest, phase: &str) {
    let mut host = empty_host().await;
    let client = host.client();
    client.publish(first.archive("1.0.0")).await.of(201);
    client.swap("trial", "1.0.0").await.of(200);
    client.publish(second.archive("2.0.0")).await.of(201);
    host.kill().await;
    forget(&host, std::slice::from_ref(second));
    host.comes_back().await;
    let id = begin(&host.client(), "trial", "2.0.0", &json!({ "watch": { "seconds": 1 } })).await;
    let compile = holds_compile(&host).await;
    // It is nowhere else for as long as that stands.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(process(compile.as_raw_pid()).map(|child| child.state), Some('T'));
    let swap = dies_in(&mut host, &id, phase).await;
    // What stands cannot end itself when its host has.
    let _ = kill_process(compile, Signal::KILL);
    assert_eq!(swap["from"], "1.0.0");
    let swap = over(&host.client(), "trial", &id).await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
    assert_eq!(coherent(&host.client(), &id).await, swap);
}

#[tokio::test]
async fn a_host_that_dies_while_a_release_is_verified_goes_on_with_it() {
    // Whether a release of another form could migrate is seen in its component alone.
    let second = guests().trial.marked(77_001).keeping(2, "1..=2");
    dies_while_it_compiles(&guests().trial.keeping(1, "1..=2"), &second, "verifying").await;
}

#[tokio::test]
async fn a_host_that_dies_while_a_release_is_warmed_goes_on_with_it() {
    dies_while_it_compiles(&guests().trial, &guests().trial.marked(77_002), "warming").await;
}

#[tokio::test]
async fn i115_a_host_that_dies_at_any_step_goes_on_with_it() {
    let mut host = host_with_trials(&[("2.0.0", json!({ "mib": 2, "ms": 200 }))]).await;
    calls(&host.client(), 100).await;
    let policy = json!({
        "rehearse": { "last": 100, "only_tell": true }, "canary": canary(&[20, 50], 10), "watch": { "seconds": 3 },
        "judge": { "latency": null },
    });
    let id = begin(&host.client(), "trial", "2.0.0", &policy).await;
    reaches(&host.client(), "trial", &id, "rehearsing").await;
    dies_in(&mut host, &id, "rehearsing").await;
    reaches(&host.client(), "trial", &id, "canary").await;
    let swap = dies_in(&mut host, &id, "canary").await;
    assert_eq!((&swap["state"]["phase"], &swap["state"]["weight"]), (&json!("canary"), &json!(20)));
    while swap_of(&host.client(), "trial", &id).await["state"]["weight"] == 20 {
        calls(&host.client(), 20).await;
    }
    let swap = dies_in(&mut host, &id, "canary").await;
    assert_eq!(swap["state"]["weight"], 50, "{swap:#}");
    // What was learnt before is not lost.
    assert!(swap["state"]["judgement"]["new"]["calls"].as_u64() >= Some(10), "{swap:#}");
    while swap_of(&host.client(), "trial", &id).await["state"]["phase"] == "canary" {
        calls(&host.client(), 20).await;
    }
    let swap = dies_in(&mut host, &id, "watching").await;
    assert_eq!(swap["epoch"], 4, "{swap:#}");
    reaches(&host.client(), "trial", &id, "draining").await;
    dies_in(&mut host, &id, "draining").await;
    let swap = over(&host.client(), "trial", &id).await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
    assert_eq!(dies_in(&mut host, &id, "ended").await, swap);
}

/// Submits calls to `trial`, one after the other, until a swap is decided; returns their ids. Some of
/// them run then.
async fn submitted(client: &Client, id: &str) -> Vec<String> {
    let mut tasks = Vec::new();
    while !is_decided(&swap_of(client, "trial", id).await) {
        assert!(tasks.len() < 1_000, "it is never decided");
        tasks.push(client.submit("trial", "work", json!({ "number": tasks.len() })).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tasks
}

/// Kills the host while the candidate drains, and looks at what comes of the swap and of the calls
/// that ran.
async fn dies_while_the_candidate_drains(host: &mut Host, id: &str, tasks: &[String], outcome: &str) {
    let swap = dies_in(host, id, "draining").await;
    assert_eq!(swap["state"]["outcome"], outcome, "{swap:#}");
    let client = host.client();
    for task in tasks {
        let ended = client.ended(task).await;
        assert!(matches!(ended["status"].as_str(), Some("completed" | "failed")), "{ended:#}");
    }
    let swap = over(&client, "trial", id).await;
    assert_eq!(swap["state"]["outcome"], outcome, "{swap:#}");
    assert_eq!(dies_in(host, id, "ended").await, swap);
}

#[tokio::test]
async fn a_host_that_dies_while_a_candidate_drains_that_was_stopped_goes_on_with_it() {
    let mut host = host_with_trials(&[("2.0.0", json!({ "failures": 1_000, "ms": 1_500 }))]).await;
    let client = host.client();
    calls(&client, 60).await;
    let policy = json!({ "canary": canary(&[50], 1_000_000), "judge": { "latency": null } });
    let id = begin(&client, "trial", "2.0.0", &policy).await;
    reaches(&client, "trial", &id, "canary").await;
    let tasks = submitted(&client, &id).await;
    dies_while_the_candidate_drains(&mut host, &id, &tasks, "stopped").await;
}

#[tokio::test]
async fn a_host_that_dies_while_a_candidate_drains_that_was_rolled_back_goes_on_with_it() {
    let mut host = host_with_trials(&[("2.0.0", json!({ "failures": 1_000, "ms": 1_500 }))]).await;
    let client = host.client();
    calls(&client, 250).await;
    let policy = json!({ "watch": { "seconds": 600 }, "judge": { "latency": null } });
    let id = begin(&client, "trial", "2.0.0", &policy).await;
    reaches(&client, "trial", &id, "watching").await;
    let tasks = submitted(&client, &id).await;
    dies_while_the_candidate_drains(&mut host, &id, &tasks, "rolled_back").await;
}

#[tokio::test]
async fn a_host_that_dies_while_a_release_is_parked_goes_on_with_it() {
    let mut host = empty_host().await;
    let client = host.client();
    client.publish(guests().sleeper.archive("1.0.0")).await.of(201);
    client.publish(guests().sleeper.marked(77_003).archive("2.0.0")).await.of(201);
    client.swap("sleeper", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    client.put("/api/v1/deployments/sleeper/grants", &grants).await.of(200);
    let task = client.submit("sleeper", "nights", json!({ "key": "k", "nights": 1, "ms": 15_000 })).await;
    client.becomes(&task, "suspended").await;
    let id = client.swap("sleeper", "2.0.0").await.of(200)["swap"].as_str().unwrap().to_owned();
    let before = loop {
        let swap = swap_of(&client, "sleeper", &id).await;
        if swap["state"]["phase"] == "parked" {
            break swap;
        }
        assert!(swap["state"]["phase"] == "draining", "{swap:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    host.kill().await;
    let no_night = json!({ "key": "k", "nights": 0, "ms": 0 });
    host.serves_again("sleeper", "nights", no_night.clone()).await;
    let client = host.client();
    let after = told_alike(&client, "sleeper", &id).await;
    check_goes_on(&before, &after);
    let asked = client.run("sleeper", "nights", no_night).await.of(200);
    assert_eq!((&asked["status"], &asked["release"]["version"]), (&json!("completed"), &json!("2.0.0")));
    let slept = client.becomes(&task, "completed").await;
    assert_eq!(slept["release"]["version"], "1.0.0");
    let swap = over(&client, "sleeper", &id).await;
    assert_eq!(swap["state"]["outcome"], "promoted");
    assert_eq!(told_alike(&client, "sleeper", &id).await, swap);
}
