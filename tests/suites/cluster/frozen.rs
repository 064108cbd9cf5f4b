//! Hosts that stand still, and a database that goes away.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use troupe_tests::command::signal;
use troupe_tests::guests;
use troupe_tests::server::Server;

use super::{Cluster, TAKEN_OVER, feed, state};
use crate::may_send_plainly;
use crate::rest::tasks::sleeper::submit;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i133_a_host_that_stood_still_for_longer_than_its_lease_writes_nothing_when_it_goes_on() {
    let Some(mut cluster) = Cluster::of(2).await else { return };
    cluster.deploys(1, &guests().sleeper, "sleeper", &state()).await;
    let (still, other) = (cluster.client(0), cluster.client(1));
    let task = submit(
        &still,
        &json!({ "agent": "sleeper", "skill": "persist", "input": { "key": "p", "failures": 0, "ms": 4_800 },
            "timeout_ms": 120_000 }),
    )
    .await;
    still.runs(&task).await;
    let of_still = cluster.base.ask("select owner from hosts order by started_at limit 1");
    signal(Some(cluster.hosts[0].pid()), Signal::STOP);
    let stopped = Instant::now();
    // The other takes the task up, and ends it once.
    let until = stopped + TAKEN_OVER;
    while cluster.base.ask(&format!("select count(*) from hosts where owner = '{of_still}'")) != "0" {
        assert!(Instant::now() < until, "nobody takes over");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("taken over after {:?}", stopped.elapsed());
    let ended = other.ended(&task).await;
    assert_eq!(
        (&ended["status"], &ended["attempt"], &ended["output"]["count"]),
        (&json!("completed"), &json!(1), &json!(1)),
        "{ended:#}"
    );
    let events = feed(&other).await.len();
    let rows = cluster.base.ask("select count(*) from journal");
    signal(Some(cluster.hosts[0].pid()), Signal::CONT);
    // It finds out by itself, and ends.
    cluster.hosts[0].died().await;
    assert!(
        cluster.hosts[0].said().contains("another host has taken over from this one"),
        "{}",
        cluster.hosts[0].said()
    );
    assert_eq!(feed(&other).await.len(), events, "it has told nothing");
    assert_eq!(cluster.base.ask("select count(*) from journal"), rows, "and written nothing");
    cluster.hosts[0].start().await;
    let again = cluster.client(0).run("sleeper", "persist", json!({ "key": "p", "failures": 0 })).await;
    assert_eq!(again.output()["count"], 2, "each try counted once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_a_host_had_not_sent_when_it_stood_still_is_sent_once() {
    let Some(mut cluster) = Cluster::of(2).await else { return };
    let server = Server::start().await;
    let leave = may_send_plainly(&server);
    cluster.deploys(0, &guests().fetch.asking(leave.clone()), "fetch", &leave).await;
    let request = |path: &str| {
        json!({ "method": "POST", "scheme": "http", "authority": format!("127.0.0.1:{}", server.port()), "path": path,
            "headers": [] })
    };
    let mut tasks = Vec::new();
    for number in 0..12 {
        let requests: Vec<_> = (0..3).map(|step| request(&format!("/{number}/{step}"))).collect();
        tasks.push(cluster.client(0).submit("fetch", "one_by_one", json!({ "requests": requests })).await);
        if number == 6 {
            signal(Some(cluster.hosts[0].pid()), Signal::STOP);
            break;
        }
    }
    let other = cluster.client(1);
    for (number, task) in tasks.iter().enumerate() {
        let until = Instant::now() + TAKEN_OVER + Duration::from_secs(30);
        let ended = loop {
            let found = other.get(&format!("/api/v1/tasks/{task}")).await.of(200);
            if !found["ended_at"].is_null() {
                break found;
            }
            assert!(Instant::now() < until, "{found:#}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert!(["completed", "in_doubt"].contains(&ended["status"].as_str().unwrap()), "{number}: {ended:#}");
    }
    signal(Some(cluster.hosts[0].pid()), Signal::CONT);
    cluster.hosts[0].died().await;
    for (path, tokens) in crate::faults::came(&server) {
        assert_eq!(tokens.len(), 1, "{path} came more than once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_whose_sessions_are_cut_go_on_and_say_so_while_the_database_is_away() {
    let Some(cluster) = Cluster::of(2).await else { return };
    cluster.deploys(0, &guests().counter, "counter", &state()).await;
    for round in 1..=6 {
        cluster.base.cut();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let counted = cluster.client(round % 2).run("counter", "increment", json!({ "key": "k" })).await;
        counted.output();
    }
    let counted = cluster.client(0).run("counter", "get", json!({ "key": "k" })).await.output();
    assert_eq!(counted["value"], "6", "{counted:#}");
    feed(&cluster.client(1)).await;

    cluster.base.shut();
    let until = Instant::now() + Duration::from_secs(30);
    let refused = loop {
        let answer = cluster.client(0).get("/readyz").await;
        if answer.status == 503 {
            break answer;
        }
        assert!(Instant::now() < until, "it never says so");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    refused.problem(503, "unavailable.store");
    assert_eq!(cluster.client(0).get("/healthz").await.status, 200, "the process lives");
    cluster.base.open();
    let until = Instant::now() + Duration::from_secs(30);
    for number in 0..2 {
        while cluster.client(number).get("/readyz").await.status != 200 {
            assert!(Instant::now() < until, "nobody has to start it again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        cluster.client(number).run("counter", "increment", json!({ "key": "k" })).await.output();
    }
}
