//! The feed as a stream.

use serde_json::json;
use troupe_tests::events::{Event, Raw};

use super::{end, named, stopped};
use crate::host;

fn numbers(events: &[Event]) -> Vec<u64> {
    let numbers = named(events, "event").into_iter().map(|event| event["seq"].as_u64().unwrap());
    numbers.collect()
}

#[tokio::test]
async fn s15_the_feed_is_followed_over_a_restart_without_a_gap_and_without_a_repetition() {
    let mut host = host().await;
    let client = host.client();
    let mut stream = Raw::open(&client, "/api/v1/feed", None).await;
    let before = stream.until(|events| events.len() >= 3).await;
    assert_eq!(before[0].id, "1");
    for _ in 0..20 {
        client.run("echo", "version", json!({})).await.of(200);
    }
    let events = stopped(&mut host, stream).await;
    let (_, resume) = end(&events);

    host.start().await;
    let client = host.client();
    client.run("echo", "version", json!({})).await.of(200);
    let all = client.get("/api/v1/feed?limit=500").await.of(200);
    let last = all["items"].as_array().unwrap().last().unwrap()["seq"].as_u64().unwrap();
    let mut stream = Raw::open(&client, "/api/v1/feed", resume).await;
    let rest = stream.until(|events| numbers(events).last() == Some(&last)).await;
    let told = [numbers(&events), numbers(&rest)].concat();
    assert_eq!(told, (1..=last).collect::<Vec<_>>());
    let from = client.request(reqwest::Method::GET, "/api/v1/feed").header("accept", "text/event-stream");
    client.send(from.header("last-event-id", "-1")).await.problem(400, "request.invalid");
}
