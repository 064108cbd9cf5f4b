//! Connections that are lost while a command follows something.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::Host;
use troupe_tests::command::{command_by, ended, run_on};
use troupe_tests::relay::Relay;

use super::seen;
use crate::{PROGRAM, host};

/// Waits until the candidate of `echo` has calls.
async fn is_tried(host: &Host) {
    while host.client().get("/api/v1/deployments/echo").await.of(200)["canary"] == Value::Null {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Has whoever follows by a relay meet no host, and then the host again.
async fn comes_back(host: &mut Host, relay: &Relay) {
    relay.turned_away().await;
    host.start().await;
    relay.leads_to(Some(host));
    relay.is_used().await;
}

#[tokio::test]
async fn a_swap_is_followed_over_lost_connections_and_restarts_to_its_decision() {
    let mut host = host().await;
    let relay = Relay::start(&host).await;
    let swap = ["swap", "echo@2.0.0", "--canary", "50"];
    let following = tokio::spawn(ended(command_by(PROGRAM, &host, &relay.url, &swap).spawn().unwrap()));
    is_tried(&host).await;
    // The answer to what it asked first is there by then.
    tokio::time::sleep(Duration::from_millis(500)).await;
    relay.cut().await;
    relay.is_used().await;

    relay.leads_to(None);
    assert!(host.stop().await.success());
    comes_back(&mut host, &relay).await;

    relay.leads_to(None);
    host.kill().await;
    comes_back(&mut host, &relay).await;
    assert!(!following.is_finished());
    run_on(PROGRAM, &host, &["promote", "echo"]).await.good();
    let said = following.await.unwrap();
    assert!(said.good().starts_with("echo@2.0.0 serves; epoch "), "{said:#?}");
    let lines: Vec<&str> = said.err.lines().map(str::trim).collect();
    let mut told: Vec<&str> =
        lines.into_iter().filter(|line| !line.starts_with("verifying") && !line.starts_with("warming")).collect();
    // A loss that is over before the next try is not told.
    told.dedup();
    assert_snapshot!(seen(&told.join("\n")), @r"
    canary it has 50 % of the calls
    the connection to http://[address] is lost; trying again for 30 s
    draining promoted; calls on echo@1.0.0 come to their ends
    ");
}

#[tokio::test]
async fn a_task_is_followed_over_the_death_of_its_host_to_its_answer() {
    let mut host = host().await;
    let relay = Relay::start(&host).await;
    let run = ["run", "echo", "sleep", "--input", r#"{"ms":2000}"#];
    let following = tokio::spawn(ended(command_by(PROGRAM, &host, &relay.url, &run).spawn().unwrap()));
    while host.client().get("/api/v1/tasks?status=running").await.of(200)["items"] == json!([]) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    relay.leads_to(None);
    host.kill().await;
    comes_back(&mut host, &relay).await;
    let said = following.await.unwrap();
    said.good();
    assert_snapshot!(seen(&said.err), @"the connection to http://[address] is lost; trying again for 30 s");
}

#[tokio::test]
async fn a_host_that_stays_away_leaves_the_names_of_the_swap_and_the_task() {
    let mut host = host().await;
    let begun = run_on(PROGRAM, &host, &["--json", "swap", "echo@2.0.0", "--canary", "50", "--detach"]).await;
    let begun: Value = serde_json::from_str(begun.good()).unwrap();
    is_tried(&host).await;
    let swap = ["swaps", "echo", begun["id"].as_str().unwrap(), "--follow"];
    let run = ["run", "echo", "sleep", "--input", r#"{"ms":9000}"#];
    let relay = Relay::start(&host).await;
    let commands =
        [&swap[..], &run[..]].map(|arguments| command_by(PROGRAM, &host, &relay.url, arguments).spawn().unwrap());
    while host.client().get("/api/v1/tasks?status=running").await.of(200)["items"] == json!([]) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // It has its first event by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    relay.leads_to(None);
    host.kill().await;
    let killed = Instant::now();
    let [swap, task] = commands.map(ended);
    let (swap, task) = tokio::join!(swap, task);
    assert!(killed.elapsed() > Duration::from_secs(20), "{:?}", killed.elapsed());
    assert_snapshot!(seen(swap.bad().trim()), @r"
    canary it has 50 % of the calls
    the connection to http://[address] is lost; trying again for 30 s
    error: lost sight of swap [id], which goes on; `troupe swaps echo [id] --follow` shows it: no host answers at http://[address]; start one with `troupe dev` or name it with `--host` [unavailable.host]
    ");
    assert_snapshot!(seen(task.bad()), @r"
    the connection to http://[address] is lost; trying again for 30 s
    error: lost sight of task [id], see `troupe tasks [id]`: no host answers at http://[address]; start one with `troupe dev` or name it with `--host` [unavailable.host]
    ");
}
