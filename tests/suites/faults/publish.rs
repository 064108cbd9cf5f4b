//! Killed while it publishes: the release is there whole, or not at all.

use std::time::{Duration, Instant};

use serde_json::json;
use troupe_tests::{Guest, Host, blobs, guests, seed};

use super::{instant, kill_after};
use crate::host;

/// Kills the host within `window` of the start of a publish, then looks at what is there.
/// Returns whether the release is.
async fn killed(host: &mut Host, guest: &Guest, version: &str, after: Duration) -> bool {
    let archive = guest.archive(version);
    let (client, publishing) = (host.client(), archive.clone());
    let publish = tokio::spawn(async move { client.try_send(client.publishing(publishing)).await });
    kill_after(host, after).await;
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
        host.kill().await;
        host.start().await;
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

/// The child process of another, if it has one and it has not ended.
#[cfg(target_os = "linux")]
fn child_of(parent: u32) -> Option<String> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut names = processes.map(|process| process.file_name().to_string_lossy().into_owned());
    names.find(|name| status(name).is_some_and(|(state, of)| of == parent.to_string() && state != "Z"))
}

/// State and parent of a process (proc_pid_stat(5)).
#[cfg(target_os = "linux")]
fn status(process: &str) -> Option<(String, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned);
    Some((rest.next()?, rest.next()?))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_child_that_compiles_dies_with_the_host() {
    let mut host = host().await;
    let archive = guests().echo.marked(u32::MAX).archive("5.0.0");
    let (client, parent) = (host.client(), host.pid());
    let publish = tokio::spawn(async move { client.try_send(client.publishing(archive)).await });
    let child = loop {
        if let Some(child) = child_of(parent) {
            break child;
        }
        assert!(!publish.is_finished(), "no child was seen");
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    // Until it has given up what it does not need.
    tokio::time::sleep(Duration::from_millis(100)).await;
    host.kill().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let left = status(&child).filter(|(state, _)| state != "Z");
    assert_eq!(left, None, "the child goes on without its host");
}
