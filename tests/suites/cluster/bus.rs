//! Words that go by NATS: quicker than looking while it is there, and nothing is lost while it is not.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;
use troupe_tests::command::run;
use troupe_tests::events::Raw;
use troupe_tests::guests;

use super::{Cluster, feed, state};
use crate::PROGRAM;
use crate::cli::seen;
use crate::rest::tasks::sleeper::{long_nights, submit};

/// A server of NATS with a directory of its own.
pub(super) struct Nats {
    dir: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Nats {
    /// One that runs; none where the program is not there.
    pub(super) fn new() -> Option<Self> {
        if Command::new("nats-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("TROUPE_REQUIRE_SUITES").is_none(), "nats-server is not there");
            let _ = writeln!(std::io::stderr(), "left out: NATS, because nats-server is not there");
            return None;
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut nats = Self { dir: tempfile::tempdir().unwrap(), port, server: None };
        nats.start();
        Some(nats)
    }

    /// Starts it, unless it runs.
    pub(super) fn start(&mut self) {
        if self.server.is_some() {
            return;
        }
        let server = Command::new("nats-server")
            .args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"])
            .arg(self.dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.server = Some(server.expect("nats-server starts"));
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "it never listens");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("a process to kill");
            server.wait().expect("its end");
        }
    }

    /// Where it keeps its streams.
    pub(super) fn kept(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i124_while_the_bus_is_away_hosts_go_on_from_the_database_and_nothing_is_lost() {
    let Some(mut nats) = Nats::new() else { return };
    let Some(cluster) = Cluster::by_bus(2, &nats.url()).await else { return };
    cluster.deploys(0, &guests().sleeper, "sleeper", &state()).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    let mut changes = Raw::open(&other, "/api/v1/feed", None).await;
    let mut tasks = Vec::new();
    for round in 0..6 {
        match round {
            2 => nats.stop(),
            4 => nats.start(),
            _ => {}
        }
        for client in [&one, &other] {
            tasks.push(submit(client, &long_nights(2, 10)).await);
        }
        // Whoever reads the feed at one host hears of what is done at the other.
        let task = one.run("sleeper", "persist", json!({ "key": format!("r{round}"), "failures": 0 })).await.json();
        assert_eq!(task["status"], "completed", "{task:#}");
        let asked = Instant::now();
        let subject = format!("task/{}", task["id"].as_str().unwrap());
        changes
            .until(|events| {
                events.iter().any(|event| event.data["subject"] == subject && event.data["type"] == "task.completed")
            })
            .await;
        println!("round {round}: told at the other host after {:?}", asked.elapsed());
        assert!(asked.elapsed() < Duration::from_secs(5), "round {round}: {:?}", asked.elapsed());
    }
    let mut counts = Vec::new();
    for task in &tasks {
        let ended = other.ended(task).await;
        assert_eq!(ended["status"], "completed", "{ended:#}");
        counts.extend(ended["output"].as_array().unwrap().iter().map(|morning| morning["count"].as_u64().unwrap()));
    }
    counts.sort_unstable();
    assert!(counts.into_iter().eq(1..=2 * tasks.len() as u64), "each evening counted once");
    feed(&one).await;
    let names = cluster.base.ask("select count(*) from database_name");
    assert_eq!(names, "1");
    // What is said of a release that one makes serve is heard as well.
    one.publish(guests().sleeper.marked(2).archive("2.0.0")).await.of(201);
    one.swap("sleeper", "2.0.0").await.of(200);
    assert!(cluster.agree("sleeper").await < Duration::from_secs(20));
    other.post("/api/v1/deployments/sleeper/rollback", &Value::Null).await.of(200);
    cluster.agree("sleeper").await;
}

#[tokio::test]
async fn hosts_start_and_work_without_their_bus_and_an_address_that_is_none_is_refused() {
    let Some(cluster) = Cluster::by_bus(2, "nats://127.0.0.1:1").await else { return };
    cluster.deploys(0, &guests().echo, "echo", &json!({})).await;
    cluster.client(1).run("echo", "version", json!({})).await.output();
    let dir = tempfile::tempdir().unwrap();
    let said =
        run(PROGRAM, dir.path(), &["serve", "--listen", "127.0.0.1:0", "--bus", "http://user:hunter2@bus"]).await;
    let last = seen(said.bad().lines().last().unwrap_or_default());
    assert_snapshot!(last, @"error: `--bus` or `TROUPE_BUS`: the address of the bus cannot be read; write it as nats://HOST:PORT, or tls://HOST:PORT [request.invalid]");
    assert!(!said.err.contains("hunter2"));
}
