//! The power is cut: of the database's files only what was synced is left.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tempfile::TempDir;
use troupe_tests::{Client, Host, guests, seed};

use super::{between, instant};

/// How long after the first request the power is cut, at most.
const WINDOW: Duration = Duration::from_millis(600);

/// Counts under a key until nobody answers; the ids of the tasks that were answered for, in the order of the answers.
async fn counts(client: Client, key: String) -> Vec<String> {
    let task = json!({ "agent": "counter", "skill": "increment", "input": { "key": key } });
    let mut answered = Vec::new();
    loop {
        let request = client.request(reqwest::Method::POST, "/api/v1/tasks?wait=30").json(&task);
        let Ok(answer) = client.try_send(request).await else { return answered };
        answered.push(answer.of(200)["id"].as_str().unwrap().to_owned());
    }
}

/// Puts back what was synced, and nothing of what was written later.
fn cut(host: &Host, disk: &Path) {
    for file in ["troupe.db", "troupe.db-wal", "troupe.db-shm"] {
        let (lies, synced) = (host.data_dir().join(file), disk.join(file));
        if lies.exists() {
            std::fs::remove_file(&lies).unwrap();
        }
        if synced.exists() {
            std::fs::copy(synced, lies).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i118_what_was_acknowledged_outlives_a_power_cut() {
    let disk = TempDir::new().unwrap();
    let mut host = between::host("TROUPE_TEST_DISK", disk.path());
    host.start().await;
    let client = host.client();
    client.publish(guests().counter.archive("1.0.0")).await.of(201);
    client.swap("counter", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 1_000 } } });
    client.put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    let mut random = seed::seeded("power");
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..seed::kills().div_ceil(2) {
        let client = host.client();
        let counting = (0..4).map(|number| {
            let key = format!("k{number}");
            let (client, key) = (client.clone(), key);
            tokio::spawn(async move { (key.clone(), counts(client, key).await) })
        });
        let counting: Vec<_> = counting.collect();
        tokio::time::sleep(instant(&mut random, WINDOW)).await;
        host.kill().await;
        let answered: Vec<_> = join_all(counting).await.into_iter().map(Result::unwrap).collect();
        assert!(disk.path().join("troupe.db-wal").exists(), "nothing was synced through the library");
        cut(&host, disk.path());
        host.start().await;
        let client = host.client();
        for (key, tasks) in answered {
            for task in &tasks {
                let task = client.get(&format!("/api/v1/tasks/{task}")).await.of(200);
                assert_eq!(task["status"], "completed", "round {round}: {task:#}");
            }
            let acknowledged = acknowledged.entry(key.clone()).or_default();
            *acknowledged += tasks.len() as u64;
            let found = client.run("counter", "get", json!({ "key": key })).await.output();
            let count: u64 = found["value"].as_str().map_or(0, |count| count.parse().unwrap());
            // Of each round one more may have been kept whose answer did not arrive.
            let most = *acknowledged + round as u64 + 1;
            assert!((*acknowledged..=most).contains(&count), "round {round}: {count} of {acknowledged} under {key}");
        }
    }
    assert!(acknowledged.values().sum::<u64>() > 0);
}
