//! `/api/v1/task-groups`: tasks that need one another.

mod again;
mod failing;
mod making;
mod nested;
mod redacted;
mod refused;
mod standing;

use serde_json::{Value, json};
use troupe_tests::{Answer, Client, Host};

use crate::host;

/// A step that asks an agent for a skill.
pub fn step(name: &str, agent: &str, skill: &str, input: Value) -> Value {
    json!({ "name": name, "task": { "agent": agent, "skill": skill, "input": input } })
}

/// The same with more than that.
pub fn step_with(step: Value, more: Value) -> Value {
    let mut step = step;
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

/// A step that counts under a key of `counter` what it is asked how often.
pub fn counted(name: &str, needs: &[&str]) -> Value {
    step_with(step(name, "counter", "increment", json!({ "key": name })), json!({ "needs": needs }))
}

/// What undoes a step: it counts under `undone` the how-manieth it is.
pub fn undone() -> Value {
    json!({ "task": { "agent": "counter", "skill": "increment", "input": { "key": "undone" } } })
}

/// A step that fails.
pub fn failing(name: &str, needs: &[&str]) -> Value {
    step_with(step(name, "echo", "fail", json!({ "kind": "failed" })), json!({ "needs": needs }))
}

/// Asks for a group.
pub async fn create(client: &Client, group: &Value) -> Answer {
    client.post("/api/v1/task-groups", group).await
}

/// A group.
pub async fn get(client: &Client, id: &str) -> Value {
    client.get(&format!("/api/v1/task-groups/{id}")).await.of(200)
}

/// Waits for the end of a group, for half a minute at most.
pub async fn ended(client: &Client, id: &str) -> Value {
    let group = client.get(&format!("/api/v1/task-groups/{id}?wait=30")).await.of(200);
    assert!(group["ended_at"].is_string(), "it never ends: {group:#}");
    group
}

/// Runs a group to its end.
pub async fn run(client: &Client, group: &Value) -> Value {
    let group = client.post("/api/v1/task-groups?wait=30", group).await.of(200);
    assert!(group["ended_at"].is_string(), "it never ends: {group:#}");
    group
}

/// A step of a group.
pub fn of<'a>(group: &'a Value, name: &str) -> &'a Value {
    group["steps"].as_array().unwrap().iter().find(|step| step["name"] == name).expect("a step of this name")
}

/// The names and statuses of the steps.
pub fn statuses(group: &Value) -> Vec<String> {
    let line = |step: &Value| format!("{} {}", step["name"].as_str().unwrap(), step["status"].as_str().unwrap());
    group["steps"].as_array().unwrap().iter().map(line).collect()
}

/// The id of a task of a step.
pub fn task_of(group: &Value, name: &str) -> String {
    of(group, name)["tasks"][0]["task"].as_str().expect("a task").to_owned()
}

/// A host whose `counter` may count.
pub async fn host_that_counts() -> Host {
    let host = host().await;
    may_count(&host.client()).await;
    host
}

/// Lets `counter` keep state.
pub async fn may_count(client: &Client) {
    let all = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 1000 } } });
    client.put("/api/v1/deployments/counter/grants", &all).await.of(200);
}

/// The number under a key of `counter`.
pub async fn count(client: &Client, key: &str) -> Value {
    client.run("counter", "sum", json!({ "keys": [key] })).await.output()["count"].clone()
}
