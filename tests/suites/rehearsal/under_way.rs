//! A rehearsal while it goes on: how far it is, how it is ended, and what it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream;
use rustix::process::Signal;
use serde_json::{Value, json};
use troupe_tests::Client;
use troupe_tests::command::{command_on, ended, signal};
use troupe_tests::server::Server;

use super::{clerk, publish, quoted, rehearse};
use crate::{PROGRAM, host_that_sends};

/// How long a host may take to let go of what nobody waits for any more.
const END_TIME_MAX: Duration = Duration::from_secs(2);

/// How many tasks and rehearsed invocations run.
pub(super) async fn running(client: &Client) -> u64 {
    let metrics = client.get("/metrics").await.text;
    let line = metrics.lines().find_map(|line| line.strip_prefix("troupe_tasks_running "));
    line.map_or(0, |count| count.trim().parse::<f64>().unwrap() as u64)
}

/// Waits until nothing runs; says how long that took.
async fn at_rest(client: &Client) -> Duration {
    let since = Instant::now();
    while running(client).await > 0 {
        assert!(since.elapsed() < END_TIME_MAX, "it goes on although nobody waits for it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    since.elapsed()
}

/// An event stream that was asked for.
async fn events(client: &Client, request: &Value) -> reqwest::Response {
    let asked = client.request(reqwest::Method::POST, "/api/v1/deployments/clerk/rehearse");
    let response = asked.header("accept", "text/event-stream").json(request).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"text/event-stream".parse().unwrap())
    );
    response
}

/// The events that are whole so far.
fn read(text: &str) -> Vec<(String, Value)> {
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let event = |lines: &str| {
        let field = |name: &str| lines.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        Some((field("event:")?.to_owned(), serde_json::from_str(field("data:")?).unwrap()))
    };
    whole.split("\n\n").filter_map(event).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_how_far_it_is_and_ends_with_the_report() {
    let (host, server) = clerk().await;
    let client = host.client();
    quoted(&client, 0..60).await;
    publish(&client, &server, "1.1.0", "wrong").await;
    let text = events(&client, &json!({ "version": "1.1.0" })).await.text().await.unwrap();
    let mut events = read(&text);
    assert_eq!(events.pop(), Some(("end".to_owned(), json!({ "reason": "done" }))));
    let (name, report) = events.last().unwrap();
    assert_eq!((name.as_str(), &report["rehearsed"], &report["different"]), ("report", &json!(60), &json!(2)));
    let told: Vec<u64> = events
        .iter()
        .filter(|(name, _)| name == "progress")
        .map(|(_, progress)| progress["done"].as_u64().unwrap())
        .collect();
    assert!(!told.is_empty() && told.is_sorted() && told.len() + 1 == events.len(), "{told:?}");
    assert!(events.iter().all(|(name, document)| name != "progress" || document["of"] == 60));
    let refused = client.request(reqwest::Method::POST, "/api/v1/deployments/clerk/rehearse");
    let refused = client.send(refused.header("accept", "text/event-stream").json(&json!({ "version": "9.9.9" }))).await;
    refused.problem(404, "release.not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_goes_away_ends_it_and_a_third_at_once_is_refused() {
    let (host, server) = clerk().await;
    let client = host.client();
    quoted(&client, 0..400).await;
    publish(&client, &server, "1.1.0", "slow").await;
    let request = json!({ "version": "1.1.0" });
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = events(&client.fresh(), &request).await;
        let mut text = String::new();
        // Until it is under way.
        while !read(&text).iter().any(|(_, progress)| progress["of"] == 400) {
            text.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()));
        }
        streams.push(stream);
    }
    let third = client.post("/api/v1/deployments/clerk/rehearse", &request).await;
    let problem = third.problem(429, "limit.concurrency");
    assert!(problem["detail"].as_str().unwrap().contains("2 rehearsals run of tenant `default` already"), "{problem}");
    // Live work has its place meanwhile.
    assert_eq!(client.run("clerk", "quote", json!({ "number": 1 })).await.output()["price"], 101);
    drop(streams);
    at_rest(&client).await;

    let child = command_on(PROGRAM, &host, &["rehearse", "clerk@1.1.0"]).spawn().unwrap();
    while running(&client).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    signal(child.id(), Signal::INT);
    let said = ended(child).await;
    assert_eq!((said.code, said.out.as_str()), (None, ""), "{said:?}");
    at_rest(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_is_let_in_no_more_is_told_nothing() {
    let (host, server) = clerk().await;
    let client = host.client();
    quoted(&client, 0..200).await;
    publish(&client, &server, "1.1.0", "slow").await;
    let made = client.post("/api/v1/keys", &json!({ "name": "op", "scopes": ["read", "operate"] })).await.of(201);
    let key = client.with_token(made["token"].as_str());
    let request = json!({ "version": "1.1.0" });
    let asked = key.post("/api/v1/deployments/clerk/rehearse", &request);
    let revoked = async {
        while running(&client).await == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        client.post(&format!("/api/v1/keys/{}/revoke", made["id"].as_str().unwrap()), &json!({})).await
    };
    let (answer, revoked) = tokio::join!(asked, revoked);
    revoked.of(200);
    answer.problem(401, "auth.invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_long_journals_are_rehearsed_in_the_memory_of_a_few() {
    const JOURNALS: u64 = 500;
    const ANSWER_BYTES: u64 = 200_000;
    let server = Server::start().await;
    let host = host_that_sends(&server).await;
    let client = host.client();
    let authority = format!("127.0.0.1:{}", server.port());
    let requests: Vec<Value> = (0..3)
        .map(|_| json!({ "scheme": "http", "authority": authority, "path": format!("/v1/bytes/{ANSWER_BYTES}") }))
        .collect();
    let asked = stream::iter(0..JOURNALS).map(|_| {
        let (client, requests) = (client.clone(), requests.clone());
        async move { client.run("fetch", "one_by_one", json!({ "requests": requests })).await.output() }
    });
    let asked: Vec<Value> = asked.buffer_unordered(super::AT_ONCE).collect().await;
    assert!(asked.iter().all(|statuses| *statuses == json!([200, 200, 200])));

    let (pid, over, peak) = (host.pid(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let before = own_memory(pid);
    let watching = std::thread::spawn({
        let (over, peak) = (Arc::clone(&over), Arc::clone(&peak));
        move || {
            while !over.load(Ordering::Relaxed) {
                peak.fetch_max(own_memory(pid), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    let heard = server.requests().len();
    let report = rehearse(&client, "fetch", json!({ "version": "1.0.0" })).await;
    over.store(true, Ordering::Relaxed);
    watching.join().unwrap();
    assert_eq!((&report["result"], &report["rehearsed"]), (&json!("identical"), &json!(JOURNALS)), "{report:#}");
    assert_eq!(server.requests().len(), heard);
    let (all, more) = (JOURNALS * 3 * ANSWER_BYTES, peak.load(Ordering::Relaxed).saturating_sub(before));
    assert!(more < all / 4, "{more} bytes more at its peak; all journals together have {all}");
}

/// Bytes of memory that are a process's own.
fn own_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}
