//! Events of which what they said is forgotten.

use serde_json::{Value, json};
use troupe_tests::command::{command_on, ended};
use troupe_tests::nowhere_in;

use super::{event, get, host, publish, settled, subscribe};
use crate::PROGRAM;

const CANARY: &str = "canary-91c44be0";

#[tokio::test]
async fn what_an_event_said_is_nowhere_in_the_data_directory_and_that_it_came_is_on_record() {
    let host = host().await;
    let client = host.client();
    subscribe(&client, "says", "shop.said", ("echo", "echo"), json!({})).await;
    // It is given what its skill does not take, so its delivery is a dead letter.
    subscribe(&client, "fails", "shop.said", ("echo", "fail"), json!({})).await;
    let mut said = event("shop.said", json!({ "text": CANARY }));
    said["subject"] = json!(CANARY);
    said["id"] = json!("said-1");
    let position = publish(&client, &said).await;
    settled(&client, position).await;
    let head = client.get("/api/v1/audit/head").await.of(200)["seq"].as_u64().unwrap();
    let bytes = client.get("/api/v1/events/stats").await.of(200)["bytes"].as_u64().unwrap();

    let text = position.to_string();
    let said_so = ended(command_on(PROGRAM, &host, &["events", "redact", &text]).spawn().unwrap()).await;
    assert_eq!(said_so.good().trim_end(), format!("redacted: event {position}"));
    let left = get(&client, position).await;
    assert_eq!(
        (&left["redacted"]["by"], &left["topic"], &left["event"]["id"]),
        (&json!("owner"), &json!("shop.said"), &json!("said-1"))
    );
    assert!(left["event"]["data"].is_null() && left["event"]["subject"].is_null(), "{left:#}");
    nowhere_in(host.data_dir(), CANARY);
    assert!(client.get("/api/v1/events/stats").await.of(200)["bytes"].as_u64().unwrap() < bytes);
    let shows = ended(command_on(PROGRAM, &host, &["events", "show", &text]).spawn().unwrap()).await;
    assert!(shows.good().contains("redacted   ") && shows.good().contains("by owner"), "{shows:#?}");

    // One record of it and one of each task, and none for asking again.
    client.post(&format!("/api/v1/events/{position}/redact"), &Value::Null).await.of(200);
    let records = client.get(&format!("/api/v1/audit?after={head}")).await.of(200);
    let records = records["items"].as_array().unwrap();
    assert!(
        records.iter().all(|record| record["kind"] == "redacted" && record["principal"] == "owner"),
        "{records:#?}"
    );
    assert_eq!(records.len(), 2, "{records:#?}");
    assert_eq!(records[0]["details"]["event"], position);
    let verified = ended(command_on(PROGRAM, &host, &["audit", "verify"]).spawn().unwrap()).await;
    assert!(verified.good().contains("is whole"), "{verified:#?}");

    // Nobody is given what is not there any more.
    let again = client.post("/api/v1/events/redeliver", &json!({ "from": 1, "topic": "shop.said" })).await.of(200);
    assert_eq!(again["deliveries"], 0);
    let dead = client.get("/api/v1/events/dead").await.of(200)["items"][0]["delivery"].clone();
    client.post(&format!("/api/v1/events/dead/{dead}/redeliver"), &Value::Null).await.problem(409, "event.redacted");
    client.post("/api/v1/events", &said).await.problem(409, "conflict.idempotency");
}

#[tokio::test]
async fn an_event_that_is_not_settled_or_is_beyond_the_caller_is_not_redacted() {
    let host = host().await;
    let client = host.client();
    let later = client.post("/api/v1/events?delay_ms=600000", &event("a", json!({}))).await.of(202);
    let redact = format!("/api/v1/events/{}/redact", later["position"]);
    client.post(&redact, &Value::Null).await.problem(409, "event.open");
    subscribe(&client, "slow", "b", ("echo", "sleep"), json!({})).await;
    let slow = publish(&client, &event("b", json!({ "ms": 20_000 }))).await;
    client.post(&format!("/api/v1/events/{slow}/redact"), &Value::Null).await.problem(409, "event.open");
    client.with_key("default", &["run", "read"]).await.post(&redact, &Value::Null).await.problem(403, "auth.scope");
    client.post("/api/v1/events/4711/redact", &Value::Null).await.problem(404, "event.not_found");
    client.post("/api/v1/events/x/redact", &Value::Null).await.problem(404, "event.not_found");
}
