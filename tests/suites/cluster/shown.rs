//! Who is there, as its owner sees it.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use insta::assert_snapshot;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use troupe_tests::command::{command, ended, run, run_on, signal};
use troupe_tests::{guests, root};

use super::Cluster;
use crate::PROGRAM;
use crate::cli::seen;
use crate::postgres::Base;

/// How long three hosts may take to serve, each after the other.
const START_TIME_MAX: Duration = Duration::from_secs(120);

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

/// The first of three ports in a row that nobody listens at.
fn three_ports() -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = u16::try_from(std::process::id() % 8_000).unwrap() + 20_000;
    (first..first + 4_000).step_by(3).find(|port| (0..3).all(|more| is_free(port + more))).expect("three free ports")
}

#[tokio::test]
async fn the_script_for_three_hosts_shows_them_and_stops_them_when_it_is_interrupted() {
    let Some(base) = Base::new() else { return };
    let (dir, port) = (tempfile::tempdir().unwrap(), three_ports());
    let script = root().join("tests/cluster.sh");
    let url = base.url();
    let mut running = command("sh", dir.path(), &[script.to_str().unwrap(), PROGRAM, &url])
        .env("TROUPE_CLUSTER_PORT", port.to_string())
        .stderr(fs::File::create(dir.path().join("said")).unwrap())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let mut shown = String::new();
    while !shown.contains("talk to any of them") {
        let line = tokio::time::timeout(START_TIME_MAX, lines.next_line()).await.expect("three hosts in time");
        let said = || fs::read_to_string(dir.path().join("said")).unwrap();
        shown += &line.unwrap().unwrap_or_else(|| panic!("it ends before three hosts serve: {}", said()));
        shown.push('\n');
    }
    let address = |number: u16| format!("http://127.0.0.1:{}", port + number);
    assert!((0..3).all(|number| shown.contains(&address(number))), "{shown}");
    // The command that it ends with works, for any of them.
    let command_shown = shown.lines().last().unwrap().split_once("troupe ").unwrap().1.to_owned();
    let listed = run(PROGRAM, dir.path(), &command_shown.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    signal(running.id(), Signal::INT);
    assert_eq!(ended(running).await.code, Some(130));
    for number in 0..3 {
        assert!(TcpListener::bind(("127.0.0.1", port + number)).is_ok(), "a host outlives the script");
    }
    assert_eq!(base.ask("select count(*) from hosts"), "0", "they have left");
}
