//! Tenants: the owner makes, sees, disables and enables them.

use insta::assert_snapshot;
use serde_json::json;
use troupe_tests::{Client, guests, redacted_json};

use crate::{NOTHING_READ, empty_host, host};

#[tokio::test]
async fn a_tenant_is_made_listed_and_shown() {
    let host = empty_host().await;
    let client = host.client();
    let made = client.post("/api/v1/tenants", &json!({ "name": "acme" })).await.of(201);
    assert_snapshot!(redacted_json(&made), @r#"
    {
      "name": "acme",
      "created_at": "[time]"
    }
    "#);
    assert_eq!(client.get("/api/v1/tenants/acme").await.of(200), made);
    let list = client.get("/api/v1/tenants").await.of(200);
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|tenant| tenant["name"].clone()).collect();
    assert_eq!(names, ["acme", "default"]);
    let page = client.get("/api/v1/tenants?limit=1").await.of(200);
    assert_eq!(page["next"], "acme");
    assert_eq!(client.get("/api/v1/tenants?limit=1&after=acme").await.of(200)["items"][0]["name"], "default");
}

#[tokio::test]
async fn a_name_is_taken_once_and_follows_the_grammar() {
    let host = empty_host().await;
    let client = host.client();
    client.make_tenant("acme").await;
    for taken in ["acme", "default"] {
        client.post("/api/v1/tenants", &json!({ "name": taken })).await.problem(409, "tenant.exists");
    }
    for wrong in ["", "Acme", "a b", "../x", "a--b"] {
        client.post("/api/v1/tenants", &json!({ "name": wrong })).await.problem(400, "request.invalid");
    }
    for absent in ["nobody", "Acme", "a%20b"] {
        client.get(&format!("/api/v1/tenants/{absent}")).await.problem(404, "tenant.not_found");
        client.post(&format!("/api/v1/tenants/{absent}/disable"), &json!({})).await.problem(404, "tenant.not_found");
    }
}

#[tokio::test]
async fn tenants_are_the_owners_alone() {
    let host = empty_host().await;
    let key = host.client().with_key("default", &["read", "run", "operate", "admin", "metrics", "machine"]).await;
    key.get("/api/v1/tenants").await.problem(403, "auth.scope");
    key.get("/api/v1/tenants/nobody").await.problem(403, "auth.scope");
    key.post("/api/v1/tenants", &json!({ "name": "mine" })).await.problem(403, "auth.scope");
    key.post("/api/v1/tenants/default/disable", &json!({})).await.problem(403, "auth.scope");
}

/// The tenant `acme` with an agent, and a task of it that runs for so long.
async fn acme_that_sleeps(owner: &Client, ms: u64) -> (Client, String) {
    owner.make_tenant("acme").await;
    let acme = owner.with_key("acme", &["read", "run", "operate"]).await;
    acme.publish(guests().echo.archive("1.0.0")).await.of(201);
    acme.swap("echo", "1.0.0").await.of(200);
    let running = acme.submit("echo", "sleep", json!({ "ms": ms })).await;
    acme.runs(&running).await;
    (acme, running)
}

#[tokio::test]
async fn a_disabled_tenant_runs_nothing_until_it_is_enabled_again() {
    let mut host = host().await;
    let owner = host.client();
    let (acme, running) = acme_that_sleeps(&owner, 9_000).await;

    let disabled = owner.post("/api/v1/tenants/acme/disable", &json!({})).await.of(200);
    assert!(disabled["disabled_at"].is_string());
    acme.get("/api/v1/whoami").await.problem(403, "tenant.disabled");
    acme.run("echo", "echo", json!({ "text": "x" })).await.problem(403, "tenant.disabled");
    host.kill().await;
    host.start().await;
    let acme = host.client().with_token(acme.token.as_deref());
    acme.get("/api/v1/whoami").await.problem(403, "tenant.disabled");
    // The key of a disabled tenant can be revoked, and the tenant enabled again.
    let enabled = host.client().post("/api/v1/tenants/acme/enable", &json!({})).await.of(200);
    assert_eq!(enabled.get("disabled_at"), None);
    assert_eq!(acme.ended(&running).await["status"], "cancelled");
    assert_eq!(acme.run("echo", "echo", json!({ "text": "x" })).await.output(), json!({ "text": "x" }));
    host.client().post("/api/v1/tenants/default/disable", &json!({})).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn what_waits_in_a_disabled_tenant_runs_once_it_is_enabled() {
    let mut host = host().await;
    let owner = host.client();
    let (acme, running) = acme_that_sleeps(&owner, 800).await;
    // The host dies while it runs, so it is pending when the tenant is disabled.
    host.kill().await;
    {
        let store = troupe_store::Store::open(
            &host.data_dir().join("troupe.db"),
            std::sync::Arc::new(troupe_core::SystemClock),
        )
        .await
        .unwrap();
        for host in store.hosts().await.unwrap().0 {
            store.leave(&host.owner).await.unwrap();
        }
        store.recover("nobody", NOTHING_READ).await.unwrap();
        store.set_disabled(&"acme".parse().unwrap(), true, None).await.unwrap();
        store.close().await;
    }
    host.start().await;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    host.client().post("/api/v1/tenants/acme/enable", &json!({})).await.of(200);
    let acme = host.client().with_token(acme.token.as_deref());
    assert_eq!(acme.ended(&running).await["status"], "completed");
}

#[tokio::test]
async fn what_is_said_of_a_tenant_that_is_disabled_and_enabled_at_once_is_so() {
    let host = empty_host().await;
    let owner = host.client();
    owner.make_tenant("acme").await;
    let acme = owner.with_key("acme", &["read"]).await;
    let set = |verb: &'static str| {
        let (owner, nothing) = (owner.clone(), json!({}));
        async move { owner.post(&format!("/api/v1/tenants/acme/{verb}"), &nothing).await.of(200) }
    };
    for _ in 0..20 {
        tokio::join!(set("disable"), set("enable"), set("disable"), set("enable"));
        let is_enabled = owner.get("/api/v1/tenants/acme").await.of(200).get("disabled_at").is_none();
        assert_eq!(acme.get("/api/v1/agents").await.status == 200, is_enabled);
    }
}
