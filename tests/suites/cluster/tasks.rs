//! What is asked at one host and done at another.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::events::Raw;
use troupe_tests::guests;

use super::{Cluster, feed, state};
use crate::rest::tasks::sleeper::{long_nights, submit};
use crate::streams::until_end;

#[tokio::test]
async fn each_host_answers_for_tasks_of_the_others_and_its_streams_tell_of_them() {
    let Some(cluster) = Cluster::of(2).await else { return };
    cluster.deploys(0, &guests().sleeper, "sleeper", &state()).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    let task = submit(
        &one,
        &json!({ "agent": "sleeper", "skill": "persist", "input": { "key": "p", "failures": 0, "ms": 2_000 } }),
    )
    .await;
    let mut changes = Raw::open(&other, "/api/v1/feed", None).await;
    let events = Raw::open(&other, &format!("/api/v1/tasks/{task}/events"), None).await;
    one.runs(&task).await;
    let asked = Instant::now();
    let (ended, told) = tokio::join!(other.ended(&task), until_end(events));
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert!(asked.elapsed() < Duration::from_secs(12), "{:?}", asked.elapsed());
    let last: Vec<&Value> = told.iter().filter(|event| event.name == "task").map(|event| &event.data).collect();
    assert_eq!(last.last().unwrap()["status"], "completed", "{told:#?}");
    assert_eq!(told.last().unwrap().data["reason"], "done");
    changes
        .until(|events| {
            events
                .iter()
                .any(|event| event.data["type"] == "task.completed" && event.data["subject"] == format!("task/{task}"))
        })
        .await;
    // Asked for at both under one key it is one task.
    let request = json!({ "agent": "sleeper", "skill": "race", "input": { "ms": [1] }, "idempotency_key": "once" });
    let made = one.post("/api/v1/tasks?wait=20", &request).await.of(200);
    let found = other.post("/api/v1/tasks?wait=20", &request).await.of(200);
    assert_eq!(made["id"], found["id"]);
}

#[tokio::test]
async fn what_a_guest_says_while_it_runs_is_told_at_each_host() {
    let Some(cluster) = Cluster::of(2).await else { return };
    cluster.deploys(0, &guests().sleeper, "sleeper", &state()).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    let task = submit(&one, &long_nights(8, 900)).await;
    let mut events = Raw::open(&other, &format!("/api/v1/tasks/{task}/events"), None).await;
    let reports = |events: &[troupe_tests::events::Event]| {
        let reports = events.iter().filter(|event| event.name == "progress");
        reports.map(|event| event.data["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let told = events.until(|events| reports(events).len() >= 3).await;
    let nights: Vec<u32> =
        reports(&told).iter().map(|said| said.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(nights.is_sorted_by(|before, after| before < after), "{nights:?}");
    let told = until_end(events).await;
    assert_eq!(told.last().unwrap().data["reason"], "done");
}

#[tokio::test]
async fn a_task_is_cancelled_at_whichever_host_it_runs() {
    let Some(cluster) = Cluster::of(2).await else { return };
    cluster.deploys(0, &guests().sleeper, "sleeper", &state()).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    let task = submit(
        &one,
        &json!({ "agent": "sleeper", "skill": "persist", "input": { "key": "p", "failures": 0, "ms": 4_500 } }),
    )
    .await;
    one.runs(&task).await;
    let asked = Instant::now();
    other.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    let ended = other.ended(&task).await;
    assert_eq!(ended["status"], "cancelled", "{ended:#}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn what_is_asked_of_all_hosts_at_once_is_done_once_each() {
    let Some(cluster) = Cluster::of(3).await else { return };
    cluster.deploys(1, &guests().sleeper, "sleeper", &state()).await;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..3 {
        let client = cluster.client(number);
        clients.spawn(async move {
            let mut tasks = Vec::new();
            for _ in 0..20 {
                tasks.push(submit(&client, &long_nights(2, 10)).await);
            }
            tasks
        });
    }
    let tasks: Vec<String> = clients.join_all().await.into_iter().flatten().collect();
    let mut seen = BTreeSet::new();
    for (number, task) in tasks.iter().enumerate() {
        let ended = cluster.client(number % 3).ended(task).await;
        assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(1)), "{ended:#}");
        for morning in ended["output"].as_array().unwrap() {
            assert!(seen.insert(morning["count"].as_u64().unwrap()), "two evenings counted to the same");
        }
    }
    assert!(seen.into_iter().eq(1..=120));
    let ends = feed(&cluster.client(2)).await.iter().filter(|event| event["type"] == "task.completed").count();
    assert_eq!(ends, 60);
}

#[tokio::test]
async fn a_schedule_makes_one_task_each_time_however_many_hosts_there_are() {
    let Some(cluster) = Cluster::of(3).await else { return };
    cluster.deploys(0, &guests().sleeper, "sleeper", &state()).await;
    let schedule =
        json!({ "cron": "* * * * *", "task": { "agent": "sleeper", "skill": "race", "input": { "ms": [] } } });
    cluster.client(1).put("/api/v1/schedules/minutely", &schedule).await.of(200);
    let until = Instant::now() + Duration::from_secs(150);
    let fired = |feed: &[Value]| -> Vec<String> {
        let fired = feed.iter().filter(|event| event["type"] == "schedule.fired");
        fired.map(|event| event["at"].as_str().unwrap()[.."2026-01-01T00:00".len()].to_owned()).collect()
    };
    while fired(&feed(&cluster.client(2)).await).len() < 2 {
        assert!(Instant::now() < until, "its time never comes");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let tasks = cluster.client(0).get("/api/v1/tasks?agent=sleeper").await.of(200);
    let mut minutes = fired(&feed(&cluster.client(2)).await);
    let (times, made) = (minutes.len(), tasks["items"].as_array().unwrap().len());
    minutes.dedup();
    assert_eq!(minutes.len(), times, "a minute came twice: {minutes:?}");
    assert!(made == times || made + 1 == times, "{made} tasks of {times} times");
}
