//! How instances live: starting, found healthy, in error, and restarted by the host or by somebody.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::command::run_on;
use troupe_tests::events::{Event, Raw};
use troupe_tests::socket::Socket;
use troupe_tests::{Client, Guest, Host, guests};

use super::PATH;
use crate::{PROGRAM, empty_host};

/// Longest that anything here takes on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);

/// A host with one agent, `patient`, that may keep what ails it.
pub(crate) async fn host_of(guest: &Guest) -> Host {
    let host = empty_host().await;
    let client = host.client();
    client.publish(guest.archive("1.0.0")).await.of(201);
    client.swap("patient", "1.0.0").await.of(200);
    client.put("/api/v1/deployments/patient/grants", &json!({ "grants": leave() })).await.of(200);
    host
}

/// What `patient` asks for.
pub(crate) fn leave() -> Value {
    json!({ "state": { "bytes": 1 << 20, "keys": 100, "instances": true } })
}

/// Has all instances ail so, or no more.
pub(crate) async fn ail(client: &Client, ailment: Option<&str>) {
    client.run("patient", "ail", json!({ "ailment": ailment, "all": true })).await.output();
}

/// Waits until an instance is in a status; returns it.
pub(crate) async fn becomes(client: &Client, instance: &str, status: &str) -> Value {
    let until = Instant::now() + LONGEST;
    loop {
        let found = client.get(&format!("{PATH}/{instance}")).await.of(200);
        if found["status"] == status {
            return found;
        }
        assert!(Instant::now() < until, "it is not {status}: {found:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks an instance for something; returns the task's id.
async fn ask(client: &Client, instance: &str, skill: &str) -> String {
    let task = json!({ "agent": "patient", "skill": skill, "instance": instance });
    client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned()
}

async fn status(client: &Client, task: &str) -> Value {
    client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"].clone()
}

/// What the feed tells of an instance.
async fn told(client: &Client, instance: &str) -> Vec<Value> {
    let path = format!("/api/v1/feed?limit=500&types=instance.*&subjects=instance/{instance}");
    client.get(&path).await.of(200)["items"].as_array().unwrap().clone()
}

fn kinds(told: &[Value]) -> Vec<&str> {
    told.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_instance_is_starting_until_it_was_found_healthy_and_is_restarted_by_the_host_out_of_error() {
    let host = host_of(&guests().patient).await;
    let client = host.client();
    ail(&client, Some("sick")).await;
    let started = client.post(PATH, &json!({ "agent": "patient" })).await.of(201);
    assert_eq!(started["status"], "starting");
    let instance = started["id"].as_str().unwrap();
    // What is asked of it waits, and what cannot wait is told so.
    let task = ask(&client, instance, "work").await;
    let mut fleeting = json!({ "agent": "patient", "skill": "work", "instance": instance, "durability": "none" });
    let refused = client.post("/api/v1/tasks?wait=5", &fleeting).await.problem(503, "instance.paused");
    assert!(refused["detail"].as_str().unwrap().starts_with("the instance is "), "{refused}");

    let failed = becomes(&client, instance, "error").await;
    let error = &failed["error"];
    assert_eq!((&error["by"], &error["code"]), (&json!("health"), &json!("guest.failed")), "{failed:#}");
    assert_eq!(error["message"], "its health was bad 2 times in a row: it is sick");
    assert!(error["restart_at"].is_string() && error["since"].is_string() && failed["checked_at"].is_string());
    assert_eq!(status(&client, &task).await, "pending");
    ail(&client, None).await;
    let well = becomes(&client, instance, "idle").await;
    assert!(well["restarts"].as_u64().unwrap() >= 1 && well.get("error").is_none(), "{well:#}");
    assert_eq!(client.ended(&task).await["status"], "completed");
    fleeting["input"] = json!({});
    client.post("/api/v1/tasks?wait=5", &fleeting).await.output();

    let told = told(&client, instance).await;
    let kinds = kinds(&told);
    assert_eq!(kinds[..3], ["instance.started", "instance.error", "instance.restarted"]);
    assert_eq!(kinds.last(), Some(&"instance.ready"));
    assert_eq!((&told[1]["data"]["by"], &told[2]["data"]["by"]), (&json!("health"), &json!("host")));
    // Checks fill no history, and are asked by nobody.
    let tasks = client.get(&format!("/api/v1/tasks?instance={instance}")).await.of(200);
    assert_eq!(tasks["items"].as_array().unwrap().len(), 1, "{tasks:#}");
    let audit = client.get("/api/v1/audit?kind=instance_error").await.of(200);
    assert_eq!(audit["items"][0]["details"]["instance"], instance);
    let audit = client.get("/api/v1/audit?kind=instance_restarted").await.of(200);
    assert_eq!(audit["items"][0].get("principal"), None, "the host decided it: {audit:#}");
}

#[tokio::test]
async fn a_check_is_bad_that_fails_traps_or_takes_longer_than_it_may() {
    let host = host_of(&guests().patient).await;
    let client = host.client();
    let mut ailing = Vec::new();
    for (ailment, code) in [("sick", "guest.failed"), ("dead", "guest.trap"), ("slow", "limit.deadline")] {
        let instance = client.start_instance("patient").await;
        becomes(&client, &instance, "idle").await;
        client.run_for(&instance, "patient", "ail", json!({ "ailment": ailment })).await.output();
        ailing.push((instance, code));
    }
    let well = client.start_instance("patient").await;
    for (instance, code) in &ailing {
        let failed = becomes(&client, instance, "error").await;
        assert_eq!((&failed["error"]["by"], &failed["error"]["code"]), (&json!("health"), &json!(code)), "{failed:#}");
    }
    // One that is well is in error at most where a busy machine kept its checks from ending in time.
    let found = becomes(&client, &well, "idle").await;
    let told = told(&client, &well).await;
    let errors: Vec<_> = told.iter().filter(|event| event["type"] == "instance.error").collect();
    assert!(errors.iter().all(|event| event["data"]["code"] == "limit.deadline"), "{told:#?}");
    assert!(found.get("restarts").is_none() || !errors.is_empty(), "{found:#}: {told:#?}");
}

#[tokio::test]
async fn an_instance_that_traps_again_and_again_is_in_error_until_somebody_restarts_it_and_keeps_its_keys() {
    let mut host = host_of(&guests().patient.checked(Value::Null)).await;
    let client = host.client();
    let (instance, other) = (client.start_instance("patient").await, client.start_instance("patient").await);
    assert_eq!(becomes(&client, &instance, "idle").await.get("checked_at"), None, "nobody checks it");
    client.run_for(&instance, "patient", "ail", json!({ "ailment": "sick" })).await.output();
    for _ in 0..4 {
        client.run_for(&instance, "patient", "trap", json!({})).await.failure("guest.trap");
    }
    client.run_for(&instance, "patient", "work", json!({})).await.output();
    for _ in 0..5 {
        assert_ne!(client.get(&format!("{PATH}/{instance}")).await.of(200)["status"], "error", "not in a row");
        client.run_for(&instance, "patient", "trap", json!({})).await.failure("guest.trap");
    }
    let path = format!("{PATH}/{instance}/restart");
    let events = told(&client, &instance).await;
    assert_eq!(kinds(&events)[..2], ["instance.started", "instance.error"]);
    assert_eq!((&events[1]["data"]["by"], &events[1]["data"]["code"]), (&json!("traps"), &json!("guest.trap")));
    client.run_for(&other, "patient", "work", json!({})).await.output();

    // It waits over the end of the host, and the host restarts it as any other does.
    let task = ask(&client, &instance, "work").await;
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(client.ended(&task).await["status"], "completed");
    let well = becomes(&client, &instance, "idle").await;
    assert_eq!(well["restarts"], 1);

    let restarted = client.post(&path, &Value::Null).await.of(200);
    assert_eq!((&restarted["status"], restarted.get("restarts")), (&json!("idle"), None), "counted anew");
    client.post(&format!("{PATH}/{instance}/pause"), &Value::Null).await.of(200);
    let task = ask(&client, &instance, "health").await;
    assert_eq!(client.post(&path, &Value::Null).await.of(200)["status"], "idle", "it is paused no longer");
    let kept = client.ended(&task).await;
    assert_eq!(kept["failure"]["message"], "it is sick", "its keys are there: {kept:#}");
    let audit = client.get("/api/v1/audit?kind=instance_restarted").await.of(200);
    let by: Vec<_> = audit["items"].as_array().unwrap().iter().map(|record| record["principal"].clone()).collect();
    assert_eq!(by.iter().filter(|principal| **principal == json!("owner")).count(), 2, "{audit:#}");
    client.post(&format!("{PATH}/{instance}/stop"), &Value::Null).await.of(200);
    client.post(&path, &Value::Null).await.problem(409, "instance.stopped");
    let nobody = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
    client.post(&format!("{PATH}/{nobody}/restart"), &Value::Null).await.problem(404, "instance.not_found");
}

#[tokio::test]
async fn instances_are_checked_from_when_a_release_serves_that_says_how_until_none_does() {
    let unchecked = guests().patient.checked(Value::Null);
    let host = host_of(&unchecked).await;
    let client = host.client();
    let instance = client.start_instance("patient").await;
    client.publish(guests().patient.archive("2.0.0")).await.of(201);
    client.swap("patient", "2.0.0").await.of(200);
    let path = format!("{PATH}/{instance}");
    let until = Instant::now() + LONGEST;
    let checked_at = loop {
        let found = client.get(&path).await.of(200);
        assert_eq!(found["status"], "idle", "it goes on: {found:#}");
        if found["checked_at"].is_string() {
            break found["checked_at"].clone();
        }
        assert!(Instant::now() < until, "it is not checked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    client.publish(unchecked.marked(3).archive("3.0.0")).await.of(201);
    ail(&client, Some("sick")).await;
    client.swap("patient", "3.0.0").await.of(200);
    client.post(&format!("{path}/restart"), &Value::Null).await.of(200);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let found = client.get(&path).await.of(200);
    assert_eq!(found["status"], "idle", "nobody checks it any more: {found:#}");
    assert!(found["checked_at"].as_str() >= checked_at.as_str());
}

#[tokio::test]
async fn a_release_is_refused_whose_health_is_said_by_a_skill_that_cannot_say_it() {
    let host = empty_host().await;
    let client = host.client();
    for (skill, why) in [
        ("heal", "`health` names the skill `heal`, which the agent does not have"),
        (
            "ail",
            "`health` names the skill `ail`, which may change something; a check is a skill of effect class `read`",
        ),
        ("hold", "`health` names the skill `hold`, which has to be told something; a check is a skill that takes `{}`"),
    ] {
        let archive = guests().patient.checked(json!({ "skill": skill })).archive("1.0.0");
        let problem = client.publish(archive).await.problem(422, "manifest.invalid");
        assert_eq!(problem["detail"], why);
    }
}

#[tokio::test]
async fn what_becomes_of_an_instance_is_heard_on_a_stream_and_on_a_socket_alike() {
    let host = host_of(&guests().patient).await;
    let client = host.client();
    let path = "/api/v1/feed?types=instance.*";
    let mut stream = Raw::open(&client, path, None).await;
    let mut socket = Socket::open(&client).await;
    let filter = json!({ "types": ["instance.*"] });
    socket.subscribe("feed", json!({ "feed": { "after": 0, "filter": filter } }), None).await;
    ail(&client, Some("sick")).await;
    let instance = client.start_instance("patient").await;
    becomes(&client, &instance, "error").await;
    client.post(&format!("{PATH}/{instance}/stop"), &Value::Null).await.of(200);
    let on_socket = socket.until(|said| said["data"]["type"] == "instance.stopped").await;
    let on_socket: Vec<&Value> =
        on_socket.iter().filter(|said| said["event"] == "event").map(|said| &said["data"]).collect();
    let is_last = |events: &[Event]| events.iter().any(|event| event.data["type"] == "instance.stopped");
    let on_stream = stream.until(is_last).await;
    let on_stream: Vec<&Value> =
        on_stream.iter().filter(|event| event.name == "event").map(|event| &event.data).collect();
    let listed = client.get(&format!("{path}&limit=500")).await.of(200)["items"].as_array().unwrap().clone();
    let listed: Vec<&Value> = listed.iter().filter(|event| event["type"] != "instance.cleared").collect();
    assert_eq!(on_socket, listed);
    assert_eq!(on_stream, listed);
    assert_eq!((&listed[1]["type"], &listed[1]["data"]["code"]), (&json!("instance.error"), &json!("guest.failed")));
}

#[tokio::test]
async fn what_a_task_used_is_told_with_it_and_adds_up_by_agent_and_instance() {
    let host = host_of(&guests().patient.checked(Value::Null)).await;
    let client = host.client();
    let instance = client.start_instance("patient").await;
    let held = client.run_for(&instance, "patient", "hold", json!({ "bytes": 16 << 20 })).await.of(200);
    let usage = &held["usage"];
    assert!(usage["memory_bytes"].as_u64().unwrap() >= 16 << 20, "{held:#}");
    assert!(usage["compute_us"].as_u64().unwrap() > 0 && usage["sent_bytes"] == 0, "{held:#}");
    let task = format!("/api/v1/tasks/{}", held["id"].as_str().unwrap());
    assert_eq!(client.get(&task).await.of(200), held, "it is kept as it was told");
    let small = client.run("patient", "ail", json!({ "all": true })).await.of(200);
    assert!(small["usage"]["memory_bytes"].as_u64().unwrap() < 16 << 20 && small["usage"]["calls"].as_u64() >= Some(1));

    let figures =
        async |query: &str| client.get(&format!("/api/v1/runtime/status{query}")).await.of(200)["agents"][0].clone();
    let all = figures("").await;
    let of = |task: &Value, what: &str| task["usage"][what].as_u64().unwrap();
    assert_eq!(all["memory"]["most_bytes"], usage["memory_bytes"]);
    assert_eq!(all["memory"]["p50_bytes"], small["usage"]["memory_bytes"]);
    for what in ["compute_us", "calls", "sent_bytes", "received_bytes"] {
        assert_eq!(all["cost"][what].as_u64().unwrap(), of(&held, what) + of(&small, what), "{what}: {all:#}");
    }
    let one = figures(&format!("?instance={instance}")).await;
    assert_eq!((&one["tasks"], &one["cost"]["calls"]), (&json!(1), &usage["calls"]));
    let said = run_on(PROGRAM, &host, &["runtime", "status"]).await;
    assert!(said.good().contains(" MiB") && said.good().contains("MEMORY"), "{said:?}");
}
