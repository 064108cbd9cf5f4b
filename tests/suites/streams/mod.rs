//! How streams of events end, and go on: by the bytes that clients get.

mod feed;
mod groups;
mod sessions;
mod stopped;
mod swaps;
mod tasks;

use serde_json::Value;
use troupe_tests::Host;
use troupe_tests::events::{Event, Raw};

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
pub(crate) async fn until_end(mut stream: Raw) -> Vec<Event> {
    stream.until(|events| events.last().is_some_and(|last| last.name == "end")).await
}

/// What events of a name say.
pub(crate) fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event.name == name).map(|event| &event.data).collect()
}
