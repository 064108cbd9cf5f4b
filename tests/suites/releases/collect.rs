//! Retention, and the collection of what no release needs.

use std::collections::BTreeSet;
use std::path::Path;

use futures::future::join_all;
use serde_json::{Value, json};
use troupe_tests::{Client, Host, blobs, guests};

use super::{delete, events, publish_with, records, set, versions};
use crate::{PROGRAM, empty_host, host};

async fn collect(client: &Client, dry_run: bool) -> Value {
    client.post("/api/v1/releases/gc", &json!({ "dry_run": dry_run })).await.of(200)
}

/// The names in a directory below the data directory.
fn names(host: &Host, dir: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(host.data_dir().join(Path::new(dir))).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn what_a_deleted_release_alone_needed_is_collected_and_a_dry_run_tells_it_before() {
    let host = host().await;
    let client = host.client();
    delete(&client, "echo@2.0.0").await.of(200);
    let (blobs_before, compiled) = (names(&host, "releases/blobs/sha256"), names(&host, "compiled"));
    let would = collect(&client, true).await;
    assert_eq!(names(&host, "releases/blobs/sha256"), blobs_before);
    // Image manifest, configuration and component.
    assert_eq!((&would["blobs"], &would["releases"]), (&json!(3), &json!([])), "{would:#}");
    let did = collect(&client, false).await;
    assert_eq!((&did["blobs"], &did["blob_bytes"]), (&would["blobs"], &would["blob_bytes"]));
    assert_eq!(names(&host, "compiled").len() as u64, compiled.len() as u64 - did["compiled"].as_u64().unwrap());
    assert_eq!(blobs::checked_tags(&host.data_dir()).len(), 3);
    let nothing =
        json!({ "dry_run": false, "releases": [], "blobs": 0, "blob_bytes": 0, "compiled": 0, "compiled_bytes": 0 });
    assert_eq!(collect(&client, false).await, nothing);
    for agent in ["echo", "counter", "hostile"] {
        client.get(&format!("/api/v1/agents/{agent}")).await.of(200);
    }
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
}

#[tokio::test]
async fn a_blob_that_another_tenants_release_needs_stays() {
    let host = empty_host().await;
    let owner = host.client();
    owner.make_tenant("acme").await;
    let acme = owner.with_key("acme", &["read", "run", "operate"]).await;
    for client in [&owner, &acme] {
        client.publish(guests().echo.archive("1.0.0")).await.of(201);
    }
    delete(&owner, "echo@1.0.0").await.of(200);
    assert_eq!(collect(&owner, false).await["blobs"], 0);
    acme.post("/api/v1/releases/gc", &json!({})).await.problem(403, "auth.scope");
    acme.swap("echo", "1.0.0").await.of(200);
    assert_eq!(acme.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
    assert_eq!(blobs::checked_tags(&host.data_dir()).into_iter().collect::<Vec<_>>(), ["acme/echo:1.0.0"]);
}

#[tokio::test]
async fn a_collection_beside_publishes_takes_nothing_of_them() {
    let mut host = empty_host().await;
    let client = host.client();
    // One compile; the others share its component.
    client.publish(guests().echo.archive("0.1.0")).await.of(201);
    let publishing = tokio::spawn({
        let client = client.clone();
        async move {
            for round in 0..8 {
                let each = (0..8).map(|number| client.publish(guests().echo.archive(&format!("1.{round}.{number}"))));
                join_all(each).await.iter().for_each(|answer| drop(answer.of(201)));
            }
            // With code that is compiled meanwhile.
            let each =
                (0..3).map(|number| client.publish(guests().echo.marked(number).archive(&format!("2.0.{number}"))));
            join_all(each).await.iter().for_each(|answer| drop(answer.of(201)));
        }
    });
    let (mut collections, mut removed) = (0, 0);
    while !publishing.is_finished() {
        removed += collect(&client, false).await["blobs"].as_u64().unwrap();
        collections += 1;
    }
    publishing.await.unwrap();
    println!("{collections} collections beside 67 publishes removed {removed} blobs");
    assert!(collections >= 10, "{collections}");
    assert_eq!(removed, 0, "what a publish has written was taken");
    let tags = blobs::checked_tags(&host.data_dir());
    assert_eq!(tags.len(), 68);
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(blobs::checked_tags(&host.data_dir()), tags);
    for version in ["1.0.0", "1.7.7", "2.0.2"] {
        client.swap("echo", version).await.of(200);
        let task = client.run("echo", "version", json!({})).await.of(200);
        assert_eq!((&task["status"], &task["release"]["version"]), (&json!("completed"), &json!(version)));
    }
}

#[tokio::test]
async fn of_dev_builds_the_newest_are_kept_and_whatever_is_needed() {
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0", "--dev-releases", "2"]);
    host.start().await;
    let client = host.client();
    for version in ["1.0.0", "1.0.0-rc.1", "1.1.0-dev.1", "1.1.0-dev.2", "1.1.0-dev.3", "1.1.0-dev.4"] {
        client.publish(guests().echo.archive(version)).await.of(201);
    }
    // The author went back to an older version; the newest are still the last that were built.
    publish_with(&client, "channel=dev", guests().echo.archive("0.9.0-dev.1")).await.of(201);
    publish_with(&client, "channel=dev&downgrade=true", guests().echo.archive("0.9.0-dev.2")).await.of(201);
    client.swap("echo", "1.1.0-dev.1").await.of(200);
    set(&client, "demo", "1.1.0-dev.3", false).await.of(200);
    let would = collect(&client, true).await;
    let old = ["default/echo@1.1.0-dev.2", "default/echo@1.1.0-dev.4"];
    assert_eq!(would["releases"], json!(old));
    let before = versions(&client, "echo").await;
    assert_eq!(before.len(), 8);
    let did = collect(&client, false).await;
    assert_eq!((&did["releases"], &did["blobs"]), (&would["releases"], &would["blobs"]));
    let kept = ["1.1.0-dev.3", "1.1.0-dev.1", "1.0.0", "1.0.0-rc.1", "0.9.0-dev.2", "0.9.0-dev.1"];
    assert_eq!(versions(&client, "echo").await, kept);
    assert!(events(&client, "release.deleted").await.iter().all(|data| data["why"] == "retention"));
    let told = records(&client, "release_deleted").await;
    assert_eq!((told.len(), &told[0]["principal"]), (2, &Value::Null));
    assert_eq!(blobs::checked_tags(&host.data_dir()).len(), 6);
    assert_eq!(client.run("echo", "version", json!({})).await.of(200)["release"]["version"], "1.1.0-dev.1");
}
