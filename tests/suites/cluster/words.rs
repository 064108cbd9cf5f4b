//! A bus that says things twice, late, in another order, or that forgets.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use troupe_tests::events::Raw;
use troupe_tests::{Client, guests};

use super::bus::Nats;
use super::{Cluster, feed, state};
use crate::rest::tasks::sleeper::{long_nights, submit};

/// What was said on the bus: under which subject, and what.
type Said = (String, Vec<u8>);

/// Somebody else on the bus, who hears all and says what it likes.
struct Stranger {
    says: OwnedWriteHalf,
    heard: Arc<Mutex<Vec<Said>>>,
}

impl Stranger {
    /// One who listens (the protocol of clients of NATS).
    async fn on(port: u16) -> Self {
        let (reads, mut says) = TcpStream::connect(("127.0.0.1", port)).await.unwrap().into_split();
        says.write_all(b"CONNECT {\"verbose\":false}\r\nSUB troupe.> 1\r\n").await.unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        tokio::spawn(async move {
            let mut lines = BufReader::new(reads);
            let mut line = String::new();
            while lines.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                // MSG <subject> <sid> [reply] <bytes>
                if let Some(head) = line.strip_prefix("MSG ") {
                    let words: Vec<&str> = head.split_whitespace().collect();
                    let mut payload = vec![0; words.last().unwrap().parse::<usize>().unwrap() + 2];
                    lines.read_exact(&mut payload).await.unwrap();
                    payload.truncate(payload.len() - 2);
                    kept.lock().unwrap().push((words[0].to_owned(), payload));
                }
                line.clear();
            }
        });
        Self { says, heard }
    }

    fn heard(&self) -> Vec<(String, Vec<u8>)> {
        self.heard.lock().unwrap().clone()
    }

    async fn say(&mut self, subject: &str, payload: &[u8]) {
        let head = format!("PUB {subject} {}\r\n", payload.len());
        self.says.write_all(&[head.as_bytes(), payload, b"\r\n"].concat()).await.unwrap();
    }
}

/// Has one host do something and the other be told of it.
async fn is_told(one: &Client, changes: &mut Raw, key: &str) {
    let task = one.run("sleeper", "persist", json!({ "key": key, "failures": 0 })).await.json();
    assert_eq!(task["status"], "completed", "{task:#}");
    let (asked, subject) = (Instant::now(), format!("task/{}", task["id"].as_str().unwrap()));
    changes
        .until(|events| {
            events.iter().any(|event| event.data["subject"] == subject && event.data["type"] == "task.completed")
        })
        .await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{key}: {:?}", asked.elapsed());
}

/// That each evening of the tasks was counted once.
async fn counted_once(client: &Client, tasks: &[String]) {
    let mut counts = Vec::new();
    for task in tasks {
        let ended = client.ended(task).await;
        assert_eq!(ended["status"], "completed", "{ended:#}");
        counts.extend(ended["output"].as_array().unwrap().iter().map(|morning| morning["count"].as_u64().unwrap()));
    }
    counts.sort_unstable();
    assert!(counts.into_iter().eq(1..=2 * tasks.len() as u64), "each evening counted once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i126_words_that_come_twice_late_and_in_another_order_do_nothing_twice() {
    let Some(nats) = Nats::new() else { return };
    let Some(cluster) = Cluster::by_bus(2, &nats.url()).await else { return };
    cluster.deploys(0, &guests().sleeper, "sleeper", &state()).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    let mut stranger = Stranger::on(nats.port()).await;
    let mut changes = Raw::open(&other, "/api/v1/feed", None).await;
    let mut tasks = Vec::new();
    for round in 0..6 {
        for client in [&one, &other] {
            tasks.push(submit(client, &long_nights(2, 10)).await);
        }
        is_told(&one, &mut changes, &format!("r{round}")).await;
        // All that was ever said, the newest first, three times over; and what is no word.
        let mut old = stranger.heard();
        old.truncate(400);
        for _ in 0..3 {
            for (subject, payload) in old.iter().rev() {
                stranger.say(subject, payload).await;
            }
        }
        if let Some((subject, _)) = old.first() {
            for none in [&b""[..], b"nobody lbrk feed *", b"\xff\xfe", b"a61f  l b r k  feed ../../x", &[b'x'; 4_096]] {
                stranger.say(subject, none).await;
            }
        }
    }
    assert!(stranger.heard().len() > 12, "the hosts speak on the bus");
    counted_once(&other, &tasks).await;
    let events = feed(&one).await;
    for task in &tasks {
        let ends = events
            .iter()
            .filter(|event: &&Value| event["subject"] == format!("task/{task}") && event["type"] == "task.completed");
        assert_eq!(ends.count(), 1, "task {task} ended once");
    }
    for host in [&one, &other] {
        assert!(host.get("/metrics").await.text.contains("troupe_panics_total 0"));
    }
}

/// Copies a directory with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() { copy(&entry.path(), &to) } else { drop(fs::copy(entry.path(), to)) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i125_a_bus_that_is_rolled_back_loses_nothing_and_carries_on() {
    let Some(mut nats) = Nats::new() else { return };
    let Some(cluster) = Cluster::by_bus(2, &nats.url()).await else { return };
    cluster.deploys(0, &guests().sleeper, "sleeper", &state()).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    let mut changes = Raw::open(&other, "/api/v1/feed", None).await;
    let earlier = tempfile::tempdir().unwrap();
    let mut tasks = Vec::new();
    for round in 0..5 {
        match round {
            1 => {
                nats.stop();
                copy(nats.kept(), &earlier.path().join("then"));
                nats.start();
            }
            // What it was told since is gone, and its numbers begin anew from there.
            3 => {
                nats.stop();
                for entry in fs::read_dir(nats.kept()).unwrap() {
                    fs::remove_dir_all(entry.unwrap().path()).unwrap();
                }
                copy(&earlier.path().join("then"), nats.kept());
                nats.start();
            }
            // All of it is gone.
            4 => {
                nats.stop();
                for entry in fs::read_dir(nats.kept()).unwrap() {
                    fs::remove_dir_all(entry.unwrap().path()).unwrap();
                }
                nats.start();
            }
            _ => {}
        }
        for client in [&one, &other] {
            tasks.push(submit(client, &long_nights(2, 10)).await);
        }
        is_told(&one, &mut changes, &format!("r{round}")).await;
    }
    // Once it is there again it carries words that were not there before.
    let stranger = Stranger::on(nats.port()).await;
    let until = Instant::now() + Duration::from_secs(20);
    while stranger.heard().is_empty() {
        assert!(Instant::now() < until, "the hosts do not speak on it any more");
        one.run("sleeper", "persist", json!({ "key": "again", "failures": 0 })).await;
    }
    counted_once(&other, &tasks).await;
    feed(&one).await;
}
