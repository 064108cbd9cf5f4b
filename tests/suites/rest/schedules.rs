//! `/api/v1/schedules`: tasks that are made again and again.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_tests::{Answer, Client};

use crate::host;

/// Longest until a schedule of each minute has made a task, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A schedule of the agent `echo`.
fn of_echo(cron: &str) -> Value {
    json!({ "cron": cron, "task": { "agent": "echo", "skill": "version" } })
}

async fn set(client: &Client, name: &str, schedule: &Value) -> Answer {
    client.put(&format!("/api/v1/schedules/{name}"), schedule).await
}

async fn get(client: &Client, name: &str) -> Value {
    client.get(&format!("/api/v1/schedules/{name}")).await.of(200)
}

async fn delete(client: &Client, name: &str) -> Answer {
    client.send(client.request(reqwest::Method::DELETE, &format!("/api/v1/schedules/{name}"))).await
}

#[tokio::test]
async fn a_schedule_makes_one_task_each_time_whatever_happens_to_the_host() {
    let mut host = host().await;
    let client = host.client();
    let instance = client.start_instance("echo").await;
    let mut of_instance = of_echo("* * * * *");
    of_instance["task"]["instance"] = json!(instance);
    set(&client, "of-instance", &of_instance).await.of(200);
    client.post(&format!("/api/v1/runtime/instances/{instance}/stop"), &Value::Null).await.of(200);
    let schedule = set(&client, "minutely", &of_echo("* * * * *")).await.of(200);
    let due = schedule["next_at"].as_str().unwrap().to_owned();
    assert_eq!(schedule["principal"], "owner");

    let until = Instant::now() + PATIENCE;
    let fired = loop {
        let schedule = get(&client, "minutely").await;
        if schedule["last_task"].is_string() {
            break schedule;
        }
        assert!(Instant::now() < until, "its time never comes: {schedule:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    host.kill().await;
    assert_eq!(fired["last_at"], due.as_str());
    assert!(fired["next_at"].as_str().unwrap() > due.as_str(), "{fired:#}");
    host.start().await;
    let client = host.client();
    let task = client.ended(fired["last_task"].as_str().unwrap()).await;
    assert_eq!((&task["status"], &task["principal"]), (&json!("completed"), &json!("owner")), "{task:#}");
    let before_next = get(&client, "minutely").await["last_at"] == due.as_str();
    let tasks = client.get("/api/v1/tasks?agent=echo").await.of(200);
    if before_next {
        assert_eq!(tasks["items"].as_array().unwrap().len(), 1, "{tasks:#}");
    }
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let of_schedule = feed["items"].as_array().unwrap().iter().filter(|event| event["subject"] == "schedule/minutely");
    let kinds: Vec<_> = of_schedule.map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["schedule.set", "schedule.fired"]);
    // What cannot be asked for makes no task, and says why.
    let refused = get(&client, "of-instance").await;
    assert_eq!((&refused["last_task"], &refused["last_failure"]["code"]), (&Value::Null, &json!("instance.stopped")));
    assert!(refused["next_at"].is_string(), "{refused:#}");
}

#[tokio::test]
async fn a_schedule_is_set_anew_paused_resumed_and_removed_on_record() {
    let host = host().await;
    let client = host.client();
    let mut schedule = of_echo("30 6 * * 1-5");
    schedule["timezone"] = json!("Europe/Berlin");
    let first = set(&client, "morning", &schedule).await.of(200);
    assert!(first["next_at"].as_str().unwrap().ends_with(":30:00.000Z"), "{first:#}");
    assert_eq!(first["overlap"], false);
    let listed = client.get("/api/v1/schedules").await.of(200);
    assert_eq!(listed["items"], json!([first]));

    let change = async |verb: &str| client.post(&format!("/api/v1/schedules/morning/{verb}"), &Value::Null).await;
    let paused = change("pause").await.of(200);
    assert_eq!((&paused["paused"], &paused["next_at"]), (&json!(true), &Value::Null));
    assert_eq!(change("resume").await.of(200)["next_at"], first["next_at"]);
    let anew = set(&client, "morning", &of_echo("@daily")).await.of(200);
    assert_eq!((&anew["cron"], anew["timezone"].as_str()), (&json!("@daily"), None));
    assert_eq!(delete(&client, "morning").await.of(200)["name"], "morning");
    for gone in [delete(&client, "morning").await, change("pause").await, client.get("/api/v1/schedules/No!").await] {
        gone.problem(404, "schedule.not_found");
    }
    let audit = client.get("/api/v1/audit?kind=schedule&limit=100").await.of(200);
    let records = audit["items"].as_array().unwrap();
    assert_eq!(records.len(), 5, "{audit:#}");
    assert!(records.iter().all(|record| record["agent"] == "echo" && record["principal"] == "owner"), "{audit:#}");
}

#[tokio::test]
async fn what_could_not_be_asked_for_is_not_scheduled() {
    let host = host().await;
    let client = host.client();
    let refused = async |field: &str, value: Value, status: u16, code: &str| {
        let mut schedule = of_echo("@daily");
        *schedule.pointer_mut(field).unwrap() = value;
        set(&client, "wrong", &schedule).await.problem(status, code)
    };
    for cron in ["", "* * * *", "* * * * * *", "61 0 * * *", "soon", "0 0 30 2 *"] {
        refused("/cron", json!(cron), 400, "schedule.invalid").await;
    }
    refused("/task/agent", json!("nobody"), 404, "agent.not_found").await;
    refused("/task/skill", json!("nothing"), 404, "skill.not_found").await;
    for (field, value) in [("idempotency_key", json!("k")), ("delay_ms", json!(1)), ("durability", json!("none"))] {
        let mut schedule = of_echo("@daily");
        schedule["task"][field] = value;
        set(&client, "wrong", &schedule).await.problem(400, "request.invalid");
    }
    let mut elsewhere = of_echo("@daily");
    elsewhere["timezone"] = json!("Mars/Olympus");
    let problem = set(&client, "wrong", &elsewhere).await.problem(400, "schedule.invalid");
    assert_eq!(
        problem["detail"],
        "there is no time zone `Mars/Olympus`; name one of the IANA database, such as `Europe/Berlin`"
    );
    set(&client, "No!", &of_echo("@daily")).await.problem(400, "name.invalid");
    assert_eq!(client.get("/api/v1/schedules").await.of(200)["items"], json!([]));
}

#[tokio::test]
async fn nobody_schedules_what_it_may_not_ask_for_and_operate() {
    let host = host().await;
    let owner = host.client();
    set(&owner, "nightly", &of_echo("@daily")).await.of(200);
    for scopes in [["read", "run"], ["read", "operate"]] {
        let client = owner.with_key("default", &scopes).await;
        set(&client, "mine", &of_echo("@daily")).await.problem(403, "auth.scope");
        assert_eq!(get(&client, "nightly").await["name"], "nightly");
    }
    let all = ["read", "run", "operate"];
    let (bound, _) = owner.with_bound_key(&all, &["counter"]).await;
    set(&bound, "mine", &of_echo("@daily")).await.problem(403, "auth.scope");
    let of_counter =
        json!({ "cron": "@daily", "task": { "agent": "counter", "skill": "sum", "input": { "keys": [] } } });
    set(&bound, "nightly", &of_counter).await.problem(403, "auth.scope");
    delete(&bound, "nightly").await.problem(403, "auth.scope");
    owner.make_tenant("acme").await;
    let other = owner.with_key("acme", &all).await;
    other.get("/api/v1/schedules/nightly").await.problem(404, "schedule.not_found");
    delete(&other, "nightly").await.problem(404, "schedule.not_found");
    assert_eq!(other.get("/api/v1/schedules").await.of(200)["items"], json!([]));
}
