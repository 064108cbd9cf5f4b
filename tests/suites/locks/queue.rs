//! Who waits, and how long: in order, suspended, and never in a circle.

use serde_json::{Value, json};
use troupe_core::limits;

use super::{ask, held_by, hold, host, output, path, replays, stands, waited_for};
use crate::rest::tasks::sleeper::{gauge, shows};

#[tokio::test]
async fn a_queue_is_served_by_priority_then_age() {
    let host = host().await;
    let client = host.client();
    let first = hold(&client, "res/a", 6_000, json!({})).await;
    held_by(&client, "res/a", &first).await;
    let mut waits = Vec::new();
    for (place, priority) in (1..).zip(["normal", "low", "critical", "normal", "high"]) {
        waits.push(hold(&client, "res/a", 20, json!({ "priority": priority })).await);
        waited_for(&client, "res/a", place).await;
    }
    let order: Vec<&String> = [2, 4, 0, 3, 1].map(|place| &waits[place]).to_vec();
    let lock = client.get(&path("res/a")).await.of(200);
    let queue: Vec<&str> =
        lock["queue"].as_array().unwrap().iter().map(|wait| wait["task"].as_str().unwrap()).collect();
    assert_eq!(queue, order, "{lock:#}");
    let mut last = 0;
    for task in order {
        let token = output(&client, task).await["got"]["value"].as_u64().unwrap();
        assert!(token > last);
        last = token;
        replays(&client, task).await;
    }
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let given = feed["items"].as_array().unwrap().iter().filter(|event| event["type"] == "lock.given").count();
    assert_eq!(given, 5);
}

#[tokio::test]
async fn a_task_that_waits_is_suspended_and_goes_on_once_the_lock_is_given_back() {
    let host = host().await;
    let client = host.client();
    let holds = hold(&client, "res/a", 15_000, json!({})).await;
    held_by(&client, "res/a", &holds).await;
    let waits = hold(&client, "res/a", 0, json!({ "then": "write" })).await;
    let other = client.submit("locker", "at_once", json!({ "names": ["res/b", "res/a"] })).await;
    client.becomes(&waits, "suspended").await;
    client.becomes(&other, "suspended").await;
    client.becomes(&holds, "suspended").await;
    assert_eq!(gauge(&client, "troupe_invocations_running").await, 0, "no store is held");
    assert_eq!(gauge(&client, "troupe_locks_waiting").await, 2);
    let both = [output(&client, &waits).await, output(&client, &other).await];
    assert_eq!(both[0]["then"]["value"], 1, "{both:#?}");
    assert!(both[1][0]["value"].as_u64() < both[1][1]["value"].as_u64(), "{both:#?}");
    for task in [&holds, &waits, &other] {
        replays(&client, task).await;
    }
    shows(&client, "troupe_locks_waiting", 0).await;
    shows(&client, "troupe_locks_held", 0).await;
}

#[tokio::test]
async fn a_lock_whose_lease_is_over_is_given_to_the_next_and_its_holder_is_told() {
    let host = host().await;
    let client = host.client();
    let slow = hold(&client, "res/a", 6_000, json!({ "lease_ms": 3_000, "then": "renew" })).await;
    let held = held_by(&client, "res/a", &slow).await;
    let next = hold(&client, "res/a", 9_000, json!({})).await;
    let given = held_by(&client, "res/a", &next).await;
    assert!(given["token"].as_u64() > held["token"].as_u64());
    let told = output(&client, &slow).await;
    assert_eq!((&told["then"]["code"], &told["then"]["details"]["reason"]), (&json!("lost"), &json!("expired")));
    assert_eq!(told["back"]["code"], "lost");
    replays(&client, &slow).await;
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let told = feed["items"].as_array().unwrap().iter().filter(|event| event["subject"] == "lock/res/a");
    let kinds: Vec<&str> = told.map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["lock.expired", "lock.given"]);
}

#[tokio::test]
async fn whoever_does_not_wait_or_not_for_so_long_is_told() {
    let host = host().await;
    let client = host.client();
    let holds = hold(&client, "res/a", 60_000, json!({ "priority": "high" })).await;
    held_by(&client, "res/a", &holds).await;
    for no_wait in [json!({ "name": "res/a", "policy": "fail" }), json!({ "name": "res/a", "wait_ms": 0 })] {
        let told = ask(&client, "hold", no_wait).await;
        let holder = &told["got"]["details"]["holder"];
        assert_eq!((&told["got"]["code"], &holder["agent"]), (&json!("busy"), &json!("locker")), "{told:#}");
        assert!(holder["priority"] == "high" && holder["until"].is_string() && holder["task"].is_null(), "{told:#}");
    }
    let told = ask(&client, "hold", json!({ "name": "res/a", "wait_ms": 1_200 })).await;
    assert_eq!(told["got"]["code"], "timed-out");
    // Also when it is suspended meanwhile.
    let late = hold(&client, "res/a", 0, json!({ "wait_ms": 7_500 })).await;
    client.becomes(&late, "suspended").await;
    assert_eq!(output(&client, &late).await["got"]["code"], "timed-out");
    replays(&client, &late).await;
    waited_for(&client, "res/a", 0).await;
}

#[tokio::test]
async fn a_task_that_is_cancelled_while_it_waits_or_holds_is_out_of_the_way() {
    let host = host().await;
    let client = host.client();
    let cancel = async |task: &str| client.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    let holds = hold(&client, "res/a", 120_000, json!({})).await;
    held_by(&client, "res/a", &holds).await;
    let (first, second) = (hold(&client, "res/a", 0, json!({})).await, hold(&client, "res/a", 0, json!({})).await);
    waited_for(&client, "res/a", 2).await;
    client.becomes(&first, "suspended").await;
    cancel(&first).await;
    waited_for(&client, "res/a", 1).await;
    client.becomes(&holds, "suspended").await;
    cancel(&holds).await;
    assert!(output(&client, &second).await["got"]["value"].is_number());
    replays(&client, &first).await;
    // One that fails and is tried again holds nothing meanwhile.
    let fails = json!({
        "agent": "locker", "skill": "hold", "input": { "name": "res/a", "fail": true },
        "retry": { "tries": 3, "pause_ms": 60_000 },
    });
    let fails = client.post("/api/v1/tasks", &fails).await.of(202);
    let fails = fails["id"].as_str().unwrap();
    client.becomes(fails, "pending").await;
    stands(&client, "res/a", Value::is_null).await;
    cancel(fails).await;
}

#[tokio::test]
async fn a_deadlock_is_refused_with_its_circle_named_and_the_others_go_on() {
    let host = host().await;
    let client = host.client();
    let in_turn =
        async |names: [&str; 2]| client.submit("locker", "in_turn", json!({ "names": names, "ms": 4_000 })).await;
    let one = in_turn(["res/a", "res/b"]).await;
    held_by(&client, "res/a", &one).await;
    let two = in_turn(["res/b", "res/a"]).await;
    let (one, two) = (output(&client, &one).await, output(&client, &two).await);
    let refused: Vec<&Value> = [&one, &two].into_iter().filter(|told| told[1]["code"] == "deadlock").collect();
    let [refused] = refused[..] else { panic!("one gives way: {one:#} {two:#}") };
    let mut names: Vec<&str> =
        refused[1]["details"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["res/a", "res/b"]);
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let told = feed["items"].as_array().unwrap().iter().find(|event| event["type"] == "lock.deadlock").unwrap();
    assert_eq!(told["data"]["cycle"].as_array().unwrap().len(), 2, "{told:#}");
    // A task that asks for what it holds would wait for itself.
    let itself = ask(&client, "in_turn", json!({ "names": ["res/a", "res/a"] })).await;
    assert_eq!(itself[1]["details"], json!(["res/a"]), "{itself:#}");
}

#[tokio::test]
async fn a_lock_is_taken_over_by_a_higher_priority_and_the_loser_is_told() {
    let host = host().await;
    let client = host.client();
    let low = hold(&client, "res/a", 8_000, json!({ "priority": "low", "then": "write" })).await;
    held_by(&client, "res/a", &low).await;
    let urgent = json!({ "priority": "critical", "policy": "preempt", "then": "write" });
    let high = hold(&client, "res/a", 12_000, urgent.clone()).await;
    held_by(&client, "res/a", &high).await;
    // From one of the same priority nothing is taken.
    let same = hold(&client, "res/a", 0, urgent).await;
    waited_for(&client, "res/a", 1).await;
    let told = output(&client, &low).await;
    assert_eq!((&told["then"]["code"], &told["back"]["code"]), (&json!("stale"), &json!("lost")), "{told:#}");
    assert_eq!(told["back"]["details"]["reason"], "preempted");
    for task in [&high, &same] {
        assert!(output(&client, task).await["then"]["value"].is_number());
    }
    replays(&client, &low).await;
}

#[tokio::test]
async fn a_million_acquires_are_bounded() {
    let host = host().await;
    let client = host.client();
    for (count, same) in [(limits::LOCK_QUEUE_MAX * 4, true), (2_000, false)] {
        let many = ask(&client, "many", json!({ "prefix": "res/a", "count": count, "same": same })).await;
        assert_eq!((&many["given"], &many["rising"]), (&json!(count), &json!(true)), "{many:#}");
    }
    // What one invocation may fill of its journal ends it, long before a million.
    let task = json!({
        "agent": "locker", "skill": "many", "timeout_ms": 10_000,
        "input": { "prefix": "res/a", "count": 1_000_000, "same": true },
    });
    let ended = client.post("/api/v1/tasks?wait=60", &task).await;
    let code = ended.json()["failure"]["code"].as_str().unwrap().to_owned();
    assert!(["limit.deadline", "limit.host_calls", "limit.journal"].contains(&code.as_str()), "{code}");
    stands(&client, "res/a", Value::is_null).await;
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let told = feed["items"].as_array().unwrap().iter().filter(|event| event["subject"] == "lock/res/a").count();
    assert_eq!(told, 0, "nobody waited, so nothing is told");
}
