//! Keys that end, numbers that are added to, and keys that look like something else.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use troupe_tests::Client;

use super::host;

async fn get(client: &Client, key: &str) -> Value {
    client.run("counter", "get", json!({ "key": key })).await.output()["value"].clone()
}

#[tokio::test]
async fn a_number_that_many_add_to_at_once_counts_each_once_and_survives_a_kill() {
    let mut host = host().await;
    let client = host.client();
    let adds = (0..50).map(|_| client.run("counter", "add", json!({ "key": "n", "delta": 2 })));
    let mut sums: Vec<i64> =
        join_all(adds).await.iter().map(|answer| answer.output()["sum"].as_i64().unwrap()).collect();
    sums.sort_unstable();
    assert_eq!(sums, (1..=50).map(|n| 2 * n).collect::<Vec<_>>());
    host.kill().await;
    host.start().await;
    let client = host.client();
    let task = client.run("counter", "add", json!({ "key": "n", "delta": -100 })).await.of(200);
    assert_eq!(task["output"], json!({ "sum": 0 }));
    let replay = client.post(&format!("/api/v1/tasks/{}/replay", task["id"].as_str().unwrap()), &Value::Null).await;
    assert_eq!(replay.of(200)["identical"], true);
    assert_eq!(get(&client, "n").await, "0", "a replay adds nothing");
}

#[tokio::test]
async fn what_is_no_number_is_not_added_to_and_no_sum_overflows() {
    let host = host().await;
    let client = host.client();
    client.run("counter", "put", json!({ "key": "text", "value": "many" })).await.output();
    let failure = client.run("counter", "add", json!({ "key": "text", "delta": 1 })).await.failure("guest.failed");
    assert_eq!(failure["message"], "the key holds no whole number of 64 bits in decimal");
    client.run("counter", "add", json!({ "key": "n", "delta": i64::MAX })).await.output();
    let failure = client.run("counter", "add", json!({ "key": "n", "delta": 1 })).await.failure("guest.failed");
    assert_eq!(failure["message"], "the sum would be no whole number of 64 bits");
    assert_eq!(get(&client, "text").await, "many");
}

#[tokio::test]
async fn a_key_is_absent_when_its_time_is_over_also_after_a_kill() {
    let mut host = host().await;
    let client = host.client();
    let put_for = async |client: &Client, key: &str, ms: u64| {
        client.run("counter", "put_for", json!({ "key": key, "value": "x", "ms": ms })).await.output()
    };
    put_for(&client, "soon", 300).await;
    put_for(&client, "kept", 300).await;
    put_for(&client, "late", 3_600_000).await;
    let kept = client.run("counter", "expire", json!({ "key": "kept" })).await.output();
    assert_eq!(kept, json!({ "was_there": true }));
    host.kill().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    host.start().await;
    let client = host.client();
    let listed = client.run("counter", "list", json!({ "limit": 10 })).await.output();
    assert_eq!(listed["keys"], json!(["kept", "late"]));
    assert_eq!(get(&client, "soon").await, Value::Null);
    let gone = client.run("counter", "expire", json!({ "key": "soon" })).await.output();
    assert_eq!(gone, json!({ "was_there": false }));
    let failure = client
        .run("counter", "put_for", json!({ "key": "k", "value": "", "ms": u64::MAX }))
        .await
        .failure("guest.failed");
    assert!(failure["message"].as_str().unwrap().starts_with("a time to live is 1 to 315360000000 milliseconds"));
}

#[tokio::test]
async fn f63_a_key_that_looks_like_a_path_or_a_prefix_is_an_opaque_key_of_its_own() {
    let host = host().await;
    let client = host.client();
    let keys = ["%2e%2e", "../counter", "../x", "\u{0}", "a\u{0}b", "default/counter/1/k", "other:"];
    for key in keys {
        client.run("counter", "put", json!({ "key": key, "value": key })).await.output();
    }
    for key in keys {
        assert_eq!(get(&client, key).await, key);
    }
    let listed = client.run("counter", "list", json!({ "limit": 100 })).await.output();
    assert_eq!(
        listed["keys"],
        json!(["\u{0}", "%2e%2e", "../counter", "../x", "a\u{0}b", "default/counter/1/k", "other:"])
    );
    // The input of a skill has at most 1 MiB.
    for key in ["", &"k".repeat(513), &"../".repeat(300_000)] {
        let failure = client.run("counter", "put", json!({ "key": key, "value": "x" })).await.failure("guest.failed");
        assert!(failure["message"].as_str().unwrap().starts_with("a state key is 1 to 512 bytes"), "{failure}");
    }
}
