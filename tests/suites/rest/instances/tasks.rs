//! Tasks for an instance.

use serde_json::{Value, json};

use super::PATH;
use crate::host;

#[tokio::test]
async fn a_task_for_an_instance_names_it_and_so_does_its_agent() {
    let host = host().await;
    let client = host.client();
    let instance = client.start_instance("counter").await;
    let task = client.run_for(&instance, "counter", "instance", json!({})).await.of(200);
    assert_eq!((&task["instance"], &task["output"]), (&json!(instance), &json!(instance)));
    assert_eq!(client.get(&format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())).await.of(200), task);
    let without = client.run("counter", "instance", json!({})).await.of(200);
    assert_eq!((without.get("instance"), &without["output"]), (None, &Value::Null));
    let listed = client.get(&format!("/api/v1/tasks?instance={instance}")).await.of(200);
    assert_eq!(listed["items"], json!([task]));
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let told = feed["items"].as_array().unwrap().iter().filter(|event| event["data"]["instance"] == *instance);
    let told: Vec<_> = told.map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(told, ["task.created", "task.running", "task.completed"]);
}

#[tokio::test]
async fn a_task_for_an_instance_that_its_agent_does_not_have_is_refused() {
    let host = host().await;
    let client = host.client();
    let of_echo = client.start_instance("echo").await;
    client.make_tenant("acme").await;
    let acme = client.with_key("acme", &["read", "run", "operate"]).await;
    acme.publish(troupe_tests::guests().counter.archive("1.0.0")).await.of(201);
    acme.swap("counter", "1.0.0").await.of(200);
    let theirs = acme.start_instance("counter").await;
    let nothing = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
    for instance in [of_echo.as_str(), theirs.as_str(), nothing] {
        for wait in ["", "?wait=5"] {
            let task = json!({ "agent": "counter", "skill": "instance", "instance": instance });
            let problem = client.post(&format!("/api/v1/tasks{wait}"), &task).await.problem(404, "instance.not_found");
            assert_eq!(problem["detail"], format!("agent `counter` has no instance {instance}"));
        }
    }
    client.run_for("anna", "counter", "instance", json!({})).await.problem(404, "instance.not_found");
    assert_eq!(acme.run_for(&theirs, "counter", "instance", json!({})).await.output(), json!(theirs));
    assert_eq!(client.get("/api/v1/tasks").await.of(200)["items"], json!([]));
}

#[tokio::test]
async fn an_instance_runs_while_a_task_of_it_does_whoever_waits_for_it() {
    let host = host().await;
    let client = host.client();
    let instance = client.start_instance("echo").await;
    let path = format!("{PATH}/{instance}");
    let task = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 2_000 }, "instance": instance });
    let (awaited, seen) = tokio::join!(client.post("/api/v1/tasks?wait=30", &task), async {
        while client.get(&path).await.of(200)["status"] != "running" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        client.get(&format!("{PATH}?status=running")).await.of(200)["items"][0]["id"].clone()
    });
    assert_eq!((awaited.of(200)["status"].clone(), seen), (json!("completed"), json!(instance)));
    assert_eq!(client.get(&path).await.of(200)["status"], "idle");
}

#[tokio::test]
async fn the_same_key_for_another_instance_is_another_request() {
    let host = host().await;
    let client = host.client();
    let (one, two) = (client.start_instance("counter").await, client.start_instance("counter").await);
    let keyed = async |instance: Option<&str>| {
        let task = json!({ "agent": "counter", "skill": "instance", "instance": instance, "idempotency_key": "k" });
        client.post("/api/v1/tasks?wait=30", &task).await
    };
    let first = keyed(Some(&one)).await.of(200);
    assert_eq!(keyed(Some(&one)).await.of(200), first);
    keyed(Some(&two)).await.problem(409, "conflict.idempotency");
    keyed(None).await.problem(409, "conflict.idempotency");
    // What was accepted once is found, whatever became of its instance.
    client.post(&format!("{PATH}/{one}/stop"), &Value::Null).await.of(200);
    assert_eq!(keyed(Some(&one)).await.of(200), first);
}

#[tokio::test]
async fn a_call_of_which_nothing_is_kept_may_be_for_an_instance_too() {
    let host = host().await;
    let client = host.client();
    let instance = client.start_instance("counter").await;
    let task = json!({ "agent": "counter", "skill": "instance", "instance": instance, "durability": "none" });
    assert_eq!(client.post("/api/v1/tasks?wait=5", &task).await.output(), json!(instance));
    client.post(&format!("{PATH}/{instance}/stop"), &Value::Null).await.of(200);
    client.post("/api/v1/tasks?wait=5", &task).await.problem(409, "instance.stopped");
}
