//! B19 and C: streams that are not read or not finished, headers without measure, and waits
//! that never end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use insta::assert_snapshot;
use serde_json::{Value, json};
use tokio::time::timeout;
use troupe_core::limits;
use troupe_tests::endless::Endless;
use troupe_tests::events::Raw;
use troupe_tests::oracle::Oracle;
use troupe_tests::shared::Shared;
use troupe_tests::{Host, guests};

use super::{ask, ended, turn};
use crate::PROGRAM;

static HOST: Shared = Shared::new();

/// Gives the hostile agent leave to ask a service, as a release that wants that.
pub(super) async fn granted(host: &Host, service: &Endless) {
    static VERSION: AtomicU32 = AtomicU32::new(0);
    let version = format!("1.2.{}", VERSION.fetch_add(1, Ordering::Relaxed));
    let capabilities = json!({ "http": [{
        "id": "service", "scheme": "http", "host": "127.0.0.1", "port": service.port(), "methods": ["GET"],
    }] });
    let client = host.client().fresh();
    client.publish(guests().hostile.asking(capabilities.clone()).archive(&version)).await.of(201);
    client.approve("hostile", &version).await.of(200);
    client.swap("hostile", &version).await.of(200);
    client.put("/api/v1/deployments/hostile/grants", &json!({ "grants": capabilities })).await.of(200);
}

/// What the hostile agent reads of a path of a service.
async fn read(oracle: &Oracle<'_>, service: &Endless, path: &str, idle_ms: u64) -> Value {
    let asked = json!({ "authority": service.authority(), "path": path, "idle_ms": idle_ms });
    ask(oracle, "read", asked).await.output()
}

/// A counter of the host's about the hostile agent.
async fn counted(oracle: &Oracle<'_>, name: &str) -> u64 {
    let metrics = oracle.client().get("/metrics").await.text;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("{agent=\"hostile\"} "));
    line.map_or(0, |value| value.parse().expect("a whole number"))
}

#[tokio::test]
async fn b19_headers_without_measure_are_refused_whoever_sends_them() {
    // A host of its own: what it traps here is near to what has an agent quarantined.
    let (host, service) = (Host::with_agents(PROGRAM).await, Endless::start().await);
    granted(&host, &service).await;
    // What the allocator keeps of a flood, for each thread, it keeps for the next one.
    let client = host.client().fresh();
    // Fewer than would have the agent quarantined.
    for (count, bytes) in [(100_000, 1), (1, 10 << 20)] {
        let flood = json!({ "count": count, "bytes": bytes, "one_by_one": false });
        for answer in join_all((0..5).map(|_| client.run("hostile", "headers", flood.clone()))).await {
            answer.failure("limit.headers");
        }
    }
    let mut oracle = Oracle::watch(&host).await;
    // The guest's: a hundred thousand, one of ten megabytes, and many small ones, in one call
    // and one by one.
    for (count, bytes) in [(100_000, 1), (1, 10 << 20), (40_000, 0)] {
        for one_by_one in [false, true] {
            let input = json!({ "count": count, "bytes": bytes, "one_by_one": one_by_one });
            let said = ended(&mut oracle, "headers", input, "limit.headers").await;
            assert_eq!(said, "the agent put more than 128 KiB of headers into one request");
        }
    }
    let few = json!({ "count": 100, "bytes": 100, "one_by_one": true });
    assert_eq!(ask(&oracle, "headers", few).await.output(), json!(100));
    // More than may be sent, and less than may be held.
    let headers: Vec<_> = (0..200).map(|number| [format!("x-{number}"), "v".to_owned()]).collect();
    let asked = json!({ "authority": service.authority(), "path": "/", "headers": headers });
    let refused = ask(&oracle, "read", asked).await.output();
    assert!(refused["error"].as_str().unwrap().contains("limit.headers: "), "{refused:#}");
    oracle.decides("limit.headers");
    assert_eq!(service.sent(), 0);
    // The service's.
    for path in ["/headers/100000/1", "/headers/1/10485760", "/headers/200/1"] {
        let refused = read(&oracle, &service, path, 0).await;
        assert!(refused["error"].as_str().unwrap().contains("limit.headers: "), "{path}: {refused:#}");
        oracle.decides("limit.headers");
    }
    assert_eq!(read(&oracle, &service, "/", 0).await["whole"], true);
    oracle.holds().await;
}

#[tokio::test]
async fn c26_an_answer_that_is_not_read_holds_its_service_back() {
    let (host, service) = (turn(&HOST).await, Endless::start().await);
    granted(&host, &service).await;
    let mut oracle = Oracle::watch(&host).await;
    let before = counted(&oracle, "troupe_http_received_bytes_total").await;
    let asked = json!({ "authority": service.authority(), "path": "/endless", "hold_ms": 60_000 });
    ended(&mut oracle, "read", asked, "limit.deadline").await;
    service.is_left().await;
    // What is kept whole if it ends, and the pieces that are on their way.
    let received = counted(&oracle, "troupe_http_received_bytes_total").await - before;
    let most = limits::HTTP_KEPT_BODY_BYTES_MAX + 8 * limits::HTTP_PIECE_BYTES_MAX;
    assert!((1..=most as u64).contains(&received), "{received}");
    // The system's own buffers between the two.
    assert!(service.sent() <= 32 << 20, "{}", service.sent());
    oracle.holds().await;
}

#[tokio::test]
async fn c26_an_answer_that_nobody_reads_is_broken_off_and_its_service_let_go() {
    // A host of its own, since this takes as long as the limit is.
    let (host, service) = (Host::with_agents(PROGRAM).await, Endless::start().await);
    granted(&host, &service).await;
    let mut oracle = Oracle::watch(&host).await;
    let started = Instant::now();
    let hold = limits::HTTP_UNREAD_TIME_MAX + Duration::from_secs(10);
    let asked = json!({ "authority": service.authority(), "path": "/endless", "hold_ms": hold.as_millis() as u64 });
    let task = json!({ "agent": "hostile", "skill": "read", "input": asked, "timeout_ms": 120_000 });
    let left = async {
        // Until then it is held back, and not let go.
        tokio::time::sleep(limits::HTTP_UNREAD_TIME_MAX / 2).await;
        let sent = service.sent();
        tokio::time::sleep(limits::HTTP_UNREAD_TIME_MAX / 2 - Duration::from_secs(5)).await;
        assert_eq!(service.sent(), sent, "what nobody reads goes on");
        service.is_left().await;
        started.elapsed()
    };
    let (read, left) = tokio::join!(oracle.client().post("/api/v1/tasks?wait=120", &task), left);
    assert!((limits::HTTP_UNREAD_TIME_MAX..hold).contains(&left), "its service was let go after {left:?}");
    // What had come the agent has, and it is told that this is not all, by the code that HTTP has for it.
    let read = read.output();
    assert_eq!((&read["whole"], &read["error"]), (&json!(false), &json!("HTTP response timeout")), "{read:#}");
    let most = limits::HTTP_KEPT_BODY_BYTES_MAX + 8 * limits::HTTP_PIECE_BYTES_MAX;
    assert!((1..=most as u64).contains(&read["bytes"].as_u64().unwrap()), "{read:#}");
    oracle.decides("limit.idle");
    oracle.holds().await;
}

#[tokio::test]
async fn c27_an_answer_that_is_begun_and_not_finished_is_broken_off_and_never_taken_for_whole() {
    let (host, service) = (turn(&HOST).await, Endless::start().await);
    granted(&host, &service).await;
    let mut oracle = Oracle::watch(&host).await;
    // One that is short enough to be kept, and one that streams.
    for (path, bytes) in [("/begun/100/1000", 0), ("/begun/2000000/3000000", 1)] {
        let broken = read(&oracle, &service, path, 300).await;
        assert_eq!(broken["whole"], false, "{path}: {broken:#}");
        assert!(broken["error"].as_str().unwrap().contains("limit.idle: "), "{path}: {broken:#}");
        assert!(broken["bytes"].as_u64().unwrap() >= bytes, "{path}: {broken:#}");
        let names_sources = broken["error"].as_str().unwrap().contains(".rs");
        assert!(!names_sources, "the guest is told of the host's own code: {broken:#}");
        oracle.decides("limit.idle");
    }
    service.is_left().await;
    oracle.holds().await;
}

#[tokio::test]
async fn c28_a_write_of_a_gigabyte_is_taken_in_pieces_and_not_at_once() {
    let host = turn(&HOST).await;
    let client = host.client().fresh();
    let write = async |body: bool| {
        let input = json!({ "bytes": 1 << 30, "at_once": false, "body": body });
        let task = json!({ "agent": "hostile", "skill": "write", "input": input, "timeout_ms": 60_000 });
        let written = client.post("/api/v1/tasks?wait=60", &task).await.output();
        assert_eq!(written, json!({ "bytes": 1 << 30, "largest": 64 << 10 }));
    };
    // What a body of the largest size takes once stays with the allocator, and is no growth.
    write(true).await;
    let mut oracle = Oracle::watch(&host).await;
    for body in [false, true] {
        let at_once = json!({ "bytes": 1 << 30, "at_once": true, "body": body });
        let said = ended(&mut oracle, "write", at_once, "limit.transfer").await;
        assert_eq!(said, "the agent wrote more to a stream in one call than `check-write` allows");
        write(body).await;
    }
    let said = ended(&mut oracle, "print_at_once", json!({ "bytes": 16 << 20 }), "limit.transfer").await;
    assert_snapshot!(said, @"the agent printed 16777216 bytes in one write; `check-write` allows 64 KiB");
    ask(&oracle, "print_at_once", json!({ "bytes": 64 << 10 })).await.output();
    oracle.holds().await;
}

#[tokio::test]
async fn c28_an_answer_is_read_in_pieces_however_much_is_asked_for() {
    let (host, service) = (turn(&HOST).await, Endless::start().await);
    granted(&host, &service).await;
    let oracle = Oracle::watch(&host).await;
    let read = read(&oracle, &service, "/begun/3000000/3000000", 0).await;
    assert_eq!((&read["whole"], &read["bytes"]), (&json!(true), &json!(3_000_000)), "{read:#}");
    assert!(read["largest"].as_u64().unwrap() <= limits::HTTP_PIECE_BYTES_MAX as u64, "{read:#}");
    oracle.holds().await;
}

#[tokio::test]
async fn a_flood_of_reports_reaches_a_watcher_in_bounds_and_counts_what_it_leaves_out() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    let task = json!({ "agent": "hostile", "skill": "flood_progress", "timeout_ms": 60_000 });
    let task = oracle.client().post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned();
    let started = Instant::now();
    let raw = Raw::open(oracle.client(), &format!("/api/v1/tasks/{task}/events"), None).await;
    let events = raw.ended().await;
    let most = (started.elapsed().as_secs() as usize + 2) * limits::PROGRESS_PER_SECOND as usize;
    let reports: Vec<&Value> =
        events.iter().filter(|event| event.name == "progress").map(|event| &event.data).collect();
    assert!((2..=most).contains(&reports.len()), "{} reports", reports.len());
    let number =
        |report: &Value| report["message"].as_str().unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    // Each says how many lie between it and the one before; the last is always told.
    for pair in reports.windows(2) {
        assert_eq!(number(pair[0]) + pair[1]["skipped"].as_u64().unwrap_or(0) + 1, number(pair[1]), "{pair:#?}");
    }
    let last = *reports.last().unwrap();
    let told = last.to_string().replace(&format!("\"skipped\":{}", last["skipped"]), "\"skipped\":[n]");
    assert_snapshot!(told, @r#"{"fraction":1.0,"message":"report 10000","skipped":[n]}"#);
    oracle.holds().await;
}

/// Asks the hostile agent for a skill and goes away in the middle of it.
async fn left(oracle: &Oracle<'_>, durability: &str, skill: &str, input: Value) {
    let task = json!({
        "agent": "hostile", "skill": skill, "input": input, "timeout_ms": 120_000, "durability": durability,
    });
    let call = oracle.client().fresh();
    // As long as a busy machine may take until its guest runs.
    let call = timeout(Duration::from_secs(2), call.post("/api/v1/tasks?wait=120", &task)).await;
    assert!(call.is_err(), "it was to go away before the answer: {call:?}");
}

#[tokio::test]
async fn c29_a_call_whose_client_goes_away_is_cancelled_and_its_store_freed() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    // One that computes and one that waits; of a call without durability nothing but that is kept.
    for (skill, input) in [("spin", json!({})), ("sleep", json!({ "ms": 120_000 }))] {
        left(&oracle, "none", skill, input.clone()).await;
        left(&oracle, "full", skill, input).await;
        oracle.decides_often("cancelled", 2);
    }
    // Well before its time is over.
    oracle.holds().await;
}

#[tokio::test]
async fn c31_a_guest_that_waits_for_itself_ends_at_its_deadline() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    ended(&mut oracle, "wait_for_itself", json!({}), "limit.deadline").await;
    oracle.holds().await;
}

#[tokio::test]
async fn c32_a_wait_for_a_million_things_at_once_is_refused() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let said = ended(&mut oracle, "wait_for_many", json!({ "bytes": 1_000_000 }), "limit.handles").await;
    assert_snapshot!(said, @"the agent held more than 10000 handles");
    oracle.holds().await;
}
