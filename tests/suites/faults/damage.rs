//! Blobs that the disk has damaged: they cost their own release, not the host.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Host, blobs, guests};

use super::apart::{pending, store};
use crate::{host, host_that_sends, may_send};

/// The file of a blob, by the digest that names it.
fn blob(host: &Host, digest: &Value) -> PathBuf {
    let hex = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
    host.data_dir().join("releases/blobs/sha256").join(hex)
}

/// A release that is published.
async fn release_of(host: &Host, agent: &str, version: &str) -> Value {
    let versions = host.client().get(&format!("/api/v1/agents/{agent}/versions")).await.of(200);
    versions["items"].as_array().unwrap().iter().find(|release| release["version"] == version).unwrap().clone()
}

/// The release of `echo` that serves.
async fn release(host: &Host) -> Value {
    release_of(host, "echo", "1.0.0").await
}

/// Takes away what a release is loaded from.
fn damage(host: &Host, release: &Value) {
    std::fs::remove_dir_all(host.data_dir().join("compiled")).unwrap();
    std::fs::write(blob(host, &release["component"]), b"\0asm").unwrap();
}

#[tokio::test]
async fn a_damaged_image_manifest_does_not_keep_the_host_from_starting_and_is_mended_by_a_publish() {
    let mut host = host().await;
    let release = release(&host).await;
    host.stop().await;
    std::fs::write(blob(&host, &release["digest"]), b"{}").unwrap();
    host.start().await;
    assert!(host.said().contains("a release is damaged on disk"), "{}", host.said());
    // Its code is in the cache, so it serves, and so do the others.
    assert_eq!(host.client().run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
    host.client().publish(guests().echo.archive("1.0.0")).await.of(200);
    assert!(blobs::checked_tags(&host.data_dir()).contains("default/echo:1.0.0"));
}

#[tokio::test]
async fn a_deployment_that_cannot_be_loaded_says_why_and_its_tasks_wait_until_it_serves_again() {
    let mut host = host().await;
    let release = release(&host).await;
    let store = store(&host).await;
    host.stop().await;
    damage(&host, &release);
    let task = pending("version", &json!({}));
    store.create_task(task.clone()).await.unwrap();
    store.close().await;
    host.start().await;
    let client = host.client();

    let broken = client.get("/api/v1/deployments/echo").await.of(200);
    assert_eq!(broken["fault"]["code"], "artifact.digest", "{broken:#}");
    client.run("echo", "version", json!({})).await.problem(422, "artifact.digest");
    let task = task.id.to_string();
    assert_eq!(client.get(&format!("/api/v1/tasks/{task}?wait=1")).await.of(200)["status"], "pending");

    client.publish(guests().echo.archive("1.0.0")).await.of(200);
    let swapped = client.swap("echo", "1.0.0").await.of(200);
    assert_eq!(swapped["deployment"]["fault"], Value::Null);
    assert_eq!(client.ended(&task).await["output"], json!({ "version": "1.0.0" }));
}

#[tokio::test]
async fn what_a_deployment_that_cannot_be_loaded_was_granted_is_taken_away_from_all_that_runs() {
    const GRANTS: &str = "/api/v1/deployments/fetch/grants";
    let server = Server::start().await;
    let mut host = host_that_sends(&server).await;
    let client = host.client();
    let mut grants = may_send(&server);
    let mut other = grants["http"][0].clone();
    (other["id"], other["host"]) = (json!("other"), json!("127.0.0.2"));
    grants["http"].as_array_mut().unwrap().push(other);
    client.publish(guests().fetch_2.asking(grants.clone()).archive("2.0.0")).await.of(201);
    client.approve("fetch", "2.0.0").await.of(200);
    client.put(GRANTS, &json!({ "grants": grants })).await.of(200);
    let request = json!({ "scheme": "http", "authority": format!("127.0.0.1:{}", server.port()), "path": "/" });
    // It goes on while the host is away and compiles, and ends before what drains is ended.
    let requests = vec![request; 12];
    let input = json!({ "requests": requests, "pause_ms": 1_500 });
    let task = json!({ "agent": "fetch", "skill": "one_by_one", "input": input, "timeout_ms": 300_000 });
    let task = client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned();
    tokio::time::timeout(Duration::from_secs(20), server.came(1)).await.unwrap();
    client.swap("fetch", "2.0.0").await.of(200);
    let release = release_of(&host, "fetch", "2.0.0").await;
    host.kill().await;
    damage(&host, &release);
    let sent = server.requests().len();
    host.start().await;
    // It goes on on the release that served before.
    tokio::time::timeout(Duration::from_secs(30), server.came(sent + 1)).await.unwrap();
    let client = host.client();
    let epoch = client.get("/api/v1/deployments/fetch").await.of(200)["epoch"].as_u64().unwrap();

    // Whatever is taken away is, and nothing is given.
    let change = async |change: Value| client.send(client.request(Method::PATCH, GRANTS).json(&change)).await;
    let refused = change(json!({ "set": { "state": { "bytes": 10, "keys": 1 } } })).await;
    let problem = refused.problem(422, "artifact.digest");
    assert!(problem.to_string().contains("is granted nothing more"), "{problem:#}");
    let narrowed = change(json!({ "remove": ["http/other"] })).await.of(200);
    assert_eq!(
        (narrowed["epoch"].as_u64(), narrowed["granted"]["http"].as_array().unwrap().len()),
        (Some(epoch + 1), 1)
    );
    let view = client.put(GRANTS, &json!({ "grants": {}, "epoch": epoch + 1 })).await.of(200);
    assert_eq!((&view["epoch"], &view["fault"]["code"]), (&json!(epoch + 2), &json!("artifact.digest")));
    let output = client.ended(&task).await["output"].clone();
    let statuses: Vec<u64> = output.as_array().unwrap().iter().map(|status| status.as_u64().unwrap()).collect();
    assert!(statuses.ends_with(&[0, 0]) && statuses.starts_with(&[200]), "{statuses:?}");
    let records = client.get("/api/v1/audit?kind=grants&limit=500").await.of(200);
    let narrower = records["items"].as_array().unwrap().iter().filter(|one| one["details"]["narrower"].is_array());
    assert_eq!(narrower.count(), 2, "{records:#}");

    // It stays so when it serves again.
    client.publish(guests().fetch_2.asking(grants).archive("2.0.0")).await.of(200);
    let swapped = client.swap("fetch", "2.0.0").await.of(200);
    assert_eq!((&swapped["deployment"]["fault"], &swapped["deployment"]["grants"]), (&Value::Null, &json!({})));
}

#[tokio::test]
async fn a_release_whose_manifest_is_damaged_is_gone_back_from_only_to_what_reads_its_state() {
    let mut host = host().await;
    let client = host.client();
    let counter = &guests().counter;
    client.publish(counter.keeping(2, "1..=2").archive("2.0.0")).await.of(201);
    client.swap("counter", "2.0.0").await.of(200);
    host.stop().await;
    // It stands in the row of this release alone.
    let database = host.data_dir().join("troupe.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let (reads, damaged) = (br#""reads":"1..=2""#, br#""reads":"1..-2""#);
    let at = bytes.windows(reads.len()).position(|window| window == reads).expect("a manifest");
    bytes[at..at + reads.len()].copy_from_slice(damaged);
    std::fs::write(&database, bytes).unwrap();
    host.start().await;
    let client = host.client();
    let deployment = client.get("/api/v1/deployments/counter").await.of(200);
    assert_eq!(deployment["fault"]["code"], "manifest.invalid", "{deployment:#}");
    // What it wrote is there, whatever has become of what it said of itself.
    let problem = client.post("/api/v1/deployments/counter/rollback", &Value::Null).await.problem(409, "swap.state");
    assert!(problem["detail"].as_str().unwrap().contains("left 1..=2 beside each other"), "{problem:#}");
    let after = client.get("/api/v1/deployments/counter").await.of(200);
    assert_eq!((&after["epoch"], &after["serving"]), (&deployment["epoch"], &json!("2.0.0")));
}
