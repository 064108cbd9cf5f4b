//! The stream of a group.

use serde_json::{Value, json};
use troupe_tests::events::{Event, Raw};

use super::{end, named, until_end};
use crate::host;
use crate::rest::groups::{create, may_count, of, step, step_with};
use crate::rest::tasks::sleeper::{host_that_counts, long_nights, submit};

/// What was told of a step, in order, each status once.
fn told(events: &[Event], name: &str) -> Vec<String> {
    let mut told: Vec<String> =
        named(events, "group").iter().map(|group| of(group, name)["status"].as_str().unwrap().to_owned()).collect();
    told.dedup();
    told
}

#[tokio::test]
async fn the_stream_of_a_group_tells_each_step_and_goes_on_where_its_reader_was_over_a_restart_too() {
    let mut host = host_that_counts().await;
    let client = host.client();
    client.publish(troupe_tests::guests().echo.archive("1.0.0")).await.of(201);
    client.swap("echo", "1.0.0").await.of(200);
    let naps = step("naps", "sleeper", "nights", json!({ "key": "naps", "nights": 2, "ms": 700 }));
    let says = step_with(step("says", "echo", "echo", json!({ "text": "x" })), json!({ "needs": ["naps"] }));
    let group = create(&client, &json!({ "steps": [naps, says] })).await.of(202);
    let path = format!("/api/v1/task-groups/{}/events", group["id"].as_str().unwrap());

    let mut stream = Raw::open(&client, &path, None).await;
    let seen =
        stream.until(|events| named(events, "progress").iter().any(|report| report["message"] == "night 1")).await;
    let report: &Value = named(&seen, "progress")[0];
    assert_eq!((&report["step"], &report["item"], &report["group"]), (&json!("naps"), &json!(0), &group["id"]));
    assert_eq!(told(&seen, "naps").last().map(String::as_str), Some("running"));
    drop(stream);
    let read = seen.last().unwrap().id.clone();
    host.kill().await;
    host.start().await;
    let client = host.client();
    let events = until_end(Raw::open(&client, &path, Some(&read)).await).await;
    assert_eq!(end(&events), ("done", None));
    assert_eq!(
        (told(&events, "naps").last().map(String::as_str), told(&events, "says").last().map(String::as_str)),
        (Some("completed"), Some("completed"))
    );
    let states: Vec<&String> =
        seen.iter().chain(&events).filter(|event| event.name == "group").map(|event| &event.id).collect();
    assert!(states.windows(2).all(|pair| pair[0] != pair[1]), "a state is told twice: {states:?}");
    // Outputs are there to be read, not to be told.
    assert!(named(&events, "group").iter().all(|group| of(group, "says")["output"].is_null()));
    let last = &events.last().unwrap().id;
    assert_eq!(client.get_with(&path, "last-event-id", last).await.status, 204);
    client.get_with(&path, "last-event-id", "nonsense").await.problem(400, "request.invalid");
    let again = until_end(Raw::open(&client, &path, None).await).await;
    assert_eq!((again.len(), end(&again)), (2, ("done", None)));
}

#[tokio::test]
async fn a_stream_tells_how_many_of_an_array_are_done_and_not_each_of_them() {
    let host = host().await;
    let client = host.client();
    may_count(&client).await;
    for key in ["a", "b", "c"] {
        client.run("counter", "increment", json!({ "key": key })).await.output();
    }
    let list = step("list", "counter", "list", json!({ "limit": 10 }));
    let each = step_with(
        step("each", "counter", "increment", json!({})),
        json!({ "for_each": { "from": "list", "at": "/keys", "to": "/key", "at_once": 1 } }),
    );
    let group = create(&client, &json!({ "steps": [list, each] })).await.of(202);
    let path = format!("/api/v1/task-groups/{}/events", group["id"].as_str().unwrap());
    let events = until_end(Raw::open(&client, &path, None).await).await;
    let last = *named(&events, "group").last().unwrap();
    assert_eq!((&last["status"], &of(last, "each")["tasks"]), (&json!("completed"), &Value::Null));
    assert_eq!(of(last, "each")["items"], json!({ "all": 3, "running": 0, "completed": 3, "failed": 0 }));
    assert!(of(last, "list")["tasks"][0]["task"].is_string());
}

#[tokio::test]
async fn a_host_that_stops_ends_the_stream_of_a_group_with_where_to_go_on() {
    let mut host = host_that_counts().await;
    let client = host.client();
    // Of a stream that tells of a task beside it nothing is different.
    submit(&client, &long_nights(1, 60_000)).await;
    let naps = json!({ "key": "naps", "nights": 1, "ms": 60_000 });
    let mut naps = step("naps", "sleeper", "nights", naps);
    naps["task"]["lifetime_ms"] = json!(600_000);
    let group = create(&client, &json!({ "steps": [naps] })).await.of(202);
    let path = format!("/api/v1/task-groups/{}/events", group["id"].as_str().unwrap());
    let mut stream = Raw::open(&client, &path, None).await;
    let suspended = |events: &[Event]| {
        named(events, "group").iter().any(|group| of(group, "naps")["tasks"][0]["status"] == "suspended")
    };
    stream.until(suspended).await;
    let events = super::stopped(&mut host, stream).await;
    assert!(end(&events).1.is_some());
}
