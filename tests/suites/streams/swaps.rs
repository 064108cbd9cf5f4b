//! The stream of a swap.

use serde_json::{Value, json};
use troupe_tests::events::{Event, Raw};
use troupe_tests::guests;

use super::{end, stopped, until_end};
use crate::host;

fn phases(events: &[Event]) -> Vec<&Value> {
    events.iter().filter(|event| event.name == "swap").map(|event| &event.data["state"]["phase"]).collect()
}

#[tokio::test]
async fn s15_the_stream_of_a_swap_goes_on_after_a_restart_of_the_host() {
    let mut host = host().await;
    let client = host.client();
    client.publish(guests().trial.archive("1.0.0")).await.of(201);
    let policy = json!({ "canary": { "steps": [{ "weight": 50, "min_calls": 1_000 }], "max_seconds": 600 } });
    let request = json!({ "version": "2.0.0", "policy": policy });
    let id = client.post("/api/v1/deployments/echo/swap", &request).await.of(202)["id"].clone();
    let path = format!("/api/v1/deployments/echo/swaps/{}/events", id.as_str().unwrap());
    let mut stream = Raw::open(&client, &path, None).await;
    stream.until(|events| phases(events).last() == Some(&&json!("canary"))).await;
    let events = stopped(&mut host, stream).await;
    let (_, resume) = end(&events);

    host.start().await;
    let client = host.client();
    let stream = Raw::open(&client, &path, resume).await;
    client.post("/api/v1/deployments/echo/rollback", &json!(null)).await.of(200);
    let events = until_end(stream).await;
    assert_eq!(end(&events), ("done", None));
    let phases = phases(&events);
    assert_eq!(*phases.last().unwrap(), "ended");
    let last = &events.last().unwrap().id;
    assert_eq!(client.get_with(&path, "last-event-id", last).await.status, 204);
    client.get_with(&path, "last-event-id", "1.2").await.problem(400, "request.invalid");
}
