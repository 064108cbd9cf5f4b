//! Blobs that the disk has damaged: they cost their own release, not the host.

use std::path::PathBuf;

use serde_json::{Value, json};
use troupe_tests::{Host, blobs, guests};

use super::apart::{pending, store};
use crate::host;

/// The file of a blob, by the digest that names it.
fn blob(host: &Host, digest: &Value) -> PathBuf {
    let hex = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
    host.data_dir().join("releases/blobs/sha256").join(hex)
}

/// The release of `echo` that serves.
async fn release(host: &Host) -> Value {
    let versions = host.client().get("/api/v1/agents/echo/versions").await.of(200);
    versions["items"].as_array().unwrap().iter().find(|release| release["version"] == "1.0.0").unwrap().clone()
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
    std::fs::remove_dir_all(host.data_dir().join("compiled")).unwrap();
    std::fs::write(blob(&host, &release["component"]), b"\0asm").unwrap();
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
