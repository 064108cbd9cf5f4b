//! Releases that come from an OCI registry, and go to one.

mod badly;
mod channels;
mod login;
mod peers;
mod refused;
mod resumed;
mod there;
mod wkg;

use serde_json::{Value, json};
use tempfile::TempDir;
use troupe_tests::registry::Registry;
use troupe_tests::{Answer, Client, Host, guests};

use crate::PROGRAM;

/// A host with nothing published that fetches what it lacks from a registry, and credentials of
/// its user for nothing.
pub(crate) async fn host_with(registry: &Registry) -> (Host, TempDir) {
    let login = TempDir::new().unwrap();
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0", "--registry", &registry.prefix()])
        .with_variable("DOCKER_CONFIG", login.path().to_str().unwrap())
        .with_variable("REGISTRY_AUTH_FILE", login.path().join("auth.json").to_str().unwrap());
    host.start().await;
    (host, login)
}

/// A registry into which a host has sent `echo` 1.0.0, and that host.
async fn filled() -> (Registry, Host, TempDir) {
    guests();
    let registry = Registry::start().await;
    let (host, login) = host_with(&registry).await;
    let client = host.client();
    client.publish(guests().echo.archive("1.0.0")).await.of(201);
    let pushed = push(&client, json!({ "release": "echo@1.0.0" })).await.of(200);
    assert_eq!(pushed["image"], format!("{}/echo:1.0.0", registry.images()));
    (registry, host, login)
}

/// Has a host trust the key of another for every name.
async fn trust(host: &Host, other: &Host) {
    let key = other.key().unwrap();
    let added = json!({ "name": "other", "public_key": key.public().to_pem(), "names": ["*"] });
    let client = host.client();
    let request = client.request(reqwest::Method::PATCH, "/api/v1/trust").json(&json!({ "add": [added] }));
    client.send(request).await.of(200);
}

/// Another host of the same registry, which trusts the first.
async fn second(registry: &Registry, first: &Host) -> (Host, TempDir) {
    let (host, login) = host_with(registry).await;
    trust(&host, first).await;
    (host, login)
}

async fn push(client: &Client, request: Value) -> Answer {
    client.post("/api/v1/registry/push", &request).await
}

async fn pull(client: &Client, image: &str) -> Answer {
    client.post("/api/v1/registry/pull", &json!({ "image": image })).await
}
