//! How a tenant's tasks go, and having none of them begin.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_tests::command::run_on;

use crate::{PROGRAM, host};

async fn status(client: &troupe_tests::Client, query: &str) -> Value {
    client.get(&format!("/api/v1/runtime/status{query}")).await.of(200)
}

fn agent<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["agents"].as_array().unwrap().iter().find(|figures| figures["agent"] == name).expect("figures of it")
}

#[tokio::test]
async fn what_is_open_and_what_became_of_the_newest_tasks_is_told_by_agent_and_instance() {
    let mut host = host().await;
    let client = host.client();
    let empty = status(&client, "").await;
    assert_eq!(
        empty,
        json!({
            "ready": true, "open": { "awaiting_approval": 0, "pending": 0, "running": 0, "suspended": 0 },
            "looked_at": 0, "agents": [],
        })
    );
    for _ in 0..3 {
        client.run("echo", "version", json!({})).await.output();
    }
    client.run("hostile", "trap", json!({})).await.failure("guest.trap");
    let instance = client.start_instance("echo").await;
    client.run_for(&instance, "echo", "version", json!({})).await.output();
    let sleeps = client.submit("echo", "sleep", json!({ "ms": 60_000 })).await;
    client.becomes(&sleeps, "running").await;

    let now = status(&client, "").await;
    assert_eq!((&now["open"]["running"], &now["looked_at"]), (&json!(1), &json!(6)), "{now:#}");
    let echo = agent(&now, "echo");
    let counts = [&echo["tasks"], &echo["completed"], &echo["failed"], &echo["cancelled"], &echo["in_doubt"]];
    assert_eq!(counts, [5, 4, 0, 0, 0], "{echo:#}");
    let took = |name: &str| echo["took"][name].as_u64().unwrap();
    assert!(took("p50_ms") <= took("p95_ms") && took("p95_ms") <= took("p99_ms") && took("p99_ms") == took("most_ms"));
    let hostile = agent(&now, "hostile");
    assert_eq!((&hostile["failed"], &hostile["last_failure"]["code"]), (&json!(1), &json!("guest.trap")));

    let of_instance = status(&client, &format!("?instance={instance}")).await;
    assert_eq!((&of_instance["looked_at"], &of_instance["open"]["running"]), (&json!(1), &json!(0)));
    assert_eq!(agent(&of_instance, "echo")["instance"], json!(instance));
    let of_agent = status(&client, "?agent=hostile").await;
    assert_eq!((&of_agent["looked_at"], &of_agent["open"]["running"]), (&json!(1), &json!(0)));
    client.get("/api/v1/runtime/status?instance=x").await.problem(404, "instance.not_found");
    client.get("/api/v1/runtime/status?agent=A/B").await.problem(404, "agent.not_found");
    client.get("/api/v1/runtime/status?since=1").await.problem(400, "request.invalid");

    // It is nobody else's, and no counter that a restart forgets.
    client.make_tenant("acme").await;
    let other = client.with_key("acme", &["read"]).await;
    assert_eq!(status(&other, "").await["looked_at"], 0);
    other.get(&format!("/api/v1/runtime/status?instance={instance}")).await.problem(404, "instance.not_found");
    client.with_key("default", &["run"]).await.get("/api/v1/runtime/status").await.problem(403, "auth.scope");
    host.kill().await;
    host.start().await;
    assert_eq!(agent(&status(&host.client(), "").await, "hostile"), hostile);
    let said = run_on(PROGRAM, &host, &["runtime", "status", "--agent", "hostile"]).await;
    assert!(said.good().starts_with("the host takes work; 0 running, "), "{said:?}");
    assert!(said.good().contains("the newest 1 tasks, since ") && said.good().contains("guest.trap at "), "{said:?}");
}

#[tokio::test]
async fn a_runtime_that_is_stopped_begins_nothing_over_a_restart_and_all_of_it_once_it_is_started() {
    let mut host = host().await;
    let client = host.client();
    client.make_tenant("acme").await;
    let acme = client.with_key("acme", &["read", "run", "operate"]).await;
    acme.publish(troupe_tests::guests().echo.archive("1.0.0")).await.of(201);
    acme.swap("echo", "1.0.0").await.of(200);
    let instance = client.start_instance("echo").await;
    let running = client.submit("echo", "sleep", json!({ "ms": 2_000 })).await;
    client.runs(&running).await;
    for verb in ["stop", "start"] {
        let path = format!("/api/v1/runtime/{verb}");
        client.with_key("default", &["run", "read"]).await.post(&path, &Value::Null).await.problem(403, "auth.scope");
    }
    let stopped = client.post("/api/v1/runtime/stop", &Value::Null).await.of(200);
    assert_eq!((stopped["stopped_at"].is_string(), &stopped["open"]["running"]), (true, &json!(1)), "{stopped:#}");
    let again = client.post("/api/v1/runtime/stop", &Value::Null).await.of(200);
    assert_eq!(again["stopped_at"], stopped["stopped_at"], "it stays as it is");

    // Accepted, waited for and not, for an instance and not: all of it waits on disk.
    let version = json!({ "agent": "echo", "skill": "version" });
    let of_instance = json!({ "agent": "echo", "skill": "version", "instance": instance });
    let mut waiting = vec![client.submit("echo", "version", json!({})).await];
    for task in [&version, &of_instance] {
        let awaited = client.post("/api/v1/tasks?wait=1", task).await.of(202);
        assert_eq!(awaited["status"], "pending");
        waiting.push(awaited["id"].as_str().unwrap().to_owned());
    }
    let mut fleeting = version.clone();
    fleeting["durability"] = json!("none");
    let refused = client.post("/api/v1/tasks?wait=1", &fleeting).await.problem(503, "runtime.stopped");
    assert!(refused["detail"].as_str().unwrap().contains("`troupe runtime start`"), "{refused}");
    // What runs goes on, and so does everybody else.
    assert_eq!(client.ended(&running).await["status"], "completed");
    acme.run("echo", "version", json!({})).await.output();
    assert_eq!(status(&acme, "").await.get("stopped_at"), None);

    host.kill().await;
    host.start().await;
    let client = host.client();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let now = status(&client, "").await;
    assert_eq!((&now["stopped_at"], &now["open"]["pending"]), (&stopped["stopped_at"], &json!(3)), "{now:#}");
    let said = run_on(PROGRAM, &host, &["runtime", "status"]).await;
    assert!(said.good().contains("no task begins since "), "{said:?}");
    let said = run_on(PROGRAM, &host, &["runtime", "start"]).await;
    assert!(said.good().starts_with("tasks begin; "), "{said:?}");
    for task in &waiting {
        assert_eq!(client.ended(task).await["status"], "completed");
    }
    client.post("/api/v1/tasks?wait=5", &fleeting).await.output();
    let said = run_on(PROGRAM, &host, &["runtime", "stop"]).await;
    assert!(said.good().starts_with("no task begins since "), "{said:?}");
    let feed = client.get("/api/v1/feed?limit=500&types=runtime.*").await.of(200);
    let told: Vec<_> = feed["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(told, ["runtime.stopped", "runtime.started", "runtime.stopped"]);
    for (kind, times) in [("runtime_stopped", 2), ("runtime_started", 1)] {
        let audit = client.get(&format!("/api/v1/audit?kind={kind}")).await.of(200);
        let records = audit["items"].as_array().unwrap();
        assert!(records.len() == times && records.iter().all(|record| record["principal"] == "owner"), "{audit:#}");
    }
}

#[tokio::test]
async fn a_suspended_task_goes_on_while_the_runtime_is_stopped_and_one_that_was_put_off_waits() {
    use crate::rest::tasks::sleeper::{host_that_counts, long_nights, submit};
    let host = host_that_counts().await;
    let client = host.client();
    let task = submit(&client, &long_nights(1, 8_000)).await;
    client.becomes(&task, "suspended").await;
    client.post("/api/v1/runtime/stop", &Value::Null).await.of(200);
    assert_eq!(client.ended(&task).await["status"], "completed", "it had begun");
    assert_eq!(status(&client, "").await["open"]["running"], 0);
    let put_off = json!({ "agent": "sleeper", "skill": "race", "input": { "ms": [1] }, "delay_ms": 500 });
    let put_off = client.post("/api/v1/tasks", &put_off).await.of(202)["id"].as_str().unwrap().to_owned();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(client.get(&format!("/api/v1/tasks/{put_off}")).await.of(200)["status"], "pending");
    client.post("/api/v1/runtime/start", &Value::Null).await.of(200);
    assert_eq!(client.ended(&put_off).await["status"], "completed");
}
