//! `executor`, a template over `runner`.

use serde_json::{Value, json};
use troupe_tests::Client;

use super::{host, import, listed, make};

fn may() -> Value {
    json!([
        { "ask": "echo/*", "effect": "read" },
        { "ask": "counter/delete", "effect": "destructive" },
        { "ask": "counter/*", "effect": "write" },
    ])
}

fn grants() -> Value {
    json!({ "agents": [{ "ask": "echo/*" }, { "ask": "counter/*" }], "approvals": { "open": 5 } })
}

/// Counts up what `echo` says back, looks and deletes it.
fn plan(dry_run: bool) -> Value {
    let key = json!([{ "step": "say", "pointer": "/text", "to": "/key" }]);
    json!({ "dry_run": dry_run, "steps": [
        { "id": "say", "agent": "echo", "skill": "echo", "input": { "text": "visits" } },
        { "id": "count", "agent": "counter", "skill": "increment", "from": key },
        { "id": "look", "agent": "counter", "skill": "get", "from": key },
        { "id": "delete", "agent": "counter", "skill": "delete", "from": key },
    ] })
}

fn statuses(report: &Value) -> Vec<&str> {
    report["steps"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect()
}

async fn decide(client: &Client, task: &str, verb: &str) -> Value {
    let pending = listed(client, &format!("/api/v1/task-approvals?kind=action&task={task}")).await.remove(0);
    let id = pending["id"].as_str().unwrap();
    let shown = client.get(&format!("/api/v1/task-approvals/{id}")).await.of(200);
    let decision = json!({ "revision": shown["revision"], "reason": "it is time" });
    client.post(&format!("/api/v1/task-approvals/{id}/{verb}"), &decision).await.of(200);
    shown["shown"].clone()
}

#[tokio::test]
async fn a_plan_is_told_then_done_after_somebody_approved_of_what_it_destroys() {
    let host = host("runner").await;
    let client = host.client();
    import(&client, "runner", "executor").await;
    let parameters = json!({ "may": may(), "purpose": "the platform team" });
    make(&client, "releaser", "executor", parameters, grants()).await;
    let shown = client.get("/api/v1/agents/releaser").await.of(200);
    assert_eq!(shown["skills"], json!(["plan", "execute"]));
    assert_eq!(shown["summary"], "Performs plans for the platform team");

    let told = client.run("releaser", "plan", plan(false)).await.output();
    assert_eq!(told["summary"], "4 steps would be done, 1 of them after somebody's approval; nothing was");
    assert_eq!(told, client.run("releaser", "execute", plan(true)).await.output());
    let counted = client.run("counter", "get", json!({ "key": "visits" })).await.output();
    assert_eq!(counted["value"], Value::Null, "{counted:#}");

    let boss = client.with_key("default", &["approve", "read", "run"]).await;
    let task = client.submit("releaser", "execute", plan(false)).await;
    let shown = decide(&boss, &task, "approve").await;
    let action = json!({ "agent": "counter", "skill": "delete", "input": { "key": "visits" } });
    assert_eq!(shown["action"], action);
    let report = client.ended(&task).await["output"].clone();
    assert_eq!(statuses(&report), ["completed"; 4], "{report:#}");
    // Each is a task of the agent that was asked, for whoever asked first.
    let child = client.get(&format!("/api/v1/tasks/{}", report["steps"][1]["task"].as_str().unwrap())).await.of(200);
    assert_eq!((&child["agent"], &child["skill"]), (&json!("counter"), &json!("increment")));
    assert_eq!(child["principal"], "owner");

    let task = client.submit("releaser", "execute", plan(false)).await;
    decide(&boss, &task, "reject").await;
    let report = client.ended(&task).await["output"].clone();
    assert_eq!(statuses(&report), ["completed", "completed", "completed", "refused"], "{report:#}");
}

#[tokio::test]
async fn a_plan_reaches_no_further_than_parameters_and_grants_let_it() {
    let host = host("runner").await;
    let client = host.client();
    import(&client, "runner", "executor").await;
    let parameters = json!({ "may": [{ "ask": "echo/*", "effect": "read" }, { "ask": "counter/get" }] });
    make(&client, "looker", "executor", parameters, json!({ "agents": [{ "ask": "echo/*" }] })).await;
    let step =
        |agent: &str, skill: &str, input: Value| json!({ "id": "one", "agent": agent, "skill": skill, "input": input });
    let run = async |step: Value| client.run("looker", "execute", json!({ "dry_run": false, "steps": [step] })).await;
    run(step("counter", "increment", json!({ "key": "a" }))).await.failure("denied.capability");
    // It is among what may be used, and was not granted; and nobody can be asked.
    let refused = run(step("counter", "get", json!({ "key": "a" }))).await.output();
    assert_eq!(statuses(&refused), ["refused"], "{refused:#}");
    let done = run(step("echo", "echo", json!({ "text": "hi" }))).await.output();
    assert_eq!(done["steps"][0]["output"], json!({ "text": "hi" }));
    let wrong = json!({ "name": "other", "template": "executor", "parameters": { "may": [{ "ask": "no pattern" }] } });
    client.post("/api/v1/agents", &wrong).await.problem(400, "template.invalid");
}
