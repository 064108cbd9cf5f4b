//! Configuring a deployment.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::{Answer, Client, redacted_json};

use crate::host;

const CONFIGURATION: &str = "/api/v1/deployments/echo/configuration";

async fn configure(client: &Client, configuration: Value) -> Answer {
    client.put(CONFIGURATION, &json!({ "configuration": configuration })).await
}

#[tokio::test]
async fn an_operators_values_stand_over_the_defaults() {
    let host = host().await;
    let configured = configure(&host.client(), json!({ "greeting": "hey" })).await.of(200);
    assert_eq!(configured["configuration"], json!({ "greeting": "hey", "repeat": 1 }));
    assert_eq!(configured["epoch"], 2);
    let said = host.client().run("echo", "shout", json!({ "text": "you" })).await.output();
    assert_eq!(said, json!({ "text": "HEY YOU" }));
    // The next replaces them; it does not add to them.
    let configured = configure(&host.client(), json!({ "repeat": 2 })).await.of(200);
    assert_eq!(configured["configuration"], json!({ "greeting": "hello", "repeat": 2 }));
}

#[tokio::test]
async fn a_configuration_that_breaks_the_schema_changes_nothing() {
    let host = host().await;
    let before = host.client().get("/api/v1/deployments/echo").await.of(200);
    let refused = configure(&host.client(), json!({ "repeat": "often" })).await;
    assert_snapshot!(redacted_json(&refused.problem(400, "configuration.invalid")), @r#"
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "code": "configuration.invalid",
      "detail": "the configuration breaks the schema at `/repeat`: \"often\" is not of type \"integer\"",
      "retryable": false,
      "request": "[id]",
      "details": {
        "faults": [
          {
            "path": "/repeat",
            "message": "\"often\" is not of type \"integer\""
          }
        ]
      }
    }
    "#);
    for wrong in
        [json!([]), json!("x"), json!(null), json!({ "repeat": -1 }), json!({ "greeting": "x".repeat(70_000) })]
    {
        configure(&host.client(), wrong).await.problem(400, "configuration.invalid");
    }
    assert_eq!(host.client().get("/api/v1/deployments/echo").await.of(200), before);
}

#[tokio::test]
async fn a_configuration_is_compared_and_set_too() {
    let host = host().await;
    let late = json!({ "configuration": {}, "epoch": 7 });
    host.client().put(CONFIGURATION, &late).await.problem(409, "swap.conflict");
    let current = json!({ "configuration": { "repeat": 3 }, "epoch": 1 });
    host.client().put(CONFIGURATION, &current).await.of(200);
}

#[tokio::test]
async fn a_configuration_survives_a_swap() {
    let host = host().await;
    configure(&host.client(), json!({ "greeting": "hey" })).await.of(200);
    let swapped = host.client().swap("echo", "2.0.0").await.of(200);
    assert_eq!(swapped["deployment"]["configuration"], json!({ "greeting": "hey", "repeat": 1 }));
}

#[tokio::test]
async fn an_agent_that_is_not_deployed_cannot_be_configured() {
    let host = host().await;
    let answer = host.client().put("/api/v1/deployments/nobody/configuration", &json!({ "configuration": {} })).await;
    answer.problem(404, "deployment.not_found");
}
