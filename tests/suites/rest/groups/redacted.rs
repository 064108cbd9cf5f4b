//! Groups of which what was asked and answered is forgotten.

use serde_json::{Value, json};
use troupe_tests::command::{command_on, ended};
use troupe_tests::nowhere_in;

use super::{counted, create, failing, get, host_that_counts, of, run, step, step_with};
use crate::PROGRAM;

const CANARY: &str = "canary-5d1e0a77";

fn path(group: &Value) -> String {
    format!("/api/v1/task-groups/{}", group["id"].as_str().unwrap())
}

#[tokio::test]
async fn what_a_group_held_is_nowhere_in_the_data_directory_and_that_it_was_is_on_record() {
    let host = host_that_counts().await;
    let client = host.client();
    let first = step("first", "echo", "echo", json!({ "text": CANARY }));
    let second =
        step_with(step("second", "echo", "echo", json!({})), json!({ "wires": [{ "from": "first", "to": "" }] }));
    let undo = json!({ "compensate": { "task": { "agent": "echo", "skill": "echo", "input": { "text": CANARY } } } });
    let undone = step_with(counted("undone", &["second"]), undo);
    let steps = json!([first, second, undone, failing("fails", &["undone"])]);
    let asked = json!({ "idempotency_key": "once", "steps": steps });
    let group = run(&client, &asked).await;
    assert_eq!(group["status"], "failed", "{group:#}");
    let id = group["id"].as_str().unwrap();
    let head = client.get("/api/v1/audit/head").await.of(200)["seq"].as_u64().unwrap();

    let said = ended(command_on(PROGRAM, &host, &["groups", "redact", id]).spawn().unwrap()).await;
    assert!(said.good().contains("redacted ") && said.good().contains("by owner"), "{said:#?}");
    let redacted = get(&client, id).await;
    assert_eq!(redacted["redacted"]["by"], "owner");
    assert!(redacted["redacted"]["at"].is_string() && of(&redacted, "first")["output"].is_null(), "{redacted:#}");
    assert_eq!(
        (&redacted["failure"]["code"], &redacted["failure"]["message"]),
        (&group["failure"]["code"], &json!("redacted"))
    );
    assert_eq!(of(&redacted, "first")["tasks"], of(&group, "first")["tasks"]);
    nowhere_in(host.data_dir(), CANARY);

    // One record of it and one of each of its tasks, by whoever asked; asking again adds none.
    client.post(&format!("{}/redact", path(&group)), &Value::Null).await.of(200);
    let records = client.get(&format!("/api/v1/audit?after={head}&limit=500")).await.of(200);
    let records = records["items"].as_array().unwrap();
    assert!(
        records.iter().all(|record| record["kind"] == "redacted" && record["principal"] == "owner"),
        "{records:#?}"
    );
    let of_group: Vec<_> = records.iter().filter(|record| record["details"]["group"] == id).collect();
    assert_eq!((of_group.len(), records.len()), (1, 6), "{records:#?}");
    let feed = client.get("/api/v1/feed?limit=500&types=group.redacted").await.of(200);
    assert_eq!(feed["items"].as_array().unwrap().len(), 1);
    create(&client, &asked).await.problem(409, "conflict.idempotency");
    let verified = ended(command_on(PROGRAM, &host, &["audit", "verify"]).spawn().unwrap()).await;
    assert!(verified.good().contains("is whole"), "{verified:#?}");
}

#[tokio::test]
async fn a_group_that_has_not_ended_or_is_beyond_the_caller_is_not_redacted() {
    let host = host_that_counts().await;
    let client = host.client();
    let sleeps = step("sleeps", "echo", "sleep", json!({ "ms": 20_000 }));
    let group = create(&client, &json!({ "steps": [sleeps] })).await.of(202);
    let redact = format!("{}/redact", path(&group));
    client.post(&redact, &Value::Null).await.problem(409, "group.not_ended");
    let runner = client.with_key("default", &["run", "read"]).await;
    runner.post(&redact, &Value::Null).await.problem(403, "auth.scope");
    let (bound, _) = client.with_bound_key(&["operate"], &["counter*"]).await;
    bound.post(&redact, &Value::Null).await.problem(403, "auth.scope");
    let unknown = "/api/v1/task-groups/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b/redact";
    client.post(unknown, &Value::Null).await.problem(404, "group.not_found");
    client.post(&format!("{}/cancel", path(&group)), &Value::Null).await.of(200);
}
