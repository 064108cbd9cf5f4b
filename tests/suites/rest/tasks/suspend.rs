//! A task that waits is suspended: it holds nothing, and goes on by replay.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::events::told;
use troupe_tests::guests;
use troupe_tests::server::Server;

use super::cancel;
use super::sleeper::{self, PATIENCE, gauge, host_that_counts, host_that_sleeps, shows, submit};
use crate::{host_acting_at, may_send};

/// A night that a task is suspended in, in milliseconds.
const NIGHT_MS: u64 = 8_000;

fn nights(key: &str, nights: u64, ms: u64) -> Value {
    json!({ "agent": "sleeper", "skill": "nights", "input": { "key": key, "nights": nights, "ms": ms } })
}

/// What a task counted to on its evenings.
fn counts(task: &Value) -> Vec<u64> {
    assert_eq!(task["status"], "completed", "{task:#}");
    task["output"].as_array().unwrap().iter().map(|morning| morning["count"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_task_that_sleeps_twice_holds_nothing_meanwhile_and_counts_each_evening_once() {
    let host = host_that_counts().await;
    let client = host.client();
    let task = submit(&client, &nights("n", 2, NIGHT_MS)).await;
    let suspended = client.becomes(&task, "suspended").await;
    assert!(suspended["wake_at"].is_string(), "{suspended:#}");
    shows(&client, "troupe_tasks_suspended", 1).await;
    assert_eq!(gauge(&client, "troupe_invocations_running").await, 0);
    client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.problem(409, "replay.impossible");

    let ended = client.ended(&task).await;
    assert_eq!((counts(&ended), &ended["attempt"], &ended["wake_at"]), (vec![1, 2], &json!(1), &Value::Null));
    let at = |morning: usize| ended["output"][morning]["at_ms"].as_u64().unwrap();
    assert!((NIGHT_MS..NIGHT_MS + 4_000).contains(&(at(1) - at(0))), "{ended:#}");
    shows(&client, "troupe_tasks_suspended", 0).await;
    let kinds = sleeper::told(&client, &task).await;
    let slept = ["task.running", "task.suspended", "task.pending"];
    assert_eq!(kinds, [&["task.created"], &slept[..], &slept[..], &["task.running", "task.completed"]].concat());
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_tasks_sleep_than_there_are_places_and_others_run() {
    let host = host_that_counts().await;
    let client = host.client();
    let sleepers = limits::INVOCATIONS_MAX + 44;
    let ids: Vec<String> = futures::stream::iter(0..sleepers)
        .map(|number| {
            let task = json!({
                "agent": "sleeper", "skill": "nights", "timeout_ms": 300_000,
                "input": { "key": format!("n{number}"), "nights": 1, "ms": 60_000 },
            });
            let client = client.clone();
            async move { submit(&client, &task).await }
        })
        .buffer_unordered(16)
        .collect()
        .await;
    shows(&client, "troupe_tasks_suspended", sleepers as u64).await;
    assert_eq!(gauge(&client, "troupe_invocations_running").await, 0);
    let asked = Instant::now();
    let race = client.run("sleeper", "race", json!({ "ms": [20, 10] })).await;
    assert_eq!(race.output(), json!([10, 20]));
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    for id in &ids {
        let mut ended = client.ended(id).await;
        while ended["ended_at"].is_null() {
            ended = client.ended(id).await;
        }
        assert_eq!(counts(&ended), [1], "{ended:#}");
    }
}

#[tokio::test]
async fn a_host_that_dies_while_a_task_is_suspended_and_while_it_wakes_repeats_nothing() {
    let mut host = host_that_counts().await;
    let task = submit(&host.client(), &nights("n", 3, NIGHT_MS)).await;
    host.client().becomes(&task, "suspended").await;
    host.kill().await;
    host.start().await;
    assert_eq!(host.client().becomes(&task, "suspended").await["attempt"], 1);
    host.client().becomes(&task, "running").await;
    host.kill().await;
    // Its time comes while no host is there.
    host.start().await;
    host.client().becomes(&task, "suspended").await;
    host.kill().await;
    tokio::time::sleep(Duration::from_millis(NIGHT_MS)).await;
    host.start().await;
    let client = host.client();
    let ended = client.ended(&task).await;
    assert_eq!((counts(&ended), &ended["attempt"]), (vec![1, 2, 3], &json!(1)));
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!(replay["identical"], true, "{replay:#}");
}

#[tokio::test]
async fn swaps_do_not_wait_for_a_suspended_task_which_ends_on_the_release_it_began_on() {
    let mut host = host_that_counts().await;
    let client = host.client();
    let task = submit(&client, &nights("n", 2, NIGHT_MS)).await;
    client.becomes(&task, "suspended").await;
    let asked = Instant::now();
    for (mark, version) in [(2, "2.0.0"), (3, "3.0.0"), (4, "4.0.0")] {
        client.publish(guests().sleeper.marked(mark).archive(version)).await.of(201);
        assert_eq!(client.swap("sleeper", version).await.of(200)["expired"], 0);
    }
    println!("three releases were published and swapped in {:?}", asked.elapsed());
    // What is parked outlives a start, which clears away what nobody needs.
    host.kill().await;
    host.start().await;
    let client = host.client();
    let answer = client.get(&format!("/api/v1/tasks/{task}?wait=60")).await;
    assert_eq!(counts(&answer.of(200)), [1, 2]);
    assert!(answer.header("troupe-release").unwrap().starts_with("sleeper@1.0.0; "), "{answer:?}");
    let now = client.run("sleeper", "race", json!({ "ms": [] })).await;
    assert!(now.header("troupe-release").unwrap().starts_with("sleeper@4.0.0; "), "{now:?}");
}

#[tokio::test]
async fn a_suspended_task_that_is_cancelled_is_told_and_replays_up_to_there() {
    let host = host_that_counts().await;
    let client = host.client();
    let task = submit(&client, &nights("n", 2, 60_000)).await;
    client.becomes(&task, "suspended").await;
    cancel(&client, &task).await.of(200);
    let cancelled = client.ended(&task).await;
    assert_eq!((&cancelled["status"], &cancelled["failure"]["code"]), (&json!("cancelled"), &json!("cancelled")));
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null), "{replay:#}");
}

#[tokio::test]
async fn a_task_that_also_waits_for_an_answer_keeps_its_place() {
    let server = Server::silent().await;
    let host = host_acting_at(&server).await;
    let host = host_that_sleeps(host, &guests().sleeper.asking(may_send(&server)), may_send(&server)).await;
    let client = host.client();
    let url = format!("http://127.0.0.1:{}/", server.port());
    let task = json!({ "agent": "sleeper", "skill": "beside", "input": { "url": url, "ms": 30_000 } });
    let task = submit(&client, &task).await;
    tokio::time::timeout(PATIENCE, server.came(1)).await.unwrap();
    tokio::time::sleep(limits::SUSPEND_AFTER + Duration::from_secs(2)).await;
    assert_eq!(client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "running");
    assert_eq!(gauge(&client, "troupe_invocations_running").await, 1);
    cancel(&client, &task).await.of(200);
}

#[tokio::test]
async fn what_is_suspended_counts_against_the_lifetime_and_not_against_the_timeout() {
    let host = host_that_counts().await;
    let client = host.client();
    let within = |timeout_ms: u64, lifetime_ms: Option<u64>| {
        let mut task = nights("n", 2, NIGHT_MS);
        (task["timeout_ms"], task["lifetime_ms"]) = (timeout_ms.into(), lifetime_ms.into());
        task
    };
    let ask = async |task: Value| client.post("/api/v1/tasks?wait=60", &task).await;
    let (long, short, none) =
        tokio::join!(ask(within(7_000, Some(60_000))), ask(within(7_000, Some(12_000))), ask(within(7_000, None)));
    let long = long.of(200);
    assert_eq!((long["status"].as_str(), long["lifetime_ms"].as_u64()), (Some("completed"), Some(60_000)), "{long:#}");
    // Each night moved the deadline on by as much as the host waited for its end.
    let deadline = |morning: usize| long["output"][morning]["deadline_ms"].as_u64().unwrap();
    assert!((NIGHT_MS - 2_000..NIGHT_MS + 4_000).contains(&(deadline(1) - deadline(0))), "{long:#}");
    let told = |answer: &troupe_tests::Answer| answer.failure("limit.deadline")["message"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(told(&short), @"the task did not end within its 12000 ms, suspended or not; give it a longer lifetime");
    insta::assert_snapshot!(told(&none), @"the agent did not end within its 7000 ms; give the task a longer timeout");
}

#[tokio::test]
async fn a_lifetime_is_no_shorter_than_the_time_to_run_and_at_most_a_month() {
    let host = host_that_counts().await;
    let most = u64::try_from(limits::TASK_LIFETIME_MAX.as_millis()).unwrap();
    for lifetime_ms in [0, 59_999, most + 1, u64::MAX] {
        let mut task = nights("n", 1, 1);
        task["lifetime_ms"] = lifetime_ms.into();
        let problem = host.client().post("/api/v1/tasks", &task).await.problem(400, "request.invalid");
        assert!(problem["detail"].as_str().unwrap().contains("60000, as long as the task may run, to 2592000000"));
    }
}

#[tokio::test]
async fn whoever_waits_or_watches_sees_the_task_suspended_and_its_end() {
    let host = host_that_counts().await;
    let client = host.client();
    let accepted = client.post("/api/v1/tasks?wait=7", &nights("n", 1, NIGHT_MS + 4_000)).await.of(202);
    assert_eq!(accepted["status"], "suspended", "{accepted:#}");
    let task = accepted["id"].as_str().unwrap();
    let stream = client.get(&format!("/api/v1/tasks/{task}/events")).await;
    let events = told(&stream.text);
    let stands: Vec<&Value> =
        events.iter().filter(|event| event.name == "task").map(|event| &event.data["status"]).collect();
    assert_eq!(stands, ["suspended", "running", "completed"], "{events:#?}");
    // What it said before it was suspended is not said again.
    assert!(events.iter().all(|event| event.name == "task"), "{events:#?}");
}
