//! Going back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{begin, host_with_trials, over, reaches};
use crate::host;

/// Longest that going back may take while the release before is loaded.
const ROLLBACK_TIME_MAX: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_rollback_makes_the_release_before_serve_at_once_and_by_a_new_epoch() {
    let host = host().await;
    let client = host.client();
    client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.problem(404, "swap.not_found");
    client.swap("echo", "2.0.0").await.of(200);
    // A call that runs holds nobody back.
    let task = client.submit("echo", "sleep", json!({ "ms": 2_000 })).await;
    client.runs(&task).await;
    let mut quickest = Duration::MAX;
    for (round, version) in ["1.0.0", "2.0.0", "1.0.0"].into_iter().enumerate() {
        let asked = Instant::now();
        let swap = client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.of(200);
        quickest = quickest.min(asked.elapsed());
        assert_eq!((&swap["to"], &swap["epoch"]), (&json!(version), &json!(round + 3)), "{swap:#}");
        assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": version }));
    }
    println!("the quickest rollback took {quickest:?}");
    assert!(quickest <= ROLLBACK_TIME_MAX, "{quickest:?}");
    assert_eq!(client.ended(&task).await["output"]["version"], "2.0.0");
}

#[tokio::test]
async fn a_rollback_while_a_release_is_watched_restores_the_one_before() {
    let host = host_with_trials(&[("2.0.0", json!({}))]).await;
    let client = host.client();
    let id = begin(&client, "trial", "2.0.0", &json!({ "watch": { "seconds": 600 } })).await;
    reaches(&client, "trial", &id, "watching").await;
    let asked = Instant::now();
    let rolled = client.post("/api/v1/deployments/trial/rollback", &Value::Null).await.of(200);
    println!("rolled back in {:?}", asked.elapsed());
    assert_eq!((&rolled["id"], &rolled["state"]["outcome"]), (&json!(id), &json!("rolled_back")));
    assert_eq!(client.get("/api/v1/deployments/trial").await.of(200)["serving"], "1.0.0");
    let swap = over(&client, "trial", &id).await;
    assert_eq!(swap["state"]["reason"]["message"], "an operator decided so");
}

#[tokio::test]
async fn a_rollback_needs_no_compile_after_a_restart_either() {
    let mut host = host().await;
    host.client().swap("echo", "2.0.0").await.of(200);
    host.kill().await;
    // What would have to be compiled again could not be read.
    std::fs::remove_dir_all(host.data_dir().join("releases").join("blobs")).unwrap();
    std::fs::create_dir_all(host.data_dir().join("releases").join("blobs").join("sha256")).unwrap();
    host.start().await;
    let client = host.client();
    client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
}
