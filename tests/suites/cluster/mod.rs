//! Several hosts on one database: each answers for what the others do, what one changes the others go by, and
//! whichever dies the others go on.
//!
//! *Injected:* `kill -9`, hosts that stand still (`SIGSTOP`) for longer than a lease, sessions with the database that
//! are cut. *Not injected:* clocks that differ, networks that part hosts from each other alone.
//! `TROUPE_TEST_POSTGRES` names the server, as for the suite `postgres`.

mod artifacts;
mod bus;
mod events;
mod frozen;
mod killed;
mod life;
mod routes;
mod shown;
mod streams;
mod tasks;
mod words;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::{Client, Guest, Host};

use crate::postgres::Base;

/// Longest until the other hosts have taken over from one that is gone: its lease, and a look at it.
const TAKEN_OVER: Duration = Duration::from_secs(40);

/// Hosts that work on one database, each with a directory of its own.
struct Cluster {
    hosts: Vec<Host>,
    /// Goes after them.
    base: Base,
}

impl Cluster {
    /// So many hosts; none where there is no server to test with.
    async fn of(count: usize) -> Option<Self> {
        let mut cluster = Self { base: Base::new()?, hosts: Vec::new() };
        for _ in 0..count {
            cluster.join().await;
        }
        Some(cluster)
    }

    /// The same, whose words go by a bus.
    async fn by_bus(count: usize, bus: &str) -> Option<Self> {
        let mut cluster = Self { base: Base::new()?, hosts: Vec::new() };
        for _ in 0..count {
            let mut host = cluster.stranger().with_variable("TROUPE_BUS", bus);
            host.start().await;
            cluster.hosts.push(host);
        }
        Some(cluster)
    }

    /// A host that has not been started, which signs as the others do.
    fn stranger(&self) -> Host {
        let host = self.base.host();
        if let Some(first) = self.hosts.first() {
            fs::DirBuilder::new().mode(0o700).create(host.data_dir()).expect("a directory");
            for name in ["signing.key", "webhooks.key"] {
                let key = fs::read(first.data_dir().join(name)).expect("a key");
                let mut options = fs::OpenOptions::new();
                let file = options.write(true).create_new(true).mode(0o600).open(host.data_dir().join(name));
                file.unwrap().write_all(&key).expect("room for a key");
            }
        }
        host
    }

    /// One more host.
    async fn join(&mut self) {
        let mut host = self.stranger();
        host.start().await;
        self.hosts.push(host);
    }

    fn client(&self, number: usize) -> Client {
        self.hosts[number].client()
    }

    /// Publishes an agent at one host and has it serve, with what it is granted.
    async fn deploys(&self, number: usize, guest: &Guest, name: &str, grants: &Value) {
        let client = self.client(number);
        client.publish(guest.archive("1.0.0")).await.of(201);
        client.swap(name, "1.0.0").await.of(200);
        client.put(&format!("/api/v1/deployments/{name}/grants"), &json!({ "grants": grants })).await.of(200);
        self.agree(name).await;
    }

    /// Waits until every host has the same route of an agent in force; returns how long that took.
    async fn agree(&self, name: &str) -> Duration {
        let asked = Instant::now();
        let path = format!("/api/v1/deployments/{name}");
        loop {
            let mut epochs = Vec::new();
            for host in &self.hosts {
                let answer = host.client().get(&path).await;
                epochs.push(if answer.status == 200 { answer.json()["epoch"].clone() } else { Value::Null });
            }
            if epochs.iter().all(|epoch| *epoch == epochs[0] && epoch.is_u64()) {
                return asked.elapsed();
            }
            assert!(asked.elapsed() < Duration::from_secs(60), "the hosts never agree about {name}: {epochs:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What lets an agent keep a few keys.
fn state() -> Value {
    json!({ "state": { "bytes": 1 << 20, "keys": 1_000 } })
}

/// What the feed holds, which has no gap.
async fn feed(client: &Client) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let page = client.get(&format!("/api/v1/feed?limit=500&after={}", events.len())).await.of(200);
        let items = page["items"].as_array().unwrap().clone();
        if items.is_empty() {
            break;
        }
        events.extend(items);
    }
    let numbers = events.iter().map(|event| event["seq"].as_u64().unwrap());
    assert!(numbers.eq(1..=events.len() as u64), "the feed has a gap");
    events
}
