//! Watching a task by server-sent events.

use serde_json::{Value, json};
use troupe_tests::events::told;

use super::{cancel, fill};
use crate::host;

const ROUNDS: usize = 40;

#[tokio::test]
async fn a_watcher_sees_progress_parts_and_the_end() {
    let host = host().await;
    let client = host.client();
    let configuration = json!({ "configuration": { "greeting": "hey", "repeat": ROUNDS } });
    client.put("/api/v1/deployments/echo/configuration", &configuration).await.of(200);
    // The task waits its turn until it is watched, so the watcher misses nothing.
    let sleepers = fill(&client).await;
    let task = client.submit("echo", "shout", json!({ "text": "you" })).await;
    let mut stream = client.open(&format!("/api/v1/tasks/{task}/events")).await;
    assert_eq!((stream.status(), &stream.headers()["content-type"]), (200, &"text/event-stream".parse().unwrap()));
    let mut text = stream.chunk().await.unwrap().expect("a first event");
    cancel(&client, &sleepers[0]).await.of(200);
    while let Some(piece) = stream.chunk().await.unwrap() {
        text.extend(piece);
    }
    let events = told(&String::from_utf8(text).unwrap());

    let (first, last) = (events.first().unwrap(), events.last().unwrap());
    assert_eq!((first.name.as_str(), &first.data["status"]), ("task", &json!("pending")));
    assert_eq!((last.name.as_str(), &last.data["status"]), ("task", &json!("completed")));
    assert_eq!(
        (&last.data["id"], &last.data["output"]["text"]),
        (&json!(task), &json!(format!("HEY{}", " YOU".repeat(ROUNDS))))
    );
    let named = |name: &str| -> Vec<&Value> {
        events.iter().filter(|event| event.name == name).map(|event| &event.data).collect()
    };
    assert_eq!(named("partial"), vec![&json!({ "text": "YOU" }); ROUNDS]);
    // Of reports that come faster than a person reads, some are left out; the newest is not.
    let reports = named("progress");
    let last = reports.last().unwrap();
    assert_eq!((&last["fraction"], &last["message"]), (&json!(1.0), &json!(format!("round {ROUNDS} of {ROUNDS}"))));
    let left_out: u64 = reports.iter().map(|report| report["skipped"].as_u64().unwrap_or(0)).sum();
    assert_eq!(left_out as usize + reports.len(), ROUNDS, "{reports:#?}");
    assert!(reports.iter().map(|report| report["fraction"].as_f64().unwrap()).is_sorted());
}

#[tokio::test]
async fn watching_an_ended_task_tells_the_end_and_ends() {
    let host = host().await;
    let task = host.client().run("echo", "version", json!({})).await.of(200);
    let stream = host.client().get(&format!("/api/v1/tasks/{}/events", task["id"].as_str().unwrap())).await;
    let events = told(&stream.text);
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].name.as_str(), &events[0].data), ("task", &task));
}
