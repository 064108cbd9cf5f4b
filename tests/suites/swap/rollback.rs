//! Going back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::odd::Odd;
use troupe_tests::{Client, Host, guests};

use super::{begin, host_with_trials, over, reaches};
use crate::{PROGRAM, host};

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

/// Takes away from the disk what would have to be compiled again.
fn lose_blobs(host: &Host) {
    let blobs = host.data_dir().join("releases").join("blobs");
    std::fs::remove_dir_all(&blobs).unwrap();
    std::fs::create_dir_all(blobs.join("sha256")).unwrap();
}

async fn roll_back(client: &Client, agent: &str) -> troupe_tests::Answer {
    client.post(&format!("/api/v1/deployments/{agent}/rollback"), &Value::Null).await
}

#[tokio::test]
async fn a_rollback_needs_no_compile_after_a_restart_either() {
    let mut host = host().await;
    host.client().swap("echo", "2.0.0").await.of(200);
    host.kill().await;
    lose_blobs(&host);
    host.start().await;
    let client = host.client();
    roll_back(&client, "echo").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
}

#[tokio::test]
async fn s7_a_rollback_asks_no_registry_where_one_is_configured() {
    guests();
    // Nobody listens there any more, so whoever asks is refused or waits.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let registry = format!("127.0.0.1:{port}/agents");
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0", "--registry", &registry]);
    host.start().await;
    let client = host.client();
    for (guest, version) in [(&guests().echo, "1.0.0"), (&guests().echo_2, "2.0.0")] {
        client.publish(guest.archive(version)).await.of(201);
        client.swap("echo", version).await.of(200);
    }
    client.swap("echo", "3.0.0").await.problem(503, "registry.unavailable");
    // What would be fetched anew is not there either.
    lose_blobs(&host);
    roll_back(&client, "echo").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
    host.kill().await;
    host.start().await;
    let client = host.client();
    roll_back(&client, "echo").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "2.0.0" }));
}

/// Makes a version serve and waits until the one before has drained; it is kept for so long.
async fn swapped(client: &Client, agent: &str, version: &str, keep_previous_seconds: u64) {
    let request = json!({ "version": version, "policy": { "keep_previous_seconds": keep_previous_seconds } });
    let swapped = client.post(&format!("/api/v1/deployments/{agent}/swap"), &request).await.of(200);
    over(client, agent, swapped["swap"].as_str().unwrap()).await;
}

#[tokio::test]
async fn s7_the_release_before_stays_loaded_for_as_long_as_the_policy_says_however_many_others_are() {
    let host = host().await;
    let client = host.client();
    client.publish(guests().counter.marked(77_005).archive("2.0.0")).await.of(201);
    swapped(&client, "counter", "2.0.0", 0).await;
    swapped(&client, "echo", "2.0.0", 900).await;
    // So many others that of those before only what is kept stays.
    let odd = Odd::default().guest();
    for number in 0..=limits::COMPONENTS_LOADED_MAX {
        let other = odd.marked(u32::try_from(number).unwrap());
        client.publish(other.archive(&format!("1.0.{number}"))).await.of(201);
    }
    lose_blobs(&host);
    std::fs::remove_dir_all(host.data_dir().join("compiled")).unwrap();
    roll_back(&client, "echo").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
    // What is not kept is gone, and what serves goes on.
    let refused = roll_back(&client, "counter").await;
    assert!(refused.status >= 400, "{}", refused.text);
    let deployment = client.get("/api/v1/deployments/counter").await.of(200);
    assert_eq!((&deployment["serving"], &deployment["epoch"]), (&json!("2.0.0"), &json!(2)));
}
