//! Documents of channels: what a host of a registry goes by, and what it refuses.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_core::{Clock as _, ReleaseRef, SystemClock};
use troupe_package::{ChannelDocument, SignedChannel, SigningKey};
use troupe_tests::command::run_on;
use troupe_tests::registry::Registry;
use troupe_tests::{Answer, Client, Host, guests, redacted};

use super::{filled, push, second};
use crate::PROGRAM;

const DOCUMENT: &str = "agents/default/echo:stable.channel";

/// Has a channel of `echo` name a version where it is published, and says so in the registry.
async fn issue(host: &Host, version: &str) -> String {
    let client = host.client();
    let request = json!({ "version": version, "downgrade": true });
    client.put("/api/v1/agents/echo/channels/stable", &request).await.of(200);
    run_on(PROGRAM, host, &["push", "echo@stable"]).await.good().to_owned()
}

/// A registry with `echo` 1.0.0 and 2.0.0, and the host that has sent them.
async fn published() -> (Registry, Host, tempfile::TempDir) {
    let (registry, host, login) = filled().await;
    host.client().publish(guests().echo_2.archive("2.0.0")).await.of(201);
    (registry, host, login)
}

async fn swap(client: &Client, request: Value) -> Answer {
    client.post("/api/v1/deployments/echo/swap", &request).await
}

async fn to_stable(client: &Client) -> Answer {
    swap(client, json!({ "channel": "stable" })).await
}

/// Which version answers.
async fn answers(client: &Client) -> Value {
    client.run("echo", "version", json!({})).await.of(200)["release"]["version"].clone()
}

/// The codes and numbers of refused documents, oldest first.
async fn refusals(client: &Client) -> Vec<(Value, Value)> {
    let page = client.get("/api/v1/audit?kind=channel_refused&limit=500").await.of(200);
    let told = |record: &Value| (record["code"].clone(), record["details"]["number"].clone());
    page["items"].as_array().unwrap().iter().map(told).collect()
}

/// A document of 1.0.0 that was issued `ago`, good for an hour, and signed by a key.
async fn made(host: &Host, key: &SigningKey, channel: &str, number: u64, ago: Duration) -> SignedChannel {
    let release = host.client().get("/api/v1/agents/echo/versions/1.0.0").await.of(200);
    let (named, digest): (ReleaseRef, _) =
        ("echo@1.0.0".parse().unwrap(), release["digest"].as_str().unwrap().parse().unwrap());
    let now = SystemClock.now().as_millis() - i64::try_from(ago.as_millis()).unwrap();
    let issued = troupe_core::Timestamp::from_millis(now);
    let until = issued.plus(Duration::from_secs(3_600));
    let document = ChannelDocument::new(channel.parse().unwrap(), number, named, digest, issued, until).unwrap();
    SignedChannel::new(vec![key.sign_channel(&document).unwrap()]).unwrap()
}

#[tokio::test]
async fn h106_a_document_that_is_shown_again_stops_new_deployments_only_also_after_a_restart() {
    let (registry, first, _login) = published().await;
    issue(&first, "1.0.0").await;
    registry.retag(DOCUMENT, "agents/default/echo:kept");
    issue(&first, "2.0.0").await;
    registry.retag(DOCUMENT, "agents/default/echo:newer");
    let (mut host, _login) = second(&registry, &first).await;
    let client = host.client();
    to_stable(&client).await.of(200);
    assert_eq!(answers(&client).await, "2.0.0");

    registry.retag("agents/default/echo:kept", DOCUMENT);
    let problem = to_stable(&client).await.problem(409, "registry.stale");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"document 1 of echo@stable is older than document 2, which this host has seen; somebody shows it again, or it is to be pushed anew");
    assert_eq!(answers(&client).await, "2.0.0");
    client.swap("echo", "1.0.0").await.of(200);
    client.post("/api/v1/deployments/echo/rollback", &json!({})).await.of(200);
    assert_eq!(answers(&client).await, "2.0.0");

    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(answers(&client).await, "2.0.0");
    to_stable(&client).await.problem(409, "registry.stale");
    swap(&client, json!({ "channel": "stable", "downgrade": true })).await.problem(409, "registry.stale");
    super::pull(&client, "echo@stable").await.problem(409, "registry.stale");
    let refused = (json!("registry.stale"), json!(1));
    assert_eq!(refusals(&client).await, vec![refused; 4]);
    // With the newest there again it goes on.
    registry.retag("agents/default/echo:newer", DOCUMENT);
    to_stable(&client).await.of(200);
    // One that has never seen another has nothing to hold it against.
    registry.remove(DOCUMENT);
    let gone = to_stable(&client).await.problem(409, "registry.stale");
    assert!(gone["detail"].as_str().unwrap().contains("no document"), "{gone}");
    assert_eq!(answers(&client).await, "2.0.0");
}

#[tokio::test]
async fn h106_what_is_expired_forged_or_of_something_else_is_refused_and_agents_run_on() {
    let (registry, first, _login) = published().await;
    issue(&first, "1.0.0").await;
    let (host, _login) = second(&registry, &first).await;
    let client = host.client();
    to_stable(&client).await.of(200);
    let key = first.key().unwrap();
    let stranger = SigningKey::from_pem(&SigningKey::pem_of_seed(&[9; 32])).unwrap();
    let now = Duration::ZERO;

    registry.put(DOCUMENT, &made(&first, &key, "stable", 8, Duration::from_secs(7_200)).await.image().unwrap());
    let expired = to_stable(&client).await.problem(409, "registry.stale");
    assert!(expired["detail"].as_str().unwrap().contains("document 8 of echo@stable expired at"), "{expired}");
    registry.put(DOCUMENT, &made(&first, &stranger, "stable", 9, now).await.image().unwrap());
    let forged = to_stable(&client).await.problem(422, "artifact.signature");
    assert!(forged["detail"].as_str().unwrap().contains("document 9 of echo@stable has 0 of the 1"), "{forged}");
    registry.put(DOCUMENT, &made(&first, &key, "beta", 10, now).await.image().unwrap());
    to_stable(&client).await.problem(422, "artifact.signature");

    // A good signature of the release itself is none of a document.
    let mut image = made(&first, &key, "stable", 11, now).await.image().unwrap();
    let signature = key.sign(&"echo@1.0.0".parse().unwrap(), &image.digest()).unwrap();
    registry.put(DOCUMENT, &troupe_package::signature::signature_image(&[signature]).unwrap());
    to_stable(&client).await.problem(422, "artifact.malformed");
    // A document that was changed after it was signed.
    let text = String::from_utf8(image.layers[0].bytes.clone()).unwrap();
    let changed = troupe_package::Blob::new(&image.layers[0].media_type, text.replace(":11,", ":12,").into_bytes());
    let manifest = String::from_utf8(image.manifest.bytes.clone()).unwrap();
    let manifest = manifest.replace(&image.layers[0].digest.to_string(), &changed.digest.to_string());
    image.manifest = troupe_package::Blob::new(&image.manifest.media_type, manifest.into_bytes());
    image.layers = vec![changed];
    registry.put(DOCUMENT, &image);
    to_stable(&client).await.problem(422, "artifact.signature");

    let codes: Vec<Value> = refusals(&client).await.into_iter().map(|(code, _)| code).collect();
    let signature = json!("artifact.signature");
    let expected = [&json!("registry.stale"), &signature, &signature, &json!("artifact.malformed"), &signature];
    assert_eq!(codes.iter().collect::<Vec<_>>(), expected);
    assert_eq!(answers(&client).await, "1.0.0");
    // None of them was remembered.
    registry.put(DOCUMENT, &made(&first, &key, "stable", 7, now).await.image().unwrap());
    to_stable(&client).await.of(200);
}

#[tokio::test]
async fn a_document_that_goes_down_is_followed_on_an_explicit_word() {
    let (registry, first, _login) = published().await;
    issue(&first, "2.0.0").await;
    let (host, _login) = second(&registry, &first).await;
    let client = host.client();
    to_stable(&client).await.of(200);
    issue(&first, "1.0.0").await;
    to_stable(&client).await.problem(409, "artifact.downgrade");
    assert_eq!(answers(&client).await, "2.0.0");
    swap(&client, json!({ "channel": "stable", "downgrade": true })).await.of(200);
    assert_eq!(answers(&client).await, "1.0.0");
    swap(&client, json!({ "version": "1.0.0", "downgrade": true })).await.problem(400, "request.invalid");
    let fallen = client.get("/api/v1/audit?kind=channel_downgraded").await.of(200);
    assert_eq!(fallen["items"][0]["details"]["document"], 2);
}

#[tokio::test]
async fn channels_of_a_host_stay_its_own_until_the_registry_has_a_document() {
    let (registry, host, _login) = published().await;
    let client = host.client();
    client.put("/api/v1/agents/echo/channels/stable", &json!({ "version": "1.0.0" })).await.of(200);
    to_stable(&client).await.of(200);
    let busy = troupe_tests::registry::Manner { is_busy: 100, ..Default::default() };
    registry.behave(busy.clone());
    to_stable(&client).await.of(200);
    registry.behave(Default::default());
    issue(&host, "1.0.0").await;
    registry.behave(busy);
    to_stable(&client).await.problem(503, "registry.unavailable");
    assert_eq!(answers(&client).await, "1.0.0");
    registry.behave(Default::default());
    let named = format!("{}/echo:stable.channel", registry.images());
    push(&client, json!({ "release": "echo@1.0.0", "image": named })).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn the_commands_say_which_document_was_sent_signed_and_followed() {
    let (registry, first, _login) = published().await;
    assert_snapshot!(redacted(&issue(&first, "1.0.0").await), @r"
    sent document 1 of echo@stable, good until [time]
    echo@1.0.0 [digest]
    [address]/agents/default/echo:stable.channel
    ");
    let (host, _login) = second(&registry, &first).await;
    let mut out = String::new();
    for command in [
        &["pull", "echo@stable"][..],
        &["swap", "echo@stable"],
        &["channels", "echo"],
        &["sign", "echo@stable"],
        &["push", "echo@beta"],
        &["push", "echo@1.0.0", "--expires", "7d"],
        &["push", "echo@stable", "--expires", "366d"],
    ] {
        let said = run_on(PROGRAM, &host, command).await;
        out.push_str(&format!("$ troupe {}\n{}{}\n", command.join(" "), said.out, said.err));
    }
    assert_snapshot!(redacted(&out).replace("troupe-under-test", "troupe"));
}
