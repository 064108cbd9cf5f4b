//! J142: a release that takes a skill from another agent that depends on it.

use serde_json::json;
use troupe_tests::{Client, guests};

use super::{grants, host};

/// Publishes a release of `billing`, and approves of whatever it breaks.
async fn publish(client: &Client, version: &str, archive: Vec<u8>) {
    client.publish(archive).await.of(201);
    if version != "1.0.0" {
        client.approve_with("billing", version, json!({ "breaking": true })).await.of(200);
    }
}

/// A host on which `asker` may ask `billing`, whose release 2.0.0 has no longer the skill `nap`.
async fn deployed(ask: &str) -> troupe_tests::Host {
    let host = host().await;
    let client = host.client();
    publish(&client, "1.0.0", guests().asker.called("billing").archive("1.0.0")).await;
    client.swap("billing", "1.0.0").await.of(200);
    let mut narrow = grants();
    narrow["agents"] = json!([{ "ask": ask }]);
    client.put("/api/v1/deployments/asker/grants", &json!({ "grants": narrow })).await.of(200);
    publish(&client, "2.0.0", guests().sleeper.called("billing").archive("2.0.0")).await;
    host
}

#[tokio::test]
async fn j142_a_skill_that_another_agent_depends_on_is_not_taken_away_whoever_approves_of_it() {
    let host = deployed("billing/n*").await;
    let client = host.client();
    let refused = client.swap("billing", "2.0.0").await.problem(409, "swap.incompatible");
    let dependent = json!({ "agent": "asker", "skill": "nap", "grant": "agents/billing/n*" });
    assert_eq!(refused["details"]["dependents"], json!([dependent]), "{refused:#}");
    assert!(refused["detail"].as_str().unwrap().contains("`asker`"), "{refused:#}");
    assert_eq!(client.get("/api/v1/deployments/billing").await.of(200)["serving"], "1.0.0");
    // A canary is a swap as well.
    let canary = json!({ "version": "2.0.0", "policy": { "canary": { "steps": [{ "weight": 50, "min_calls": 1 }] } } });
    let begun = client.post("/api/v1/deployments/billing/swap?wait=30", &canary).await;
    assert!(begun.text.contains("swap.incompatible"), "{}", begun.text);
    assert_eq!(client.get("/api/v1/deployments/billing").await.of(200)["serving"], "1.0.0");
    // Once nobody depends on it, it goes.
    client.put("/api/v1/deployments/asker/grants", &json!({ "grants": {} })).await.of(200);
    client.swap("billing", "2.0.0").await.of(200);
}

#[tokio::test]
async fn j142_nor_by_going_back_to_a_release_that_has_it_not() {
    let host = host().await;
    let client = host.client();
    publish(&client, "1.0.0", guests().sleeper.called("billing").archive("1.0.0")).await;
    client.swap("billing", "1.0.0").await.of(200);
    publish(&client, "2.0.0", guests().asker.called("billing").archive("2.0.0")).await;
    let mut narrow = grants();
    narrow["agents"] = json!([{ "ask": "other/*" }]);
    client.put("/api/v1/deployments/asker/grants", &json!({ "grants": narrow })).await.of(200);
    client.swap("billing", "2.0.0").await.of(200);
    deploy_again(&client).await;
    let back = client.post("/api/v1/deployments/billing/rollback", &json!({})).await;
    let refused = back.problem(409, "swap.incompatible");
    assert_eq!(refused["details"]["dependents"][0]["agent"], "asker", "{refused:#}");
    assert_eq!(client.get("/api/v1/deployments/billing").await.of(200)["serving"], "2.0.0");
}

async fn deploy_again(client: &Client) {
    client.put("/api/v1/deployments/asker/grants", &json!({ "grants": grants() })).await.of(200);
}

#[tokio::test]
async fn j142_nor_is_the_agent_undeployed() {
    let host = deployed("billing/n*").await;
    let client = host.client();
    let refused = client.delete("/api/v1/deployments/billing").await.problem(409, "swap.incompatible");
    let dependent = json!({ "agent": "asker", "skill": "nap", "grant": "agents/billing/n*" });
    assert_eq!(refused["details"]["dependents"], json!([dependent]), "{refused:#}");
    client.put("/api/v1/deployments/asker/grants", &json!({ "grants": {} })).await.of(200);
    client.delete("/api/v1/deployments/billing").await.of(200);
    client.swap("billing", "1.0.0").await.of(200);
}

#[tokio::test]
async fn an_agent_that_nobody_may_ask_has_no_dependents() {
    let host = deployed("other/*").await;
    host.client().swap("billing", "2.0.0").await.of(200);
}
