//! Killed while it publishes: the release is there whole, or not at all.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
#[cfg(target_os = "linux")]
use troupe_tests::processes::{children_of, process};
use troupe_tests::{Guest, Host, blobs, guests, seed};

use super::instant;
use crate::host;

/// Kills the host so long after a publish has begun, then looks at what is there. Returns
/// whether the release is.
async fn killed(host: &mut Host, guest: &Guest, version: &str, after: Duration) -> bool {
    killed_when(host, guest, version, tokio::time::sleep(after)).await
}

/// The same, once `when` has come.
async fn killed_when(host: &mut Host, guest: &Guest, version: &str, when: impl Future<Output = ()>) -> bool {
    let archive = guest.archive(version);
    let (client, publishing) = (host.client(), archive.clone());
    let publish = tokio::spawn(async move { client.try_send(client.publishing(publishing)).await });
    when.await;
    host.dies().await;
    let acknowledged = publish.await.unwrap().is_ok_and(|answer| answer.status == 201);

    let tags = blobs::checked_tags(&host.data_dir());
    let is_there = tags.contains(&format!("default/echo:{version}"));
    assert!(is_there || !acknowledged, "a release that was acknowledged is gone");
    let client = host.client();
    let versions = client.get("/api/v1/agents/echo/versions").await.of(200);
    let listed = versions["items"].as_array().unwrap().iter().any(|release| release["version"] == version);
    assert_eq!(listed, is_there, "the index and the list disagree");
    // Publishing it again completes it or finds it, and then it serves.
    client.publish(archive).await.of(if is_there { 200 } else { 201 });
    client.swap("echo", version).await.of(200);
    let task = client.run("echo", "version", json!({})).await.of(200);
    assert_eq!((&task["status"], &task["release"]["version"]), (&json!("completed"), &json!(version)));
    is_there
}

/// How long a publish takes on this machine, when nothing kills it.
async fn quiet(host: &Host, guest: &Guest, version: &str) -> Duration {
    let archive = guest.archive(version);
    let started = Instant::now();
    host.client().publish(archive).await.of(201);
    started.elapsed()
}

#[tokio::test]
async fn a_publish_that_is_killed_is_whole_or_absent() {
    let mut host = host().await;
    let mut random = seed::seeded("publish");
    let mut whole = 0;
    // Code that is compiled already: the time goes to blobs and rows.
    let window = quiet(&host, &guests().echo, "3.0.0").await.mul_f64(1.2);
    for kill in 1..=seed::kills() {
        let version = format!("3.0.{kill}");
        let after = instant(&mut random, window);
        whole += usize::from(killed(&mut host, &guests().echo, &version, after).await);
    }
    println!("killed {} times within {window:?}: {whole} whole, the rest absent", seed::kills());
}

#[tokio::test]
async fn a_publish_that_is_killed_while_it_compiles_is_whole_or_absent() {
    let mut host = host().await;
    let mut random = seed::seeded("publish with a compile");
    let mut whole = 0;
    // A host that has just started does it more slowly, and each of these has.
    let mut quietly = Vec::new();
    for number in 0..3 {
        host.dies().await;
        let mark = u32::MAX - number;
        quietly.push(quiet(&host, &guests().echo.marked(mark), &format!("4.1.{number}")).await);
    }
    println!("a quiet publish with a compile takes {quietly:?}");
    let window = quietly.into_iter().max().unwrap().mul_f64(1.5);
    let kills = seed::kills();
    for kill in 1..=kills {
        let guest = guests().echo.marked(u32::try_from(kill).unwrap());
        let after = instant(&mut random, window);
        whole += usize::from(killed(&mut host, &guest, &format!("4.0.{kill}"), after).await);
    }
    println!("killed {kills} times within {window:?}: {whole} whole, the rest absent");
}

/// What is in a directory, but for files that are being written.
fn names(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// How far a publish has come, as it shows from outside.
#[derive(Debug, Clone)]
struct Came {
    compiled: BTreeSet<String>,
    blobs: BTreeSet<String>,
    /// When the database's log was written last.
    written: Option<SystemTime>,
    is_indexed: bool,
}

impl Came {
    fn of(data_dir: &Path, version: &str) -> Self {
        let releases = data_dir.join("releases");
        let index = std::fs::read_to_string(releases.join("index.json")).unwrap_or_default();
        Self {
            compiled: names(&data_dir.join("compiled")),
            blobs: names(&releases.join("blobs/sha256")),
            written: std::fs::metadata(data_dir.join("troupe.db-wal")).and_then(|log| log.modified()).ok(),
            is_indexed: index.contains(&format!("default/echo:{version}\"")),
        }
    }
}

/// Whether a step has been reached, by what there was before and what there is.
type Reached = fn(&Came, &Came) -> bool;

/// The steps of a publish, in their order.
const STEPS: [(&str, Reached); 6] = [
    ("accepted", |_, _| true),
    ("compiled", |before, now| !now.compiled.is_subset(&before.compiled)),
    ("a first blob", |before, now| now.blobs.difference(&before.blobs).count() > 0),
    ("more blobs", |before, now| now.blobs.difference(&before.blobs).count() > 1),
    ("committed", |before, now| now.blobs.difference(&before.blobs).count() > 1 && now.written > before.written),
    ("indexed", |_, now| now.is_indexed),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_a_publish_that_is_killed_at_each_of_its_steps_is_whole_or_absent() {
    let mut host = host().await;
    for (number, (step, reached)) in (0u32..).zip(STEPS) {
        let (guest, version) = (guests().echo.marked(7_000 + number), format!("7.0.{number}"));
        // So that what is written from here on lengthens the log.
        host.dies().await;
        let data_dir = host.data_dir();
        let before = Came::of(&data_dir, &version);
        let when = async {
            let until = Instant::now() + Duration::from_secs(60);
            while !reached(&before, &Came::of(&data_dir, &version)) {
                assert!(Instant::now() < until, "a publish is never {step}");
                tokio::task::yield_now().await;
            }
        };
        let is_there = killed_when(&mut host, &guest, &version, when).await;
        println!("{step}: {}", if is_there { "whole" } else { "absent" });
        if step == "indexed" {
            assert!(is_there, "what is in the index was published");
        }
        if matches!(step, "accepted" | "compiled") {
            assert!(!is_there, "{step}");
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_child_that_compiles_dies_with_the_host() {
    let mut host = host().await;
    let archive = guests().echo.marked(u32::MAX).archive("5.0.0");
    let (client, parent) = (host.client(), host.pid());
    let publish = tokio::spawn(async move { client.try_send(client.publishing(archive)).await });
    let child = loop {
        if let Some(child) = children_of(parent).first() {
            break child.pid;
        }
        assert!(!publish.is_finished(), "no child was seen");
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    // Until it has given up what it does not need.
    tokio::time::sleep(Duration::from_millis(100)).await;
    host.kill().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let left = process(child).filter(|process| process.state != 'Z');
    assert_eq!(left, None, "the child goes on without its host");
}
