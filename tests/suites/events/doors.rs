//! The forms in which events come in, and what is refused.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use troupe_core::limits;

use super::{event, get, host, publish, settled, subscribe};

#[tokio::test]
async fn an_event_comes_in_each_form_of_the_binding_and_a_skill_takes_it_whole_or_its_data() {
    let host = host().await;
    let client = host.client();
    subscribe(&client, "data", "a.data", ("echo", "echo"), json!({})).await;
    let plain = publish(&client, &event("a.data", json!({ "text": "structured" }))).await;
    let task = super::task(&client, &settled(&client, plain).await).await;
    assert_eq!((&task["output"], &task["principal"]), (&json!({ "text": "structured" }), &json!("owner")));

    let binary = client.request(Method::POST, "/api/v1/events");
    let binary = binary.header("ce-specversion", "1.0").header("ce-type", "a.data").header("ce-id", "b-1");
    let binary = binary.header("ce-source", "/tests").header("ce-subject", "caf%C3%A9").header("ce-priority", "high");
    let binary = binary.header("content-type", "application/json").body(r#"{"text":"binary"}"#);
    let kept = client.send(binary).await.of(202);
    assert_eq!(kept["event"]["subject"], "café");
    assert_eq!((&kept["priority"], &kept["event"]["id"]), (&json!("high"), &json!("b-1")));
    let task = super::task(&client, &settled(&client, kept["position"].as_u64().unwrap()).await).await;
    assert_eq!(task["output"]["text"], "binary");

    let batch = json!([event("a.data", json!({ "text": "one" })), event("a.other", json!(2))]);
    let batch = client.request(Method::POST, "/api/v1/events").body(batch.to_string());
    let batch = batch.header("content-type", "application/cloudevents-batch+json");
    let kept = client.send(batch).await.of(202);
    let states: Vec<&Value> = kept["items"].as_array().unwrap().iter().map(|event| &event["subscriptions"]).collect();
    assert_eq!(states, [&json!(1), &json!(0)]);

    // The envelope as a skill takes it, in which this one finds its field.
    let whole = json!({ "topic": "a.whole", "agent": "echo", "skill": "echo" });
    client.put(&super::path("whole"), &whole).await.of(200);
    let mut sent = event("a.whole", json!({ "n": 1 }));
    sent["id"] = json!("w-1");
    sent["source"] = json!("/tests");
    sent["text"] = json!("an attribute");
    sent["time"] = json!("2026-11-28T05:30:00Z");
    let position = publish(&client, &sent).await;
    let task = super::task(&client, &settled(&client, position).await).await;
    assert_eq!(
        task["input"],
        json!({
            "specversion": "1.0", "type": "a.whole", "id": "w-1", "source": "/tests", "time": "2026-11-28T05:30:00Z",
            "datacontenttype": "application/json", "data": { "n": 1 }, "priority": "normal", "sender": "owner",
            "position": position, "hops": 0, "text": "an attribute",
        })
    );
}

#[tokio::test]
async fn f65_who_sent_an_event_is_what_the_host_knows_and_f66_no_raw_text_is_a_topic() {
    let host = host().await;
    let owner = host.client();
    let client = owner.with_key("default", &["read", "run"]).await;
    let mut claimed = event("a.b", json!({}));
    for name in ["sender", "tenant"] {
        claimed[name] = "owner".into();
    }
    claimed["source"] = "/owner".into();
    let kept = get(&client, publish(&client, &claimed).await).await;
    let sender = kept["sender"].as_str().unwrap();
    assert!(sender.starts_with("key/"), "{kept:#}");
    assert_eq!(kept["event"]["sender"], sender, "the envelope says so, too");

    let refusal = async |event: Value| {
        client.post("/api/v1/events", &event).await.problem(400, "event.invalid")["detail"].as_str().unwrap().to_owned()
    };
    for topic in ["a.>", "a.*", "*", ">", "a b", "a..b", ".a", "a\n", "a/b", "ä"] {
        refusal(event(topic, json!({}))).await;
    }
    assert_snapshot!(refusal(event("a.>", json!({}))).await, @"`a.>` is no topic; write up to 16 segments of letters, digits, `_` and `-` with full stops between them, such as `aws.ec2.started`, in at most 255 bytes");
    assert_snapshot!(refusal(json!({ "type": "a", "specversion": "2" })).await, @r#"`specversion` is \"2\"; this host takes 1.0"#);
    let large = event("a", json!("x".repeat(limits::EVENT_BYTES_MAX)));
    client.post("/api/v1/events", &large).await.problem(413, "limit.request");
    let text = client.request(Method::POST, "/api/v1/events").header("content-type", "text/plain").body("x");
    client.send(text).await.problem(415, "request.media_type");
    assert_eq!(client.get("/api/v1/events").await.of(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_event_of_the_same_sender_is_kept_once() {
    let host = host().await;
    let owner = host.client();
    subscribe(&owner, "count", "a.b", ("counter", "increment"), json!({})).await;
    let mut sent = event("a.b", json!({ "key": "n" }));
    (sent["id"], sent["source"]) = (json!("1"), json!("/tests"));
    let first = publish(&owner, &sent).await;
    let again = owner.post("/api/v1/events", &sent).await.of(200);
    assert_eq!(again["position"], first);
    settled(&owner, first).await;
    assert_eq!(super::counted(&owner, "n").await["value"], "1");
    let mut other = sent.clone();
    other["data"]["key"] = "m".into();
    let problem = owner.post("/api/v1/events", &other).await.problem(409, "conflict.idempotency");
    assert_eq!(problem["details"]["position"], first);
    // Nobody keeps another's event from being heard by being first with its id.
    let client = owner.with_key("default", &["read", "run"]).await;
    let second = publish(&client, &sent).await;
    assert_ne!(first, second);
    // A batch is kept whole or not at all.
    let batch = json!([event("a.c", json!({})), other]).to_string();
    let batch = owner.request(Method::POST, "/api/v1/events").body(batch);
    let batch = batch.header("content-type", "application/cloudevents-batch+json");
    owner.send(batch).await.problem(409, "conflict.idempotency");
    assert_eq!(owner.get("/api/v1/events?topic=a.c").await.of(200)["items"], json!([]));
}

#[tokio::test]
async fn alerts_are_events_with_a_severity() {
    let host = host().await;
    let client = host.client();
    let alert = json!({ "severity": "critical", "title": "disk full", "subject": "db-1", "details": { "free": 0 } });
    let kept = client.post("/api/v1/events/alerts", &alert).await.of(202);
    assert_eq!((&kept["topic"], &kept["priority"]), (&json!("alert.critical"), &json!("critical")));
    assert_eq!(kept["event"]["data"], json!({ "title": "disk full", "details": { "free": 0 } }));
    assert_eq!(kept["event"]["subject"], "db-1");
}
