//! `kill -9` while events are published and handled: what was accepted is handled, in order, with one effect.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use troupe_tests::{Client, seed};

use super::{counted, event, host, publish, settled, stands, state, subscribe, task};

/// How long after the first request the host dies, at most.
const WINDOW: Duration = Duration::from_millis(400);

/// Publishes events under ids of its own until the host is gone; the positions of those that it accepted.
async fn flood(client: Client, topic: String) -> Vec<u64> {
    let mut accepted = Vec::new();
    for number in 0.. {
        let mut sent = event(&topic, json!({ "key": topic.replace('.', "-") }));
        (sent["id"], sent["source"]) = (json!(number.to_string()), json!(format!("/{topic}")));
        let request = client.request(reqwest::Method::POST, "/api/v1/events").json(&sent);
        let Ok(answer) = client.try_send(request).await else { break };
        accepted.push(answer.of(202)["position"].as_u64().unwrap());
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_were_accepted_are_handled_once_and_in_order_whenever_the_host_dies() {
    let mut host = host().await;
    let client = host.client();
    subscribe(&client, "count", "flood.>", ("counter", "increment"), json!({})).await;
    let mut random = seed::seeded("events");
    for round in 0..seed::kills() {
        let client = host.client();
        let topics: Vec<String> = (0..3).map(|line| format!("flood.r{round}.l{line}")).collect();
        let floods: Vec<_> = topics.iter().map(|topic| tokio::spawn(flood(client.clone(), topic.clone()))).collect();
        let after = crate::faults::instant(&mut random, WINDOW);
        crate::faults::kill_after(&mut host, after).await;
        let accepted = join_all(floods).await;
        let client = host.client();
        for (topic, accepted) in topics.iter().zip(accepted) {
            let accepted = accepted.unwrap();
            // One more than was answered may have been kept.
            let page = client.get(&format!("/api/v1/events?topic={topic}&limit=500")).await.of(200);
            let mut kept: Vec<u64> =
                page["items"].as_array().unwrap().iter().map(|event| event["position"].as_u64().unwrap()).collect();
            kept.reverse();
            assert!(kept.starts_with(&accepted) && kept.len() <= accepted.len() + 1, "{kept:?} of {accepted:?}");
            let mut values = Vec::new();
            for position in &kept {
                let ended = settled(&client, *position).await;
                assert_eq!(state(&ended), "delivered", "{ended:#}");
                values.push(task(&client, &ended).await["output"]["count"].clone());
            }
            // Each counted once, in the order in which it was accepted.
            let expected: Vec<Value> = (1..=kept.len()).map(|value| json!(value)).collect();
            assert_eq!(values, expected);
            if !kept.is_empty() {
                assert_eq!(counted(&client, &topic.replace('.', "-")).await["value"], kept.len().to_string());
            }
        }
    }
}

#[tokio::test]
async fn what_waits_for_its_next_try_and_a_dead_letter_outlive_the_host() {
    let mut host = host().await;
    let client = host.client();
    subscribe(&client, "fails", "a.b", ("echo", "fail"), json!({ "tries": 3 })).await;
    let first = publish(&client, &event("a.b", json!({ "kind": "failed" }))).await;
    let second = publish(&client, &event("a.b", json!({ "kind": "failed" }))).await;
    stands(&client, first, |event| event["deliveries"][0]["attempts"] == 1 && state(event) == "ready").await;
    host.kill().await;
    host.start().await;
    let client = host.client();
    for position in [first, second] {
        let ended = settled(&client, position).await;
        assert_eq!((state(&ended), &ended["deliveries"][0]["attempts"]), ("dead", &json!(3)));
    }
    host.kill().await;
    host.start().await;
    let letters = host.client().get("/api/v1/events/dead").await.of(200);
    assert_eq!(letters["items"].as_array().unwrap().len(), 2);
}
