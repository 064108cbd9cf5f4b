//! A session from its start to its end.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Map, Value, json};
use troupe_core::{SessionId, SystemClock, SystemEntropy, TenantId, limits};
use troupe_store::NewSessionRow;
use troupe_tests::Client;

use crate::host;

async fn get(client: &Client, session: &str) -> Value {
    client.get(&format!("/api/v1/sessions/{session}")).await.of(200)
}

async fn patch(client: &Client, session: &str, patch: Value) -> troupe_tests::Answer {
    let path = format!("/api/v1/sessions/{session}/context");
    client.send(client.request(Method::PATCH, &path).json(&patch)).await
}

#[tokio::test]
async fn a_session_is_started_changed_and_ended_and_its_instances_with_it() {
    let host = host().await;
    let client = host.client();
    let new =
        json!({ "user": { "name": "Anna" }, "context": { "region": "eu" }, "idle_ms": 60_000, "lifetime_ms": 90_000 });
    let session = client.start_session(new).await;
    let started = get(&client, &session).await;
    assert_eq!(
        (&started["status"], &started["principal"], &started["messages"]),
        (&json!("open"), &json!("owner"), &json!(0))
    );
    assert_eq!((&started["user"], &started["context"]), (&json!({ "name": "Anna" }), &json!({ "region": "eu" })));

    let changed =
        patch(&client, &session, json!({ "context": { "region": null, "a": { "b": 1 } }, "revision": 1 })).await;
    assert_eq!(
        (&changed.of(200)["context"], &changed.json()["context_revision"]),
        (&json!({ "a": { "b": 1 } }), &json!(2))
    );
    let stale = patch(&client, &session, json!({ "context": { "c": 1 }, "revision": 1 })).await;
    assert_eq!(stale.problem(409, "session.context")["details"]["revision"], 2);
    assert!(get(&client, &session).await["expires_at"].as_str() >= started["expires_at"].as_str());

    let path = format!("/api/v1/sessions/{session}");
    let named = json!({ "agent": "echo", "name": "one" });
    let one = client.post(&format!("{path}/instances"), &named).await.of(201);
    assert_eq!(client.post(&format!("{path}/instances"), &named).await.of(200)["id"], one["id"]);
    assert_eq!(one["session"], session.as_str());
    // A name belongs to one of the agent's instances in the session alone.
    let elsewhere = client.post("/api/v1/runtime/instances", &named).await.of(201);
    assert_ne!(elsewhere["id"], one["id"]);
    let who = client.run_for(one["id"].as_str().unwrap(), "echo", "who", json!({})).await;
    assert_eq!((&who.output()["session"], &who.json()["session"]), (&json!(session), &json!(session)));

    let ended = client.post(&format!("{path}/end"), &Value::Null).await.of(200);
    assert_eq!((&ended["status"], &ended["ended_by"]), (&json!("ended"), &json!("owner")));
    assert_eq!(client.post(&format!("{path}/end"), &Value::Null).await.of(200), ended);
    let instances = client.get(&format!("{path}/instances")).await.of(200);
    assert_eq!(instances["items"][0]["status"], "stopped", "{instances:#}");
    assert_eq!(
        client.get(&format!("/api/v1/runtime/instances/{}", elsewhere["id"].as_str().unwrap())).await.of(200)["status"],
        "idle"
    );
    client.say(&session, json!({ "text": "version", "to": "echo" })).await.problem(409, "session.ended");
    client.post(&format!("{path}/instances"), &named).await.problem(409, "session.ended");
    patch(&client, &session, json!({ "context": {} })).await.problem(409, "session.ended");
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let of_session =
        feed["items"].as_array().unwrap().iter().filter(|event| event["subject"] == format!("session/{session}"));
    let kinds: Vec<_> = of_session.map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["session.started", "session.context", "session.ended"]);
}

#[tokio::test]
async fn what_a_session_holds_is_bounded() {
    let host = host().await;
    let client = host.client();
    let large = |bytes: usize| json!({ "text": "x".repeat(bytes) });
    for (field, bytes) in [("user", 16 * 1024), ("context", 64 * 1024)] {
        client.post("/api/v1/sessions", &json!({ field: large(bytes) })).await.problem(413, "limit.request");
    }
    for times in [
        json!({ "idle_ms": 1 }),
        json!({ "idle_ms": 70_000, "lifetime_ms": 60_000 }),
        json!({ "lifetime_ms": 1e12 as u64 }),
    ] {
        client.post("/api/v1/sessions", &times).await.problem(400, "request.invalid");
    }
    client.post("/api/v1/sessions", &json!({ "more": 1 })).await.problem(400, "request.invalid");
    let session = client.start_session(json!({ "context": large(60 * 1024) })).await;
    patch(&client, &session, json!({ "context": { "more": "x".repeat(5 * 1024) } }))
        .await
        .problem(413, "limit.request");
    assert_eq!(get(&client, &session).await["context_revision"], 1);

    client.join_session(&session, "echo").await;
    client.say(&session, json!({ "text": "x".repeat(16 * 1024 + 1) })).await.problem(413, "limit.request");
    client.say(&session, json!({ "text": "x", "input": large(64 * 1024) })).await.problem(413, "limit.request");
    for nothing in [json!({}), json!({ "text": " \n" }), json!({ "text": "x", "more": 1 })] {
        client.say(&session, nothing).await.problem(400, "request.invalid");
    }
    for _ in 1..32 {
        client.join_session(&session, "echo").await;
    }
    let more = client.post(&format!("/api/v1/sessions/{session}/instances"), &json!({ "agent": "echo" })).await;
    more.problem(409, "limit.instances");
    assert_eq!(get(&client, &session).await["messages"], 0);
}

#[tokio::test]
async fn an_export_has_all_that_the_session_s_getters_tell() {
    let host = host().await;
    let client = host.client();
    let session = client.start_session(json!({ "user": { "name": "Anna" }, "context": { "text": "hello" } })).await;
    client.join_session(&session, "echo").await;
    for message in [
        json!({ "text": "echo", "idempotency_key": "k" }),
        json!({ "text": "sleep" }),
        json!({ "text": "fail", "input": { "kind": "denied" } }),
        json!({ "text": "it says text" }),
        json!({ "text": "sing" }),
    ] {
        client.say(&session, message).await.of(200);
    }
    let path = format!("/api/v1/sessions/{session}");
    let export = client.get(&format!("{path}/export")).await.of(200);
    assert_eq!(export["session"], get(&client, &session).await);
    assert_eq!(export["instances"], client.get(&format!("{path}/instances")).await.of(200)["items"]);
    let mut messages = Vec::new();
    let mut after = Some("0".to_owned());
    while let Some(next) = after {
        let page = client.get(&format!("{path}/messages?limit=2&after={next}")).await.of(200);
        messages.extend(page["items"].as_array().unwrap().clone());
        after = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(export["messages"], json!(messages));
    let kinds: Vec<_> = messages.iter().map(|message| message["reply"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["result", "asks", "proposal", "candidates", "abilities"], "{export:#}");
    for (number, message) in (1..).zip(&messages) {
        assert_eq!(client.get(&format!("{path}/messages/{number}")).await.of(200), *message);
    }
    let typed: troupe_core::view::SessionExport = serde_json::from_value(export.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), export);
}

#[tokio::test]
async fn a_session_whose_time_is_over_is_ended_by_the_host_with_all_that_is_in_it() {
    let host = host().await;
    let client = host.client();
    // Shorter than anybody may ask for, so the row is written here.
    let (id, idle) = (SessionId::generate(&SystemClock, &SystemEntropy), Duration::from_secs(5));
    let (user, context) = (Map::new(), Map::new());
    let row = NewSessionRow { id, principal: "owner".to_owned(), user, context, idle, lifetime: idle };
    crate::faults::apart::store(&host).await.start_session(&TenantId::default(), row).await.unwrap();
    let session = id.to_string();
    let instance = client.join_session(&session, "echo").await;
    let messages = format!("/api/v1/sessions/{session}/messages");
    client.post(&messages, &json!({ "text": "sleep 9000" })).await.of(202);
    let waiting = client.post(&messages, &json!({ "text": "version" })).await.of(202);
    assert_eq!(waiting["state"], "waiting");

    // Nobody looks at it: what the host does of its own is in the feed.
    let until = Instant::now() + idle + 2 * limits::LEASE_RENEWAL + Duration::from_secs(10);
    let ended = loop {
        let feed = client.get("/api/v1/feed?limit=500").await.of(200);
        let is_end = |event: &&Value| {
            event["type"] == "session.ended" && event["subject"] == format!("session/{session}").as_str()
        };
        if let Some(event) = feed["items"].as_array().unwrap().iter().find(is_end) {
            break event.clone();
        }
        assert!(Instant::now() < until, "it never ends: {feed:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(ended["data"]["how"], "expired", "{ended:#}");
    let over = get(&client, &session).await;
    assert_eq!((&over["status"], &over["ended_by"]), (&json!("expired"), &Value::Null));
    assert!(over["ended_at"].as_str() >= over["expires_at"].as_str(), "{over:#}");
    let instance = client.get(&format!("/api/v1/runtime/instances/{instance}")).await.of(200);
    assert_eq!(instance["status"], "stopped", "{instance:#}");
    let waited = client.get(&format!("{messages}/2?wait=30")).await.of(200);
    assert_eq!((&waited["state"], &waited["task"]), (&json!("answered"), &Value::Null), "{waited:#}");
    assert_eq!(waited["reply"]["failure"]["code"], "session.ended");
    // What runs comes to its end.
    let ran = client.get(&format!("{messages}/1?wait=30")).await.of(200);
    assert_eq!(ran["reply"]["output"]["ms"], 9_000, "{ran:#}");
    client.say(&session, json!({ "text": "version", "to": "echo" })).await.problem(409, "session.ended");
}
