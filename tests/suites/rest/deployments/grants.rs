//! Two keys: a capability is open where the manifest asks for it and the operator grants
//! it.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::{Answer, Client, redacted_json};

use crate::host;

async fn grant(client: &Client, agent: &str, grants: Value) -> Answer {
    client.put(&format!("/api/v1/deployments/{agent}/grants"), &json!({ "grants": grants })).await
}

#[tokio::test]
async fn nothing_is_granted_until_an_operator_grants_it() {
    let host = host().await;
    let deployment = host.client().get("/api/v1/deployments/counter").await.of(200);
    assert_eq!(deployment["grants"], json!({}));
    let denied = host.client().run("counter", "increment", json!({ "key": "n" })).await;
    assert_snapshot!(redacted_json(&denied.failure("denied.capability")), @r#"
    {
      "code": "denied.capability",
      "message": "`state.get` was denied: this deployment has no grant of `state`; the manifest must ask for it and the operator grant it",
      "retryable": false,
      "details": {
        "code": "denied.capability"
      }
    }
    "#);

    let granted = grant(&host.client(), "counter", json!({ "state": { "bytes": 4096, "keys": 10 } })).await.of(200);
    assert_eq!(granted["grants"], json!({ "state": { "bytes": 4096, "keys": 10 } }));
    let count = host.client().run("counter", "increment", json!({ "key": "n" })).await.output();
    assert_eq!(count, json!({ "count": 1 }));

    grant(&host.client(), "counter", json!({})).await.of(200);
    host.client().run("counter", "increment", json!({ "key": "n" })).await.failure("denied.capability");
}

#[tokio::test]
async fn a_grant_is_never_wider_than_what_the_manifest_asks() {
    let host = host().await;
    let wide = json!({ "state": { "bytes": 1_u64 << 40, "keys": 1_000_000 } });
    let granted = grant(&host.client(), "counter", wide.clone()).await.of(200);
    assert_eq!(granted["grants"], json!({ "state": { "bytes": 16 << 20, "keys": 1000 } }));
    let not_asked = grant(&host.client(), "echo", wide).await.of(200);
    assert_eq!(not_asked["grants"], json!({}));
}

#[tokio::test]
async fn what_is_granted_is_a_limit() {
    let host = host().await;
    grant(&host.client(), "counter", json!({ "state": { "bytes": 100, "keys": 2 } })).await.of(200);
    let put = async |key: &str, bytes: u64| {
        host.client().run("counter", "put_bytes", json!({ "key": key, "bytes": bytes })).await
    };
    put("a", 50).await.output();
    let full = put("b", 50).await.of(200);
    assert_eq!(full["status"], "failed", "{full:#}");
    put("b", 1).await.output();
    let third = put("c", 1).await.of(200);
    assert_eq!(third["status"], "failed", "{third:#}");
    assert_snapshot!(redacted_json(&json!([full["failure"], third["failure"]])), @r#"
    [
      {
        "code": "guest.failed",
        "message": "state is full: this deployment may hold 100 bytes; delete some or ask for more",
        "retryable": false,
        "details": {
          "code": "limit.storage",
          "maximum": 100
        }
      },
      {
        "code": "guest.failed",
        "message": "state is full: this deployment may hold 2 keys; delete some or ask for more",
        "retryable": false,
        "details": {
          "code": "limit.storage",
          "maximum": 2
        }
      }
    ]
    "#);
}

#[tokio::test]
async fn a_capability_nobody_knows_is_refused() {
    let host = host().await;
    grant(&host.client(), "counter", json!({ "everything": {} })).await.problem(400, "request.invalid");
    grant(&host.client(), "counter", json!({ "state": { "bytes": 1, "keys": 1, "colour": 1 } }))
        .await
        .problem(400, "request.invalid");
    grant(&host.client(), "nobody", json!({})).await.problem(404, "deployment.not_found");
}
