//! What is refused on its way from a registry or to one, and the record that it leaves.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use troupe_core::{Clock as _, Digest, SystemClock};
use troupe_package::{ChannelDocument, SigningKey};
use troupe_tests::registry::{Endless, Manner};
use troupe_tests::{Client, guests};

use super::{filled, host_with, pull, push, second};

/// The records of what was refused, each as its kind, code, whose doing it was, agent, version and
/// these of its facts.
pub(super) async fn refusals(client: &Client, facts: &[&str]) -> Vec<Value> {
    let page = client.get("/api/v1/audit?limit=500").await.of(200);
    let refused = page["items"].as_array().unwrap().iter();
    let refused = refused.filter(|record| record["kind"].as_str().unwrap().ends_with("_refused"));
    let told = |record: &Value| {
        let named = ["kind", "code", "principal", "agent", "version"].map(|field| record[field].clone());
        Value::Array(named.into_iter().chain(facts.iter().map(|fact| record["details"][*fact].clone())).collect())
    };
    refused.map(told).collect()
}

#[tokio::test]
async fn a_pull_that_is_refused_for_its_signature_or_its_digest_is_on_record_with_the_image() {
    let (registry, first, _login) = filled().await;
    let image = format!("{}/echo:1.0.0", registry.images());
    let signed_by = first.key().unwrap().public().id().to_string();
    let (stranger, _login) = host_with(&registry).await;
    let client = stranger.client();
    pull(&client, &image).await.problem(422, "artifact.signature");
    client.swap("echo", "1.0.0").await.problem(422, "artifact.signature");
    let of_signature = json!(["pull_refused", "artifact.signature", "owner", "echo", "1.0.0", image, [], [signed_by]]);
    assert_eq!(refusals(&client, &["image", "keys", "unknown"]).await, vec![of_signature; 2]);

    let (host, _login) = second(&registry, &first).await;
    let client = host.client();
    registry.behave(Manner { lies: true, ..Manner::default() });
    pull(&client, &image).await.problem(422, "artifact.digest");
    registry.behave(Manner { never_ends: Some(Endless::Blob), ..Manner::default() });
    client.swap("echo", "1.0.0").await.problem(413, "artifact.size");
    // Nothing was looked at, so nothing was refused.
    registry.behave(Manner { is_busy: 100, ..Manner::default() });
    pull(&client, &image).await.problem(503, "registry.unavailable");
    registry.behave(Manner::default());
    pull(&client, &image.replace("1.0.0", "9.0.0")).await.problem(404, "registry.not_found");
    registry.retag("agents/default/echo:1.0.0", "agents/default/other:1.0.0");
    client.swap("other", "1.0.0").await.problem(422, "artifact.digest");
    let other = image.replace("echo", "other");
    let expected = [
        json!(["pull_refused", "artifact.digest", "owner", null, null, image]),
        json!(["pull_refused", "artifact.size", "owner", "echo", null, image]),
        json!(["pull_refused", "artifact.digest", "owner", "echo", "1.0.0", other]),
    ];
    assert_eq!(refusals(&client, &["image"]).await, expected);
    pull(&client, &image).await.of(201);
    assert_eq!(refusals(&client, &[]).await.len(), 3);
}

#[tokio::test]
async fn a_blob_that_a_host_fetches_anew_and_refuses_is_on_record_as_its_own_doing() {
    let (registry, mut host, _login) = filled().await;
    let version = host.client().get("/api/v1/agents/echo/versions/1.0.0").await.of(200);
    let component = version["component"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    host.stop().await;
    std::fs::write(host.data_dir().join("releases/blobs/sha256").join(component), b"damaged").unwrap();
    std::fs::remove_dir_all(host.data_dir().join("compiled")).unwrap();
    host.start().await;
    let client = host.client();
    registry.behave(Manner { lies: true, ..Manner::default() });
    client.swap("echo", "1.0.0").await.problem(422, "artifact.digest");
    let image = format!("{}/echo@{}", registry.images(), version["digest"].as_str().unwrap());
    let told = refusals(&client, &["image"]).await;
    assert_eq!(told[0], json!(["pull_refused", "artifact.digest", null, "echo", "1.0.0", image]));
    // The swap that wanted it is refused by it.
    assert_eq!((told.len(), &told[1][0], &told[1][2]), (2, &json!("swap_refused"), &json!("owner")), "{told:#?}");
}

#[tokio::test]
async fn a_push_that_would_move_a_tag_is_on_record_with_the_image() {
    let (registry, host, _login) = filled().await;
    let client = host.client();
    client.publish(guests().echo.archive("1.1.0")).await.of(201);
    let image = format!("{}/echo:1.0.0", registry.images());
    let moved = push(&client, json!({ "release": "echo@1.1.0", "image": image })).await;
    moved.problem(409, "artifact.immutable");
    push(&client, json!({ "release": "echo@9.0.0" })).await.problem(404, "release.not_found");
    registry.behave(Manner { is_busy: 100, ..Manner::default() });
    push(&client, json!({ "release": "echo@1.1.0" })).await.problem(503, "registry.unavailable");
    let expected = json!(["push_refused", "artifact.immutable", "owner", "echo", "1.1.0", image]);
    assert_eq!(refusals(&client, &["image"]).await, [expected]);
}

#[tokio::test]
async fn a_bound_key_fetches_and_sends_releases_of_its_names_alone() {
    let (registry, first, _login) = filled().await;
    let (host, _login) = second(&registry, &first).await;
    let image = format!("{}/echo:1.0.0", registry.images());
    let (other, _) = host.client().with_bound_key(&["operate", "read"], &["counter"]).await;
    // Which agent an image is of, it says itself.
    pull(&other, &image).await.problem(403, "auth.scope");
    pull(&other, "echo@stable").await.problem(403, "auth.scope");
    other.swap("echo", "1.0.0").await.problem(403, "auth.scope");
    host.client().get("/api/v1/agents/echo").await.problem(404, "agent.not_found");
    let (own, _) = host.client().with_bound_key(&["operate", "read"], &["echo*"]).await;
    pull(&own, &image).await.of(201);
    push(&other, json!({ "release": "echo@1.0.0" })).await.problem(403, "auth.scope");
    push(&own, json!({ "release": "echo@1.0.0" })).await.of(200);
}

/// A document of `echo@stable` that is good for an hour, as it is handed in with a key's signature.
async fn handed_in(client: &Client, number: u64, key: &SigningKey) -> Value {
    let digest: Digest =
        client.get("/api/v1/agents/echo/versions/1.0.0").await.of(200)["digest"].as_str().unwrap().parse().unwrap();
    let (release, now) = ("echo@1.0.0".parse().unwrap(), SystemClock.now());
    let until = now.plus(std::time::Duration::from_secs(3_600));
    let document = ChannelDocument::new("stable".parse().unwrap(), number, release, digest, now, until).unwrap();
    let signature = key.sign_channel(&document).unwrap().bytes;
    json!({
        "document": BASE64_STANDARD.encode(document.to_json()), "signatures": [BASE64_STANDARD.encode(signature)],
    })
}

#[tokio::test]
async fn a_document_that_is_refused_on_its_way_to_the_registry_is_on_record() {
    let (registry, host, _login) = filled().await;
    let client = host.client();
    client.put("/api/v1/agents/echo/channels/stable", &json!({ "version": "1.0.0" })).await.of(200);
    let (own, stranger) = (host.key().unwrap(), SigningKey::from_pem(&SigningKey::pem_of_seed(&[9; 32])).unwrap());
    let of = |channel: &str| format!("/api/v1/agents/echo/channels/{channel}/document");
    let document = handed_in(&client, 2, &own).await;
    client.put(&of("stable"), &document).await.of(200);
    client.put(&of("beta"), &document).await.problem(422, "artifact.signature");
    client.put(&of("stable"), &handed_in(&client, 3, &stranger).await).await.problem(422, "artifact.signature");
    client.put(&of("stable"), &handed_in(&client, 1, &own).await).await.problem(409, "registry.stale");
    let broken = json!({ "document": BASE64_STANDARD.encode("{}"), "signatures": document["signatures"] });
    client.put(&of("stable"), &broken).await.problem(422, "artifact.malformed");
    client.put(&of("stable"), &json!({ "document": "!", "signatures": [] })).await.problem(400, "request.invalid");
    let image = |channel: &str| format!("{}/echo:{channel}.channel", registry.images());
    let expected = [
        json!(["channel_refused", "artifact.signature", "owner", "echo", "1.0.0", "beta", 2, image("beta")]),
        json!(["channel_refused", "artifact.signature", "owner", "echo", "1.0.0", "stable", 3, image("stable")]),
        json!(["channel_refused", "registry.stale", "owner", "echo", "1.0.0", "stable", 1, image("stable")]),
        json!(["channel_refused", "artifact.malformed", "owner", "echo", null, "stable", null, image("stable")]),
    ];
    assert_eq!(refusals(&client, &["channel", "number", "image"]).await, expected);
}
