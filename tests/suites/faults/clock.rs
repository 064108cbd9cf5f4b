//! Somebody sets the clock of the machine while the host works.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use troupe_tests::guests;

use super::between::{self, set_ahead};

const HOUR: i64 = 3_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i127_a_clock_that_is_set_by_hours_ends_nothing_early_and_the_order_stays() {
    let dir = TempDir::new().unwrap();
    let clock = dir.path().join("ahead");
    set_ahead(&clock, 0);
    let mut host = between::host("TROUPE_TEST_CLOCK", &clock);
    host.start().await;
    let client = host.client();
    for guest in [&guests().echo, &guests().counter] {
        client.publish(guest.archive("1.0.0")).await.of(201);
    }
    for agent in ["echo", "counter"] {
        client.swap(agent, "1.0.0").await.of(200);
    }
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 1_000 } } });
    client.put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    let mut all = Vec::new();
    for (round, ahead) in [HOUR, -HOUR, 0].into_iter().enumerate() {
        let running = client.submit("echo", "sleep", json!({ "ms": 4_000 })).await;
        let awaited = tokio::spawn({
            let client = client.clone();
            async move { client.run("echo", "sleep", json!({ "ms": 3_000 })).await }
        });
        client.runs(&running).await;
        set_ahead(&clock, ahead);
        // Longer than the pause between two looks at leases.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let counted = client.run("counter", "increment", json!({ "key": "n" })).await.output();
        assert_eq!(counted["count"], round + 1);
        assert_eq!(awaited.await.unwrap().of(200)["status"], "completed");
        let ended = client.ended(&running).await;
        assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(1)), "{ended:#}");
        all.push(running);
    }
    // Numbers of the feed only rise, and each task's story is told in its order.
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let items = feed["items"].as_array().unwrap();
    let numbers: Vec<u64> = items.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|before, after| before < after), "{numbers:?}");
    for task in &all {
        let subject = json!(format!("task/{task}"));
        let told: Vec<&Value> =
            items.iter().filter(|event| event["subject"] == subject).map(|event| &event["type"]).collect();
        assert_eq!(told, ["task.created", "task.running", "task.completed"]);
    }
    let metrics = client.get("/metrics").await.text;
    let negative: Vec<&str> = metrics.lines().filter(|line| !line.starts_with('#') && line.contains(" -")).collect();
    assert!(negative.is_empty(), "{negative:?}");
    assert!(host.is_alive() && client.get("/readyz").await.status == 200);
}
