//! A candidate that is worse is stopped with a part of the calls, or rolled back once it has
//! all, and the reason is said.

use std::time::Duration;

use serde_json::{Value, json};

use super::{begin, calls, canary, host_with_trials, is_decided, on, over, reaches, share_max, work};

/// What comes of a candidate that is like `like` with a quarter of the calls: the swap, and the
/// calls that were made.
async fn tried(like: Value, judge: Value, min_calls: u64, most: u64) -> (Value, Vec<Value>) {
    let host = host_with_trials(&[("2.0.0", like)]).await;
    let client = host.client();
    // What is usual is known before.
    calls(&client, 60).await;
    let id = begin(&client, "trial", "2.0.0", &json!({ "canary": canary(&[25], min_calls), "judge": judge })).await;
    reaches(&client, "trial", &id, "canary").await;
    let tasks = work(&client, &id, most, is_decided).await;
    let swap = over(&client, "trial", &id).await;
    let deployment = client.get("/api/v1/deployments/trial").await.of(200);
    let serves = if swap["state"]["outcome"] == "promoted" { "2.0.0" } else { "1.0.0" };
    assert_eq!((&deployment["serving"], &deployment["canary"]), (&json!(serves), &Value::Null), "{swap:#}");
    let after = client.run("trial", "work", json!({ "number": 0 })).await.of(200);
    assert_eq!(after["release"]["version"], serves);
    (swap, tasks)
}

/// What stopped a candidate, in words; nothing was served by it beyond its share.
async fn stopped(like: Value, judge: Value, most: u64) -> String {
    let (swap, tasks) = tried(like, judge, 1_000_000, most).await;
    let state = &swap["state"];
    assert_eq!(
        (&state["outcome"], &state["reason"]["code"]),
        (&json!("stopped"), &json!("swap.unhealthy")),
        "{swap:#}"
    );
    let share = on(&tasks, "2.0.0");
    assert!(share <= share_max(tasks.len(), 25), "{share} of {} calls", tasks.len());
    state["reason"]["message"].as_str().unwrap().to_owned()
}

/// A judge of one thing, so that the reason is known.
fn only(what: &str) -> Value {
    let mut judge = json!({ "errors": false, "denied": false, "latency": null, "memory": null });
    judge[what] = if matches!(what, "errors" | "denied") { json!(true) } else { json!(1.5) };
    judge
}

#[tokio::test]
async fn a_candidate_that_traps_is_stopped() {
    let reason = stopped(json!({ "trap": true }), json!({}), 400).await;
    assert!(reason.contains("of its calls failed") && reason.contains("guest.trap"), "{reason}");
}

#[tokio::test]
async fn a_candidate_that_fails_two_of_a_hundred_calls_is_stopped() {
    let reason = stopped(json!({ "failures": 20 }), json!({}), 6_000).await;
    assert!(reason.contains("of its calls failed") && reason.contains("guest.failed"), "{reason}");
}

#[tokio::test]
async fn a_candidate_that_is_three_times_slower_is_stopped() {
    let reason = stopped(json!({ "ms": 60 }), only("latency"), 1_000).await;
    assert!(reason.contains("took longer than"), "{reason}");
}

#[tokio::test]
async fn a_candidate_that_takes_three_times_the_memory_is_stopped() {
    let reason = stopped(json!({ "mib": 12 }), only("memory"), 600).await;
    assert!(reason.contains("needed more than"), "{reason}");
}

#[tokio::test]
async fn a_candidate_that_asks_for_what_is_not_granted_is_stopped() {
    let reason = stopped(json!({ "reach": true }), only("denied"), 600).await;
    assert!(reason.contains("were denied a capability"), "{reason}");
}

#[tokio::test]
async fn a_candidate_that_is_the_same_is_promoted() {
    let (swap, tasks) = tried(json!({ "mib": 2 }), json!({ "latency": null }), 60, 1_500).await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
    assert!(tasks.iter().all(|task| task["status"] == "completed"));
    let new = &swap["state"]["judgement"]["new"];
    assert!(new["calls"].as_u64().unwrap() >= 60, "{new:#}");
}

#[tokio::test]
async fn a_release_that_is_worse_is_rolled_back_while_it_is_watched() {
    let host = host_with_trials(&[("2.0.0", json!({ "trap": true }))]).await;
    let client = host.client();
    calls(&client, 200).await;
    let id = begin(&client, "trial", "2.0.0", &json!({ "watch": { "seconds": 60 } })).await;
    let watched = reaches(&client, "trial", &id, "watching").await;
    assert_eq!(watched["epoch"], 2);
    work(&client, &id, 200, is_decided).await;
    let swap = over(&client, "trial", &id).await;
    let state = &swap["state"];
    assert_eq!((&state["outcome"], &swap["epoch"]), (&json!("rolled_back"), &json!(3)), "{swap:#}");
    assert!(state["reason"]["message"].as_str().unwrap().contains("guest.trap"), "{swap:#}");
    assert_eq!(client.run("trial", "work", json!({ "number": 0 })).await.output(), json!({ "number": 0 }));
}

#[tokio::test]
async fn a_canary_that_nobody_calls_is_stopped_with_the_reason_after_its_time() {
    let host = host_with_trials(&[("2.0.0", json!({}))]).await;
    let client = host.client();
    let mut policy = json!({ "canary": canary(&[25], 10) });
    policy["canary"]["max_seconds"] = json!(1);
    let id = begin(&client, "trial", "2.0.0", &policy).await;
    let swap = over(&client, "trial", &id).await;
    let state = &swap["state"];
    assert_eq!((&state["outcome"], &state["reason"]["code"]), (&json!("stopped"), &json!("swap.undecided")));
    assert!(state["reason"]["message"].as_str().unwrap().contains("only 0 of the 10 calls"), "{swap:#}");
}

#[tokio::test]
async fn a_policy_that_holds_waits_for_an_operator() {
    let host = host_with_trials(&[("2.0.0", json!({ "failures": 1_000 }))]).await;
    let client = host.client();
    let policy = json!({ "canary": canary(&[50], 1_000_000), "on_failure": "hold" });
    let id = begin(&client, "trial", "2.0.0", &policy).await;
    reaches(&client, "trial", &id, "canary").await;
    work(&client, &id, 200, |swap| swap["state"]["held"] == true).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let swap = super::swap_of(&client, "trial", &id).await;
    assert_eq!((&swap["state"]["phase"], &swap["state"]["held"]), (&json!("canary"), &json!(true)), "{swap:#}");
    assert_eq!(swap["state"]["reason"]["code"], "swap.unhealthy");
    let rolled = client.post("/api/v1/deployments/trial/rollback", &Value::Null).await.of(200);
    assert_eq!(rolled["state"]["outcome"], "rolled_back");
    assert_eq!(client.get("/api/v1/deployments/trial").await.of(200)["canary"], Value::Null);
}
