//! Registries that behave badly, and callers that may not have the host connect.

use serde_json::json;
use tempfile::TempDir;
use troupe_tests::registry::{Manner, Registry};

use super::{filled, pull, push, second};
use crate::{PROGRAM, empty_host};

#[tokio::test]
async fn a_blob_that_breaks_off_goes_on_where_it_did() {
    let (registry, first, _login) = filled().await;
    let (second, _login) = second(&registry, &first).await;
    registry.behave(Manner { breaks_off: Some((20_000, 3)), ..Manner::default() });
    pull(&second.client(), &format!("{}/echo:1.0.0", registry.images())).await.of(201);
    registry.behave(Manner { is_busy: 2, ..Manner::default() });
    pull(&second.client(), &format!("{}/echo:1.0.0", registry.images())).await.of(200);
}

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
    registry.behave(Manner { never_ends: true, ..Manner::default() });
    pull(&client, &image).await.problem(413, "artifact.size");
    assert_eq!(client.get("/api/v1/agents").await.of(200)["items"], json!([]));
}

#[tokio::test]
async fn credentials_are_those_of_the_host_s_user_for_that_registry() {
    let (registry, first, _login) = filled().await;
    registry.behave(Manner { wants: Some(("anna".into(), "secret-of-anna".into())), ..Manner::default() });
    let (second, login) = second(&registry, &first).await;
    let client = second.client();
    let image = format!("{}/echo:1.0.0", registry.images());
    let refused = pull(&client, &image).await.problem(403, "registry.denied");
    assert!(refused["detail"].as_str().unwrap().contains("docker login"), "{refused}");
    let registry_host = registry.prefix().trim_end_matches("/agents").to_owned();
    // As `docker login` writes it: base64 of `anna:secret-of-anna`.
    let config = json!({ "auths": { registry_host: { "auth": "YW5uYTpzZWNyZXQtb2YtYW5uYQ==" } } });
    std::fs::write(login.path().join("config.json"), config.to_string()).unwrap();
    second.canaries().watch("secret-of-anna");
    pull(&client, &image).await.of(201);
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
