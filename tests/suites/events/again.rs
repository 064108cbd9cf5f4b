//! Delivering again.

use serde_json::{Value, json};

use super::{counted, event, get, host, publish, settled, stands, state, subscribe};

#[tokio::test]
async fn events_are_delivered_again_from_a_point_in_their_order() {
    let host = host().await;
    let client = host.client();
    let mut positions = Vec::new();
    for key in ["a", "b", "c"] {
        positions.push(publish(&client, &event("shop.order", json!({ "key": key }))).await);
        publish(&client, &event("shop.other", json!({ "key": "other" }))).await;
    }
    // Nobody had subscribed then; whoever does later is told from a point on.
    subscribe(&client, "late", "shop.>", ("counter", "increment"), json!({})).await;
    let again = json!({ "from": positions[1], "topic": "shop.order", "subscription": "late" });
    let made = client.post("/api/v1/events/redeliver", &again).await.of(200);
    assert_eq!((&made["deliveries"], made.get("next")), (&json!(2), None));
    settled(&client, positions[2]).await;
    settled(&client, positions[1]).await;
    assert_eq!(get(&client, positions[0]).await["state"], "unhandled");
    assert_eq!(counted(&client, "a").await["value"], Value::Null);
    assert_eq!(
        (&counted(&client, "b").await["value"], &counted(&client, "c").await["value"]),
        (&json!("1"), &json!("1"))
    );
    let since = json!({ "since": "2020-01-01T00:00:00Z", "topic": "shop.order" });
    assert_eq!(client.post("/api/v1/events/redeliver", &since).await.of(200)["deliveries"], 3);
    stands(&client, positions[2], |event| {
        event["state"] == "settled" && event["deliveries"].as_array().unwrap().len() == 2
    })
    .await;
    assert_eq!(counted(&client, "c").await["value"], "2");
    client.post("/api/v1/events/redeliver", &json!({})).await.problem(400, "request.invalid");
    let nobody = json!({ "from": 1, "subscription": "nobody" });
    client.post("/api/v1/events/redeliver", &nobody).await.problem(404, "subscription.not_found");
    let reader = client.with_key("default", &["read", "run"]).await;
    reader.post("/api/v1/events/redeliver", &json!({ "from": 1 })).await.problem(403, "auth.scope");
}

#[tokio::test]
async fn a_dead_letter_is_delivered_again_or_discarded_once_and_that_is_on_record() {
    let host = host().await;
    let client = host.client();
    subscribe(&client, "fails", "a.b", ("echo", "fail"), json!({ "tries": 1 })).await;
    let position = publish(&client, &event("a.b", json!({ "kind": "failed", "text": "x" }))).await;
    let dead = settled(&client, position).await;
    let delivery = dead["deliveries"][0]["delivery"].as_u64().unwrap();
    subscribe(&client, "fails", "a.b", ("echo", "echo"), json!({ "tries": 1 })).await;
    let path = format!("/api/v1/events/dead/{delivery}");
    let before = client.post(&format!("{path}/redeliver"), &Value::Null).await.of(200);
    assert_eq!(before["state"], "redelivered");
    client.post(&format!("{path}/redeliver"), &Value::Null).await.problem(404, "dead_letter.not_found");
    let ended = stands(&client, position, |event| event["state"] == "settled").await;
    assert_eq!(ended["deliveries"][1]["state"], "delivered", "{ended:#}");

    subscribe(&client, "fails", "a.b", ("echo", "fail"), json!({ "tries": 1 })).await;
    let position = publish(&client, &event("a.b", json!({ "kind": "failed", "text": "x" }))).await;
    let dead = settled(&client, position).await;
    let path = format!("/api/v1/events/dead/{}", dead["deliveries"][0]["delivery"]);
    client.post(&format!("{path}/discard"), &Value::Null).await.of(200);
    assert_eq!(state(&get(&client, position).await), "discarded");
    assert_eq!(client.get("/api/v1/events/dead").await.of(200)["items"], json!([]));
    let audit = client.get("/api/v1/audit?kind=redelivered").await.of(200);
    assert_eq!(audit["items"].as_array().unwrap().len(), 2);
}
