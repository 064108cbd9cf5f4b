//! Which calls a candidate gets.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use serde_json::{Value, json};
use troupe_tests::Client;

use super::{begin, canary, on, reaches, share_max, swap_of};
use crate::host;

/// Asks for the version, as somebody whose affinity is `key`.
async fn asked(client: &Client, key: Option<&str>) -> Value {
    let task = json!({ "agent": "echo", "skill": "version", "affinity": key });
    let task = client.post("/api/v1/tasks?wait=30", &task).await.of(200);
    assert_eq!(task["output"]["version"], task["release"]["version"], "{task:#}");
    task
}

async fn many(client: &Client, keys: impl IntoIterator<Item = Option<String>>) -> Vec<Value> {
    let calls = futures::stream::iter(keys).map(|key| async move { asked(client, key.as_deref()).await });
    calls.buffered(8).collect().await
}

fn held(weight: u8) -> Value {
    // No step of this is ever over.
    json!({ "canary": canary(&[weight], 1_000_000) })
}

#[tokio::test]
async fn the_candidate_gets_its_share_of_keys_and_none_is_sent_back_as_it_rises() {
    let host = host().await;
    let client = host.client();
    let id = begin(&client, "echo", "2.0.0", &held(10)).await;
    reaches(&client, "echo", &id, "canary").await;
    let keys = || (0..300).map(|number| Some(format!("user-{number}")));
    let mut seen: BTreeMap<usize, (bool, u64)> = BTreeMap::new();
    for weight in [10_u8, 40, 75] {
        if weight > 10 {
            let weighed = client.post("/api/v1/deployments/echo/canary", &json!({ "weight": weight })).await.of(200);
            assert_eq!((&weighed["state"]["weight"], &weighed["state"]["held"]), (&json!(weight), &json!(true)));
        }
        let tasks = many(&client, keys()).await;
        let share = on(&tasks, "2.0.0");
        let expected = 3 * usize::from(weight);
        assert!(share.abs_diff(expected) <= 40, "{weight} %: {share} of 300");
        for (key, task) in tasks.iter().enumerate() {
            let (tried, epoch) = (task["release"]["version"] == "2.0.0", task["release"]["epoch"].as_u64().unwrap());
            if let Some((before, epoch_before)) = seen.insert(key, (tried, epoch)) {
                assert!(tried || !before, "user-{key} is sent back at {weight} %");
                assert!(epoch >= epoch_before, "the epoch falls for user-{key}");
            }
        }
        // The same key goes to the same release, whatever the task.
        let again = many(&client, keys().take(50)).await;
        for (key, task) in again.iter().enumerate() {
            assert_eq!(task["release"]["version"] == "2.0.0", seen[&key].0, "user-{key}");
        }
    }
    let deployment = client.get("/api/v1/deployments/echo").await.of(200);
    assert_eq!(deployment["canary"], json!({ "version": "2.0.0", "weight": 75, "swap": id }));
    assert_eq!(deployment["serving"], "1.0.0");
}

#[tokio::test]
async fn the_owner_s_calls_are_shared_out_one_by_one_and_those_of_a_key_together() {
    let host = host().await;
    let client = host.client();
    let id = begin(&client, "echo", "2.0.0", &held(50)).await;
    reaches(&client, "echo", &id, "canary").await;
    let (all, weight) = (600, 50);
    let share = on(&many(&client, (0..all).map(|_| None)).await, "2.0.0");
    let most = share_max(all, weight);
    assert!((all - most..=most).contains(&share), "{share} of {all}");
    for _ in 0..4 {
        let somebody = client.with_key("default", &["run"]).await;
        let share = on(&many(&somebody, (0..12).map(|_| None)).await, "2.0.0");
        assert!(share == 0 || share == 12, "{share} of 12");
    }
    // The header says the same as the field.
    let task = json!({ "agent": "echo", "skill": "version" });
    let headed = |key: &'static str| {
        let request = client.request(reqwest::Method::POST, "/api/v1/tasks?wait=30").header("troupe-affinity", key);
        client.send(request.json(&task))
    };
    for key in ["a", "b", "c", "d", "e", "f"] {
        let by_field = asked(&client, Some(key)).await;
        assert_eq!(headed(key).await.of(200)["release"]["version"], by_field["release"]["version"]);
    }
    let long = "x".repeat(256);
    let refused = json!({ "agent": "echo", "skill": "version", "affinity": long });
    client.post("/api/v1/tasks", &refused).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn calls_for_one_instance_never_alternate_between_releases() {
    let host = host().await;
    let client = host.client();
    let somebody = client.with_key("default", &["run", "read"]).await;
    let mut policy = held(50);
    policy["canary"]["by"] = json!("task");
    let id = begin(&client, "echo", "2.0.0", &policy).await;
    reaches(&client, "echo", &id, "canary").await;
    let mut tried = 0;
    for _ in 0..16 {
        let instance = client.start_instance("echo").await;
        let mut versions = Vec::new();
        for number in 0..8 {
            let client = if number % 2 == 0 { &client } else { &somebody };
            versions.push(client.run_for(&instance, "echo", "version", json!({})).await.of(200)["release"].clone());
        }
        assert!(versions.iter().all(|version| *version == versions[0]), "{instance} alternates: {versions:#?}");
        tried += usize::from(versions[0]["version"] == "2.0.0");
    }
    // That all of them fall to one release has odds of 2 in 65,536.
    assert!((1..16).contains(&tried), "{tried} of 16 instances");
}

#[tokio::test]
async fn a_weight_may_only_rise_and_the_operator_decides_from_then_on() {
    let host = host().await;
    let client = host.client();
    let path = "/api/v1/deployments/echo/canary";
    client.post(path, &json!({ "weight": 20 })).await.problem(404, "swap.not_found");
    let policy = json!({ "canary": canary(&[20, 60], 1) });
    let id = begin(&client, "echo", "2.0.0", &json!({ "canary": canary(&[20], 1_000_000) })).await;
    reaches(&client, "echo", &id, "canary").await;
    let problem = client.post(path, &json!({ "weight": 10 })).await.problem(400, "request.invalid");
    assert!(problem["detail"].as_str().unwrap().contains("may only rise"), "{problem:#}");
    client.post(path, &json!({ "weight": 101 })).await.problem(400, "request.invalid");
    // While one is under way there is no other.
    let second = json!({ "version": "2.0.0", "policy": policy });
    client.post("/api/v1/deployments/echo/swap", &second).await.problem(409, "swap.conflict");
    let problem = client.swap("echo", "2.0.0").await.problem(409, "swap.conflict");
    assert_eq!(problem["details"]["swap"], json!(id));
    // Configuration and grants change meanwhile, and the candidate stays.
    let configuration = json!({ "configuration": { "repeat": 2 } });
    let changed = client.put("/api/v1/deployments/echo/configuration", &configuration).await.of(200);
    assert_eq!((&changed["canary"]["weight"], &changed["serving"]), (&json!(20), &json!("1.0.0")));
    let promoted = client.post("/api/v1/deployments/echo/promote", &Value::Null).await.of(200);
    assert_eq!(promoted["state"]["outcome"], "promoted");
    let deployment = client.get("/api/v1/deployments/echo").await.of(200);
    assert_eq!((&deployment["serving"], &deployment["canary"]), (&json!("2.0.0"), &Value::Null));
    assert_eq!(swap_of(&client, "echo", &id).await["epoch"], deployment["epoch"]);
    let shouted = client.run("echo", "shout", json!({ "text": "you" })).await.output();
    assert_eq!(shouted, json!({ "text": "HELLO YOU YOU" }));
}
