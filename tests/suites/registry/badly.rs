//! Registries that behave badly, and callers that may not have the host connect.

use serde_json::json;
use tempfile::TempDir;
use troupe_tests::registry::{ENDLESS_BYTES, Endless, Manner, Registry};

use super::{filled, pull, push, second};
use crate::{PROGRAM, empty_host};

#[tokio::test]
async fn a_registry_that_stays_busy_is_said_to_be_and_can_be_asked_again() {
    let (registry, first, _login) = filled().await;
    let (second, _login) = second(&registry, &first).await;
    registry.behave(Manner { is_busy: 100, ..Manner::default() });
    let image = format!("{}/echo:1.0.0", registry.images());
    let problem = pull(&second.client(), &image).await.problem(503, "registry.unavailable");
    assert_eq!(problem["retryable"], true, "{problem}");
    registry.behave(Manner::default());
    pull(&second.client(), &image).await.of(201);
}

#[tokio::test]
async fn other_bytes_than_the_digest_says_are_refused_and_nothing_is_published() {
    let (registry, first, _login) = filled().await;
    let (second, _login) = second(&registry, &first).await;
    let client = second.client();
    let image = format!("{}/echo:1.0.0", registry.images());
    registry.behave(Manner { lies: true, ..Manner::default() });
    pull(&client, &image).await.problem(422, "artifact.digest");
    for (endless, status, code) in [
        (Endless::Blob, 413, "artifact.size"),
        (Endless::Manifest, 413, "artifact.size"),
        (Endless::Refusal, 503, "registry.unavailable"),
    ] {
        registry.behave(Manner { never_ends: Some(endless), ..Manner::default() });
        registry.sent();
        pull(&client, &image).await.problem(status, code);
        // As much as lies in the buffers between the two.
        let sent = registry.sent();
        assert!(sent < ENDLESS_BYTES / 2, "{endless:?}: {sent} bytes of an answer without end were taken");
    }
    assert_eq!(client.get("/api/v1/agents").await.of(200)["items"], json!([]));
}

#[tokio::test]
async fn who_may_not_use_the_machine_reaches_the_configured_registry_alone() {
    let (registry, host, _login) = filled().await;
    let operator = host.client().with_key("default", &["operate", "read"]).await;
    pull(&operator, &format!("{}/echo:1.0.0", registry.images())).await.of(200);
    let elsewhere = Registry::start().await;
    for image in [
        format!("{}/echo:1.0.0", elsewhere.images()),
        format!("{}-of-others/echo:1.0.0", registry.images()),
        format!("{}/other/echo:1.0.0", registry.prefix()),
        format!("{}/echo:1.0.0", registry.prefix()),
        format!("{}/../echo:1.0.0", registry.images()),
    ] {
        let answer = pull(&operator, &image).await;
        assert!(answer.status == 403 || answer.status == 400, "{image}: {}", answer.text);
        push(&operator, json!({ "release": "echo@1.0.0", "image": image })).await;
    }
    assert!(elsewhere.requests().is_empty());
    let reader = host.client().with_key("default", &["read"]).await;
    pull(&reader, &format!("{}/echo:1.0.0", registry.images())).await.problem(403, "auth.scope");
}

#[tokio::test]
async fn without_a_registry_nothing_is_fetched_by_itself() {
    let host = empty_host().await;
    let client = host.client();
    client.swap("echo", "1.0.0").await.problem(404, "release.not_found");
    pull(&client, "echo:1.0.0").await.problem(400, "request.invalid");
    let (wrong, dir) = (["serve", "--listen", "127.0.0.1:0", "--registry", "agents"], TempDir::new().unwrap());
    let said = troupe_tests::command::run(PROGRAM, dir.path(), &wrong).await;
    assert!(said.code == Some(1) && said.err.contains("`--registry`"), "{said:?}");
}
