//! Whom a registry takes this host for, and who learns of its credentials.

use serde_json::{Value, json};
use tempfile::TempDir;
use troupe_tests::registry::{ENDLESS_BYTES, Endless, Manner, Registry};

use super::{filled, pull, push, second};

/// As `docker login` writes it: base64 of `anna:secret-of-anna`.
const BASIC: &str = "YW5uYTpzZWNyZXQtb2YtYW5uYQ==";

fn wants() -> Option<(String, String)> {
    Some(("anna".into(), "secret-of-anna".into()))
}

/// What `docker login` leaves for a registry.
fn log_in(login: &TempDir, registry: &Registry, credentials: &Value) {
    let registry = registry.prefix().trim_end_matches("/agents").to_owned();
    let config = json!({ "auths": { registry: credentials } });
    std::fs::write(login.path().join("config.json"), config.to_string()).unwrap();
}

#[tokio::test]
async fn credentials_are_those_of_the_host_s_user_for_that_registry() {
    let (registry, first, _login) = filled().await;
    registry.behave(Manner { wants: wants(), ..Manner::default() });
    let (second, login) = second(&registry, &first).await;
    let client = second.client();
    let image = format!("{}/echo:1.0.0", registry.images());
    let refused = pull(&client, &image).await.problem(403, "registry.denied");
    assert!(refused["detail"].as_str().unwrap().contains("docker login"), "{refused}");
    log_in(&login, &registry, &json!({ "auth": BASIC }));
    second.canaries().watch("secret-of-anna");
    pull(&client, &image).await.of(201);
}

#[tokio::test]
async fn what_skopeo_login_has_left_is_used_where_docker_s_file_has_nothing_for_the_registry() {
    let (registry, first, _login) = filled().await;
    registry.behave(Manner { wants: wants(), ..Manner::default() });
    let (second, login) = second(&registry, &first).await;
    second.canaries().watch("secret-of-anna");
    let (client, image) = (second.client(), format!("{}/echo:1.0.0", registry.images()));
    // Byte for byte as skopeo 1.9 writes what `--authfile` or REGISTRY_AUTH_FILE names.
    let place = registry.prefix().trim_end_matches("/agents").to_owned();
    let skopeo = |auth: &str| {
        let text = format!("{{\n\t\"auths\": {{\n\t\t\"{place}\": {{\n\t\t\t\"auth\": \"{auth}\"\n\t\t}}\n\t}}\n}}");
        std::fs::write(login.path().join("auth.json"), text).unwrap();
    };
    skopeo("YW5uYTphbm90aGVy");
    pull(&client, &image).await.problem(403, "registry.denied");
    skopeo(BASIC);
    pull(&client, &image).await.of(201);
    // Docker's says nothing of this registry, or cannot be read.
    let elsewhere = json!({ "auths": { "registry.example.com": { "auth": "YW5uYTphbm90aGVy" } } });
    for docker in [elsewhere.to_string(), "{".to_owned()] {
        std::fs::write(login.path().join("config.json"), docker).unwrap();
        pull(&client, &image).await.of(200);
    }
    // What it says of it comes first.
    log_in(&login, &registry, &json!({ "auth": "YW5uYTphbm90aGVy" }));
    pull(&client, &image).await.problem(403, "registry.denied");
    // What neither program writes is said to be unreadable, not passed over.
    log_in(&login, &registry, &json!({ "auth": "%%%" }));
    let refused = pull(&client, &image).await.problem(403, "registry.denied");
    assert!(refused["detail"].as_str().unwrap().contains("`skopeo login`"), "{refused}");
}

#[tokio::test]
async fn tokens_are_asked_for_with_a_password_or_what_is_kept_of_it() {
    let (registry, first, _login) = filled().await;
    let tokens = || Manner { wants: wants(), tokens: Some(None), ..Manner::default() };
    registry.behave(tokens());
    let (second, login) = second(&registry, &first).await;
    second.canaries().watch("secret-of-anna");
    let (client, image) = (second.client(), format!("{}/echo:1.0.0", registry.images()));
    pull(&client, &image).await.problem(403, "registry.denied");
    log_in(&login, &registry, &json!({ "auth": BASIC }));
    pull(&client, &image).await.of(201);
    let copy = json!({ "release": "echo@1.0.0", "image": format!("{}/copy:1.0.0", registry.images()) });
    push(&client, copy).await.of(200);
    // An identity token, which stands for a password that is kept nowhere.
    log_in(&login, &registry, &json!({ "auth": "YW5uYTo=", "identitytoken": "secret-of-anna" }));
    pull(&client, &image).await.of(200);
    log_in(&login, &registry, &json!({ "auth": "YW5uYTo=", "identitytoken": "another" }));
    pull(&client, &image).await.problem(403, "registry.denied");
    registry.behave(Manner { never_ends: Some(Endless::Token), ..tokens() });
    registry.sent();
    pull(&client, &image).await.problem(503, "registry.unavailable");
    let sent = registry.sent();
    assert!(sent < ENDLESS_BYTES * 2, "{sent} bytes of answers without end were taken");
}

#[tokio::test]
async fn credentials_go_nowhere_without_tls_and_not_to_where_blobs_are() {
    let (registry, first, _login) = filled().await;
    let (second, login) = second(&registry, &first).await;
    let (client, image) = (second.client(), format!("{}/echo:1.0.0", registry.images()));
    log_in(&login, &registry, &json!({ "auth": BASIC }));
    for realm in
        ["http://registry.example.com/token", "http://169.254.169.254/token", "file:///etc/passwd", "token", ""]
    {
        registry.behave(Manner { wants: wants(), tokens: Some(Some(realm.to_owned())), ..Manner::default() });
        pull(&client, &image).await.problem(403, "registry.denied");
    }
    // Blobs lie elsewhere, which is told nothing.
    let elsewhere = Registry::start().await;
    let blobs = json!({ "release": "echo@1.0.0", "image": format!("{}/echo:1.0.0", elsewhere.images()) });
    push(&first.client(), blobs).await.of(200);
    elsewhere.requests();
    let place = elsewhere.prefix().trim_end_matches("/agents").to_owned();
    registry.behave(Manner { wants: wants(), sends_on: Some(format!("http://{place}")), ..Manner::default() });
    pull(&client, &image).await.of(201);
    assert!(elsewhere.requests().len() >= 2, "the blobs came from elsewhere");
    assert_eq!(elsewhere.told(), 0);
    registry.behave(Manner { wants: wants(), sends_on: Some("http://192.0.2.1".to_owned()), ..Manner::default() });
    let (third, login) = super::second(&registry, &first).await;
    log_in(&login, &registry, &json!({ "auth": BASIC }));
    pull(&third.client(), &image).await.problem(503, "registry.unavailable");
}
