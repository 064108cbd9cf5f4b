//! What an agent may lock, and what it is told that it may not.

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::Host;

use super::{ask, deploy, grants, hold, host, path, replays, waited_for};

async fn code(host: &Host, skill: &str, input: Value) -> String {
    let told = ask(&host.client(), skill, input).await;
    let told = if told["got"].is_object() { &told["got"] } else { &told };
    told["code"].as_str().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn a_lock_is_held_shown_and_given_back_and_the_task_replays_without_taking_it() {
    let host = host().await;
    let client = host.client();
    let task = hold(&client, "res/a/1", 1_500, json!({ "priority": "high", "lease_ms": 30_000 })).await;
    let lock = super::held_by(&client, "res/a/1", &task).await;
    assert_eq!((&lock["agent"], &lock["priority"], &lock["waiting"]), (&json!("locker"), &json!("high"), &json!(0)));
    let listed = client.get("/api/v1/locks").await.of(200);
    assert_eq!(listed["items"][0]["name"], "res/a/1");
    let output = super::output(&client, &task).await;
    assert_eq!((&output["got"]["value"], &output["back"]["value"]), (&lock["token"], &json!(true)), "{output:#}");
    client.get(&path("res/a/1")).await.problem(404, "lock.not_found");
    assert_eq!(client.get("/api/v1/locks").await.of(200)["items"], json!([]));
    // A replay takes no lock: somebody else holds it meanwhile.
    let other = hold(&client, "res/a/1", 60_000, json!({})).await;
    super::held_by(&client, "res/a/1", &other).await;
    replays(&client, &task).await;
    let tried = client.post(&format!("/api/v1/tasks/{task}/replay"), &json!({ "release": "1.0.0" })).await.of(200);
    assert_eq!(tried["identical"], true, "{tried:#}");
    super::held_by(&client, "res/a/1", &other).await;
}

#[tokio::test]
async fn what_is_not_granted_is_denied_and_is_in_the_audit() {
    let host = host().await;
    let client = host.client();
    assert_eq!(code(&host, "hold", json!({ "name": "other/a" })).await, "denied.capability");
    assert_eq!(code(&host, "hold", json!({ "name": "res" })).await, "denied.capability");
    assert_eq!(code(&host, "hold", json!({ "name": "res/a", "lease_ms": 600_001 })).await, "denied.capability");
    assert_eq!(code(&host, "hold_as_reader", json!({ "name": "res/a" })).await, "denied.capability");
    let fenced = json!({ "lock": "other/a", "token": 1, "key": "k", "text": "v" });
    assert_eq!(code(&host, "write", fenced).await, "denied.capability");
    for (name, lease_ms) in [("", 1_000), ("res/../a", 1_000), ("res//a", 1_000), ("res/ä", 1_000), ("res/a", 999)] {
        assert_eq!(code(&host, "hold", json!({ "name": name, "lease_ms": lease_ms })).await, "invalid", "{name}");
    }
    let long = format!("res/{}", "a".repeat(limits::LOCK_NAME_BYTES_MAX));
    assert_eq!(code(&host, "hold", json!({ "name": long })).await, "invalid");
    let audit = client.get("/api/v1/audit?kind=denied&limit=100").await.of(200);
    let calls: Vec<&str> =
        audit["items"].as_array().unwrap().iter().map(|record| record["details"]["call"].as_str().unwrap()).collect();
    assert_eq!(calls, [["locks.acquire"; 4].as_slice(), &["state.fenced"]].concat());
    assert!(!audit.to_string().contains("other/a"), "what a guest wrote is in no record");

    let mut narrow = grants();
    narrow["locks"] = json!([{ "name": "res/a*", "lease_ms": 2_000 }]);
    client.put("/api/v1/deployments/locker/grants", &json!({ "grants": narrow })).await.of(200);
    assert_eq!(code(&host, "hold", json!({ "name": "res/ab" })).await, "none");
    assert_eq!(code(&host, "hold", json!({ "name": "res/b" })).await, "denied.capability");
    assert_eq!(code(&host, "hold", json!({ "name": "res/a", "policy": "preempt" })).await, "denied.capability");
    client.put("/api/v1/deployments/locker/grants", &json!({ "grants": {} })).await.of(200);
    assert_eq!(code(&host, "hold", json!({ "name": "res/a" })).await, "denied.capability");
}

#[tokio::test]
async fn a_grant_is_explained_given_and_taken_away_by_its_line() {
    let host = host().await;
    let client = host.client();
    let explain = async |question: &str| {
        client.post("/api/v1/deployments/locker/grants/explain", &json!({ "question": question })).await.of(200)
    };
    let told = explain("locks acquire res/a").await;
    assert_eq!((&told["allowed"], &told["effect"]), (&json!(true), &json!("write")), "{told:#}");
    assert_eq!(told["operator"]["lines"][0]["line"], "locks/res/*");
    assert_eq!(explain("locks preempt res/a").await["allowed"], true);
    assert_eq!(explain("locks acquire other").await["code"], "denied.capability");
    let removed = json!({ "remove": ["locks/res/*"] });
    let change = client.request(reqwest::Method::PATCH, "/api/v1/deployments/locker/grants").json(&removed);
    client.send(change).await.of(200);
    assert_eq!(explain("locks acquire res/a").await["allowed"], false);
}

#[tokio::test]
async fn a_task_meets_its_limit_and_what_it_did_not_give_back_is_free_after_it() {
    let host = host().await;
    let client = host.client();
    let many = ask(&client, "many", json!({ "prefix": "res/", "count": 100, "keep": true })).await;
    assert_eq!((&many["given"], &many["why"]["code"]), (&json!(limits::LOCKS_PER_TASK_MAX), &json!("limit.locks")));
    assert_eq!((&many["rising"], &many["why"]["details"]), (&json!(true), &json!(limits::LOCKS_PER_TASK_MAX)));
    assert_eq!(client.get("/api/v1/locks").await.of(200)["items"], json!([]));
    let kept = ask(&client, "hold", json!({ "name": "res/1", "keep": true })).await;
    assert!(kept["back"].is_null() && kept["got"]["value"].is_number(), "{kept:#}");
    assert_eq!(client.get("/api/v1/locks").await.of(200)["items"], json!([]));
}

#[tokio::test]
async fn a_run_that_keeps_nothing_holds_nothing() {
    let host = host().await;
    let task = json!({
        "agent": "locker", "skill": "hold_as_reader", "durability": "none", "input": { "name": "res/a" },
    });
    let told = host.client().post("/api/v1/tasks?wait=30", &task).await.output();
    assert_eq!(told["code"], "denied.capability");
}

#[tokio::test]
async fn another_tenants_locks_are_others_whatever_they_are_called() {
    let host = host().await;
    let owner = host.client();
    owner.make_tenant("acme").await;
    let other = owner.with_key("acme", &["read", "run", "operate"]).await;
    deploy(&other, &grants()).await;
    let mine = hold(&owner, "res/a", 60_000, json!({})).await;
    super::held_by(&owner, "res/a", &mine).await;
    let theirs = ask(&other, "hold", json!({ "name": "res/a", "policy": "fail" })).await;
    assert_eq!(theirs["got"]["value"], 1, "its own, and its first: {theirs:#}");
    other.get(&path("res/a")).await.problem(404, "lock.not_found");
    other.post(&format!("{}/release", path("res/a")), &json!({})).await.problem(404, "lock.not_found");
    assert_eq!(other.get("/api/v1/locks").await.of(200)["items"], json!([]));
    let stale = ask(&other, "write", json!({ "lock": "res/a", "token": 1, "key": "k", "text": "v" })).await;
    assert_eq!(stale["value"], 1, "{stale:#}");
    waited_for(&owner, "res/a", 0).await;
}
