//! A host that is asked to end while clients read streams and wait for answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::events::Raw;

use super::{end, named, stopped, until_end};
use crate::host;
use crate::rest::tasks::sleeper::{host_that_counts, long_nights, submit};

#[tokio::test]
async fn s15_a_host_that_is_terminated_ends_its_streams_by_protocol_and_they_go_on_after_a_restart() {
    let mut host = host_that_counts().await;
    let client = host.client();
    let task = submit(&client, &long_nights(2, 8_000)).await;
    let path = format!("/api/v1/tasks/{task}/events");
    let mut stream = Raw::open(&client, &path, None).await;
    stream.until(|events| named(events, "task").last().is_some_and(|task| task["status"] == "suspended")).await;
    let events = stopped(&mut host, stream).await;
    let (_, resume) = end(&events);
    let before: Vec<&Value> = named(&events, "progress");
    assert_eq!(before, [&json!({ "message": "night 1" })]);

    host.start().await;
    let rest = until_end(Raw::open(&host.client(), &path, resume).await).await;
    assert_eq!(end(&rest), ("done", None));
    // Nothing that was said before is said again.
    assert_eq!(named(&rest, "progress"), [&json!({ "message": "night 2" })]);
    let statuses: Vec<&Value> = named(&rest, "task").into_iter().map(|task| &task["status"]).collect();
    assert_eq!(statuses.last(), Some(&&json!("completed")), "{statuses:?}");
    assert_ne!(statuses.first(), Some(&&json!("pending")), "{statuses:?}");
}

#[tokio::test]
async fn s15_a_task_that_outlasts_the_time_of_a_stopping_host_leaves_its_watchers_with_an_end() {
    let mut host = host().await;
    let client = host.client();
    // It may take longer than a host waits for it.
    let asked = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 120_000 }, "timeout_ms": 120_000 });
    let task = client.post("/api/v1/tasks", &asked).await.of(202)["id"].as_str().unwrap().to_owned();
    client.runs(&task).await;
    let mut stream = Raw::open(&client, &format!("/api/v1/tasks/{task}/events"), None).await;
    stream.until(|events| !events.is_empty()).await;
    let events = stopped(&mut host, stream).await;
    assert!(end(&events).1.is_some());
}

#[tokio::test]
async fn s15_who_waits_when_the_host_is_terminated_is_answered_at_once() {
    let mut host = host().await;
    let client = host.client().fresh();
    let last = client.get("/api/v1/feed?limit=500").await.of(200)["next"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/feed?after={last}&wait=60");
    let asked = tokio::spawn({
        let client = client.clone();
        async move { client.try_send(client.request(reqwest::Method::GET, &path)).await }
    });
    // It waits once it is counted among those that do: others are refused then.
    let waiting = async || client.get("/metrics").await.text.contains("troupe_");
    assert!(waiting().await);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    assert!(host.stop().await.success());
    let page = asked.await.unwrap().expect("an answer, not a reset").of(200);
    assert_eq!(page["items"], json!([]));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
