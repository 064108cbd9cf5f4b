//! A release that asks for more than the one that serves.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::{Client, Host, guests, redacted};

use super::{begin, diff, reaches, told, waiting};
use crate::empty_host;

fn may(methods: &[&str]) -> Value {
    json!({ "http": [{ "id": "api", "host": "api.example.com", "methods": methods }] })
}

async fn publish(client: &Client, version: &str, asks: Value) -> Value {
    client.publish(guests().fetch.asking(asks).archive(version)).await.of(201)
}

/// A host on which a release of `fetch` serves that may read.
async fn reading() -> Host {
    let host = empty_host().await;
    let client = host.client();
    publish(&client, "1.0.0", may(&["GET"])).await;
    client.swap("fetch", "1.0.0").await.of(200);
    client.put("/api/v1/deployments/fetch/grants", &json!({ "grants": may(&["GET", "POST"]) })).await.of(200);
    host
}

#[tokio::test]
async fn j141_a_release_that_asks_for_more_waits_while_the_one_before_serves() {
    let host = reading().await;
    let client = host.client();
    let published = publish(&client, "1.1.0", may(&["GET", "POST"])).await;
    assert_eq!(published["status"], "pending_approval");
    let before = client.get("/api/v1/deployments/fetch").await.of(200);
    let refused = client.swap("fetch", "1.1.0").await.problem(409, "release.pending_approval");
    assert_eq!(refused["details"]["approval"], published["approval"]);
    assert_snapshot!(refused["detail"].as_str().unwrap(), @"fetch@1.1.0 asks for more than fetch@1.0.0 (wider grant http/api: http api: GET, POST https://api.example.com/*; before http api: GET https://api.example.com/*), and waits for approval; `troupe release diff fetch@1.1.0` shows all of it, `troupe release approve fetch@1.1.0` lets it serve");
    assert_eq!(client.get("/api/v1/deployments/fetch").await.of(200), before);
    let diff = diff(&client, "fetch", "1.1.0").await;
    assert_eq!(diff["status"], "pending_approval");
    assert_snapshot!(redacted(&serde_json::to_string_pretty(&diff["capabilities"]).unwrap()), @r#"
    [
      {
        "kind": "grant",
        "at": "http/api",
        "before": "http api: GET https://api.example.com/*",
        "after": "http api: GET, POST https://api.example.com/*"
      }
    ]
    "#);
    assert_eq!((&diff["texts"], &diff["breaks"]), (&json!([]), &json!([])));
    assert_eq!(waiting(&client).await, ["1.1.0"]);

    let approved = client.approve("fetch", "1.1.0").await.of(200);
    assert_eq!((&approved["status"], &approved["approval"]["by"]), (&json!("approved"), &json!("owner")));
    client.swap("fetch", "1.1.0").await.of(200);
    let (events, records) = told(&client, "fetch@1.1.0").await;
    assert_eq!(events, ["release.published", "release.pending_approval", "release.approved"]);
    assert_eq!(records, ["published", "approval_needed", "swap_refused", "release_approved", "swap"]);
}

#[tokio::test]
async fn h99_what_imports_a_capability_without_a_grant_waits_and_is_denied_until_somebody_grants_it() {
    let host = empty_host().await;
    let client = host.client();
    publish(&client, "1.0.0", json!({})).await;
    client.swap("fetch", "1.0.0").await.of(200);
    let published = publish(&client, "1.1.0", may(&["GET"])).await;
    assert_eq!(published["status"], "pending_approval");
    client.swap("fetch", "1.1.0").await.problem(409, "release.pending_approval");
    client.approve("fetch", "1.1.0").await.of(200);
    client.swap("fetch", "1.1.0").await.of(200);
    // That it may ask is approved of; what it gets, the operator says.
    let asked = json!({ "requests": [{ "authority": "api.example.com", "path": "/" }] });
    let answered = client.run("fetch", "fetch", asked).await.output();
    assert_ne!(answered["answers"][0]["error"], Value::Null, "{answered:#}");
    let denied = client.get("/api/v1/audit?kind=denied").await.of(200);
    assert_eq!(denied["items"][0]["code"], "denied.capability", "{denied:#}");
}

#[tokio::test]
async fn h109_a_patch_release_with_a_new_grant_wants_approval() {
    let host = reading().await;
    let client = host.client();
    let mut asks = may(&["GET"]);
    asks["http"].as_array_mut().unwrap().push(json!({ "id": "mail", "host": "mail.example.net", "methods": ["POST"] }));
    publish(&client, "1.0.1", asks).await;
    let id = begin(&client, "fetch", "1.0.1").await;
    let swap = reaches(&client, "fetch", &id, "awaiting_approval").await;
    let listed = client.get("/api/v1/approvals").await.of(200);
    assert_eq!(swap["state"]["approval"], listed["items"][0]["id"], "{swap:#}");
    assert_eq!(client.get("/api/v1/deployments/fetch").await.of(200)["serving"], "1.0.0");
    client.approve("fetch", "1.0.1").await.of(200);
    let swap = reaches(&client, "fetch", &id, "ended").await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
}

#[tokio::test]
async fn a_release_that_asks_for_less_or_the_same_in_other_words_waits_for_nobody() {
    let host = reading().await;
    let client = host.client();
    let mut renamed = may(&["GET"]);
    renamed["http"][0]["id"] = json!("service");
    for (version, asks) in [("1.0.1", renamed), ("1.0.2", json!({}))] {
        assert_eq!(publish(&client, version, asks).await["status"], "published");
        client.swap("fetch", version).await.of(200);
    }
    assert_eq!(waiting(&client).await, [""; 0]);
}
