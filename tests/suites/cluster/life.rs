//! The life of instances and of a runtime, where several hosts look after them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::guests;

use super::Cluster;
use crate::rest::instances::life::{ail, becomes, leave};

/// How often a host has checked instances, whatever came of it.
async fn checks(client: &troupe_tests::Client) -> u64 {
    let metrics = client.get("/metrics").await.text;
    let counts = metrics.lines().filter(|line| line.starts_with("troupe_instance_checks_total{"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_is_checked_and_restarted_once_however_many_hosts_look() {
    let Some(cluster) = Cluster::of(3).await else { return };
    cluster.deploys(0, &guests().patient, "patient", &leave()).await;
    let client = cluster.client(1);
    let instance = client.start_instance("patient").await;
    becomes(&client, &instance, "idle").await;
    let sum = async || {
        let mut sum = 0;
        for number in 0..3 {
            sum += checks(&cluster.client(number)).await;
        }
        sum
    };
    let (before, began) = (sum().await, Instant::now());
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (made, took) = (sum().await - before, began.elapsed());
    // One is due each second, a tenth more or less.
    let most = took.as_millis() as u64 / 900 + 2;
    assert!(made >= 3 && made <= most, "{made} in {took:?}");

    ail(&client, Some("sick")).await;
    becomes(&client, &instance, "error").await;
    ail(&client, None).await;
    becomes(&client, &instance, "idle").await;
    let feed = client.get(&format!("/api/v1/feed?limit=500&types=instance.*&subjects=instance/{instance}")).await;
    let told = feed.of(200)["items"].as_array().unwrap().clone();
    // However often a check was late on a busy machine: each change is told once, by one host.
    let kinds: Vec<_> = told.iter().filter_map(|event| event["type"].as_str()).collect();
    let count = |kind: &str| kinds.iter().filter(|of| **of == kind).count();
    assert_eq!(count("instance.error"), count("instance.restarted"), "{told:#?}");
    assert!(kinds.windows(2).all(|pair| pair[0] != pair[1]), "{told:#?}");
    assert!(count("instance.ready") >= 2 && kinds.last() == Some(&"instance.ready"), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_that_is_stopped_at_one_host_begins_nothing_at_another() {
    let Some(cluster) = Cluster::of(2).await else { return };
    cluster.deploys(0, &guests().echo, "echo", &json!({})).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    one.post("/api/v1/runtime/stop", &Value::Null).await.of(200);
    // What is on disk is claimed by nobody from the answer on; a call that is not there yet once the other has heard.
    let at_once = other.submit("echo", "version", json!({})).await;
    let fleeting = json!({ "agent": "echo", "skill": "version", "durability": "none" });
    let until = Instant::now() + Duration::from_secs(30);
    while other.post("/api/v1/tasks?wait=1", &fleeting).await.status == 200 {
        assert!(Instant::now() < until, "it never hears of it");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    other.post("/api/v1/tasks?wait=1", &fleeting).await.problem(503, "runtime.stopped");
    let awaited = other.post("/api/v1/tasks?wait=1", &json!({ "agent": "echo", "skill": "version" })).await.of(202);
    tokio::time::sleep(Duration::from_secs(6)).await;
    for task in [at_once.as_str(), awaited["id"].as_str().unwrap()] {
        assert_eq!(one.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "pending");
    }
    other.post("/api/v1/runtime/start", &Value::Null).await.of(200);
    for task in [at_once.as_str(), awaited["id"].as_str().unwrap()] {
        assert_eq!(one.ended(task).await["status"], "completed");
    }
}
