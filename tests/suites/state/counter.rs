//! A number that is neither lost nor counted twice.

use futures::future::join_all;
use serde_json::json;

use super::host;

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let mut host = host().await;
    for count in 1..=3 {
        let output = host.client().run("counter", "increment", json!({ "key": "n" })).await.output();
        assert_eq!(output, json!({ "count": count }));
        host.kill().await;
        host.start().await;
    }
    let found = host.client().run("counter", "get", json!({ "key": "n" })).await.output();
    assert_eq!(found["value"], "3");
}

#[tokio::test]
async fn increments_at_once_are_counted_exactly() {
    let host = host().await;
    let client = host.client();
    let increments = (0..20).map(|_| client.run("counter", "increment", json!({ "key": "n" })));
    let mut counts: Vec<u64> =
        join_all(increments).await.iter().map(|answer| answer.output()["count"].as_u64().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
    let found = client.run("counter", "get", json!({ "key": "n" })).await.output();
    assert_eq!(found["value"], "20");
}

#[tokio::test]
async fn no_increment_gives_up_because_many_run_at_once() {
    let host = host().await;
    let client = host.client();
    let increments = (0..100).map(|_| client.run("counter", "increment", json!({ "key": "n" })));
    for answer in join_all(increments).await {
        answer.output();
    }
    let found = client.run("counter", "get", json!({ "key": "n" })).await.output();
    assert_eq!(found["value"], "100");
}

#[tokio::test]
async fn a_compare_and_set_from_another_revision_changes_nothing() {
    let host = host().await;
    let client = host.client();
    let set = async |expected: Option<u64>, value: &str| {
        let input = json!({ "key": "k", "expected": expected, "value": value });
        client.run("counter", "compare_and_set", input).await.output()
    };
    let first = set(None, "a").await["revision"].as_u64().unwrap();
    let again = set(None, "b").await;
    assert_eq!(again, json!({ "revision": null, "conflict": true, "found": first }));
    let second = set(Some(first), "c").await["revision"].as_u64().unwrap();
    assert!(second > first);
    assert_eq!(client.run("counter", "get", json!({ "key": "k" })).await.output()["value"], "c");
}

#[tokio::test]
async fn keys_are_listed_in_order_and_in_pages() {
    let host = host().await;
    let client = host.client();
    for key in ["b/2", "a/1", "b/1", "b/10"] {
        client.run("counter", "put", json!({ "key": key, "value": "x" })).await.output();
    }
    let list = async |input: serde_json::Value| client.run("counter", "list", input).await.output()["keys"].clone();
    assert_eq!(list(json!({ "prefix": "b/", "limit": 2 })).await, json!(["b/1", "b/10"]));
    assert_eq!(list(json!({ "prefix": "b/", "after": "b/10", "limit": 2 })).await, json!(["b/2"]));
    let gone = client.run("counter", "delete", json!({ "key": "b/1" })).await.output();
    assert_eq!(gone, json!({ "was_there": true }));
    assert_eq!(list(json!({ "limit": 10 })).await, json!(["a/1", "b/10", "b/2"]));
}

#[tokio::test]
async fn state_belongs_to_the_deployment_and_survives_a_swap() {
    let host = host().await;
    let client = host.client();
    client.run("counter", "increment", json!({ "key": "n" })).await.output();
    client.publish(troupe_tests::guests().counter.archive("1.1.0")).await.of(201);
    client.swap("counter", "1.1.0").await.of(200);
    let count = client.run("counter", "increment", json!({ "key": "n" })).await.output();
    assert_eq!(count, json!({ "count": 2 }));
}
