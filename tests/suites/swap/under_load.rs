//! Swapping and rolling back while requests come at a constant rate by every door there is,
//! whatever happens to those before them: nothing is lost, refused, repeated or mixed.
//!
//! A request has an instant at which it is due, and how long it takes is counted from there (an
//! open loop), also if it is sent later because a machine cannot keep up: a bounded number is open
//! at once. Most ask for no durability, so that the host and not its disk is what is loaded; the
//! others are held against what is on record.
//!
//! `TROUPE_SWAPS` says how many swaps there are, a hundred requests each; with `TROUPE_SWAP_PROOF`
//! the raw data, a plot and a summary are left in that directory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use troupe_core::limits;
use troupe_tests::events::told;
use troupe_tests::{Answer, Client, seed};

use super::proof::{self, Request, Run};
use super::register::Change;
use crate::host;

/// Time between two requests: 800 a second, so that a machine with two cores has some left.
const PACE: Duration = Duration::from_micros(1_250);

/// Requests for each swap, and for each swap before the first.
const REQUESTS_PER_SWAP: usize = 100;
const QUIET_PER_SWAP: usize = 10;

/// Requests that are open at once: all of them may wait for a place of the agent.
const OPEN_MAX: usize = limits::CALLS_WAITING_PER_AGENT_MAX;

/// How something is asked for.
#[derive(Clone, Copy)]
enum Door {
    /// Awaited, and nothing of it is kept.
    Fleeting,
    /// Awaited and kept.
    Awaited,
    /// Accepted, and asked for until it has ended.
    Accepted,
    /// Accepted, and followed by its events.
    Followed,
}

impl Door {
    /// The door of a request: of a hundred, six, two and two are kept.
    const fn of(number: usize) -> Self {
        match number % 50 {
            7 | 24 | 41 => Self::Awaited,
            13 => Self::Accepted,
            30 => Self::Followed,
            _ => Self::Fleeting,
        }
    }

    const fn is_kept(self) -> bool {
        !matches!(self, Self::Fleeting)
    }

    /// Asks for the version; returns what says how the task ended, and the answer that it came with.
    ///
    /// # Errors
    /// Whatever keeps an answer from arriving.
    async fn ask(self, client: &Client) -> reqwest::Result<(Value, Answer)> {
        let durability = if self.is_kept() { "full" } else { "none" };
        let task = json!({ "agent": "echo", "skill": "version", "input": {}, "durability": durability });
        let path = match self {
            Self::Fleeting | Self::Awaited => "/api/v1/tasks?wait=60",
            Self::Accepted | Self::Followed => "/api/v1/tasks",
        };
        let get = async |path: String| client.try_send(client.request(Method::GET, &path)).await;
        let answer = client.try_send(client.request(Method::POST, path).json(&task)).await?;
        let document = |answer: &Answer| serde_json::from_str(&answer.text).unwrap_or_default();
        let (Self::Accepted | Self::Followed, 202) = (self, answer.status) else {
            return Ok((document(&answer), answer));
        };
        let path = format!("/api/v1/tasks/{}", answer.json()["id"].as_str().unwrap());
        if matches!(self, Self::Accepted) {
            let ended = get(format!("{path}?wait=60")).await?;
            return Ok((document(&ended), ended));
        }
        let followed = get(format!("{path}/events")).await?;
        let last = told(&followed.text).pop().map(|event| event.data);
        Ok((last.unwrap_or_default(), followed))
    }
}

/// When a request should have been sent and when it was, from the beginning of the run, and how long
/// after the first it was answered.
type Times = (Duration, Duration, Duration);

/// What a request shows: the version that answered, if everything that tells of it agrees, and the
/// task that is to be on record. One of which no answer arrived has failed, whatever became of it.
fn shown(
    door: Door,
    (at, begun, took): Times,
    asked: &reqwest::Result<(Value, Answer)>,
) -> (Request, Option<(String, Value)>) {
    let request = |version: Option<String>, failed, refused| Request { at, begun, took, version, failed, refused };
    let Ok((task, answer)) = asked else { return (request(None, true, false), None) };
    if answer.status != 200 {
        return (request(None, false, true), None);
    }
    // A stream that is cut off may have told nothing.
    let kept = (door.is_kept() && task["id"].is_string()).then(|| record(task));
    if task["status"] != "completed" {
        return (request(None, true, false), kept);
    }
    let version = task["output"]["version"].as_str().unwrap_or_default().to_owned();
    let digest = task["release"]["digest"].as_str().unwrap_or_default();
    let header = format!("echo@{version}; digest={digest}");
    // A stream begins before it is known who will answer.
    let is_said = matches!(door, Door::Followed) || answer.header("troupe-release") == Some(header.as_str());
    let agree = task["release"]["version"] == version && is_said;
    (request(agree.then_some(version), false, false), kept)
}

/// The id of a task, and the version that its record names.
fn record(task: &Value) -> (String, Value) {
    (task["id"].as_str().unwrap().to_owned(), task["release"]["version"].clone())
}

/// Every task that the host has on record, and the version it ran on.
pub(super) async fn on_record(client: &Client) -> BTreeMap<String, Value> {
    let (mut all, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = client.get(&format!("/api/v1/tasks?limit=500{after}")).await.of(200);
        all.extend(page["items"].as_array().unwrap().iter().map(record));
        let Some(next) = page["next"].as_str() else { return all };
        after = format!("&after={next}");
    }
}

/// How many runs of the agent have come to a good end, of which something is kept or not.
async fn completed(client: &Client) -> usize {
    let metrics = client.get("/metrics").await.text;
    let name = "troupe_tasks_total{agent=\"echo\",status=\"completed\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(name)?.parse().ok()).unwrap_or(0)
}

/// Who sends requests, and how far they are.
struct Load {
    client: Client,
    began: Instant,
    /// Requests that were begun.
    count: AtomicUsize,
    is_over: AtomicBool,
}

impl Load {
    /// Sends one request after the other, beside others, until it is over.
    async fn send(&self) -> Vec<(Request, Option<(String, Value)>)> {
        let mut seen = Vec::new();
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.count.fetch_add(1, Ordering::Relaxed);
            let due = self.began + PACE * u32::try_from(number).unwrap();
            sleep_until(due).await;
            let door = Door::of(number);
            let begun = self.began.elapsed();
            let asked = door.ask(&self.client).await;
            let shown = shown(door, (due - self.began, begun, due.elapsed()), &asked);
            if shown.0.version.is_none() {
                println!("request {number} was answered {asked:?}");
            }
            seen.push(shown);
        }
        seen
    }

    /// Waits until so many requests were begun.
    async fn reaches(&self, count: usize) {
        while self.count.load(Ordering::Relaxed) < count {
            tokio::time::sleep(PACE).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_not_answered_counts_as_a_request_that_failed() {
    let mut host = host().await;
    let client = host.client();
    host.kill().await;
    for door in [Door::Fleeting, Door::Awaited, Door::Accepted, Door::Followed] {
        let times = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let (request, kept) = shown(door, times, &door.ask(&client).await);
        assert!(request.failed && request.version.is_none() && kept.is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j140_swaps_and_rollbacks_under_load_fail_refuse_repeat_and_mix_nothing() {
    let swaps = seed::swaps();
    let host = host().await;
    let client = host.client();
    let (client_of_load, began) = (client.clone(), Instant::now());
    let load = Load { client: client_of_load, began, count: AtomicUsize::new(0), is_over: AtomicBool::new(false) };
    let load = Arc::new(load);
    let senders: Vec<_> = (0..OPEN_MAX)
        .map(|_| {
            let load = Arc::clone(&load);
            tokio::spawn(async move { load.send().await })
        })
        .collect();
    let quiet = QUIET_PER_SWAP * swaps;
    load.reaches(quiet).await;
    let first = began.elapsed();
    let (mut made, mut unmade) = (Vec::new(), None);
    for swap in 0..swaps {
        load.reaches(quiet + swap * REQUESTS_PER_SWAP).await;
        let (version, rolls_back) = (["2.0.0", "1.0.0"][swap % 2], swap % 2 == 1);
        let (verb, body) = if rolls_back { ("rollback", Value::Null) } else { ("swap", json!({ "version": version })) };
        let request = client.request(Method::POST, &format!("/api/v1/deployments/echo/{verb}")).json(&body);
        let asked = began.elapsed();
        let answer = client.try_send(request).await;
        let answered = began.elapsed();
        let serving = answer.as_ref().ok().filter(|answer| answer.status == 200).map(|answer| {
            let swapped = answer.json();
            swapped.pointer(if rolls_back { "/to" } else { "/deployment/serving" }).cloned()
        });
        if serving.flatten() != Some(json!(version)) {
            unmade = Some(format!("swap {swap} to {version} was answered {answer:?}"));
            break;
        }
        made.push(Change { asked, answered, version: version.to_owned() });
    }
    load.reaches(quiet + swaps * REQUESTS_PER_SWAP).await;
    load.is_over.store(true, Ordering::Relaxed);
    let (mut requests, mut answered) = (Vec::new(), BTreeMap::new());
    for sender in senders {
        for (request, kept) in sender.await.unwrap() {
            requests.push(request);
            answered.extend(kept);
        }
    }

    // Each request made one run, and those that are kept one task; what is there beside was done
    // twice, unless it is what one asked for that has failed. A host that is gone tells neither, and
    // the summary is written all the same.
    let told = tokio::spawn({
        let client = client.clone();
        async move { (on_record(&client).await, completed(&client).await) }
    });
    let told = told.await;
    let (on_record, runs) = told.as_ref().map(Clone::clone).unwrap_or_default();
    let twice = on_record.keys().filter(|id| !answered.contains_key(*id)).count();
    let good = requests.iter().filter(|request| !request.failed && !request.refused).count();
    let failed = requests.iter().filter(|request| request.failed).count();
    let duplicated = twice.max(runs.saturating_sub(good)).saturating_sub(failed);
    let run = Run { requests, swaps: made, quiet: first, duplicated };
    let summary = run.summary();
    println!("{summary:#}");
    if let Ok(dir) = std::env::var("TROUPE_SWAP_PROOF") {
        proof::write(&run, &troupe_tests::root().join(dir));
    }
    run.contradictions("1.0.0").iter().take(10).for_each(|contradiction| println!("{contradiction}"));
    for wrong in ["failed", "refused", "duplicated", "mixed", "stale"] {
        assert_eq!(summary[wrong], 0, "{summary:#}");
    }
    assert_eq!((unmade, told.is_ok()), (None, true));
    assert_eq!(on_record, answered);
    assert_eq!(runs, run.requests.len());
    // By when they were sent: on a machine that cannot keep up that is long after they were due.
    let during = run.requests.iter().filter(|request| request.begun >= first).count();
    assert!(during >= swaps * REQUESTS_PER_SWAP - OPEN_MAX, "{during} requests during {swaps} swaps");
    assert!(run.requests.len() >= swaps * REQUESTS_PER_SWAP);
    for version in ["1.0.0", "2.0.0"] {
        assert!(run.requests.iter().any(|request| request.version.as_deref() == Some(version)), "{version}");
    }
}
