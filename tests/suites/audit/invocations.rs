//! What is decided while an agent works: once each, whatever comes in between.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::canary::canary;
use troupe_tests::service::{Reply, Service};
use troupe_tests::{Client, redacted_json};

use super::{allowed, denied, grant, grant_nothing, id, of_task, records, sending};
use crate::{deploy_fetch, host};

/// Waits until a task is in a status.
async fn becomes(client: &Client, task: &str, status: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    while client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"] != status {
        assert!(Instant::now() < until, "never {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_hundred_denied_calls_are_one_record_that_names_all_but_what_the_agent_asked() {
    let (server, host) = sending().await;
    let client = host.client();
    let requests: Vec<Value> = (0..100).map(|_| denied()).chain([allowed(&server)]).collect();
    let task = client.run("fetch", "fetch", json!({ "requests": requests })).await.of(200);
    let page = client.get(&format!("/api/v1/audit?task={}", id(&task))).await.of(200);
    let text = redacted_json(&page["items"]);
    assert_snapshot!(text, @r#"
    [
      {
        "tenant": "default",
        "seq": 5,
        "at": "[time]",
        "kind": "denied",
        "code": "denied.capability",
        "principal": "owner",
        "agent": "fetch",
        "version": "1.0.0",
        "digest": "[digest]",
        "task": "[id]",
        "attempt": 1,
        "times": 100,
        "details": {
          "call": "http",
          "host": "https://elsewhere.example"
        },
        "journal": "[digest]",
        "previous": "[digest]",
        "hash": "[digest]"
      }
    ]
    "#);
    assert!(!text.contains("private"), "{text}");
    // One that decided nothing is not in it, nor is what an agent does by itself.
    let before = records(&client).await.len();
    client.run("fetch", "fetch", json!({ "requests": [allowed(&server)] })).await.of(200);
    assert_eq!(records(&client).await.len(), before);
}

#[tokio::test]
async fn how_the_host_ends_an_invocation_is_recorded_and_how_an_agent_does_is_not() {
    let host = host().await;
    let client = host.client();
    let ended = async |skill: &str, input: Value, timeout_ms: u64| {
        let task = json!({ "agent": "hostile", "skill": skill, "input": input, "timeout_ms": timeout_ms });
        let task = client.post("/api/v1/tasks?wait=60", &task).await.of(200);
        (task["failure"]["code"].as_str().unwrap_or("-").to_owned(), of_task(&client, id(&task)).await)
    };
    for (skill, code) in
        [("spin", "limit.deadline"), ("grow", "limit.memory"), ("recurse", "guest.stack"), ("handles", "limit.handles")]
    {
        let timeout_ms = if skill == "spin" { 300 } else { 60_000 };
        assert_eq!(ended(skill, json!({}), timeout_ms).await, (code.to_owned(), vec![format!("ended {code} 1")]));
    }
    let trapped = ("guest.trap".to_owned(), vec!["ended guest.trap 1".to_owned()]);
    assert_eq!(ended("trap", json!({}), 10_000).await, trapped);
    assert_eq!(ended("huge_details", json!({ "bytes": 10 }), 10_000).await, ("guest.failed".to_owned(), vec![]));
    // The skill says that it reads, so its write is denied, although nothing else is wrong.
    let told = ended("write_state", json!({ "bytes": 10 }), 10_000).await;
    assert_eq!(told, ("-".to_owned(), vec!["denied denied.capability 1".to_owned()]));
}

#[tokio::test]
async fn a_credential_and_a_secret_are_recorded_by_name_and_place_and_so_is_their_echo() {
    let service = Service::start(|request| Reply::text(200, request.text())).await;
    let port = service.port();
    let place = json!({ "scheme": "http", "host": "127.0.0.1", "port": port });
    let with = |more: Value| {
        let mut place = place.clone();
        place.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        place
    };
    let capabilities = json!({
        "http": [with(json!({ "id": "service", "credential": "bearer:wiki" }))],
        "secrets": [with(json!({ "name": "chat" }))],
    });
    let mut host = troupe_tests::Host::new(crate::PROGRAM, &["serve", "--listen", "127.0.0.1:0"])
        .with_secret("WIKI_TOKEN", &canary())
        .with_secret("CHAT_TOKEN", &canary());
    let to = format!("to = {{ hosts = [\"127.0.0.1\"], scheme = \"http\", port = {port} }}\n");
    let document = format!(
        "[tenant.default.credentials.\"bearer:wiki\"]\ntoken = {{ env = \"WIKI_TOKEN\" }}\n{to}
         [tenant.default.secrets.chat]\nvalue = {{ env = \"CHAT_TOKEN\" }}\n{to}"
    );
    crate::credentials::write_document(&host, &document);
    host.start().await;
    let client = host.client();
    deploy_fetch(&client, &capabilities).await;

    let request = json!({
        "scheme": "http", "authority": format!("127.0.0.1:{port}"), "path": "/", "headers": [["x-key", "{chat}"]],
    });
    let input = json!({ "requests": [request, request], "secrets": ["chat", "other"] });
    let task = client.run("fetch", "one_by_one_whole", input).await.of(200);
    assert_eq!(task["output"][0]["status"], 200, "{task:#}");
    let page = client.get(&format!("/api/v1/audit?task={}", id(&task))).await.of(200);
    let lines: Vec<String> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| format!("{} {} {} {}", record["kind"], record["code"], record["times"], record["details"]))
        .collect();
    let text = lines.join("\n").replace(&port.to_string(), "[port]");
    assert_snapshot!(text, @r#"
    "denied" "denied.capability" 1 {"call":"secrets.reference","secret":"other"}
    "credential" null 2 {"credential":"bearer:wiki","host":"http://127.0.0.1:[port]"}
    "credential" null 2 {"host":"http://127.0.0.1:[port]","secret":"chat"}
    "secret_echo" null 2 {}
    "#);
}

#[tokio::test]
async fn replaying_and_trying_a_task_again_records_nothing() {
    let (server, host) = sending().await;
    let client = host.client();
    let input = json!({ "requests": [denied(), allowed(&server)] });
    let task = client.run("fetch", "one_by_one", input).await.of(200);
    let before = records(&client).await.len();
    let path = format!("/api/v1/tasks/{}/replay", id(&task));
    assert_eq!(client.post(&path, &Value::Null).await.of(200)["identical"], true);
    grant_nothing(&client).await;
    assert_eq!(client.post(&path, &json!({ "release": "1.0.0" })).await.of(200)["identical"], false);
    assert_eq!(records(&client).await.len(), before + 1, "the change of grants alone");
}

#[tokio::test]
async fn what_was_decided_before_the_host_died_is_recorded_once_when_the_task_has_gone_on() {
    let (server, mut host) = sending().await;
    // The write takes the rows before it into the journal.
    let mut write = allowed(&server);
    write["method"] = "POST".into();
    let requests = json!([denied(), denied(), write, denied()]);
    let task = host.client().submit("fetch", "one_by_one", json!({ "requests": requests, "pause_ms": 2_000 })).await;
    tokio::time::timeout(Duration::from_secs(30), server.came(1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(of_task(&host.client(), &task).await, [""; 0]);
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(client.ended(&task).await["output"], json!([0, 0, 200, 0]));
    assert_eq!(of_task(&client, &task).await, ["denied denied.capability 3"]);
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!(replay["identical"], true, "{replay:#}");
}

#[tokio::test]
async fn a_suspension_neither_loses_nor_doubles_what_was_decided() {
    let (server, host) = sending().await;
    let client = host.client();
    let input = json!({ "requests": [denied(), denied()], "pause_ms": 8_000 });
    let slept = client.submit("fetch", "one_by_one", input.clone()).await;
    let cancelled = client.submit("fetch", "one_by_one", input).await;
    becomes(&client, &cancelled, "suspended").await;
    client.post(&format!("/api/v1/tasks/{cancelled}/cancel"), &Value::Null).await.of(200);
    becomes(&client, &cancelled, "cancelled").await;
    assert_eq!(of_task(&client, &cancelled).await, ["denied denied.capability 1", "ended cancelled 1"]);
    becomes(&client, &slept, "suspended").await;
    assert_eq!(of_task(&client, &slept).await, [""; 0]);
    // What it may changes nothing about what was decided before.
    grant_nothing(&client).await;
    grant(&client, &server).await;
    becomes(&client, &slept, "completed").await;
    assert_eq!(of_task(&client, &slept).await, ["denied denied.capability 2"]);
}

#[tokio::test]
async fn who_cancels_another_s_task_is_recorded_with_its_end() {
    let (_server, host) = sending().await;
    let client = host.client();
    let other = client.with_key("default", &["run"]).await;
    let keys = client.get("/api/v1/keys?tenant=default").await.of(200);
    let other_is = format!("key/{}", keys["items"][0]["id"].as_str().unwrap());
    for status in ["running", "suspended"] {
        let input = json!({ "requests": [denied(), denied()], "pause_ms": 600_000 });
        let task = client.submit("fetch", "one_by_one", input).await;
        becomes(&client, &task, status).await;
        other.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
        assert_eq!(client.ended(&task).await["status"], "cancelled");
        let page = client.get(&format!("/api/v1/audit?task={task}")).await.of(200);
        let told: Vec<_> =
            page["items"].as_array().unwrap().iter().map(|one| (&one["kind"], &one["principal"])).collect();
        assert_eq!(told, [(&json!("denied"), &json!("owner")), (&json!("ended"), &json!(other_is))], "{status}");
    }
}

#[tokio::test]
async fn a_task_of_which_nothing_is_kept_is_audited_all_the_same() {
    let host = host().await;
    let client = host.client();
    let ask = async |wait: u64, skill: &str, input: Value| {
        let task = json!({
            "agent": "hostile", "skill": skill, "input": input, "durability": "none", "timeout_ms": 20_000,
        });
        client.post(&format!("/api/v1/tasks?wait={wait}"), &task).await
    };
    let task = ask(30, "write_state", json!({ "bytes": 10 })).await.of(200);
    assert_eq!(of_task(&client, id(&task)).await, ["denied denied.capability 1"]);
    let record = records(&client).await.pop().unwrap();
    assert_eq!((record.get("journal"), record["attempt"].clone()), (None, json!(1)), "{record:#}");
    client.get(&format!("/api/v1/tasks/{}", id(&task))).await.problem(404, "task.not_found");
    let before = records(&client).await.len();
    // Nobody waits for it any more, so the host ends it; and one that decides nothing is in none.
    ask(1, "spin", json!({})).await.problem(504, "limit.deadline");
    ask(30, "environment", json!({})).await.of(200);
    let until = Instant::now() + Duration::from_secs(20);
    while records(&client).await.len() == before && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = records(&client).await.split_off(before);
    let told: Vec<_> = told.iter().map(|record| (record["kind"].as_str(), record["code"].as_str())).collect();
    assert_eq!(told, [(Some("ended"), Some("cancelled"))]);
}
