//! The stream of a task.

use serde_json::json;
use troupe_tests::events::Raw;

use super::{end, named, until_end};
use crate::host;

#[tokio::test]
async fn s15_the_stream_of_a_task_ends_by_protocol_and_who_comes_back_is_told_nothing_twice() {
    let host = host().await;
    let client = host.client();
    let task = client.submit("echo", "sleep", json!({ "ms": 1_500 })).await;
    client.runs(&task).await;
    let path = format!("/api/v1/tasks/{task}/events");
    let events = Raw::open(&client, &path, None).await;
    let mut broken = Raw::open(&client, &path, None).await;
    let seen = broken.until(|events| named(events, "task").iter().any(|task| task["status"] == "running")).await;
    drop(broken);
    let again = Raw::open(&client, &path, Some(&seen.last().unwrap().id)).await;

    // Both read to the end, whose last chunk is there; a client says when it has read all.
    client.ended(&task).await;
    client.post(&format!("/api/v1/tasks/{task}/cancel"), &json!(null)).await.problem(409, "task.ended");
    let both = tokio::join!(until_end(events), until_end(again));
    let statuses = |events: &[troupe_tests::events::Event]| -> Vec<String> {
        named(events, "task").iter().map(|task| task["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(statuses(&both.0).last().map(String::as_str), Some("completed"));
    assert_eq!(statuses(&both.1), ["completed"]);
    assert_eq!((end(&both.0), end(&both.1)), (("done", None), ("done", None)));
    // Browsers come back all the same, and are told to stay away.
    let last = &both.0.last().unwrap().id;
    assert_eq!(client.get_with(&path, "last-event-id", last).await.status, 204);
    client.get_with(&path, "last-event-id", "nonsense").await.problem(400, "request.invalid");
}

#[tokio::test]
async fn s15_a_key_that_is_revoked_ends_its_streams_with_the_reason() {
    let host = host().await;
    let client = host.client();
    let key = client.post("/api/v1/keys", &json!({ "name": "reader", "scopes": ["read"] })).await.of(201);
    let reader = client.with_token(key["token"].as_str());
    let task = client.submit("echo", "sleep", json!({ "ms": 60_000 })).await;
    client.runs(&task).await;
    let paths = [format!("/api/v1/tasks/{task}/events"), "/api/v1/feed".to_owned()];
    let mut streams = Vec::new();
    for path in &paths {
        let mut stream = Raw::open(&reader, path, None).await;
        stream.until(|events| !events.is_empty()).await;
        streams.push(stream);
    }
    client.post(&format!("/api/v1/keys/{}/revoke", key["id"].as_str().unwrap()), &json!(null)).await.of(200);
    for stream in streams {
        let events = until_end(stream).await;
        let (reason, resume) = end(&events);
        assert_eq!(reason, "refused");
        assert!(resume.is_some(), "another key of the tenant goes on there");
    }
}
