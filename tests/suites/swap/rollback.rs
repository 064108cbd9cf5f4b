//! Going back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{begin, host_with_trials, over, reaches};
use crate::host;

/// Longest that going back may take while the release before is loaded, from when it is asked for
/// until it is answered: the median of five.
const ROLLBACK_TIME_MAX: Duration = Duration::from_millis(100);
const TIMES: usize = 5;

/// What else a machine has to do may take all of that, so it is measured again after a while, this
/// often at most: a moment that is quiet enough comes.
const ROUNDS: usize = 8;
const PAUSE: Duration = Duration::from_secs(3);

/// Fails unless going back is quick enough.
async fn is_quick(what: &str, mut back: impl AsyncFnMut() -> Duration) {
    for round in 1..=ROUNDS {
        let mut took = Vec::new();
        for _ in 0..TIMES {
            took.push(back().await);
        }
        took.sort_unstable();
        println!("{what}, round {round}: {took:?}");
        if took[TIMES / 2] <= ROLLBACK_TIME_MAX {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{what} takes longer than {ROLLBACK_TIME_MAX:?}, in the median of {TIMES}, {ROUNDS} times");
}

#[tokio::test]
async fn a_rollback_makes_the_release_before_serve_at_once_and_by_a_new_epoch() {
    let host = host().await;
    let client = host.client();
    client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.problem(404, "swap.not_found");
    client.swap("echo", "2.0.0").await.of(200);
    // A call that runs holds nobody back.
    let task = client.submit("echo", "sleep", json!({ "ms": 2_000 })).await;
    client.runs(&task).await;
    let mut epoch = 2;
    is_quick("a rollback", async || {
        epoch += 1;
        let version = if epoch % 2 == 1 { "1.0.0" } else { "2.0.0" };
        let asked = Instant::now();
        let swap = client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.of(200);
        let took = asked.elapsed();
        assert_eq!((&swap["to"], &swap["epoch"]), (&json!(version), &json!(epoch)), "{swap:#}");
        assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": version }));
        took
    })
    .await;
    assert_eq!(client.ended(&task).await["output"]["version"], "2.0.0");
}

#[tokio::test]
async fn a_rollback_while_a_release_is_watched_restores_the_one_before() {
    let host = host_with_trials(&[("2.0.0", json!({}))]).await;
    let client = host.client();
    is_quick("a rollback out of a watch", async || {
        let id = begin(&client, "trial", "2.0.0", &json!({ "watch": { "seconds": 600 } })).await;
        reaches(&client, "trial", &id, "watching").await;
        let asked = Instant::now();
        let rolled = client.post("/api/v1/deployments/trial/rollback", &Value::Null).await.of(200);
        let took = asked.elapsed();
        assert_eq!((&rolled["id"], &rolled["state"]["outcome"]), (&json!(id), &json!("rolled_back")));
        assert_eq!(client.get("/api/v1/deployments/trial").await.of(200)["serving"], "1.0.0");
        let swap = over(&client, "trial", &id).await;
        assert_eq!(swap["state"]["reason"]["message"], "an operator decided so");
        took
    })
    .await;
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
