//! How streams of events end, and go on: by the bytes that clients get.

mod feed;
mod groups;
mod sessions;
mod stopped;
mod swaps;
mod tasks;

use serde_json::{Value, json};
use troupe_tests::events::{Event, Raw};
use troupe_tests::{Client, Host, guests};

use crate::empty_host;

/// A host with `sleeper`, which may keep state.
async fn host_that_sleeps() -> Host {
    let host = empty_host().await;
    let client = host.client();
    client.publish(guests().sleeper.archive("1.0.0")).await.of(201);
    client.swap("sleeper", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 65_536, "keys": 10 } } });
    client.put("/api/v1/deployments/sleeper/grants", &grants).await.of(200);
    host
}

/// A task that sleeps so many times so long; returns its id.
async fn nights(client: &Client, nights: u32, ms: u64) -> String {
    let input = json!({ "key": "n", "nights": nights, "ms": ms });
    let task = json!({ "agent": "sleeper", "skill": "nights", "input": input, "lifetime_ms": 600_000 });
    client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned()
}

/// What the last event says of the end: the reason, and where to go on.
#[track_caller]
fn end(events: &[Event]) -> (&str, Option<&str>) {
    let end = events.last().expect("an event");
    assert_eq!(end.name, "end", "{events:#?}");
    if let Some(resume) = end.data["resume"].as_str() {
        assert_eq!(resume, end.id, "the id of the end is where to go on");
    }
    (end.data["reason"].as_str().unwrap(), end.data["resume"].as_str())
}

/// Stops a host whose stream is read, to the end that says so; returns what the stream told.
async fn stopped(host: &mut Host, stream: Raw) -> Vec<Event> {
    let (status, events) = tokio::join!(host.stop(), stream.ended());
    assert!(status.success());
    assert_eq!(end(&events).0, "host_stopping");
    events
}

/// Reads a stream to its `end`; the connection stays for the next request.
async fn until_end(mut stream: Raw) -> Vec<Event> {
    stream.until(|events| events.last().is_some_and(|last| last.name == "end")).await
}

/// What events of a name say.
fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event.name == name).map(|event| &event.data).collect()
}
