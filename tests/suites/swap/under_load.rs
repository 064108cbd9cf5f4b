//! Swapping while requests arrive at a constant rate, whatever happens to those before
//! them (an open loop): nothing is lost, refused or mixed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};
use troupe_tests::{Answer, Client};

use crate::host;

const SWAPS: usize = 100;

/// Time between two requests: 100 a second.
const PACE: Duration = Duration::from_millis(10);

/// What a request was answered, and how long after it should have been sent.
struct Seen {
    answer: Answer,
    took: Duration,
}

/// Sends requests at a constant rate until `until` ends.
async fn load(client: Client, until: tokio::sync::oneshot::Receiver<()>) -> Vec<Seen> {
    let mut requests = tokio::task::JoinSet::new();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut until = std::pin::pin!(until);
    loop {
        let intended: Instant = tokio::select! {
            _ = &mut until => break,
            intended = pace.tick() => intended,
        };
        let client = client.clone();
        requests.spawn(async move {
            let answer = client.run("echo", "version", json!({})).await;
            Seen { answer, took: intended.elapsed() }
        });
    }
    requests.join_all().await
}

/// The version that everything in an answer agrees on.
fn agreed(seen: &Seen) -> Value {
    let task = seen.answer.of(200);
    assert_eq!(task["status"], "completed", "{task:#}");
    let version = task["output"]["version"].clone();
    let header = seen.answer.header("troupe-release").expect("the header").to_owned();
    assert_eq!(version, task["release"]["version"], "the record names another release than the one that answered");
    let digest = task["release"]["digest"].as_str().unwrap();
    assert_eq!(header, format!("echo@{}; digest={digest}", version.as_str().unwrap()));
    version
}

/// The id of a task, and the version that its record names.
fn record(task: &Value) -> (String, Value) {
    (task["id"].as_str().unwrap().to_owned(), task["release"]["version"].clone())
}

/// Every task that the host has on record.
async fn on_record(client: &Client) -> BTreeMap<String, Value> {
    let (mut all, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = client.get(&format!("/api/v1/tasks?limit=500{after}")).await.of(200);
        all.extend(page["items"].as_array().unwrap().iter().map(record));
        let Some(next) = page["next"].as_str() else { return all };
        after = format!("&after={next}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_lose_and_mix_nothing() {
    let host = host().await;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let requests = tokio::spawn(load(host.client(), stopped));
    for swap in 0..SWAPS {
        let version = ["2.0.0", "1.0.0"][swap % 2];
        let swapped = host.client().swap("echo", version).await.of(200);
        assert_eq!(swapped["deployment"]["serving"], version);
        assert_eq!(swapped["expired"], 0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _ = stop.send(());
    let seen = requests.await.unwrap();

    let versions: Vec<Value> = seen.iter().map(agreed).collect();
    let count = |wanted: &str| versions.iter().filter(|version| *version == wanted).count();
    let (first, second) = (count("1.0.0"), count("2.0.0"));
    assert_eq!(first + second, seen.len());
    assert!(first > 0 && second > 0, "{first} answers of 1.0.0, {second} of 2.0.0");
    // Each request made one task, and the tasks on record are those.
    let answered: BTreeMap<String, Value> = seen.iter().map(|seen| record(&seen.answer.json())).collect();
    assert_eq!(answered.len(), seen.len());
    assert_eq!(on_record(&host.client()).await, answered);
    let mut took: Vec<Duration> = seen.iter().map(|seen| seen.took).collect();
    took.sort_unstable();
    println!(
        "{} requests over {SWAPS} swaps; median {:?}, p99 {:?}",
        took.len(),
        took[took.len() / 2],
        took[took.len() * 99 / 100]
    );
}
