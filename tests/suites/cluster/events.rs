//! Events that are published at one host and followed at another.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::Client;
use troupe_tests::events::{Event, Raw};
use troupe_tests::socket::Socket;

use super::Cluster;

async fn publish(client: &Client, topic: &str) -> u64 {
    let event = json!({ "specversion": "1.0", "type": topic });
    client.post("/api/v1/events", &event).await.of(202)["position"].as_u64().unwrap()
}

fn positions(events: &[Event]) -> Vec<u64> {
    events.iter().filter(|event| event.name == "event").map(|event| event.id.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_one_host_sees_what_others_publish_once_and_goes_on_at_any_of_them() {
    let Some(mut cluster) = Cluster::of(3).await else { return };
    let clients: Vec<Client> = (0..3).map(|number| cluster.client(number)).collect();
    let mut stream = Raw::open(&clients[0], "/api/v1/events/stream?topic=shop.%3E", None).await;
    let mut socket = Socket::open(&clients[1]).await;
    socket.subscribe("shop", json!({ "events": { "topic": "shop.*" } }), None).await;
    // Each publishes, and all at once.
    let mut published: Vec<u64> = Vec::new();
    for _ in 0..10 {
        let [one, other, third] = &clients[..] else { panic!("three") };
        let all = tokio::join!(publish(one, "shop.one"), publish(other, "bank.other"), publish(third, "shop.third"));
        published.extend([all.0, all.2]);
    }
    published.sort_unstable();
    let told = stream.until(|events| positions(events).len() >= published.len()).await;
    assert_eq!(positions(&told), published);
    let mut said = Vec::new();
    while said.len() < published.len() {
        said.push(socket.next().await["data"]["position"].as_u64().unwrap());
    }
    assert_eq!(said, published);

    // It is told within a second or so, also of a host that others hear nothing of for a while.
    let asked = Instant::now();
    let next = publish(&clients[2], "shop.next").await;
    let told = stream.until(|events| positions(events).last() == Some(&next)).await;
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());

    // Its own host goes, and it goes on at another from where it was.
    let read = told.last().unwrap().id.clone();
    cluster.hosts[0].dies().await;
    let missed = publish(&clients[1], "shop.missed").await;
    let mut stream = Raw::open(&clients[2], "/api/v1/events/stream?topic=shop.%3E", Some(&read)).await;
    let told = stream.until(|events| !events.is_empty()).await;
    assert_eq!(positions(&told), [missed]);
    let data: &Value = &told[0].data;
    assert_eq!((&data["topic"], &data["sender"]), (&json!("shop.missed"), &json!("owner")));
}
