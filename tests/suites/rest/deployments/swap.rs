//! Making another release serve.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::redacted_json;

use crate::host;

const SWAP: &str = "/api/v1/deployments/echo/swap";

#[tokio::test]
async fn a_swap_takes_effect_with_its_answer() {
    let host = host().await;
    let swapped = host.client().swap("echo", "2.0.0").await.of(200);
    assert_snapshot!(redacted_json(&swapped), @r#"
    {
      "deployment": {
        "agent": "echo",
        "epoch": 2,
        "serving": "2.0.0",
        "digest": "[digest]",
        "configuration": {
          "greeting": "hello",
          "repeat": 1
        },
        "grants": {},
        "changed_at": "[time]"
      },
      "expired": 0,
      "swap": "[id]"
    }
    "#);
    assert_eq!(host.client().run("echo", "version", json!({})).await.output(), json!({ "version": "2.0.0" }));
    assert_eq!(host.client().get("/api/v1/deployments/echo").await.of(200), swapped["deployment"]);
    let listed = host.client().get("/api/v1/deployments").await.of(200);
    assert!(listed["items"].as_array().unwrap().contains(&swapped["deployment"]));
}

#[tokio::test]
async fn of_two_swaps_from_the_same_epoch_one_wins() {
    let host = host().await;
    let client = host.client();
    let epoch = client.get("/api/v1/deployments/echo").await.of(200)["epoch"].clone();
    let swap = json!({ "version": "2.0.0", "epoch": epoch });
    let (a, b) = tokio::join!(client.post(SWAP, &swap), client.post(SWAP, &swap));
    let (won, lost) = if a.status == 200 { (a, b) } else { (b, a) };
    let deployment = won.of(200)["deployment"].clone();
    assert_eq!(deployment["epoch"].as_u64(), epoch.as_u64().map(|epoch| epoch + 1));
    let problem = lost.problem(409, "swap.conflict");
    assert_snapshot!(redacted_json(&problem), @r#"
    {
      "type": "about:blank",
      "title": "Conflict",
      "status": 409,
      "code": "swap.conflict",
      "detail": "the deployment of echo is at epoch 2 now; look at it again, then repeat",
      "retryable": false,
      "request": "[id]",
      "details": {
        "epoch": 2
      }
    }
    "#);
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200), deployment);
}

#[tokio::test]
async fn every_change_is_a_new_epoch_even_back_to_where_it_was() {
    let host = host().await;
    let mut epochs: Vec<Value> = Vec::new();
    for version in ["2.0.0", "1.0.0", "2.0.0"] {
        epochs.push(host.client().swap("echo", version).await.of(200)["deployment"]["epoch"].clone());
    }
    assert_eq!(epochs, [json!(2), json!(3), json!(4)]);
}

#[tokio::test]
async fn a_release_that_is_not_there_changes_nothing() {
    let host = host().await;
    let before = host.client().get("/api/v1/deployments/echo").await.of(200);
    let problem = host.client().swap("echo", "9.9.9").await.problem(404, "release.not_found");
    assert_eq!(problem["detail"], "there is no release echo@9.9.9; `troupe agents echo` lists its versions");
    host.client().swap("nobody", "1.0.0").await.problem(404, "release.not_found");
    host.client().swap("echo", "one").await.problem(400, "request.invalid");
    assert_eq!(host.client().get("/api/v1/deployments/echo").await.of(200), before);
}

#[tokio::test]
async fn a_swap_outlives_the_host() {
    let mut host = host().await;
    let swapped = host.client().swap("echo", "2.0.0").await.of(200)["deployment"].clone();
    host.kill().await;
    host.start().await;
    assert_eq!(host.client().get("/api/v1/deployments/echo").await.of(200), swapped);
    assert_eq!(host.client().run("echo", "version", json!({})).await.output(), json!({ "version": "2.0.0" }));
}
