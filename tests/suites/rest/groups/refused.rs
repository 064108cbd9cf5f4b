//! Groups of which nothing is made.

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::Client;

use super::{create, host_that_counts, step, step_with, undone};
use crate::host;

async fn refused(client: &Client, steps: Value, status: u16, code: &str) -> String {
    let problem = create(client, &json!({ "steps": steps })).await.problem(status, code);
    problem["detail"].as_str().unwrap().to_owned()
}

fn echo(name: &str, more: Value) -> Value {
    step_with(step(name, "echo", "echo", json!({ "text": "x" })), more)
}

#[tokio::test]
async fn a_group_that_nobody_can_mean_is_refused_with_the_reason_and_the_step() {
    let host = host().await;
    let client = host.client();
    let cycle =
        json!([echo("a", json!({ "needs": ["b"] })), echo("b", json!({ "wires": [{ "from": "a", "to": "/text" }] }))]);
    assert_eq!(
        refused(&client, cycle.clone(), 400, "group.cycle").await,
        "`a → b → a`: each of these steps needs the next, so none can begin"
    );
    let problem = create(&client, &json!({ "steps": cycle })).await.problem(400, "group.cycle");
    assert_eq!(problem["details"]["cycle"], json!(["a", "b", "a"]));
    for steps in [
        json!([]),
        json!([echo("a", json!({ "needs": ["b"] }))]),
        json!([echo("a", json!({ "wires": [{ "from": "b", "to": "/text" }] }))]),
        json!([echo("a", json!({ "for_each": { "from": "b", "to": "/text" } }))]),
        json!([echo("a", json!({})), echo("a", json!({}))]),
        json!([echo("No!", json!({}))]),
        json!([{ "name": "a" }]),
        json!([echo("a", json!({})), echo("b", json!({ "wires": [{ "from": "a", "to": "text" }] }))]),
        json!([echo("a", json!({})), echo("b", json!({ "for_each": { "from": "a", "to": "/text", "at_once": 0 } }))]),
    ] {
        refused(&client, steps, 400, "group.invalid").await;
    }
    let many: Vec<Value> = (0..=limits::GROUP_STEPS_MAX).map(|at| echo(&format!("s{at}"), json!({}))).collect();
    refused(&client, json!(many), 413, "limit.group_size").await;
    let long = step("a", "echo", "echo", json!({ "text": "x".repeat(limits::GROUP_BYTES_MAX) }));
    refused(&client, json!([long]), 413, "limit.group_size").await;
    for wrong in [json!({ "step": [] }), json!({ "steps": [echo("a", json!({ "need": [] }))] })] {
        create(&client, &wrong).await.problem(400, "request.invalid");
    }
    assert_eq!(client.get("/api/v1/task-groups").await.of(200)["items"], json!([]));
    client.get("/api/v1/task-groups/nothing").await.problem(404, "group.not_found");
    client.get("/api/v1/task-groups/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b").await.problem(404, "group.not_found");
}

#[tokio::test]
async fn what_a_task_could_not_be_asked_for_a_group_is_not_either() {
    let host = host().await;
    let client = host.client();
    let one = |step: Value| json!([step]);
    refused(&client, one(step("a", "nobody", "x", json!({}))), 404, "agent.not_found").await;
    let detail = refused(&client, one(step("a", "echo", "nothing", json!({}))), 404, "skill.not_found").await;
    assert!(detail.starts_with("step `a`: "), "{detail}");
    refused(&client, one(step("a", "echo", "echo", json!({ "text": 1 }))), 400, "input.invalid").await;
    let undo = json!({ "compensate": { "task": { "agent": "counter", "skill": "nothing" } } });
    let detail = refused(&client, one(echo("a", undo)), 404, "skill.not_found").await;
    assert!(detail.starts_with("step `a`: its compensation: "), "{detail}");
    // What is known of an input that is filled later is held against the schema as far as that goes.
    let wired = |input: Value| {
        json!([
            echo("a", json!({})),
            step_with(
                step("b", "counter", "add", input),
                json!({ "wires": [{ "from": "a", "at": "/text", "to": "/key" }] })
            )
        ])
    };
    refused(&client, wired(json!({ "delta": "many" })), 400, "input.invalid").await;
    create(&client, &json!({ "steps": wired(json!({ "delta": 1 })) })).await.of(202);
    for (field, value) in [
        ("idempotency_key", json!("k")),
        ("delay_ms", json!(1)),
        ("durability", json!("none")),
        ("timeout_ms", json!(0)),
    ] {
        let mut step = echo("a", json!({}));
        step["task"][field] = value;
        refused(&client, one(step), 400, "request.invalid").await;
    }
    create(&client, &json!({ "idempotency_key": "", "steps": [echo("a", json!({}))] }))
        .await
        .problem(400, "request.invalid");
}

#[tokio::test]
async fn nobody_has_a_group_do_what_it_may_not_do_itself() {
    let host = host_that_counts().await;
    let owner = host.client();
    let reader = owner.with_key("default", &["read", "operate"]).await;
    refused(&reader, json!([echo("a", json!({}))]), 403, "auth.scope").await;
    let (bound, _) = owner.with_bound_key(&["read", "run"], &["echo"]).await;
    create(&bound, &json!({ "steps": [echo("a", json!({}))] })).await.of(202);
    let other = step("b", "counter", "sum", json!({ "keys": [] }));
    let detail = refused(&bound, json!([echo("a", json!({})), other]), 403, "auth.scope").await;
    assert!(detail.contains("is bound to the agents `echo`, and `counter` is none of them"), "{detail}");
    refused(&bound, json!([echo("a", json!({ "compensate": undone() }))]), 403, "auth.scope").await;
}
