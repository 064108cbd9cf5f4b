//! Groups and sessions that are made at one host and followed at another, over the death of the host that follows.

use serde_json::{Value, json};
use troupe_tests::events::{Event, Raw};
use troupe_tests::guests;

use super::{Cluster, state};
use crate::rest::groups::{create, of, step, step_with};
use crate::streams::{named, until_end};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_followed_at_any_host_with_its_progress_and_goes_on_at_another() {
    let Some(mut cluster) = Cluster::of(3).await else { return };
    cluster.deploys(0, &guests().sleeper, "sleeper", &state()).await;
    let naps = |key: &str| step(key, "sleeper", "nights", json!({ "key": key, "nights": 3, "ms": 900 }));
    let second = step_with(naps("second"), json!({ "needs": ["first"] }));
    let group = create(&cluster.client(0), &json!({ "steps": [naps("first"), second] })).await.of(202);
    let path = format!("/api/v1/task-groups/{}/events", group["id"].as_str().unwrap());
    let mut stream = Raw::open(&cluster.client(1), &path, None).await;
    let told = stream.until(|events| named(events, "progress").iter().any(|report| report["step"] == "first")).await;
    let read = told.iter().rev().find(|event| !event.id.is_empty()).unwrap().id.clone();
    cluster.hosts[1].kill().await;
    let told = until_end(Raw::open(&cluster.client(2), &path, Some(&read)).await).await;
    let last = *named(&told, "group").last().unwrap();
    assert_eq!(last["status"], "completed", "{last:#}");
    for name in ["first", "second"] {
        assert_eq!(of(last, name)["status"], "completed", "{last:#}");
    }
    assert_eq!(told.last().unwrap().data["reason"], "done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_followed_at_any_host_and_goes_on_at_another_where_it_was() {
    let Some(mut cluster) = Cluster::of(3).await else { return };
    cluster.deploys(0, &guests().echo, "echo", &json!({})).await;
    let one = cluster.client(0);
    let session = one.start_session(json!({})).await;
    let path = format!("/api/v1/sessions/{session}/events");
    let kinds = |events: &[Event]| -> Vec<String> {
        named(events, "event").iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    let mut stream = Raw::open(&cluster.client(1), &path, None).await;
    one.say(&session, json!({ "text": "version", "to": "echo" })).await.of(200);
    let first = ["session.started", "session.message", "session.answered"];
    let told = stream.until(|events| kinds(events).len() >= first.len()).await;
    assert_eq!(kinds(&told), first);
    let read = told.last().unwrap().id.clone();
    cluster.hosts[1].kill().await;
    one.say(&session, json!({ "text": "version" })).await.of(200);
    one.post(&format!("/api/v1/sessions/{session}/end"), &Value::Null).await.of(200);
    let told = until_end(Raw::open(&cluster.client(2), &path, Some(&read)).await).await;
    assert_eq!(kinds(&told), ["session.message", "session.answered", "session.ended"]);
}
