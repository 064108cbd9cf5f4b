//! A: an agent that computes, waits, recurses or traps without end, or is slow, costs nobody
//! else their turn.

use std::time::{Duration, Instant};

use futures::future::{self, join_all};
use futures::stream::{self, StreamExt as _};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use troupe_core::{Timestamp, limits};
use troupe_tests::command::run_on;
use troupe_tests::odd::{OWN, Odd};
use troupe_tests::oracle::{Good, Oracle};
use troupe_tests::shared::Shared;
use troupe_tests::{Answer, Client, guests, seed};

use super::{acted, ask, ended, turn};
use crate::{PROGRAM, host};

static HOST: Shared = Shared::new();

/// Guests that compute at once: more than a small machine has threads.
const LOOPS: usize = 16;

/// The time of the cases that are held against a clock.
const TIME: Duration = Duration::from_millis(500);

/// Runs until its deadline, which is in [`TIME`]; returns how long that took by the host's
/// clock.
async fn looped(oracle: &mut Oracle<'_>) -> Duration {
    let time = TIME.as_millis() as u64;
    let request = json!({ "agent": "hostile", "skill": "spin", "timeout_ms": time });
    let answer = oracle.client().post("/api/v1/tasks?wait=30", &request).await;
    let failure = answer.failure("limit.deadline");
    assert_snapshot!(failure["message"].as_str().unwrap(), @"the agent did not end within its 500 ms; give the task a longer timeout");
    oracle.decides("limit.deadline");
    let task = answer.json();
    let at = |name: &str| serde_json::from_value::<Timestamp>(task[name].clone()).expect("a time");
    at("ended_at").since(at("started_at"))
}

#[tokio::test]
async fn a1_a_loop_ends_at_its_deadline_and_the_place_is_free() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    // It ends within a tick; what a busy machine adds is added to some, not to all.
    let mut least = Duration::MAX;
    for _ in 0..8 {
        let took = looped(&mut oracle).await;
        assert!(took >= TIME, "{took:?}");
        least = least.min(took);
        if least <= TIME + limits::TICK {
            break;
        }
    }
    assert!(least <= TIME + limits::TICK, "{least:?}");
    oracle.holds().await;
}

#[tokio::test]
async fn loops_on_every_thread_leave_others_their_turn() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let loops = join_all((0..LOOPS).map(|_| ask(&oracle, "spin", json!({})))).await;
    for answer in loops {
        answer.failure("limit.deadline");
    }
    oracle.decides_often("limit.deadline", LOOPS);
    oracle.holds().await;
}

/// How long a call takes that computes so much, as its caller sees it: the median of some.
async fn computes(client: &Client, bytes: usize, calls: usize) -> Duration {
    let mut took = Vec::new();
    for _ in 0..calls {
        let task = json!({
            "agent": "hostile", "skill": "backtrack", "input": { "bytes": bytes }, "timeout_ms": 60_000,
        });
        let started = Instant::now();
        assert_eq!(client.post("/api/v1/tasks?wait=60", &task).await.output(), json!(false));
        took.push(started.elapsed());
    }
    took.sort_unstable();
    took[calls / 2]
}

#[tokio::test]
async fn a_neighbour_that_computes_goes_on_beside_all_the_loops_that_another_tenant_may_have() {
    let host = host().await;
    host.client().make_tenant("neighbour").await;
    let neighbour = host.client().with_key("neighbour", &["read", "run", "operate"]).await;
    neighbour.publish(guests().hostile.archive("1.0.0")).await.of(201);
    neighbour.swap("hostile", "1.0.0").await.of(200);
    // A call of several slices: by each byte more it computes twice as long.
    let (mut bytes, mut quiet) = (14, Duration::ZERO);
    while quiet < 6 * limits::SLICE {
        bytes += 1;
        quiet = computes(&neighbour, bytes, 5).await;
    }
    let client = host.client();
    let spin = json!({ "agent": "hostile", "skill": "spin", "timeout_ms": 120_000 });
    for _ in 0..limits::INVOCATIONS_PER_AGENT_MAX {
        client.post("/api/v1/tasks", &spin).await.of(202);
    }
    let running = async || client.get("/api/v1/tasks?status=running&limit=500").await.of(200);
    while running().await["items"].as_array().unwrap().len() < limits::INVOCATIONS_PER_AGENT_MAX {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let beside = computes(&neighbour, bytes, 5).await;
    // One loop would have it take twice as long, and what else the machine does some times that. A
    // line that knows no tenants has it wait for all of them after each slice, as many times as long.
    assert!(beside < 48 * quiet, "{beside:?} beside the loops, {quiet:?} without");
}

#[tokio::test]
async fn a3_host_calls_without_end_are_counted() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let request = json!({ "agent": "hostile", "skill": "host_calls", "timeout_ms": 120_000 });
    let answer = oracle.client().post("/api/v1/tasks?wait=120", &request).await;
    assert_snapshot!(answer.failure("limit.host_calls")["message"].as_str().unwrap(), @"the agent made more than 1000000 host calls in one invocation");
    oracle.decides("limit.host_calls");
    oracle.holds().await;
}

#[tokio::test]
async fn a4_a_sleep_of_an_hour_is_cut_at_the_deadline() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let started = Instant::now();
    ended(&mut oracle, "sleep", json!({ "ms": 3_600_000 }), "limit.deadline").await;
    assert!((2..20).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    oracle.holds().await;
}

#[tokio::test]
async fn a5_a_deadline_that_comes_while_all_of_memory_is_filled_or_copied_is_met() {
    // Each instruction moves sixty megabytes, so most of the time passes inside of one.
    let of_all = |instruction: &str| Odd {
        pages: 1_000,
        act: format!("(loop $again {instruction} (br $again)) unreachable"),
        ..Odd::default()
    };
    let size = 998 * OWN;
    let fill = of_all(&format!("(memory.fill (i32.const {OWN}) (i32.const 90) (i32.const {size}))"));
    let copy = of_all(&format!("(memory.copy (i32.const {OWN}) (i32.const {}) (i32.const {size}))", OWN + 8));
    let host = turn(&HOST).await;
    for said in acted(&host, [fill, copy], "limit.deadline").await {
        assert_eq!(said, "the agent did not end within its 2000 ms; give the task a longer timeout");
    }
    // One that ends inside for another reason: what it would write is not its own.
    let beyond = of_all(&format!("(memory.fill (i32.const {OWN}) (i32.const 90) (i32.const {}))", 1_000 * OWN));
    let [said] = acted(&host, [beyond], "guest.trap").await;
    assert_snapshot!(said, @"the agent trapped: wasm trap: out of bounds memory access");
}

#[tokio::test]
async fn a6_recursion_without_end_uses_up_the_guests_stack_alone() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let said = ended(&mut oracle, "recurse", json!({}), "guest.stack").await;
    assert_snapshot!(said, @"the agent used up its stack of 512 KiB");
    oracle.holds().await;
}

#[tokio::test]
async fn a7_a_guest_that_calls_the_host_while_the_host_hands_it_something_is_trapped() {
    // The host asks the guest for room for the name of the skill, and is called from there.
    let odd = Odd {
        imports: r#"(import "troupe:agent/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))"#.to_owned(),
        realloc: "(if (i32.eq (local.get 3) (i32.const 3)) (then (call $log
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))"
            .to_owned(),
        ..Odd::default()
    };
    let host = turn(&HOST).await;
    let [said] = acted(&host, [odd], "guest.trap").await;
    assert_snapshot!(said, @"the agent trapped: wasm trap: cannot leave component instance");
}

#[tokio::test]
async fn a10_a_pattern_that_backtracks_costs_its_agent_its_time_alone() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    assert_eq!(ask(&oracle, "backtrack", json!({ "bytes": 10 })).await.output(), json!(false));
    ended(&mut oracle, "backtrack", json!({ "bytes": 64 }), "limit.deadline").await;
    oracle.holds().await;
}

#[tokio::test]
async fn a10_an_output_that_is_nested_without_end_is_no_output() {
    let depth = 20_000;
    let nested = ["[".repeat(depth), "]".repeat(depth)].concat().into_bytes();
    let odd = Odd::answering(8192, nested.len() as u32).with(8192, nested);
    let host = turn(&HOST).await;
    super::serve(&host, &odd).await;
    let oracle = super::watch(&host).await;
    oracle.client().run("odd", "act", json!({})).await.failure("output.invalid");
    oracle.holds().await;
}

/// A good call of the agent that is asked for here.
fn version() -> Good {
    Good { agent: "echo", skill: "version", input: json!({}), output: json!({ "version": "1.0.0" }) }
}

/// What runs and what waits in line of one agent's awaited calls.
const ADMITTED: usize = limits::INVOCATIONS_PER_AGENT_MAX + limits::CALLS_WAITING_PER_AGENT_MAX;

fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").expect("a time to come again").parse().expect("seconds")
}

/// How many requests were told to come again, by a code.
async fn refusals(client: &Client, code: &str) -> usize {
    let metrics = client.get("/metrics").await.text;
    let name = format!("troupe_refused_requests_total{{code=\"{code}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().expect("a number"))
}

/// Waits until the feed tells of something.
async fn told(client: &Client, kind: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while !kinds(client).await.iter().any(|told| told == kind) {
        assert!(Instant::now() < until, "the feed does not tell of {kind}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn kinds(client: &Client) -> Vec<String> {
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    feed["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// Asks the agent that traps as often as quarantines it.
async fn quarantined(oracle: &mut Oracle<'_>) {
    for _ in 0..limits::QUARANTINE_TRAPS {
        ended(oracle, "trap", json!({}), "guest.trap").await;
    }
    oracle.decides("quarantined");
}

#[tokio::test]
async fn a8_calls_beyond_a_slow_agents_share_are_told_when_to_come_again_and_others_are_served() {
    let host = host().await;
    let oracle = Oracle::watch(&host).await;
    let client = oracle.client();
    let sleep = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 15_000 }, "timeout_ms": 60_000 });
    let calls = join_all((0..300).map(|_| client.post("/api/v1/tasks?wait=60", &sleep)));
    // The share is used up once the last of those beyond it is refused, until the first of them wakes up.
    let used_up = async || {
        while refusals(client, "limit.concurrency").await < 300 - ADMITTED {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // As many again and again, as far as they come while the share is used up.
    let more = (300 * seed::floods()).min(10_000) - 300;
    let flood = async {
        used_up().await;
        let until = Instant::now() + Duration::from_secs(5);
        let calls = stream::iter(0..more).take_while(|_| future::ready(Instant::now() < until));
        let calls = calls.map(|_| client.run("echo", "version", json!({}))).buffer_unordered(16);
        calls
            .fold(0, async |refused, answer| {
                answer.problem(429, "limit.concurrency");
                assert_eq!(retry_after(&answer), 1);
                refused + 1
            })
            .await
    };
    let others = async {
        used_up().await;
        client.run("hostile", "environment", json!({})).await.output();
        let refused = client.run("echo", "version", json!({})).await;
        assert_eq!(
            refused.problem(429, "limit.concurrency")["detail"],
            "32 calls wait for a place of agent `echo` already, its share of this host; try again later"
        );
    };
    let (answers, more_refused, ()) = tokio::join!(calls, flood, others);
    println!("{} calls", answers.len() + more_refused + 1);
    assert!(more_refused >= more.min(100), "{more_refused}");
    let completed = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(completed, ADMITTED);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(429, "limit.concurrency");
        assert_eq!(retry_after(answer), 1);
    }
    // That is counted, each time, and is on no record.
    let refused = answers.len() - completed + more_refused + 1;
    assert_eq!(refusals(client, "limit.concurrency").await, refused);
    // It is as before: the agent answers the next call.
    client.run("echo", "version", json!({})).await.output();
    oracle.holds().await;
}

#[tokio::test]
async fn a8_requests_that_wait_have_a_share_and_leave_connections_to_others() {
    let host = host().await;
    let oracle = Oracle::watch_with(&host, version()).await;
    let client = oracle.client().clone();
    client.make_tenant("acme").await;
    let acme = client.with_key("acme", &["read"]).await;
    let task = client.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    let events = format!("/api/v1/tasks/{task}/events");
    let streams = join_all((0..limits::WAITS_PER_TENANT_MAX).map(|_| client.open(&events))).await;
    assert!(streams.iter().all(|stream| stream.status() == 200));
    let refused = client.get(&format!("/api/v1/tasks/{task}?wait=5")).await;
    assert_eq!(
        refused.problem(429, "limit.concurrency")["detail"],
        "128 requests wait of tenant `default` already, its share of this host; try again later"
    );
    client.get(&events).await.problem(429, "limit.concurrency");
    client.get("/api/v1/feed?after=1000000&wait=5").await.problem(429, "limit.concurrency");
    let keyed = json!({ "agent": "echo", "skill": "version", "idempotency_key": "one" });
    client.post("/api/v1/tasks?wait=5", &keyed).await.problem(429, "limit.concurrency");
    // Others wait, and who does not wait is served.
    acme.get("/api/v1/feed?after=1000000&wait=1").await.of(200);
    assert_eq!(client.get("/api/v1/tasks?status=running").await.of(200)["items"].as_array().unwrap().len(), 1);
    client.run("echo", "version", json!({})).await.output();
    drop(streams);
    let until = Instant::now() + Duration::from_secs(5);
    while client.post("/api/v1/tasks?wait=5", &keyed).await.status == 429 {
        assert!(Instant::now() < until, "the share is not given back");
    }
    client.ended(&task).await;
    oracle.holds().await;
}

#[tokio::test]
async fn a8_replays_of_one_task_stand_in_line_each_for_itself() {
    let host = host().await;
    let oracle = Oracle::watch_with(&host, version()).await;
    let client = oracle.client();
    let task = client.run("echo", "version", json!({})).await.of(200);
    let path = format!("/api/v1/tasks/{}/replay", task["id"].as_str().unwrap());
    // What is not kept is not suspended either, so these keep their places.
    let sleep = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 9_000 }, "durability": "none" });
    let sleepers =
        join_all((0..limits::INVOCATIONS_PER_AGENT_MAX).map(|_| client.post("/api/v1/tasks?wait=30", &sleep)));
    let full = format!("troupe_invocations_running {}", limits::INVOCATIONS_PER_AGENT_MAX);
    let line = async |patience: Duration| {
        let request = client.request(Method::POST, &path).json(&Value::Null).timeout(patience);
        client.try_send(request).await
    };
    let replays = async {
        while !client.get("/metrics").await.text.contains(&full) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::join!(line(Duration::from_secs(1)), line(Duration::from_secs(60)))
    };
    let (_, (left, stayed)) = tokio::join!(sleepers, replays);
    assert!(left.unwrap_err().is_timeout());
    assert_eq!(stayed.unwrap().of(200)["identical"], json!(true));
    oracle.holds().await;
}

#[tokio::test]
async fn a9_an_agent_that_traps_again_and_again_is_quarantined_and_probed_later() {
    let host = host().await;
    let mut oracle = Oracle::watch(&host).await;
    quarantined(&mut oracle).await;
    let client = oracle.client().clone();
    let refused = client.run("hostile", "environment", json!({})).await;
    let problem = refused.problem(503, "agent.quarantined");
    assert_eq!(problem["retryable"], json!(true));
    assert!((1..=limits::QUARANTINE_TIME_MIN.as_secs()).contains(&retry_after(&refused)), "{problem:#}");
    assert_eq!(refusals(&client, "agent.quarantined").await, 1);
    told(&client, "agent.quarantined").await;
    assert_eq!(client.get("/api/v1/deployments/hostile").await.of(200)["quarantine"]["probing"], json!(false));
    let listed = run_on(PROGRAM, &host, &["agents"]).await;
    assert!(listed.good().contains("hostile  1.0.0 (quarantined)"), "{listed:#?}");
    assert!(client.get("/metrics").await.text.contains("troupe_quarantined{tenant=\"default\",agent=\"hostile\"} 1"));
    // Nobody else is.
    client.run("echo", "version", json!({})).await.output();

    // A probe that traps doubles the pause.
    tokio::time::sleep(Duration::from_millis(problem["details"]["retry_after_ms"].as_u64().unwrap() + 50)).await;
    client.run("hostile", "trap", json!({})).await.failure("guest.trap");
    let refused = client.run("hostile", "environment", json!({})).await;
    let wait = refused.problem(503, "agent.quarantined")["details"]["retry_after_ms"].as_u64().unwrap();
    assert!((6_000..=10_000).contains(&wait), "{wait}");
    // One that ends well restores the agent.
    tokio::time::sleep(Duration::from_millis(wait + 50)).await;
    client.run("hostile", "environment", json!({})).await.output();
    assert_eq!(client.get("/api/v1/deployments/hostile").await.of(200)["quarantine"], Value::Null);
    told(&client, "agent.restored").await;
    client.run("hostile", "trap", json!({})).await.failure("guest.trap");
    oracle.decides_often("guest.trap", 2);
    oracle.decides("quarantined");
    oracle.holds().await;
}

#[tokio::test]
async fn a9_an_agent_that_only_traps_is_quarantined_when_the_case_is_over() {
    let host = host().await;
    let mut oracle = Oracle::watch(&host).await;
    quarantined(&mut oracle).await;
    oracle.quarantines();
    oracle.holds().await;
}

#[tokio::test]
async fn a9_tasks_that_were_accepted_wait_out_a_quarantine_and_an_operator_may_lift_it() {
    let host = host().await;
    let mut oracle = Oracle::watch(&host).await;
    quarantined(&mut oracle).await;
    let client = oracle.client().clone();
    tokio::time::sleep(limits::QUARANTINE_TIME_MIN + Duration::from_millis(100)).await;
    // All are accepted until the first of them is the probe, which traps.
    let task = json!({ "agent": "hostile", "skill": "trap" });
    let answers = join_all((0..8).map(|_| client.post("/api/v1/tasks", &task))).await;
    let accepted: Vec<String> = answers
        .iter()
        .filter(|answer| answer.status == 202)
        .map(|answer| answer.json()["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(!accepted.is_empty());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut statuses = Vec::new();
    for id in &accepted {
        statuses.push(client.get(&format!("/api/v1/tasks/{id}")).await.of(200)["status"].clone());
    }
    let count = |status: &str| statuses.iter().filter(|found| *found == status).count();
    assert_eq!((count("failed"), count("pending")), (1, accepted.len() - 1), "{statuses:?}");

    let lifted = run_on(PROGRAM, &host, &["agents", "hostile", "--lift"]).await;
    assert!(!lifted.good().contains("quarantined"), "{lifted:#?}");
    for id in &accepted {
        assert_eq!(client.ended(id).await["failure"]["code"], "guest.trap");
    }
    oracle.decides_often("guest.trap", accepted.len());
    oracle.decides("quarantined");
    oracle.holds().await;
}

#[tokio::test]
async fn a9_a_swap_trusts_what_it_brings() {
    let host = host().await;
    let mut oracle = Oracle::watch(&host).await;
    quarantined(&mut oracle).await;
    let client = oracle.client().clone();
    // Another configuration is no other release.
    let configuration = json!({ "configuration": {} });
    client.put("/api/v1/deployments/hostile/configuration", &configuration).await.of(200);
    client.run("hostile", "environment", json!({})).await.problem(503, "agent.quarantined");
    client.swap("hostile", "1.0.0").await.of(200);
    oracle.holds().await;
}

#[tokio::test]
async fn a9_an_agent_that_answers_as_often_as_it_traps_is_not_quarantined() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    for _ in 0..2 * limits::QUARANTINE_TRAPS {
        ended(&mut oracle, "trap", json!({}), "guest.trap").await;
        ask(&oracle, "environment", json!({})).await.output();
    }
    oracle.holds().await;
}
