//! A session as a stream.

use serde_json::{Value, json};
use troupe_tests::events::Raw;

use super::{end, named, stopped, until_end};
use crate::host;

fn told(events: &[troupe_tests::events::Event]) -> Vec<String> {
    let kind = |event: &Value| {
        let reply = event["data"]["kind"].as_str().map(|kind| format!(" {kind}")).unwrap_or_default();
        format!("{}{reply}", event["type"].as_str().unwrap())
    };
    named(events, "event").into_iter().map(kind).collect()
}

#[tokio::test]
async fn a_session_is_followed_over_a_restart_to_its_end_and_nothing_of_others_is_told() {
    let mut host = host().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    let other = client.start_session(json!({})).await;
    let path = format!("/api/v1/sessions/{session}/events");
    let stream = Raw::open(&client, &path, None).await;
    client.say(&other, json!({ "text": "version", "to": "echo" })).await.of(200);
    client.say(&session, json!({ "text": "version", "to": "echo" })).await.of(200);
    let events = stopped(&mut host, stream).await;
    assert_eq!(told(&events), ["session.started", "session.message", "session.answered result"]);
    let (_, resume) = end(&events);

    host.start().await;
    let client = host.client();
    let messages = format!("/api/v1/sessions/{session}/messages");
    client.post(&messages, &json!({ "text": "sleep 1000" })).await.of(202);
    client.post(&messages, &json!({ "text": "version" })).await.of(202);
    client.post(&format!("/api/v1/sessions/{session}/end"), &Value::Null).await.of(200);
    let rest = until_end(Raw::open(&client, &path, resume).await).await;
    let expected =
        ["session.message", "session.message", "session.answered failed", "session.ended", "session.answered result"];
    assert_eq!(told(&rest), expected);
    let (reason, last) = end(&rest);
    assert_eq!(reason, "done");
    let request = client.request(reqwest::Method::GET, &path).header("last-event-id", last.unwrap());
    assert_eq!(client.send(request).await.status, 204);
    let user = client.with_key("default", &["read", "run"]).await;
    user.get(&path).await.problem(404, "session.not_found");
}
