//! F: events without end, and what handles them without end.

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::oracle::{Good, Oracle};
use troupe_tests::{Client, seed};

fn good() -> Good {
    Good { agent: "echo", skill: "echo", input: json!({ "text": "well" }), output: json!({ "text": "well" }) }
}

/// Sends a batch of events of one topic.
async fn batch(client: &Client, topic: &str, count: usize) -> troupe_tests::Answer {
    let events: Vec<Value> = (0..count).map(|n| json!({ "type": topic, "data": { "ms": n } })).collect();
    let request = client.request(reqwest::Method::POST, "/api/v1/events").body(Value::from(events).to_string());
    client.send(request.header("content-type", "application/cloudevents-batch+json")).await
}

/// What the case calls messages are events here, so its `limit.messages` is `limit.events`.
#[tokio::test]
async fn f67_a_flood_of_events_is_refused_once_as_much_is_open_as_may_be() {
    let host = crate::host().await;
    let owner = host.client();
    let subscriptions = 50;
    for number in 0..subscriptions {
        let subscription = json!({ "topic": "flood.>", "agent": "echo", "skill": "sleep", "paused": true });
        owner.put(&format!("/api/v1/events/subscriptions/s{number}"), &subscription).await.of(200);
    }
    let oracle = Oracle::watch_with(&host, good()).await;
    let client = oracle.client();
    let at_once = usize::try_from(limits::EVENT_DELIVERIES_AT_ONCE).unwrap() / subscriptions;
    batch(client, "flood.a", at_once + 1).await.problem(413, "limit.request");
    batch(client, "flood.a", limits::EVENT_BATCH_MAX + 1).await.problem(413, "limit.request");
    let fit = usize::try_from(limits::EVENT_DELIVERIES_OPEN_MAX).unwrap() / subscriptions / at_once;
    for _ in 0..fit {
        batch(client, "flood.a", at_once).await.of(202);
    }
    for _ in 0..20 * seed::floods() {
        let refused = batch(client, "flood.a", at_once).await;
        assert!(refused.header("retry-after").is_some());
        refused.problem(429, "limit.events");
    }
    let stats = client.get("/api/v1/events/stats").await.of(200);
    assert_eq!(
        (&stats["open"], &stats["published"]),
        (&json!(limits::EVENT_DELIVERIES_OPEN_MAX), &json!(fit * at_once))
    );
    oracle.holds().await;
}

#[tokio::test]
async fn f72_poison_fills_no_place_that_others_need() {
    let host = crate::host().await;
    let owner = host.client();
    let subscription = json!({ "topic": "poison.>", "agent": "hostile", "skill": "trap", "input": "data", "tries": 1 });
    owner.put("/api/v1/events/subscriptions/poison", &subscription).await.of(200);
    let oracle = Oracle::watch_with(&host, good()).await;
    let client = oracle.client();
    // What no skill takes is given up without a guest that runs.
    for number in 0..10 * seed::floods() {
        batch(client, &format!("poison.t{number}"), 10).await.of(202);
    }
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let stats = client.get("/api/v1/events/stats").await.of(200);
        if stats["open"] == 0 {
            assert_eq!(stats["subscriptions"]["poison"]["dead"], 100 * seed::floods());
            break;
        }
        assert!(std::time::Instant::now() < until, "{stats:#}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    oracle.holds().await;
}
