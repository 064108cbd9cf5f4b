//! What is refused to serve, and what goes on to.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use troupe_core::{Digest, TenantId};
use troupe_registry::Layout;
use troupe_store::{NewRelease, NewSignatureRow, RouteChange};
use troupe_tests::{Client, Host, guests};

use super::{added, change, id, key, refused, signed};
use crate::faults::store;
use crate::{PROGRAM, empty_host};

async fn version(client: &Client) -> Value {
    client.run("echo", "version", json!({})).await.output()["version"].clone()
}

/// A host on which `ci` has signed two releases of `echo`, the first of which serves.
async fn with_two() -> Host {
    let guests = guests();
    let host = empty_host().await;
    let client = host.client().signing(None);
    let ci = key(1);
    change(&client, json!({ "add": [added(&ci, "ci", &["echo"])] })).await.of(200);
    client.publish(signed(&guests.echo, "1.0.0", &[&ci])).await.of(201);
    client.publish(signed(&guests.echo_2, "2.0.0", &[&ci])).await.of(201);
    client.swap("echo", "1.0.0").await.of(200);
    host
}

#[tokio::test]
async fn h104_what_a_revoked_key_signed_is_made_to_serve_no_more_and_what_serves_goes_on() {
    let mut host = with_two().await;
    let client = host.client();
    let recorded = client.run("echo", "version", json!({})).await.of(200)["id"].as_str().unwrap().to_owned();
    change(&client, json!({ "revoke": ["ci"] })).await.of(200);
    let before = client.get("/api/v1/deployments/echo").await.of(200);
    let why = refused(&client.swap("echo", "2.0.0").await);
    assert!(why.contains("key `ci`") && why.contains("is revoked"), "{why}");
    // Nor is it tried on what was asked.
    refused(&client.post("/api/v1/deployments/echo/rehearse", &json!({ "version": "2.0.0" })).await);
    let replay = format!("/api/v1/tasks/{recorded}/replay");
    refused(&client.post(&replay, &json!({ "release": "2.0.0" })).await);
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200), before, "epoch and behaviour are as they were");
    // What serves goes on, over a restart and without its compiled code as well.
    assert_eq!(version(&client).await, "1.0.0");
    host.kill().await;
    std::fs::remove_dir_all(host.data_dir().join("compiled")).unwrap();
    host.start().await;
    let client = host.client();
    assert_eq!(version(&client).await, "1.0.0");
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200)["fault"], Value::Null);
    // Somebody else who is trusted vouches for the release, and it serves.
    let security = key(2);
    let rule = json!({ "names": "echo", "keys": ["security"] });
    change(&client, json!({ "add": [added(&security, "security", &[])], "set_rules": [rule] })).await.of(200);
    let of_2 = "/api/v1/agents/echo/versions/2.0.0/signatures";
    let view = client.get(of_2).await.of(200);
    assert_eq!((&view["trusted"], &view["signatures"][0]["standing"]), (&json!(false), &json!("revoked")));
    let digest = view["digest"].as_str().unwrap().parse().unwrap();
    let made = security.sign(&"echo@2.0.0".parse().unwrap(), &digest).unwrap();
    let encoded = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let signature = json!({ "payload": encoded(&made.payload), "signature": encoded(&made.bytes) });
    assert_eq!(client.post(of_2, &signature).await.of(200)["trusted"], true);
    client.swap("echo", "2.0.0").await.of(200);
    assert_eq!(version(&client).await, "2.0.0");
    // Going back is to make a release serve, too.
    refused(&client.post("/api/v1/deployments/echo/rollback", &json!({})).await);
    assert_eq!(version(&client).await, "2.0.0");
}

#[tokio::test]
async fn h104_a_key_that_has_expired_since_a_release_was_published_counts_no_more() {
    let guests = guests();
    let host = empty_host().await;
    let client = host.client().signing(None);
    let ci = key(1);
    let mut soon = added(&ci, "ci", &["echo"]);
    // Long enough for two publishes on a busy machine.
    soon["expires_in_s"] = 20.into();
    change(&client, json!({ "add": [soon] })).await.of(200);
    client.publish(signed(&guests.echo, "1.0.0", &[&ci])).await.of(201);
    client.publish(signed(&guests.echo, "1.1.0", &[&ci])).await.of(201);
    let mut swaps = 0;
    let why = loop {
        swaps += 1;
        let answer = client.swap("echo", ["1.0.0", "1.1.0"][swaps % 2]).await;
        if answer.status != 200 {
            break refused(&answer);
        }
        assert!(swaps < 600, "it never expires");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(swaps > 1 && why.contains("is expired"), "{swaps}: {why}");
    client.run("echo", "version", json!({})).await.output();
}

#[tokio::test]
async fn a_threshold_that_is_raised_is_met_by_a_signature_that_comes_later() {
    let echo_2 = &guests().echo_2;
    let host = with_two().await;
    let client = host.client().signing(None);
    let security = key(2);
    let rule = json!({ "names": "echo", "keys": ["ci", "security"], "threshold": 2 });
    change(&client, json!({ "add": [added(&security, "security", &[])], "set_rules": [rule] })).await.of(200);
    let why = refused(&client.swap("echo", "2.0.0").await);
    assert!(why.contains("has 1 of the 2 signatures"), "{why}");
    client.publish(signed(echo_2, "2.0.0", &[&security])).await.of(200);
    client.swap("echo", "2.0.0").await.of(200);
    assert_eq!(version(&client).await, "2.0.0");
}

#[tokio::test]
async fn a_release_whose_key_is_revoked_while_it_is_tried_gets_no_further() {
    let host = with_two().await;
    let client = host.client();
    // The first step is held until it has had this many calls.
    let steps = json!([
        { "weight": 50, "min_calls": 10, "min_seconds": 0 }, { "weight": 90, "min_calls": 1_000, "min_seconds": 0 },
    ]);
    let policy = json!({ "canary": { "steps": steps, "max_seconds": 120, "by": "task" } });
    let request = json!({ "version": "2.0.0", "policy": policy });
    let begun = client.post("/api/v1/deployments/echo/swap", &request).await.of(202);
    let path = format!("/api/v1/deployments/echo/swaps/{}", begun["id"].as_str().unwrap());
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    while client.get(&path).await.of(200)["state"]["phase"] != "canary" {
        assert!(tokio::time::Instant::now() < until, "never tried");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    change(&client, json!({ "revoke": ["ci"] })).await.of(200);
    // By hand it is told; by itself it is stopped.
    refused(&client.post("/api/v1/deployments/echo/promote", &json!({})).await);
    let outcome = loop {
        version(&client).await;
        let state = client.get(&path).await.of(200)["state"].clone();
        if state["outcome"] != Value::Null {
            break state;
        }
        assert!(tokio::time::Instant::now() < until, "never stopped");
    };
    assert_eq!((&outcome["outcome"], &outcome["reason"]["code"]), (&json!("stopped"), &json!("artifact.signature")));
    let deployment = client.get("/api/v1/deployments/echo").await.of(200);
    assert_eq!((&deployment["serving"], &deployment["canary"]), (&json!("1.0.0"), &Value::Null));
}

/// Copies a data directory to where another host will look for its own.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

#[tokio::test]
async fn what_nobody_signed_runs_under_dev_and_under_serve_no_more() {
    let echo = &guests().echo;
    let mut dev = Host::new(PROGRAM, &["dev", "agents", "--listen", "127.0.0.1:0"]);
    // An agent that does not build keeps nothing from serving.
    let agent = dev.dir().join("agents/broken");
    std::fs::create_dir_all(&agent).unwrap();
    std::fs::write(agent.join("agent.toml"), "no manifest").unwrap();
    dev.start().await;
    let client = dev.client().signing(None);
    client.publish(echo.archive("1.0.0")).await.of(201);
    client.swap("echo", "1.0.0").await.of(200);
    assert_eq!(version(&client).await, "1.0.0");
    assert_eq!(client.get("/api/v1/trust").await.of(200)["required"], false);
    dev.stop().await;

    let mut serve = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"]);
    copy(&dev.data_dir(), &serve.data_dir());
    serve.start().await;
    let client = serve.client();
    let told = client.run("echo", "version", json!({})).await.problem(422, "artifact.signature");
    assert!(told["detail"].as_str().unwrap().contains("`troupe sign echo@1.0.0` signs it"), "{told:#}");
    refused(&client.swap("echo", "1.0.0").await);
    // Signed by whoever owns the directory it serves.
    client.publish(echo.archive("1.0.0")).await.of(200);
    let view = client.get("/api/v1/agents/echo/versions/1.0.0/signatures").await.of(200);
    assert_eq!(view["signatures"][0]["key"], id(&serve.key().unwrap()));
    client.swap("echo", "1.0.0").await.of(200);
    assert_eq!(version(&client).await, "1.0.0");
}

#[tokio::test]
async fn a_signature_that_somebody_wrote_into_the_database_lets_nothing_serve() {
    let guests = guests();
    let mut host = with_two().await;
    let ci = key(1);
    let client = host.client();
    client.publish(guests.counter.archive("1.0.0")).await.of(201);
    client.swap("counter", "1.0.0").await.of(200);
    host.stop().await;
    // Another release of `echo`, which nobody has signed, is made to look as if `ci` had.
    let release = guests.echo.marked(7).release("3.0.0");
    let digest = Layout::open(&host.data_dir().join("releases")).unwrap().put(&release).unwrap();
    let good = ci.sign(&release.manifest.release(), &digest).unwrap();
    let forged = NewSignatureRow { key: ci.public().id(), payload: good.payload, signature: vec![7; 64] };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (tenant, store) = (TenantId::default(), store(&host).await);
    let new = NewRelease {
        release: release.manifest.release(),
        digest,
        component: Digest::of(&release.component),
        manifest: text(release.manifest.to_json()),
        profile: text(release.profile.to_json()),
        signatures: vec![forged],
        image: None,
    };
    store.publish(&tenant, new, None).await.unwrap();
    let serves = RouteChange { serving: Some(("3.0.0".parse().unwrap(), digest)), ..RouteChange::default() };
    store.change_route(&tenant, &"echo".parse().unwrap(), None, serves, None).await.unwrap();
    store.close().await;
    std::fs::remove_dir_all(host.data_dir().join("compiled")).unwrap();
    host.start().await;
    let client = host.client();
    let told = client.run("echo", "version", json!({})).await.problem(422, "artifact.signature");
    assert!(told["detail"].as_str().unwrap().contains("none of the signatures of echo@3.0.0 on record"), "{told:#}");
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200)["fault"]["code"], "artifact.signature");
    // It is not even compiled; others are, and serve.
    let task = client.run("counter", "increment", json!({ "key": "a" })).await.of(200);
    assert_eq!(task["release"]["version"], "1.0.0");
    let compiled = std::fs::read_dir(host.data_dir().join("compiled")).unwrap();
    let names: Vec<String> = compiled.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let component = Digest::of(&release.component).hex();
    assert!(!names.is_empty() && !names.iter().any(|name| name.contains(&component)), "{names:?}");
}

#[tokio::test]
async fn what_is_tried_when_the_host_starts_again_is_judged_by_the_policy_of_then() {
    let mut host = with_two().await;
    let client = host.client();
    let steps = json!([{ "weight": 50, "min_calls": 1_000_000, "min_seconds": 0 }]);
    let policy = json!({ "canary": { "steps": steps, "max_seconds": 600, "by": "task" } });
    let begun = client.post("/api/v1/deployments/echo/swap", &json!({ "version": "2.0.0", "policy": policy })).await;
    let id = begun.of(202)["id"].as_str().unwrap().to_owned();
    crate::swap::reaches(&client, "echo", &id, "canary").await;
    change(&client, json!({ "revoke": ["ci"] })).await.of(200);
    host.kill().await;
    host.start().await;
    let client = host.client();
    for _ in 0..20 {
        assert_eq!(version(&client).await, "1.0.0", "what serves goes on, and what is tried does not");
    }
    let swap = crate::swap::over(&client, "echo", &id).await;
    assert_eq!(swap["state"]["outcome"], "stopped", "{swap:#}");
}
