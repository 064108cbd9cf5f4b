//! Replaying tasks from their journals.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::{Client, Host};

use crate::{host, host_that_sends};

async fn replay(client: &Client, task: &Value) -> Value {
    client.post(&format!("/api/v1/tasks/{}/replay", task["id"].as_str().unwrap()), &Value::Null).await.of(200)
}

/// Replays a task and checks that it did the same.
async fn again(client: &Client, task: &Value) -> Value {
    let replay = replay(client, task).await;
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null), "{replay:#}");
    assert_eq!((&replay["recorded"]["status"], &replay["release"]), (&task["status"], &task["release"]));
    replay
}

async fn with_state() -> Host {
    let host = host().await;
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    host.client().put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    host
}

#[tokio::test]
async fn a_task_that_wrote_is_replayed_without_writing() {
    let host = with_state().await;
    let client = host.client();
    let first = client.run("counter", "increment", json!({ "key": "n" })).await.of(200);
    client.run("counter", "increment", json!({ "key": "n" })).await.of(200);
    let replay = again(&client, &first).await;
    assert_eq!(replay["replayed"]["output"], json!({ "count": 1 }));
    let calls: Vec<(&Value, &Value)> =
        replay["calls"].as_array().unwrap().iter().map(|call| (&call["call"], &call["repeated"])).collect();
    assert_eq!(calls, [(&json!("state.get n"), &json!("same")), (&json!("state.compare-and-set n"), &json!("same"))]);
    let found = client.run("counter", "get", json!({ "key": "n" })).await.output();
    assert_eq!(found["value"], "2");
}

#[tokio::test]
async fn a_replay_runs_what_ran_then_under_the_configuration_of_then() {
    let host = host().await;
    let client = host.client();
    let configure = async |greeting: &str| {
        let configuration = json!({ "configuration": { "greeting": greeting, "repeat": 2 } });
        client.put("/api/v1/deployments/echo/configuration", &configuration).await.of(200)
    };
    configure("hey").await;
    let task = client.run("echo", "shout", json!({ "text": "you" })).await.of(200);
    let version = client.run("echo", "version", json!({})).await.of(200);
    configure("oh").await;
    client.swap("echo", "2.0.0").await.of(200);
    assert_eq!(again(&client, &task).await["replayed"]["output"], json!({ "text": "HEY YOU YOU" }));
    assert_eq!(again(&client, &version).await["release"]["version"], "1.0.0");
}

#[tokio::test]
async fn time_that_passed_then_need_not_pass_again() {
    let host = host().await;
    let client = host.client();
    let task = client.run("echo", "sleep", json!({ "ms": 2_000 })).await.of(200);
    let asked = Instant::now();
    again(&client, &task).await;
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn failures_and_what_was_cut_short_are_the_same_again() {
    let host = host().await;
    let client = host.client();
    let task = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 60_000 }, "timeout_ms": 300 });
    let late = client.post("/api/v1/tasks?wait=30", &task).await.of(200);
    assert_eq!(late["failure"]["code"], "limit.deadline");
    // Nothing says what it would have answered.
    assert_eq!(again(&client, &late).await["replayed"], Value::Null);
    for skill in ["trap", "recurse", "grow"] {
        let failed = client.run("hostile", skill, json!({})).await.of(200);
        assert_eq!(failed["status"], "failed");
        let replay = again(&client, &failed).await;
        assert_eq!(replay["replayed"]["failure"], failed["failure"], "{skill}");
    }
}

#[tokio::test]
async fn requests_are_not_sent_again() {
    let server = troupe_tests::server::Server::start().await;
    let host = host_that_sends(&server).await;
    let client = host.client();
    let request = |method: &str, path: &str| {
        let authority = format!("127.0.0.1:{}", server.port());
        json!({ "method": method, "scheme": "http", "authority": authority, "path": path })
    };
    let requests = [request("GET", "/a"), request("POST", "/b"), request("DELETE", "/c"), request("GET", "/d")];
    let task = client.run("fetch", "fetch", json!({ "requests": requests })).await.of(200);
    assert_eq!(server.requests().len(), 3);
    let replay = again(&client, &task).await;
    assert_eq!(replay["replayed"]["output"], task["output"]);
    assert_eq!(server.requests().len(), 3);
    let answers: Vec<&str> =
        replay["calls"].as_array().unwrap().iter().map(|call| call["answer"].as_str().unwrap()).collect();
    assert!(answers[2].starts_with("denied.capability: no grant of"), "{answers:?}");
}

#[tokio::test]
async fn a_replay_needs_no_body_and_takes_none_that_it_does_not_know() {
    let host = host().await;
    let client = host.client();
    let task = client.run("echo", "echo", json!({ "text": "you" })).await.of(200);
    let path = format!("/api/v1/tasks/{}/replay", task["id"].as_str().unwrap());
    let bare = client.send(client.request(reqwest::Method::POST, &path)).await.of(200);
    assert_eq!(bare["identical"], true);
    client.post(&path, &json!({ "version": "1.0.0" })).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn what_cannot_be_replayed_says_why() {
    let host = host().await;
    let client = host.client();
    let running = client.submit("echo", "sleep", json!({ "ms": 5_000 })).await;
    let path = |task: &str| format!("/api/v1/tasks/{task}/replay");
    client.post(&path(&running), &Value::Null).await.problem(409, "replay.impossible");
    let unknown = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
    client.post(&path(unknown), &Value::Null).await.problem(404, "task.not_found");
    client.get(&format!("/api/v1/tasks/{unknown}/journal")).await.problem(404, "task.not_found");
}

#[tokio::test]
async fn a_journal_tells_what_an_agent_did() {
    let host = with_state().await;
    let client = host.client();
    let task = client.run("counter", "increment", json!({ "key": "n" })).await.of(200);
    let journal = client.get(&format!("/api/v1/tasks/{}/journal", task["id"].as_str().unwrap())).await.of(200);
    assert_eq!(
        (&journal["task"], &journal["attempt"], &journal["release"]),
        (&task["id"], &json!(1), &task["release"])
    );
    let calls = journal["calls"].as_array().unwrap();
    assert_eq!(
        (&calls[0]["call"], &calls[0]["write"], &calls[0]["answer"]),
        (&json!("state.get n"), &json!(false), &json!("nothing"))
    );
    assert_eq!((&calls[1]["write"], &calls[1]["answer"]), (&json!(true), &json!("revision 1")));
}
