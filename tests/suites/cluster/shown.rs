//! Who is there, as its owner sees it.

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::command::{run, run_on};
use troupe_tests::guests;

use super::Cluster;
use crate::PROGRAM;
use crate::cli::seen;

fn addresses(hosts: &Value) -> Vec<String> {
    hosts["hosts"].as_array().unwrap().iter().map(|host| host["address"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_host_shows_all_and_one_that_has_left_is_gone_at_once() {
    let Some(mut cluster) = Cluster::of(2).await else { return };
    let urls: Vec<String> = cluster.hosts.iter().map(|host| host.client().url.clone()).collect();
    for (number, url) in urls.iter().enumerate() {
        let hosts = cluster.client(number).get("/api/v1/runtime/hosts").await.of(200);
        assert_eq!(addresses(&hosts), urls);
        let shown = hosts["hosts"].as_array().unwrap().clone();
        assert!(shown.iter().all(|host| host["is_live"] == true && host["until"].is_string()), "{hosts:#}");
        let this: Vec<_> = shown.iter().filter(|host| host["is_this"] == true).collect();
        assert!(this.len() == 1 && this[0]["address"] == url.as_str(), "{hosts:#}");
        assert!(!hosts.to_string().contains("secret"), "{hosts:#}");
    }
    let listed = run_on(PROGRAM, &cluster.hosts[1], &["hosts"]).await.good().to_owned();
    assert!(urls.iter().all(|url| listed.contains(url.as_str())) && listed.contains("this one"), "{listed}");
    let reader = cluster.client(0).with_key("default", &["read", "operate", "admin"]).await;
    reader.get("/api/v1/runtime/hosts").await.problem(403, "auth.scope");

    assert!(cluster.hosts[0].stop().await.success());
    let hosts = cluster.client(1).get("/api/v1/runtime/hosts").await.of(200);
    assert_eq!(addresses(&hosts), urls[1..]);
    // It comes back to its place however it has left it, and what it was is not there beside it.
    cluster.hosts[0].start().await;
    cluster.hosts[0].dies().await;
    let hosts = cluster.client(1).get("/api/v1/runtime/hosts").await.of(200);
    assert_eq!(hosts["hosts"].as_array().unwrap().len(), 2, "{hosts:#}");
}

#[tokio::test]
async fn a_host_that_signs_with_another_key_is_refused_with_the_way_out() {
    let Some(cluster) = Cluster::of(1).await else { return };
    let dir = tempfile::tempdir().unwrap();
    let url = cluster.base.url();
    let said = run(PROGRAM, dir.path(), &["serve", "--listen", "127.0.0.1:0", "--database", &url]).await;
    let last = seen(said.bad().lines().last().unwrap_or_default());
    assert_snapshot!(last, @"error: the host at http://[address] works on the same database and signs with another key, so what one publishes the other would not trust; copy `signing.key` from its data directory into this one's, then start again [data_dir.unusable]");
    // Nor is one that signs webhooks with another.
    let other = cluster.stranger();
    std::fs::remove_file(other.data_dir().join("webhooks.key")).unwrap();
    let data_dir = other.data_dir();
    let how = ["serve", "--listen", "127.0.0.1:0", "--database", &url, "--data-dir", data_dir.to_str().unwrap()];
    let said = run(PROGRAM, dir.path(), &how).await;
    assert!(said.bad().contains("copy `webhooks.key` from its data directory"), "{}", said.err);
    assert_eq!(cluster.client(0).get("/readyz").await.status, 200);
}

#[tokio::test]
async fn blobs_are_handed_to_hosts_alone() {
    let Some(cluster) = Cluster::of(1).await else { return };
    let client = cluster.client(0);
    let digest = format!("sha256:{}", "0".repeat(64));
    let path = format!("/peer/v1/blobs/{digest}");
    // Not even the owner's token opens it.
    client.get(&path).await.problem(401, "auth.invalid");
    client.with_token(None).get(&path).await.problem(401, "auth.missing");
    let secret = cluster.base.ask("select secret from hosts");
    cluster.hosts[0].canaries().watch(&secret);
    client.with_token(Some(&secret)).get(&path).await.problem(404, "release.not_found");
    client.with_token(Some(&secret)).get("/peer/v1/blobs/nonsense").await.of(400);
    client.with_token(Some(&secret)).get("/api/v1/agents").await.problem(401, "auth.invalid");
}

#[tokio::test]
async fn blobs_that_only_another_host_has_keep_no_host_from_removing_what_nobody_needs() {
    let Some(cluster) = Cluster::of(2).await else { return };
    let guest = &guests().echo;
    for version in ["1.0.0", "1.1.0"] {
        cluster.client(0).publish(guest.archive(version)).await.of(201);
    }
    let other = cluster.client(1);
    let collected = other.post("/api/v1/releases/gc", &json!({})).await.of(200);
    assert_eq!((&collected["dry_run"], &collected["blobs"]), (&json!(false), &json!(0)), "{collected}");
    // What is rubbish there is removed: a blob of nobody's.
    let blob = cluster.hosts[1].data_dir().join("releases/blobs/sha256").join("0".repeat(64));
    fs::write(&blob, b"nobody's").unwrap();
    let collected = other.post("/api/v1/releases/gc", &json!({})).await.of(200);
    assert_eq!(collected["blobs"], 1, "{collected}");
    assert!(!blob.exists());
    // And what it lacked is handed over when it is asked for.
    other.swap("echo", "1.0.0").await.of(200);
}
