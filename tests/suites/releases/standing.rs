//! Deprecated and yanked releases.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::redacted_json;

use super::{events, mark, records, set};
use crate::host;
use crate::swap::reaches;

const SWAP: &str = "/api/v1/deployments/echo/swap";

#[tokio::test]
async fn a_deprecated_release_stays_usable_and_says_why_it_should_not_be_used() {
    let host = host().await;
    let client = host.client();
    let deprecated = mark(&client, "echo@2.0.0", "deprecate", &json!({ "message": "use 3.0.0" })).await.of(200);
    assert_snapshot!(redacted_json(&deprecated), @r#"
    {
      "agent": "echo",
      "version": "2.0.0",
      "digest": "[digest]",
      "component": "[digest]",
      "published_at": "[time]",
      "deprecated": {
        "message": "use 3.0.0",
        "at": "[time]"
      }
    }
    "#);
    assert_eq!(client.get("/api/v1/agents/echo/versions/2.0.0").await.of(200), deprecated);
    assert_eq!(client.get("/api/v1/agents/echo/versions").await.of(200)["items"][0], deprecated);
    client.swap("echo", "2.0.0").await.of(200);
    let said = events(&client, "release.deprecated").await;
    assert_eq!((said.len(), &said[0]["message"]), (1, &json!("use 3.0.0")));
    assert_eq!(records(&client, "deprecated").await[0]["details"], json!({ "message": "use 3.0.0" }));
    let back = mark(&client, "echo@2.0.0", "undeprecate", &json!({})).await.of(200);
    assert_eq!(back["deprecated"], Value::Null);
    assert_eq!(events(&client, "release.undeprecated").await.len(), 1);
    let long = "x".repeat(501);
    for wrong in ["", " ", "two\nlines", "\u{1b}[31m", long.as_str()] {
        let request = json!({ "message": wrong });
        mark(&client, "echo@2.0.0", "deprecate", &request).await.problem(400, "request.invalid");
    }
    mark(&client, "echo@9.0.0", "deprecate", &json!({ "message": "x" })).await.problem(404, "release.not_found");
    let key = client.with_key("default", &["read"]).await;
    mark(&key, "echo@2.0.0", "yank", &json!({})).await.problem(403, "auth.scope");
}

#[tokio::test]
async fn nothing_begins_to_use_a_yanked_release_until_that_is_taken_back() {
    let host = host().await;
    let client = host.client();
    set(&client, "stable", "2.0.0", false).await.of(200);
    let yanked = mark(&client, "echo@2.0.0", "yank", &json!({ "reason": "loses pages" })).await.of(200);
    assert_eq!(yanked["yanked"]["message"], "loses pages");
    let before = client.get("/api/v1/deployments/echo").await.of(200);
    let problem = client.swap("echo", "2.0.0").await.problem(409, "release.yanked");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"echo@2.0.0 was yanked (loses pages), so nothing begins to use it; choose another release, or take that back with `troupe releases unyank echo@2.0.0`");
    let by_steps = json!({ "version": "2.0.0", "policy": { "watch": { "seconds": 60 } } });
    client.post(SWAP, &by_steps).await.problem(409, "release.yanked");
    client.post(SWAP, &json!({ "channel": "stable" })).await.problem(409, "release.yanked");
    set(&client, "beta", "2.0.0", false).await.problem(409, "release.yanked");
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200), before);
    assert_eq!(records(&client, "yanked").await.len(), 1);
    mark(&client, "echo@2.0.0", "unyank", &json!({})).await.of(200);
    client.swap("echo", "2.0.0").await.of(200);
    let kinds = [events(&client, "release.yanked").await.len(), events(&client, "release.unyanked").await.len()];
    assert_eq!(kinds, [1, 1]);
}

#[tokio::test]
async fn a_yanked_release_that_serves_goes_on_to_serve() {
    let mut host = host().await;
    let client = host.client();
    mark(&client, "echo@1.0.0", "yank", &json!({})).await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
    let configured = json!({ "configuration": {} });
    client.put("/api/v1/deployments/echo/configuration", &configured).await.of(200);
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
    // A swap that is watched is taken back to it: it served when that began.
    let by_steps = json!({ "version": "2.0.0", "policy": { "watch": { "seconds": 600 } } });
    let swap = client.post(SWAP, &by_steps).await.of(202)["id"].as_str().unwrap().to_owned();
    reaches(&client, "echo", &swap, "watching").await;
    client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.of(200);
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200)["serving"], "1.0.0");
    // Once another one serves for good, going back is a beginning.
    client.swap("echo", "2.0.0").await.of(200);
    client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.problem(409, "release.yanked");
    mark(&client, "echo@1.0.0", "unyank", &json!({})).await.of(200);
    client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.of(200);
}
