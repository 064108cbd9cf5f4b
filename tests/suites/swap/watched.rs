//! A release that has all calls is held against the one before, whatever came between: a canary
//! that left nothing to compare with, and a host that died.

use serde_json::{Value, json};
use troupe_tests::{Client, Host};

use super::crash::coherent;
use super::{CALLS_AT_ONCE, begin, calls, canary, host_with_trials, is_decided, over, reaches, swap_of, work};

/// Of a thousand calls of the bad release, so many fail.
const FAILURES: u64 = 100;

/// Calls of the old release that are known before a swap: enough that a tenth of failures is far
/// from none.
const KNOWN: u64 = 250;

/// Whether the bad release fails the call of this number, as `trial` decides it.
const fn fails(number: u64) -> bool {
    let spread = number.wrapping_mul(2_654_435_761) % (1 << 32);
    (spread * 1_000) >> 32 < FAILURES
}

/// Calls `trial` by numbers that no release fails, so long as `until` does not say so of the swap.
async fn good_calls(client: &Client, id: &str, until: impl Fn(&Value) -> bool) {
    let mut numbers = (0..u64::MAX).filter(|number| !fails(*number));
    for _ in 0..200 {
        let some = numbers.by_ref().take(CALLS_AT_ONCE);
        let tasks = futures::future::join_all(some.map(|number| super::call(client, number))).await;
        assert!(tasks.iter().all(|task| task["status"] == "completed"), "{tasks:#?}");
        if until(&swap_of(client, "trial", id).await) {
            return;
        }
    }
    panic!("it never comes so far: {:#}", swap_of(client, "trial", id).await);
}

/// A swap that has come to its watch with good calls alone.
async fn watched(like: Value, weight: Option<u8>, seconds: u64) -> (Host, String) {
    let host = host_with_trials(&[("2.0.0", like)]).await;
    let client = host.client();
    calls(&client, KNOWN).await;
    let mut policy = json!({ "watch": { "seconds": seconds }, "judge": { "latency": null } });
    if let Some(weight) = weight {
        policy["canary"] = canary(&[weight], 20);
    }
    let id = begin(&client, "trial", "2.0.0", &policy).await;
    reaches(&client, "trial", &id, if weight.is_some() { "canary" } else { "watching" }).await;
    good_calls(&client, &id, |swap| swap["state"]["phase"] == "watching").await;
    (host, id)
}

/// Has a tenth of the calls fail, and looks at what comes of it.
async fn is_rolled_back(host: &Host, id: &str) {
    let client = host.client();
    work(&client, id, 3_000, is_decided).await;
    let swap = over(&client, "trial", id).await;
    let state = &swap["state"];
    assert_eq!(
        (&state["outcome"], &state["reason"]["code"]),
        (&json!("rolled_back"), &json!("swap.unhealthy")),
        "{swap:#}"
    );
    let reason = state["reason"]["message"].as_str().unwrap();
    assert!(reason.contains("of its calls failed, of the release before 0 of "), "{reason}");
    assert!(reason.contains("(guest.failed "), "{reason}");
    let deployment = client.get("/api/v1/deployments/trial").await.of(200);
    assert_eq!((&deployment["serving"], &deployment["epoch"]), (&json!("1.0.0"), &swap["epoch"]));
    assert!(calls(&client, 20).await.iter().all(|task| task["status"] == "completed"));
}

fn bad() -> Value {
    json!({ "failures": FAILURES })
}

#[tokio::test]
async fn a_release_that_becomes_worse_after_a_canary_is_rolled_back_by_itself() {
    let (host, id) = watched(bad(), Some(50), 600).await;
    is_rolled_back(&host, &id).await;
}

#[tokio::test]
async fn a_release_that_becomes_worse_after_a_canary_of_all_calls_is_rolled_back_by_itself() {
    let (host, id) = watched(bad(), Some(100), 600).await;
    is_rolled_back(&host, &id).await;
}

#[tokio::test]
async fn a_release_that_becomes_worse_after_a_canary_and_a_restart_is_rolled_back_by_itself() {
    let (mut host, id) = watched(bad(), Some(50), 600).await;
    host.dies().await;
    let swap = coherent(&host.client(), &id).await;
    assert_eq!(swap["state"]["phase"], "watching", "{swap:#}");
    is_rolled_back(&host, &id).await;
}

#[tokio::test]
async fn a_release_that_becomes_worse_after_a_restart_is_rolled_back_without_a_canary_too() {
    let (mut host, id) = watched(bad(), None, 600).await;
    host.dies().await;
    is_rolled_back(&host, &id).await;
}

#[tokio::test]
async fn a_good_release_is_promoted_after_canary_watch_and_restart() {
    let (mut host, id) = watched(json!({ "mib": 2 }), Some(50), 15).await;
    let client = host.client();
    // As many calls as a bad release is found in.
    assert!(work(&client, &id, 300, is_decided).await.iter().all(|task| task["status"] == "completed"));
    host.dies().await;
    let client = host.client();
    let swap = coherent(&client, &id).await;
    let known = &swap["state"]["judgement"]["tests"]["errors"];
    assert!(known["usual_calls"].as_u64() >= Some(KNOWN), "what was known of the release before is lost: {swap:#}");
    assert!(work(&client, &id, 20_000, is_decided).await.iter().all(|task| task["status"] == "completed"));
    let swap = over(&client, "trial", &id).await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
    assert_eq!(client.get("/api/v1/deployments/trial").await.of(200)["serving"], "2.0.0");
}
