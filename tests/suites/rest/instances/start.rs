//! Starting, seeing and listing instances.

use std::sync::Arc;

use futures::future::join_all;
use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_core::{InstanceId, SystemClock, SystemEntropy, TenantId, limits};
use troupe_store::{NewInstanceRow, Store};
use troupe_tests::{Client, Host, guests, redacted_json};

use super::PATH;
use crate::{empty_host, host};

async fn start(client: &Client, agent: &str, name: Option<&str>) -> Value {
    client.post(PATH, &json!({ "agent": agent, "name": name })).await.of(201)
}

#[tokio::test]
async fn an_instance_is_started_seen_and_listed() {
    let host = host().await;
    let client = host.client();
    let started = start(&client, "counter", Some("user:42")).await;
    assert_snapshot!(redacted_json(&started), @r#"
    {
      "id": "[id]",
      "agent": "counter",
      "name": "user:42",
      "status": "idle",
      "principal": "owner",
      "created_at": "[time]"
    }
    "#);
    let id = started["id"].as_str().unwrap();
    assert_eq!(client.get(&format!("{PATH}/{id}")).await.of(200), started);
    assert_eq!(client.get(PATH).await.of(200)["items"], json!([started]));
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let told = feed["items"].as_array().unwrap().iter().find(|event| event["type"] == "instance.started").unwrap();
    assert_eq!(told["subject"], format!("instance/{id}"));
    assert_eq!(told["data"], json!({ "agent": "counter", "name": "user:42" }));
}

#[tokio::test]
async fn the_same_name_is_the_same_instance_also_after_a_kill_and_if_many_ask_at_once() {
    let mut host = host().await;
    let request = json!({ "agent": "counter", "name": "anna" });
    let client = host.client();
    let answers = join_all((0..8).map(|_| client.post(PATH, &request))).await;
    let id = answers[0].json()["id"].clone();
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:#?}");
    assert!(answers.iter().all(|answer| answer.json()["id"] == id), "{answers:#?}");
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(client.post(PATH, &request).await.of(200)["id"], id);
    assert_ne!(start(&client, "echo", Some("anna")).await["id"], id, "another agent has its own names");
    let stop = format!("{PATH}/{}/stop", id.as_str().unwrap());
    client.post(&stop, &Value::Null).await.of(200);
    assert_ne!(client.post(PATH, &request).await.of(201)["id"], id, "a stopped one gives its name back");
}

#[tokio::test]
async fn instances_are_listed_newest_first_in_pages_by_agent_and_status() {
    let host = host().await;
    let client = host.client();
    let mut ids = Vec::new();
    for agent in ["counter", "echo", "counter"] {
        ids.push(start(&client, agent, None).await["id"].clone());
    }
    client.post(&format!("{PATH}/{}/stop", ids[0].as_str().unwrap()), &Value::Null).await.of(200);
    let list = async |query: &str| {
        let page = client.get(&format!("{PATH}?{query}")).await.of(200);
        let ids: Vec<Value> = page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
        (ids, page["next"].clone())
    };
    let (first, next) = list("limit=2").await;
    assert_eq!((first, &next), (vec![ids[2].clone(), ids[1].clone()], &ids[1]));
    let rest = format!("limit=2&after={}", next.as_str().unwrap());
    assert_eq!(list(&rest).await, (vec![ids[0].clone()], Value::Null));
    assert_eq!(list("agent=counter&status=idle").await.0, [ids[2].clone()]);
    assert_eq!(list("status=stopped").await.0, [ids[0].clone()]);
    assert_eq!(list("status=running").await.0, [] as [Value; 0]);
    client.get(&format!("{PATH}?status=asleep")).await.problem(400, "request.invalid");
    client.get(&format!("{PATH}?after=x")).await.problem(400, "request.invalid");
    client.get(&format!("{PATH}?agent=No")).await.problem(404, "agent.not_found");
}

#[tokio::test]
async fn what_cannot_be_started_or_seen_is_told_with_a_code() {
    let host = empty_host().await;
    let client = host.client();
    client.post(PATH, &json!({ "agent": "echo" })).await.problem(404, "agent.not_found");
    client.publish(guests().echo.archive("1.0.0")).await.of(201);
    client.post(PATH, &json!({ "agent": "echo" })).await.problem(404, "deployment.not_found");
    client.swap("echo", "1.0.0").await.of(200);
    for name in ["", "42", "a b", "a/b"] {
        let problem =
            client.post(PATH, &json!({ "agent": "echo", "name": name })).await.problem(400, "request.invalid");
        assert!(problem["detail"].as_str().unwrap().contains("an instance's name is 1 to 128 letters"), "{problem}");
    }
    client.post(PATH, &json!({ "agent": "echo", "nmae": "a" })).await.problem(400, "request.invalid");
    let problem =
        client.get(&format!("{PATH}/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b")).await.problem(404, "instance.not_found");
    assert_eq!(problem["detail"], "there is no instance 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b");
    client.get(&format!("{PATH}/anna")).await.problem(404, "instance.not_found");
    client.with_token(None).get(PATH).await.problem(401, "auth.missing");
}

/// Writes instances into the store of a host that is stopped, as if they had been started earlier.
async fn started_earlier(host: &Host, count: u64) {
    let store = Store::open(&host.data_dir().join("troupe.db"), Arc::new(SystemClock)).await.unwrap();
    let new = |_| NewInstanceRow {
        id: InstanceId::generate(&SystemClock, &SystemEntropy),
        agent: "counter".parse().unwrap(),
        name: None,
        session: None,
        principal: "owner".to_owned(),
        checked: false,
    };
    let tenant = TenantId::default();
    for started in join_all((0..count).map(new).map(|new| store.start_instance(&tenant, new))).await {
        started.unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn a_tenant_has_so_many_instances_that_are_not_stopped() {
    let mut host = host().await;
    host.stop().await;
    started_earlier(&host, limits::INSTANCES_MAX - 1).await;
    host.start().await;
    let client = host.client();
    let last = start(&client, "counter", Some("last")).await;
    let more = json!({ "agent": "echo" });
    let problem = client.post(PATH, &more).await.problem(409, "limit.instances");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the tenant has 10000 instances, as many as it may have; stop those that nobody uses");
    // A name that there is gives what there is; another tenant has its own; one that is stopped makes room.
    assert_eq!(client.post(PATH, &json!({ "agent": "counter", "name": "last" })).await.of(200)["id"], last["id"]);
    client.make_tenant("acme").await;
    let acme = client.with_key("acme", &["read", "run", "operate"]).await;
    acme.publish(guests().echo.archive("1.0.0")).await.of(201);
    acme.swap("echo", "1.0.0").await.of(200);
    start(&acme, "echo", None).await;
    client.post(&format!("{PATH}/{}/stop", last["id"].as_str().unwrap()), &Value::Null).await.of(200);
    client.post(PATH, &more).await.of(201);
}
