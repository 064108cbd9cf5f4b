//! Channels: names that rise, and that nothing which serves looks at.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::{blobs, guests, redacted_json};

use super::{events, publish_with, records, set, versions};
use crate::host;

#[tokio::test]
async fn h100_an_older_version_is_not_offered_as_the_newest_unless_somebody_says_so() {
    let host = host().await;
    let client = host.client();
    let set_first = set(&client, "stable", "2.0.0", false).await.of(200);
    assert_eq!((&set_first["number"], &set_first["by"]), (&json!(1), &json!("owner")));
    let channels = async || client.get("/api/v1/agents/echo/channels").await.of(200);
    let before = channels().await;
    let problem = set(&client, "stable", "1.0.0", false).await.problem(409, "artifact.downgrade");
    assert_eq!(problem["details"], json!({ "channel": "stable", "names": "2.0.0" }));
    // With a publish: neither the release nor the move.
    let tags = blobs::checked_tags(&host.data_dir());
    let old = guests().echo_2.archive("1.5.0");
    publish_with(&client, "channel=stable", old.clone()).await.problem(409, "artifact.downgrade");
    assert_eq!((channels().await, versions(&client, "echo").await), (before, vec!["2.0.0".into(), "1.0.0".into()]));
    let refused = records(&client, "publish_refused").await;
    assert_eq!((refused.len(), &refused[0]["code"]), (1, &json!("artifact.downgrade")));
    client.post("/api/v1/releases/gc", &json!({})).await.of(200);
    assert_eq!(blobs::checked_tags(&host.data_dir()), tags);
    assert!(records(&client, "channel_downgraded").await.is_empty());

    // Explicitly, and then that is on record by itself.
    let down = set(&client, "stable", "1.0.0", true).await.of(200);
    assert_eq!((&down["version"], &down["number"]), (&json!("1.0.0"), &json!(2)));
    let fell = records(&client, "channel_downgraded").await;
    assert_eq!(fell.len(), 1);
    assert_eq!(fell[0]["details"], json!({ "channel": "stable", "number": 2, "previous": "2.0.0" }));
    publish_with(&client, "channel=stable", old).await.of(201);
    let wrong = publish_with(&client, "channel=stable&downgrade=perhaps", guests().echo_2.archive("1.5.0")).await;
    wrong.problem(400, "request.invalid");
    let moved: Vec<_> = events(&client, "channel.moved").await.iter().map(|data| data["version"].clone()).collect();
    assert_eq!(moved, ["2.0.0", "1.0.0", "1.5.0"]);
}

#[tokio::test]
async fn h102_a_channel_that_is_moved_changes_nothing_that_runs() {
    let mut host = host().await;
    let client = host.client();
    set(&client, "stable", "2.0.0", false).await.of(200);
    let path = "/api/v1/deployments/echo/swap";
    let swapped = client.post(path, &json!({ "channel": "stable" })).await.of(200);
    let deployment = swapped["deployment"].clone();
    assert_eq!(deployment["serving"], "2.0.0");
    let swap = client.get(&format!("/api/v1/deployments/echo/swaps/{}", swapped["swap"].as_str().unwrap())).await;
    assert_eq!(swap.of(200)["to"], "2.0.0");

    let running = client.submit("echo", "sleep", json!({ "ms": 1_000 })).await;
    client.runs(&running).await;
    let published = publish_with(&client, "channel=stable", guests().echo.marked(3).archive("3.0.0")).await.of(201);
    assert_eq!(published["channels"], json!(["stable"]));
    let moved = events(&client, "channel.moved").await.pop().unwrap();
    assert_snapshot!(redacted_json(&moved), @r#"
    {
      "agent": "echo",
      "channel": "stable",
      "version": "3.0.0",
      "digest": "[digest]",
      "number": 2,
      "previous": "2.0.0"
    }
    "#);
    assert_eq!(client.ended(&running).await["release"]["digest"], deployment["digest"]);
    let task = client.run("echo", "version", json!({})).await.of(200);
    assert_eq!(task["release"]["digest"], deployment["digest"]);
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200), deployment);
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200), deployment);

    // Whoever asks now gets what it names now.
    let swapped = client.post(path, &json!({ "channel": "stable" })).await.of(200);
    assert_eq!(swapped["deployment"]["serving"], "3.0.0");
}

#[tokio::test]
async fn a_channel_is_listed_with_its_release_and_can_be_removed() {
    let host = host().await;
    let client = host.client();
    set(&client, "stable", "1.0.0", false).await.of(200);
    set(&client, "beta", "2.0.0", false).await.of(200);
    set(&client, "edge", "2.0.0", false).await.of(200);
    let listed = client.get("/api/v1/agents/echo/channels").await.of(200);
    assert_snapshot!(redacted_json(&listed["items"][0]), @r#"
    {
      "agent": "echo",
      "channel": "beta",
      "version": "2.0.0",
      "digest": "[digest]",
      "number": 1,
      "moved_at": "[time]",
      "by": "owner"
    }
    "#);
    let releases = client.get("/api/v1/agents/echo/versions").await.of(200);
    let names: Vec<&Value> = releases["items"].as_array().unwrap().iter().map(|release| &release["channels"]).collect();
    assert_eq!(names, [&json!(["beta", "edge"]), &json!(["stable"])]);
    let path = "/api/v1/agents/echo/channels/beta";
    let remove = async || client.delete(path).await;
    assert_eq!(remove().await.of(200)["version"], "2.0.0");
    remove().await.problem(404, "channel.not_found");
    client.post("/api/v1/deployments/echo/swap", &json!({ "channel": "beta" })).await.problem(404, "channel.not_found");
    set(&client, "beta", "1.0.0", false).await.problem(409, "artifact.downgrade");
    assert_eq!(events(&client, "channel.removed").await.len(), 1);
}

#[tokio::test]
async fn a_swap_is_to_a_version_or_to_a_channel() {
    let host = host().await;
    let client = host.client();
    set(&client, "stable", "2.0.0", false).await.of(200);
    let path = "/api/v1/deployments/echo/swap";
    for wrong in [json!({}), json!({ "version": "2.0.0", "channel": "stable" }), json!({ "channel": "Stable" })] {
        client.post(path, &wrong).await.problem(400, "request.invalid");
    }
    client.post("/api/v1/deployments/nobody/swap", &json!({ "channel": "x" })).await.problem(404, "agent.not_found");
    let key = client.with_key("default", &["read", "run"]).await;
    key.post(path, &json!({ "channel": "stable" })).await.problem(403, "auth.scope");
    set(&key, "stable", "2.0.0", false).await.problem(403, "auth.scope");
    key.get("/api/v1/agents/echo/channels").await.of(200);
}

#[tokio::test]
async fn an_agent_has_so_many_channels_and_those_that_were_removed_count() {
    let host = host().await;
    let client = host.client();
    for number in 0..limits::CHANNELS_PER_AGENT_MAX {
        set(&client, &format!("c{number}"), "1.0.0", false).await.of(200);
    }
    client.delete("/api/v1/agents/echo/channels/c0").await.of(200);
    let problem = set(&client, "more", "1.0.0", false).await.problem(409, "limit.channels");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"agent echo has 64 channels, as many as it may have, counting those that were removed; move one of them");
    // What there is still moves, and comes back.
    set(&client, "c0", "2.0.0", false).await.of(200);
    set(&client, "c1", "2.0.0", false).await.of(200);
}
