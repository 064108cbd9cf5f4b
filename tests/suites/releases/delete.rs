//! Deleting releases: refused while anything needs one, and for good.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::{Client, blobs, guests, redacted};

use super::{delete, events, mark, records, set, versions};
use crate::swap::{over, reaches};
use crate::{empty_host, host};

const SWAP: &str = "/api/v1/deployments/echo/swap";

/// What a release is needed for, by the answer to whoever deletes it.
async fn held_by(client: &Client, release: &str) -> Vec<String> {
    let problem = delete(client, release).await.problem(409, "release.in_use");
    let by = problem["details"]["by"].as_array().unwrap().clone();
    by.iter().map(|holder| holder["kind"].as_str().unwrap().to_owned()).collect()
}

/// A swap to a version that keeps nothing to go back to, once it is over.
async fn swapped(client: &Client, version: &str) {
    let request = json!({ "version": version, "policy": { "keep_previous_seconds": 0 } });
    let swap = client.post(SWAP, &request).await.of(200)["swap"].as_str().unwrap().to_owned();
    over(client, "echo", &swap).await;
}

#[tokio::test]
async fn a_release_that_serves_or_that_a_channel_names_is_not_deleted() {
    let host = host().await;
    let client = host.client();
    set(&client, "stable", "1.0.0", false).await.of(200);
    set(&client, "beta", "2.0.0", false).await.of(200);
    let problem = delete(&client, "echo@1.0.0").await.problem(409, "release.in_use");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"echo@1.0.0 is needed: it serves, channel `stable` names it; delete it when nothing needs it, or keep others from it with `troupe releases yank echo@1.0.0`");
    assert_eq!(problem["details"]["by"], json!([{ "kind": "serving" }, { "kind": "channel", "channel": "stable" }]));
    assert_eq!(held_by(&client, "echo@2.0.0").await, ["channel"]);
    assert_eq!(versions(&client, "echo").await, ["2.0.0", "1.0.0"]);
    set(&client, "beta", "1.0.0", true).await.of(200);
    delete(&client, "echo@2.0.0").await.of(200);
    assert_eq!(versions(&client, "echo").await, ["1.0.0"]);
    let key = client.with_key("default", &["read", "run"]).await;
    delete(&key, "echo@1.0.0").await.problem(403, "auth.scope");
}

#[tokio::test]
async fn a_release_that_is_tried_or_of_a_swap_that_goes_on_is_not_deleted() {
    let host = host().await;
    let client = host.client();
    let canary = json!({ "steps": [{ "weight": 50, "min_calls": 1_000_000, "min_seconds": 0 }], "max_seconds": 600 });
    let request = json!({ "version": "2.0.0", "policy": { "canary": canary } });
    let swap = client.post(SWAP, &request).await.of(202)["id"].as_str().unwrap().to_owned();
    reaches(&client, "echo", &swap, "canary").await;
    assert_eq!(held_by(&client, "echo@2.0.0").await, ["candidate", "swap"]);
    assert_eq!(held_by(&client, "echo@1.0.0").await, ["serving", "swap"]);
    client.post(&format!("/api/v1/deployments/echo/swaps/{swap}/abort"), &Value::Null).await.of(200);
    over(&client, "echo", &swap).await;
    delete(&client, "echo@2.0.0").await.of(200);
}

#[tokio::test]
async fn a_release_is_kept_for_its_time_to_go_back_to_and_then_deleted() {
    let host = host().await;
    let client = host.client();
    let request = json!({ "version": "2.0.0", "policy": { "keep_previous_seconds": 3_600 } });
    let swap = client.post(SWAP, &request).await.of(200)["swap"].as_str().unwrap().to_owned();
    over(&client, "echo", &swap).await;
    let problem = delete(&client, "echo@1.0.0").await.problem(409, "release.in_use");
    assert_snapshot!(redacted(problem["detail"].as_str().unwrap()), @"echo@1.0.0 is needed: it is kept until [time] to go back to; delete it when nothing needs it, or keep others from it with `troupe releases yank echo@1.0.0`");
    client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.of(200);
    let host = crate::host().await;
    let client = host.client();
    swapped(&client, "2.0.0").await;
    delete(&client, "echo@1.0.0").await.of(200);
    let problem =
        client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.problem(404, "release.not_found");
    assert!(problem["detail"].as_str().unwrap().contains("echo@1.0.0"), "{problem:#}");
}

#[tokio::test]
async fn a_release_on_which_a_task_has_not_ended_is_not_deleted() {
    let host = host().await;
    let client = host.client();
    let task = client.submit("echo", "sleep", json!({ "ms": 1_500 })).await;
    client.runs(&task).await;
    let request = json!({ "version": "2.0.0", "policy": { "keep_previous_seconds": 0 } });
    let swap = client.post(SWAP, &request).await.of(200)["swap"].as_str().unwrap().to_owned();
    assert_eq!(held_by(&client, "echo@1.0.0").await, ["swap", "tasks"]);
    assert_eq!(client.ended(&task).await["status"], "completed");
    over(&client, "echo", &swap).await;
    delete(&client, "echo@1.0.0").await.of(200);
    // What it answered is still told, and not repeated.
    assert_eq!(client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["release"]["version"], "1.0.0");
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &json!({})).await;
    replay.problem(404, "release.not_found");
}

#[tokio::test]
async fn a_release_on_which_a_task_is_suspended_is_not_deleted_and_outlives_a_collection() {
    let host = empty_host().await;
    let client = host.client();
    client.publish(guests().sleeper.archive("1.0.0")).await.of(201);
    client.publish(guests().sleeper.marked(2).archive("2.0.0")).await.of(201);
    client.swap("sleeper", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    client.put("/api/v1/deployments/sleeper/grants", &grants).await.of(200);
    let input = json!({ "key": "k", "nights": 1, "ms": 12_000 });
    let task = client.submit("sleeper", "nights", input).await;
    client.becomes(&task, "suspended").await;
    let request = json!({ "version": "2.0.0", "policy": { "keep_previous_seconds": 0 } });
    let swap =
        client.post("/api/v1/deployments/sleeper/swap", &request).await.of(200)["swap"].as_str().unwrap().to_owned();
    reaches(&client, "sleeper", &swap, "parked").await;
    assert_eq!(held_by(&client, "sleeper@1.0.0").await, ["swap", "tasks"]);
    client.post("/api/v1/releases/gc", &json!({})).await.of(200);
    let ended = client.becomes(&task, "completed").await;
    assert_eq!(ended["release"]["version"], "1.0.0");
    over(&client, "sleeper", &swap).await;
    delete(&client, "sleeper@1.0.0").await.of(200);
}

#[tokio::test]
async fn a_deleted_release_is_gone_for_good_and_its_version_never_means_other_bytes() {
    let mut host = host().await;
    let client = host.client();
    let view = client.get("/api/v1/agents/echo/versions/2.0.0").await.of(200);
    assert_eq!(delete(&client, "echo@2.0.0").await.of(200), view);
    delete(&client, "echo@2.0.0").await.problem(404, "release.not_found");
    client.get("/api/v1/agents/echo/versions/2.0.0").await.problem(404, "release.not_found");
    client.swap("echo", "2.0.0").await.problem(404, "release.not_found");
    set(&client, "stable", "2.0.0", false).await.problem(404, "release.not_found");
    mark(&client, "echo@2.0.0", "yank", &json!({})).await.problem(404, "release.not_found");
    assert_eq!(events(&client, "release.deleted").await[0]["digest"], view["digest"]);
    let told = records(&client, "release_deleted").await;
    assert_eq!((&told[0]["principal"], &told[0]["version"]), (&json!("owner"), &json!("2.0.0")));
    host.kill().await;
    host.start().await;
    let client = host.client();
    let tags: Vec<_> = blobs::checked_tags(&host.data_dir()).into_iter().collect();
    assert_eq!(tags, ["default/counter:1.0.0", "default/echo:1.0.0", "default/hostile:1.0.0"]);
    client.publish(guests().echo_2.marked(9).archive("2.0.0")).await.problem(409, "artifact.immutable");
    assert_eq!(versions(&client, "echo").await, ["1.0.0"]);
    let again = client.publish(guests().echo_2.archive("2.0.0")).await.of(201);
    assert_eq!(again["digest"], view["digest"]);
    client.swap("echo", "2.0.0").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "2.0.0" }));
}

#[tokio::test]
async fn an_agent_whose_releases_are_all_deleted_is_gone() {
    let host = empty_host().await;
    let client = host.client();
    client.publish(guests().echo.archive("1.0.0")).await.of(201);
    delete(&client, "echo@1.0.0").await.of(200);
    client.get("/api/v1/agents/echo").await.problem(404, "agent.not_found");
    client.get("/api/v1/agents/echo/channels").await.problem(404, "agent.not_found");
    assert_eq!(client.get("/api/v1/agents").await.of(200)["items"], json!([]));
    tokio::time::timeout(Duration::from_secs(60), client.publish(guests().echo.archive("1.0.0")))
        .await
        .unwrap()
        .of(201);
}
