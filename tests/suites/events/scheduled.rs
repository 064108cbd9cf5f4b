//! Events whose time comes later.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{event, get, host, publish, settled, subscribe};

#[tokio::test]
async fn an_event_is_routed_when_its_time_has_come_also_if_that_is_while_no_host_runs() {
    let mut host = host().await;
    let client = host.client();
    let begun = Instant::now();
    let later = client.post("/api/v1/events?delay_ms=1500", &event("a.b", json!({ "key": "n" }))).await.of(202);
    let position = later["position"].as_u64().unwrap();
    assert_eq!((&later["state"], &later["subscriptions"]), (&json!("scheduled"), &json!(0)));
    // Whoever has subscribed by then takes it.
    subscribe(&client, "count", "a.b", ("counter", "increment"), json!({})).await;
    host.kill().await;
    host.start().await;
    let client = host.client();
    let event_ = settled(&client, position).await;
    assert!(begun.elapsed() >= Duration::from_millis(1_500), "it was early");
    assert_eq!(super::state(&event_), "delivered");
    assert_eq!(super::counted(&client, "n").await["value"], "1");
    client.post(&format!("/api/v1/events/{position}/cancel"), &Value::Null).await.problem(409, "event.routed");
}

#[tokio::test]
async fn an_event_is_called_off_before_its_time() {
    let host = host().await;
    let client = host.client();
    let far = client.post("/api/v1/events?at=2099-01-01T00:00:00Z", &event("a.b", json!({}))).await;
    far.problem(400, "request.invalid");
    let later = client.post("/api/v1/events?delay_ms=86400000", &event("a.b", json!({}))).await.of(202);
    let path = format!("/api/v1/events/{}", later["position"]);
    assert_eq!(client.get("/api/v1/events?state=scheduled").await.of(200)["items"].as_array().unwrap().len(), 1);
    client.post(&format!("{path}/cancel"), &Value::Null).await.of(200);
    client.get(&path).await.problem(404, "event.not_found");
    // A time that has passed is now.
    let past = client.post("/api/v1/events?at=2020-01-01T00:00:00Z", &event("a.b", json!({}))).await.of(202);
    assert_eq!(past["state"], "unhandled");
    let next = publish(&client, &event("a.b", json!({}))).await;
    assert_eq!(get(&client, next).await["position"], 3, "positions are given once");
    client
        .post("/api/v1/events?delay_ms=1&at=2020-01-01T00:00:00Z", &event("a.b", json!({})))
        .await
        .problem(400, "request.invalid");
}
