//! Groups, sessions and events of the bus, followed on a socket.

use serde_json::{Value, json};
use troupe_tests::Client;
use troupe_tests::events::Raw;
use troupe_tests::socket::Socket;

use super::named;
use crate::host;
use crate::rest::groups::{create, of, step, step_with};
use crate::rest::tasks::sleeper::host_that_counts;

async fn publish(client: &Client, topic: &str, data: Value) -> u64 {
    let event = json!({ "specversion": "1.0", "type": topic, "datacontenttype": "application/json", "data": data });
    client.post("/api/v1/events", &event).await.of(202)["position"].as_u64().unwrap()
}

#[tokio::test]
async fn a_group_is_followed_to_its_end_as_server_sent_events_tell_it() {
    let host = host_that_counts().await;
    let client = host.client();
    let nights = |key: &str| json!({ "key": key, "nights": 2, "ms": 300 });
    let first = step("first", "sleeper", "nights", nights("first"));
    let second = step_with(step("second", "sleeper", "nights", nights("second")), json!({ "needs": ["first"] }));
    let group = create(&client, &json!({ "steps": [first, second] })).await.of(202)["id"].clone();
    let mut socket = Socket::open(&client).await;
    socket.subscribe("group", json!({ "group": group }), None).await;
    let said = socket.until_end("group").await;
    let last = *named(&said, "group", "group").last().unwrap();
    assert_eq!((&last["status"], &of(last, "second")["status"]), (&json!("completed"), &json!("completed")));
    let reports = named(&said, "group", "progress");
    assert!(reports.iter().any(|report| report["step"] == "first" && report["message"] == "night 1"), "{said:#?}");
    assert_eq!(named(&said, "group", "end"), [&json!({ "reason": "done" })]);

    // From where it was read on it is over, and of another tenant it is not there.
    let position = said.iter().rev().find_map(|said| said["position"].as_str()).unwrap();
    let path = format!("/api/v1/task-groups/{}/events", group.as_str().unwrap());
    assert_eq!(client.get_with(&path, "last-event-id", position).await.status, 204);
    client.make_tenant("other").await;
    let mut other = Socket::open(&client.with_key("other", &["read"]).await).await;
    other.subscribe("group", json!({ "group": group }), None).await;
    assert_eq!(other.next().await["problem"]["code"], "group.not_found");
}

#[tokio::test]
async fn a_session_is_followed_to_its_end_by_whoever_may_see_it() {
    let host = host().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    let mut socket = Socket::open(&client).await;
    socket.subscribe("talk", json!({ "session": session }), None).await;
    client.say(&session, json!({ "text": "version", "to": "echo" })).await.of(200);
    let said = socket.until(|said| said["data"]["type"] == "session.answered").await;
    let resume = said.last().unwrap()["position"].as_str().unwrap().to_owned();
    socket.say(&json!({ "type": "unsubscribe", "id": "talk" })).await;
    socket.until(|said| said["type"] == "unsubscribed").await;
    client.post(&format!("/api/v1/sessions/{session}/end"), &Value::Null).await.of(200);
    socket.subscribe("talk", json!({ "session": session }), Some(&resume)).await;
    let rest = socket.until_end("talk").await;
    let kinds = |said: &[Value]| {
        named(said, "talk", "event").iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&said), ["session.started", "session.message", "session.answered"]);
    assert_eq!(kinds(&rest), ["session.ended"]);
    assert_eq!(named(&rest, "talk", "end")[0]["reason"], "done");

    let stranger = client.with_key("default", &["read", "run"]).await;
    let mut socket = Socket::open(&stranger).await;
    socket.subscribe("talk", json!({ "session": session }), None).await;
    assert_eq!(socket.next().await["problem"]["code"], "session.not_found");
}

#[tokio::test]
async fn events_of_topics_that_fit_are_followed_and_go_on_where_a_socket_was() {
    let host = host().await;
    let client = host.client();
    let before = publish(&client, "shop.order.placed", json!({ "order": 1 })).await;
    let mut socket = Socket::open(&client).await;
    socket.subscribe("orders", json!({ "events": { "topic": "shop.order.*" } }), None).await;
    socket.subscribe("later", json!({ "events": { "topic": "shop.>", "after": before } }), None).await;
    let first = socket.next().await;
    assert_eq!((&first["id"], &first["position"]), (&json!("orders"), &json!(before.to_string())));
    assert_eq!(first["data"]["event"]["data"], json!({ "order": 1 }));
    publish(&client, "bank.order.placed", json!({})).await;
    let cart = publish(&client, "shop.cart", json!({})).await;
    let order = publish(&client, "shop.order.paid", json!({ "order": 1 })).await;
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(socket.next().await);
    }
    let positions = |id: &str| {
        let of = named(&said, id, "event");
        of.into_iter().map(|event| event["position"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((positions("orders"), positions("later")), (vec![order], vec![cart, order]));

    // While nobody listens more is published.
    drop(socket);
    let missed = publish(&client, "shop.order.sent", json!({})).await;
    let mut socket = Socket::open(&client).await;
    socket.subscribe("orders", json!({ "events": { "topic": "shop.order.*" } }), Some(&order.to_string())).await;
    assert_eq!(socket.next().await["data"]["position"], missed);
    let next = publish(&client, "shop.order.back", json!({})).await;
    assert_eq!(socket.next().await["data"]["position"], next);

    for (to, resume) in [
        (json!({ "events": { "topic": "a.>.b" } }), None),
        (json!({ "events": { "topics": "a" } }), None),
        (json!({ "events": {} }), Some("nothing")),
    ] {
        socket.subscribe("wrong", to.clone(), resume).await;
        assert_eq!(socket.next().await["type"], "error", "{to}");
    }
    let runs = client.with_key("default", &["run"]).await;
    let mut socket = Socket::open(&runs).await;
    socket.subscribe("orders", json!({ "events": {} }), None).await;
    assert_eq!(socket.next().await["problem"]["code"], "auth.scope");
    client.make_tenant("other").await;
    let mut other = Socket::open(&client.with_key("other", &["read", "run"]).await).await;
    other.subscribe("all", json!({ "events": {} }), None).await;
    let theirs = client.with_key("other", &["run"]).await;
    assert_eq!(publish(&theirs, "their.own", json!({})).await, 1);
    assert_eq!(other.next().await["data"]["topic"], "their.own");
}

#[tokio::test]
async fn a_host_that_stops_tells_a_socket_where_its_events_go_on() {
    let mut host = host().await;
    let client = host.client();
    let mut socket = Socket::open(&client).await;
    socket.subscribe("all", json!({ "events": {} }), None).await;
    let position = publish(&client, "a.b", json!({})).await;
    socket.next().await;
    let (status, (said, code)) = tokio::join!(host.stop(), socket.closed());
    assert!(status.success() && code == 1012, "{code}");
    assert_eq!(named(&said, "all", "end"), [&json!({ "reason": "host_stopping", "resume": position.to_string() })]);
    host.start().await;
    // The stream beside it goes on there, too.
    let client = host.client();
    let next = publish(&client, "a.c", json!({})).await;
    let path = format!("/api/v1/events/stream?after={position}");
    let mut stream = Raw::open(&client, &path, None).await;
    let events = stream.until(|events| !events.is_empty()).await;
    assert_eq!(events[0].data["position"], next);
}
