//! The bystander: another tenant whose agent is asked all the time.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use troupe_core::limits;

use crate::processes::{Turns, contention, turns};
use crate::{Client, Host, guests};

/// The time between two of its calls: 50 a second.
const PERIOD: Duration = Duration::from_millis(20);

/// Calls that are open at once: fewer than the places of its agent.
const OPEN_MAX: usize = 64;

/// Calls of which a quiet is measured, after a few that warm the host up.
const QUIET_CALLS: usize = 150;
const WARM_CALLS: usize = 50;

/// Calls during a case at least: two seconds, of which the worst but one is the 99th
/// percentile.
const CASE_CALLS_MIN: usize = 100;

/// A latency that is not held against a host. The suites run other hosts, guests and compilers at
/// the same time on two cores, which adds hundreds of milliseconds to the second worst of a
/// hundred calls now and then; a host that lets its neighbours wait does so for seconds.
pub const FLOOR: Duration = Duration::from_secs(2);

/// Most that counts of how much longer a host takes because it waits for a core: its own threads
/// wait for each other too, which is no excuse for any latency.
const CONTENTION_MAX: f64 = 4.0;

/// How often a call waits for the machine to wake a thread up or to write, from the client
/// through the host to the disk and back: so often what the machine itself takes at worst comes
/// on top.
const MACHINE_TURNS: u32 = 10;

/// A tenant of its own on a host, and how long its calls take when nothing else happens.
#[derive(Debug)]
pub struct Bystander {
    token: String,
    dir: PathBuf,
    quiet: Duration,
}

/// Calls that are made all the time until it is ended, and what the machine itself takes
/// meanwhile.
#[derive(Debug)]
pub(super) struct Probe {
    stop: Arc<AtomicBool>,
    seen: thread::JoinHandle<Seen>,
    machine: thread::JoinHandle<Vec<Duration>>,
    /// The host's process, and how it stood with its threads when this began.
    host: Option<(u32, Turns)>,
}

/// What came of the calls.
#[derive(Debug)]
pub(super) struct Seen {
    /// The latency of each, from when it was due.
    took: Vec<Duration>,
    /// The sum that each was answered with.
    sums: Vec<i64>,
    failures: Vec<String>,
    /// What the machine took to wake up when it was due and to write a little to its disk.
    machine: Vec<Duration>,
    /// How many times as long as they ran the host's threads took to run, because others had the cores.
    contention: f64,
}

impl Bystander {
    /// Makes the tenant, with a key and an agent that counts, and measures the quiet. `dir` is
    /// on the disk that the host writes to.
    pub async fn new(owner: &Client, dir: &Path) -> Self {
        owner.make_tenant("bystander").await;
        let client = owner.fresh().with_key("bystander", &["read", "run", "operate", "admin"]).await;
        client.publish(guests().counter.archive("1.0.0")).await.of(201);
        client.swap("counter", "1.0.0").await.of(200);
        let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 10 } } });
        client.put("/api/v1/deployments/counter/grants", &grants).await.of(200);
        let token = client.token.clone().expect("a key");
        // A place to run in, a connection of the store and a thread keep what they took at their
        // first use, so each has had its first.
        client.publish(guests().echo.archive("1.0.0")).await.of(201);
        client.swap("echo", "1.0.0").await.of(200);
        let sleep = || client.run("echo", "sleep", json!({ "ms": 300 }));
        for answer in join_all((0..limits::INVOCATIONS_PER_AGENT_MAX).map(|_| sleep())).await {
            answer.output();
        }
        join_all((0..OPEN_MAX).map(|_| client.get("/api/v1/tasks?limit=500"))).await;
        let mut bystander = Self { token, dir: dir.to_owned(), quiet: Duration::ZERO };
        bystander.quiet(&client.url, WARM_CALLS).await;
        bystander.quiet = bystander.quiet(&client.url, QUIET_CALLS).await;
        bystander
    }

    /// The 99th percentile of its latency while nothing else happens.
    async fn quiet(&self, url: &str, calls: usize) -> Duration {
        let seen = Probe::begin(url, self, calls, None).end().await;
        assert!(seen.failures.is_empty(), "the bystander fails in quiet: {:#?}", seen.failures);
        p99(&seen.took)
    }

    /// Has it call all the time while something is done, and fails the test unless it is served as
    /// it is due.
    pub async fn served_while<T>(&self, host: &Host, doing: impl Future<Output = T>) -> T {
        let probe = self.probe(host).await;
        let done = doing.await;
        self.judge(probe.end().await, host).await.unwrap_or_else(|why| panic!("{why}"));
        done
    }

    /// Begins to call.
    pub(super) async fn probe(&self, host: &Host) -> Probe {
        let probe = Probe::begin(&host.client().url, self, CASE_CALLS_MIN, Some(host.pid()));
        // It is under way when the case begins.
        sleep(2 * PERIOD).await;
        probe
    }

    /// Whether it was served as it was due.
    pub(super) async fn judge(&self, seen: Seen, host: &Host) -> Result<(), String> {
        if !seen.failures.is_empty() {
            let (count, calls) = (seen.failures.len(), seen.took.len());
            return Err(format!("{count} of {calls} calls of the bystander failed: {:#?}", seen.failures));
        }
        let mut sums = seen.sums.clone();
        sums.sort_unstable();
        if sums.windows(2).any(|pair| pair[1] != pair[0] + 1) {
            return Err(format!("calls of the bystander took effect twice or never: {sums:?}"));
        }
        let (took, machine) = (p99(&seen.took), p99(&seen.machine));
        let times = seen.contention.min(CONTENTION_MAX);
        let allowed = |quiet: Duration| (2 * quiet + MACHINE_TURNS * machine).mul_f64(times);
        if took <= allowed(self.quiet).max(FLOOR.mul_f64(times)) {
            return Ok(());
        }
        let quiet = self.quiet(&host.client().url, QUIET_CALLS).await;
        if took <= allowed(quiet) {
            return Ok(());
        }
        let (was, times) = (self.quiet, seen.contention);
        Err(format!(
            "the bystander's p99 was {took:?}; in quiet it is {was:?}, {quiet:?} now; the machine's was {machine:?}, and \
             for want of a core the host took {times:.1} times as long as it ran"
        ))
    }
}

impl Probe {
    /// Begins to call, at least so often. It has a thread of its own, so that a case that
    /// keeps its own thread busy does not delay it.
    fn begin(url: &str, bystander: &Bystander, least: usize, host: Option<u32>) -> Self {
        let host = host.map(|pid| (pid, turns(pid)));
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, url, token) = (Arc::clone(&stop), url.to_owned(), bystander.token.clone());
        let seen = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async { calls(&Client::new(&url, Some(&token)), least, &stopped).await })
        });
        let (stopped, dir) = (Arc::clone(&stop), bystander.dir.clone());
        let machine = thread::spawn(move || writes(&dir, least, &stopped));
        Self { stop, seen, machine, host }
    }

    /// Ends it once it has called often enough, and waits for every answer.
    pub(super) async fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let contention = self.host.map_or(1.0, |(pid, before)| contention(&before, &turns(pid)));
        let both = move || {
            let seen = self.seen.join().expect("a probe that ends");
            Seen { machine: self.machine.join().expect("writes that end"), contention, ..seen }
        };
        tokio::task::spawn_blocking(both).await.expect("a thread to wait on")
    }
}

/// The 99th percentile: of a hundred, the worst but one.
fn p99(took: &[Duration]) -> Duration {
    let mut took = took.to_vec();
    took.sort_unstable();
    took[(took.len() * 99 / 100).saturating_sub(1)]
}

/// Writes a little to the disk whenever that is due; how long after that each was done.
fn writes(dir: &Path, least: usize, stopped: &AtomicBool) -> Vec<Duration> {
    let mut file = tempfile::tempfile_in(dir).expect("a file");
    let (mut took, mut due) = (Vec::new(), std::time::Instant::now());
    while took.len() < least || !stopped.load(Ordering::Relaxed) {
        thread::sleep(due.saturating_duration_since(std::time::Instant::now()));
        file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).expect("a write");
        took.push(due.elapsed());
        due += PERIOD;
    }
    took
}

/// Calls whenever a call is due, whether or not those before were answered. On a machine that
/// cannot keep up a call is made later, which counts as its latency.
async fn calls(client: &Client, least: usize, stopped: &AtomicBool) -> Seen {
    let mut seen =
        Seen { took: Vec::new(), sums: Vec::new(), failures: Vec::new(), machine: Vec::new(), contention: 1.0 };
    let (mut calls, mut made) = (JoinSet::new(), 0);
    let open = Arc::new(Semaphore::new(OPEN_MAX));
    let mut due = Instant::now();
    while made < least || !stopped.load(Ordering::Relaxed) {
        sleep_until(due).await;
        let place = Arc::clone(&open).acquire_owned().await.expect("a semaphore that stays open");
        let client = client.clone();
        calls.spawn(async move {
            let called = call(client, due).await;
            drop(place);
            called
        });
        made += 1;
        due += PERIOD;
    }
    while let Some(called) = calls.join_next().await {
        let (took, sum) = called.expect("a call that ends");
        seen.took.push(took);
        match sum {
            Ok(sum) => seen.sums.push(sum),
            Err(failure) => seen.failures.push(failure),
        }
    }
    seen
}

/// Adds one to a number; how long that took and the sum.
async fn call(client: Client, due: Instant) -> (Duration, Result<i64, String>) {
    let task = json!({ "agent": "counter", "skill": "add", "input": { "key": "calls", "delta": 1 } });
    let request = client.request(reqwest::Method::POST, "/api/v1/tasks?wait=30").json(&task);
    let answer = client.try_send(request).await;
    let took = due.elapsed();
    let sum = answer.map_err(|error| format!("{error:?}")).and_then(|answer| {
        let sum = (answer.status == 200).then(|| answer.json()["output"]["sum"].as_i64()).flatten();
        sum.ok_or_else(|| format!("{} {}", answer.status, answer.text))
    });
    (took, sum)
}
