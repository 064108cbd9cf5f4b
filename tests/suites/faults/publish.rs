//! Killed while a release enters it, from a person or from a registry: the release is there whole,
//! or not at all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tempfile::TempDir;
use troupe_core::{ReleaseRef, SystemClock, TenantId};
use troupe_store::Store;
#[cfg(target_os = "linux")]
use troupe_tests::processes::{children_of, process};
use troupe_tests::registry::Registry;
use troupe_tests::{Client, Guest, Host, blobs, guests, seed};

use super::instant;
use crate::host;
use crate::postgres::Base;
use crate::registry::host_with;

/// How a release gets into a host.
enum Way {
    Published,
    Pulled(Registry),
}

impl Way {
    /// Lays a release where the host gets it from.
    async fn lay_out(&self, host: &Host, guest: &Guest, version: &str) {
        let Self::Pulled(registry) = self else { return };
        let (release, key) = (guest.release(version), host.key().unwrap());
        let digest = release.image().unwrap().digest();
        let signature = key.sign(&release.manifest.release(), &digest).unwrap();
        let image = format!("{}/echo:{version}", registry.images()).parse().unwrap();
        troupe_registry::push(&release, vec![signature], &image).await.unwrap();
    }

    /// The request that brings it in.
    fn request(&self, client: &Client, guest: &Guest, version: &str) -> RequestBuilder {
        match self {
            Self::Published => client.publishing(guest.archive(version)),
            Self::Pulled(registry) => {
                let image = json!({ "image": format!("{}/echo:{version}", registry.images()) });
                client.request(Method::POST, "/api/v1/registry/pull").json(&image)
            }
        }
    }
}

/// What there is of a release on disk, in the order in which it gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    Nothing,
    Code,
    /// So many of its blobs.
    Blobs(usize),
    Row,
    Index,
}

/// The steps by which a release enters a host, in their order, each with what is on disk then.
#[cfg(target_os = "linux")]
const STEPS: [(&str, Left); 7] = [
    ("compiling", Left::Nothing),
    ("compiled", Left::Code),
    ("a first blob", Left::Blobs(1)),
    ("more blobs", Left::Blobs(2)),
    ("every blob", Left::Blobs(3)),
    ("committed", Left::Row),
    ("indexed", Left::Index),
];

/// How often a host is killed at a step until it dies at just that one. A step is over in a few
/// milliseconds, of which the kill takes some.
#[cfg(target_os = "linux")]
const TRIES: u32 = 40;

/// How long a commit takes to get into the database's log whole, once it is seen to grow; to the disk
/// it takes longer.
#[cfg(target_os = "linux")]
const COMMIT_TIME: Duration = Duration::from_micros(500);

/// A release on its way into a host.
struct Coming<'a> {
    data_dir: PathBuf,
    /// The host's database, where that is no file of its own.
    base: Option<&'a Base>,
    release: ReleaseRef,
    blobs: Vec<PathBuf>,
    /// The compiled code that was there before.
    before: BTreeSet<String>,
}

impl<'a> Coming<'a> {
    fn new(host: &Host, base: Option<&'a Base>, guest: &Guest, version: &str) -> Self {
        let (data_dir, release) = (host.data_dir(), guest.release(version));
        let dir = data_dir.join("releases/blobs/sha256");
        let image = release.image().unwrap();
        let blobs = image.blobs().map(|blob| dir.join(blob.digest.hex())).collect();
        let before = names(&data_dir.join("compiled"));
        Self { data_dir, base, release: release.manifest.release(), blobs, before }
    }

    fn blobs(&self) -> usize {
        self.blobs.iter().filter(|blob| blob.exists()).count()
    }

    fn is_compiled(&self) -> bool {
        !names(&self.data_dir.join("compiled")).is_subset(&self.before)
    }

    fn is_indexed(&self) -> bool {
        let index = std::fs::read_to_string(self.data_dir.join("releases/index.json")).unwrap_or_default();
        index.contains(&format!("default/{}:{}\"", self.release.agent, self.release.version))
    }

    /// The length of the database's log and when it was written last.
    fn log(&self) -> Option<(u64, std::time::SystemTime)> {
        let log = std::fs::metadata(self.data_dir.join("troupe.db-wal")).ok()?;
        Some((log.len(), log.modified().ok()?))
    }

    /// Whether its row is there once its host is dead. A file is looked at in a copy, so that what the host has left
    /// is for the host to put right.
    async fn has_row(&self) -> bool {
        if let Some(base) = self.base {
            base.deserted().await;
            let ReleaseRef { agent, version } = &self.release;
            let rows = format!("select count(*) from releases where agent = '{agent}' and version = '{version}'");
            return base.ask(&rows) == "1";
        }
        let dir = TempDir::new().unwrap();
        for file in ["troupe.db", "troupe.db-wal"] {
            let _ = std::fs::copy(self.data_dir.join(file), dir.path().join(file));
        }
        let rows = Store::open(&dir.path().join("troupe.db"), Arc::new(SystemClock)).await.unwrap();
        let row = rows.release(&TenantId::default(), &self.release).await.unwrap();
        rows.close().await;
        row.is_some()
    }

    /// What is there of it then.
    async fn left(&self) -> Left {
        let has_row = self.has_row().await;
        let (blobs, is_compiled) = (self.blobs(), self.is_compiled());
        let left = match (self.is_indexed(), has_row, blobs) {
            (true, _, _) => Left::Index,
            (_, true, _) => Left::Row,
            (_, _, 0) if is_compiled => Left::Code,
            (_, _, 0) => Left::Nothing,
            (_, _, some) => Left::Blobs(some),
        };
        // None of it is there without what comes before it.
        assert!(left < Left::Row || blobs == self.blobs.len(), "{left:?} with {blobs} blobs");
        assert!(left < Left::Index || has_row, "the index names what is not published");
        let first = self.blobs.iter().take_while(|blob| blob.exists()).count();
        assert_eq!(blobs, first, "{left:?}: a blob is there before one that it names");
        left
    }

    /// Waits until so much is there, as far as that shows while the host runs, or for `over`.
    #[cfg(target_os = "linux")]
    async fn shows(&self, host: u32, wanted: Left, over: impl Fn() -> bool) {
        let mut log = None;
        loop {
            let shows = match wanted {
                Left::Nothing => !children_of(host).is_empty(),
                Left::Code => self.is_compiled(),
                Left::Blobs(some) => self.blobs() >= some,
                // What the database commits next after the last blob.
                Left::Row if self.blobs() == self.blobs.len() => {
                    let now = self.log();
                    let is_written = *log.get_or_insert(now) != now;
                    if is_written {
                        std::thread::sleep(COMMIT_TIME);
                    }
                    is_written
                }
                Left::Row => false,
                Left::Index => self.is_indexed(),
            };
            if shows || over() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// What is in a directory, but for files that are being written.
fn names(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// When a host is killed.
enum When {
    /// So long after it was asked.
    After(Duration),
    /// Once so much is there.
    #[cfg(target_os = "linux")]
    Shows(Left),
}

/// Kills the host while a release gets into it, then looks at what is there. Returns what there
/// was when the host was dead.
async fn killed(host: &mut Host, base: Option<&Base>, way: &Way, guest: &Guest, version: &str, when: When) -> Left {
    way.lay_out(host, guest, version).await;
    let coming = Coming::new(host, base, guest, version);
    let (client, request) = (host.client(), way.request(&host.client(), guest, version));
    let asked = tokio::spawn(async move { client.try_send(request).await });
    match when {
        When::After(time) => tokio::time::sleep(time).await,
        #[cfg(target_os = "linux")]
        When::Shows(wanted) => coming.shows(host.pid(), wanted, || asked.is_finished()).await,
    }
    host.kill().await;
    let left = coming.left().await;
    let acknowledged = asked.await.unwrap().is_ok_and(|answer| answer.status == 201);
    host.serves_again("echo", "version", json!({})).await;

    // The row is the publish: with it all is there, and without it nothing.
    let is_there = left >= Left::Row;
    assert!(is_there || !acknowledged, "a release that was acknowledged is gone");
    let tags = blobs::checked_tags(&host.data_dir());
    assert_eq!(tags.contains(&format!("default/echo:{version}")), is_there, "{left:?}");
    let client = host.client();
    let versions = client.get("/api/v1/agents/echo/versions").await.of(200);
    let listed = versions["items"].as_array().unwrap().iter().any(|release| release["version"] == version);
    assert_eq!(listed, is_there, "{left:?}: the index and the list disagree");
    // Bringing it in again completes it or finds it, and then it serves.
    client.send(way.request(&client, guest, version)).await.of(if is_there { 200 } else { 201 });
    client.swap("echo", version).await.of(200);
    let task = client.run("echo", "version", json!({})).await.of(200);
    assert_eq!((&task["status"], &task["release"]["version"]), (&json!("completed"), &json!(version)));
    left
}

/// The same so long after it was asked; whether the release is there.
async fn is_there(host: &mut Host, base: Option<&Base>, guest: &Guest, version: &str, after: Duration) -> bool {
    killed(host, base, &Way::Published, guest, version, When::After(after)).await >= Left::Row
}

/// How long a publish takes on this machine, when nothing kills it.
async fn quiet(host: &Host, guest: &Guest, version: &str) -> Duration {
    let archive = guest.archive(version);
    let started = Instant::now();
    host.client().publish(archive).await.of(201);
    started.elapsed()
}

#[tokio::test]
async fn i114_a_publish_that_is_killed_is_whole_or_absent() {
    killed_while_it_publishes(host().await, None, seed::kills()).await;
}

#[tokio::test]
async fn i114_a_publish_that_is_killed_is_whole_or_absent_on_postgres() {
    let Some(base) = Base::new() else { return };
    killed_while_it_publishes(base.host_with_echo().await, Some(&base), seed::kills_on_postgres()).await;
}

async fn killed_while_it_publishes(mut host: Host, base: Option<&Base>, kills: usize) {
    let mut random = seed::seeded("publish");
    let mut whole = 0;
    // Code that is compiled already: the time goes to blobs and rows.
    let window = quiet(&host, &guests().echo, "3.0.0").await.mul_f64(1.2);
    for kill in 1..=kills {
        let version = format!("3.0.{kill}");
        let after = instant(&mut random, window);
        whole += usize::from(is_there(&mut host, base, &guests().echo, &version, after).await);
    }
    println!("killed {kills} times within {window:?}: {whole} whole, the rest absent");
}

#[tokio::test]
async fn i114_a_publish_that_is_killed_while_it_compiles_is_whole_or_absent() {
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
        whole += usize::from(is_there(&mut host, None, &guest, &format!("4.0.{kill}"), after).await);
    }
    println!("killed {kills} times within {window:?}: {whole} whole, the rest absent");
}

/// Kills a host at each step by which a release enters it, with releases from `major` on.
#[cfg(target_os = "linux")]
async fn killed_at_each_step(host: &mut Host, way: &Way, major: u32) {
    for (number, (step, wanted)) in (0..).zip(STEPS) {
        let mut came = Vec::new();
        while came.last() != Some(&wanted) {
            let tried = u32::try_from(came.len()).unwrap();
            assert!(tried < TRIES, "{step}: it never dies there but at {came:?}");
            let guest = guests().echo.marked(major * 10_000 + number * 100 + tried);
            let version = format!("{major}.{number}.{tried}");
            came.push(killed(host, None, way, &guest, &version, When::Shows(wanted)).await);
        }
        println!("{step}: {came:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i114_a_publish_that_is_killed_at_each_of_its_steps_is_whole_or_absent() {
    let mut host = host().await;
    killed_at_each_step(&mut host, &Way::Published, 7).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_a_pull_that_is_killed_at_each_of_its_steps_is_whole_or_absent() {
    guests();
    let registry = Registry::start().await;
    let (mut host, _login) = host_with(&registry).await;
    let client = host.client();
    client.publish(guests().echo.archive("1.0.0")).await.of(201);
    client.swap("echo", "1.0.0").await.of(200);
    killed_at_each_step(&mut host, &Way::Pulled(registry), 8).await;
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
