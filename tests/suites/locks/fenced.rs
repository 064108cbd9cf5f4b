//! Writes under a lock: whoever lost it writes nothing.

use serde_json::{Value, json};

use super::{ask, held_by, hold, host, output, replays};

#[tokio::test]
async fn a_stale_writer_is_refused_and_the_newest_writes() {
    let host = host().await;
    let client = host.client();
    let slow = hold(&client, "res/a", 6_000, json!({ "lease_ms": 1_000, "then": "write" })).await;
    held_by(&client, "res/a", &slow).await;
    let next = hold(&client, "res/a", 0, json!({ "then": "write" })).await;
    let (slow_told, next_told) = (output(&client, &slow).await, output(&client, &next).await);
    let newest = &next_told["got"]["value"];
    assert_eq!(next_told["then"]["value"], 1, "{next_told:#}");
    assert_eq!((&slow_told["then"]["code"], &slow_told["then"]["details"]), (&json!("stale"), newest));
    let read = ask(&client, "read", json!({ "key": "written" })).await;
    assert_eq!(read, newest.to_string());
    for task in [&slow, &next] {
        replays(&client, task).await;
    }
}

#[tokio::test]
async fn a_token_is_good_until_a_newer_one_is_given_and_no_other_is() {
    let host = host().await;
    let client = host.client();
    let write = async |lock: &str, token: u64| {
        let told = ask(&client, "write", json!({ "lock": lock, "token": token, "key": "k", "text": "v" })).await;
        told["code"].as_str().unwrap_or("written").to_owned()
    };
    assert_eq!(write("res/never", 0).await, "stale");
    let first = ask(&client, "hold", json!({ "name": "res/a" })).await["got"]["value"].as_u64().unwrap();
    assert_eq!(write("res/a", first).await, "written", "nobody has held it since");
    assert_eq!(write("res/a", first + 1).await, "stale");
    assert_eq!(write("res/b", first).await, "stale");
    ask(&client, "hold", json!({ "name": "res/a" })).await;
    assert_eq!(write("res/a", first).await, "stale");
}

#[tokio::test]
async fn an_instances_own_keys_are_written_under_the_newest_token_alone() {
    let host = host().await;
    let client = host.client();
    let instance = client.start_instance("locker").await;
    let of_instance = async |skill: &str, mut input: Value| {
        input["own"] = json!(true);
        client.run_for(&instance, "locker", skill, input).await.output()
    };
    let write = async |token: u64, text: &str| {
        let input = json!({ "lock": "res/a", "token": token, "key": "k", "text": text });
        of_instance("write", input).await
    };
    let held = async || ask(&client, "hold", json!({ "name": "res/a" })).await["got"]["value"].as_u64().unwrap();
    assert_eq!(write(0, "never").await["code"], "stale", "nobody has held it");
    let first = held().await;
    assert!(write(first, "first").await["code"].is_null(), "nobody has held it since");
    let second = held().await;
    let stale = write(first, "stale").await;
    assert_eq!((&stale["code"], &stale["details"]), (&json!("stale"), &json!(second)), "{stale:#}");
    assert_eq!(of_instance("read", json!({ "key": "k" })).await, "first", "nothing was written");
    assert!(write(second, "second").await["code"].is_null());
    assert_eq!(of_instance("read", json!({ "key": "k" })).await, "second");
    assert_eq!(ask(&client, "read", json!({ "key": "k" })).await, Value::Null, "the deployment has keys of its own");
}
