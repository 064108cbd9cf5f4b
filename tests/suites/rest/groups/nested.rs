//! Groups that are steps of groups.

use serde_json::{Value, json};
use troupe_tests::command::{command_on, ended as over};

use super::{count, counted, create, ended, failing, get, host_that_counts, of, run, step, step_with, undone};
use crate::PROGRAM;

/// A step that is a group.
fn group(name: &str, steps: Value, more: Value) -> Value {
    let mut inner = json!({ "steps": steps });
    inner.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "name": name, "group": inner })
}

/// A step of a group within a group.
fn within<'a>(group: &'a Value, path: &str) -> &'a Value {
    let mut step = group;
    let mut name = String::new();
    for part in path.split('/') {
        name = if name.is_empty() { part.to_owned() } else { format!("{name}/{part}") };
        step = of(step, &name);
    }
    step
}

#[tokio::test]
async fn a_group_within_is_wired_from_its_input_and_puts_out_what_its_steps_do() {
    let host = host_that_counts().await;
    let client = host.client();
    let says = |name: &str, wires: Value| step_with(step(name, "echo", "echo", json!({})), json!({ "wires": wires }));
    let deep = group("deep", json!([says("again", json!([{ "at": "/said", "to": "/text" }]))]), json!({}));
    let deep = step_with(deep, json!({ "wires": [{ "from": "says", "at": "/text", "to": "/said" }] }));
    let steps = json!([says("says", json!([{ "at": "/word", "to": "/text" }])), deep]);
    let inner = step_with(
        group("inner", steps, json!({ "input": { "more": 1 } })),
        json!({ "wires": [{ "from": "first", "at": "/text", "to": "/word" }] }),
    );
    let last = says("last", json!([{ "from": "inner", "at": "/deep/again/text", "to": "/text" }]));
    let first = step("first", "echo", "echo", json!({ "text": "hello" }));
    let found = run(&client, &json!({ "steps": [last, inner, first] })).await;
    assert_eq!(found["status"], "completed", "{found:#}");
    assert_eq!(of(&found, "last")["output"], json!({ "text": "hello" }));
    let expected = json!({ "says": { "text": "hello" }, "deep": { "again": { "text": "hello" } } });
    assert_eq!(of(&found, "inner")["output"], expected);
    assert_eq!(found["progress"], json!({ "ended": 6, "steps": 6, "fraction": 1.0 }));
    let again = within(&found, "inner/deep/again");
    let task = client.get(&format!("/api/v1/tasks/{}", again["tasks"][0]["task"].as_str().unwrap())).await.of(200);
    assert_eq!(task["group"], json!({ "group": found["id"], "step": "inner/deep/again", "item": 0 }));
    let id = found["id"].as_str().unwrap();
    let shows = over(command_on(PROGRAM, &host, &["groups", "get", id]).spawn().unwrap()).await;
    assert!(shows.good().contains("inner/deep/again") && shows.good().contains("a group"), "{shows:#?}");
}

#[tokio::test]
async fn wires_of_groups_in_groups_put_no_more_into_an_input_than_a_task_may_be_asked() {
    let host = host_that_counts().await;
    let client = host.client();
    // Fifty times all that the group around it was given, at each depth.
    let wires = |from: Value| -> Vec<Value> {
        let wire = |number: usize| step_with(json!({ "to": format!("/{number}") }), from.clone());
        (0..50).map(wire).collect()
    };
    let leaf = step_with(step("leaf", "echo", "echo", json!({ "text": "x" })), json!({ "wires": wires(json!({})) }));
    let inner = ["three", "two"].into_iter().fold(leaf, |steps, name| {
        step_with(group(name, json!([steps]), json!({})), json!({ "wires": wires(json!({})) }))
    });
    let outer =
        step_with(group("one", json!([inner]), json!({})), json!({ "wires": wires(json!({ "from": "says" })) }));
    let says = step("says", "echo", "echo", json!({ "text": "x".repeat(1024) }));
    let found = run(&client, &json!({ "steps": [says, outer] })).await;
    let failure = &found["failure"];
    assert_eq!((&found["status"], &failure["code"]), (&json!("failed"), &json!("limit.group_size")), "{found:#}");
    assert_eq!(failure["details"]["step"], "one/two", "{found:#}");

    // And what undoes a step is wired to no more of it.
    let undo = json!({ "agent": "echo", "skill": "echo", "input": { "text": "x" } });
    let wires: Vec<Value> = (0..1_100).map(|number| json!({ "from": "output", "to": format!("/{number}") })).collect();
    let done = step("done", "echo", "echo", json!({ "text": "x".repeat(1024) }));
    let done = step_with(done, json!({ "compensate": { "task": undo, "wires": wires } }));
    let found = run(&client, &json!({ "steps": [done, failing("fails", &["done"])] })).await;
    assert_eq!(found["failure"]["code"], "group.compensation", "{found:#}");
    assert!(of(&found, "done").to_string().contains("limit.group_size"), "{found:#}");
}

#[tokio::test]
async fn what_a_group_within_did_is_undone_when_it_fails_and_when_the_one_around_it_does() {
    let host = host_that_counts().await;
    let client = host.client();
    let done = |name: &str| step_with(counted(name, &[]), json!({ "compensate": undone() }));
    // It may fail: what it did is undone, and the group around it completes without it.
    let tried = group("tried", json!([done("one"), failing("fails", &["one"])]), json!({}));
    let tried = step_with(tried, json!({ "may_fail": true }));
    let put = step("after", "counter", "put", json!({ "key": "after", "value": "x" }));
    let after = step_with(put, json!({ "needs": ["tried"] }));
    let found = run(&client, &json!({ "steps": [tried, after] })).await;
    assert_eq!(
        (&found["status"], &of(&found, "tried")["status"]),
        (&json!("completed"), &json!("failed")),
        "{found:#}"
    );
    assert_eq!(within(&found, "tried/one")["compensations"][0]["status"], "completed");
    assert_eq!((count(&client, "one").await, count(&client, "undone").await), (json!(1), json!(1)));

    // It completed: what it did is undone with what failed later, and that is named by its path.
    let inner = group("inner", json!([done("two")]), json!({}));
    let fails = group("late", json!([failing("fails", &[])]), json!({}));
    let found = run(&client, &json!({ "steps": [inner, step_with(fails, json!({ "needs": ["inner"] }))] })).await;
    assert_eq!(
        (&found["status"], &of(&found, "inner")["status"]),
        (&json!("failed"), &json!("completed")),
        "{found:#}"
    );
    assert_eq!(within(&found, "inner/two")["compensations"][0]["status"], "completed");
    assert_eq!(count(&client, "undone").await, 2);
    assert_eq!(found["failure"]["details"]["step"], "late/fails");
}

#[tokio::test]
async fn a_cancel_goes_down_and_a_host_that_is_killed_goes_on_with_what_is_within() {
    let mut host = host_that_counts().await;
    let client = host.client();
    let sleeps = |name: &str, ms: u64| step(name, "echo", "sleep", json!({ "ms": ms }));
    let inner = group("inner", json!([sleeps("long", 60_000), counted("never", &["long"])]), json!({}));
    let found = create(&client, &json!({ "steps": [inner] })).await.of(202);
    let id = found["id"].as_str().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while within(&get(&client, id).await, "inner/long")["tasks"][0]["status"] != "running" {
        assert!(std::time::Instant::now() < until, "it never runs");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    client.post(&format!("/api/v1/task-groups/{id}/cancel"), &Value::Null).await.of(200);
    let found = ended(&client, id).await;
    assert_eq!(
        (&found["status"], &of(&found, "inner")["status"]),
        (&json!("cancelled"), &json!("cancelled")),
        "{found:#}"
    );
    assert_eq!(within(&found, "inner/never")["status"], "skipped");

    let inner = group("inner", json!([sleeps("nap", 1_500), counted("once", &["nap"])]), json!({}));
    let found = create(&client, &json!({ "steps": [inner, counted("twice", &["inner"])] })).await.of(202);
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(ended(&client, found["id"].as_str().unwrap()).await["status"], "completed");
    assert_eq!((count(&client, "once").await, count(&client, "twice").await), (json!(1), json!(1)));
}

#[tokio::test]
async fn what_a_group_within_cannot_mean_is_refused_and_so_is_what_it_asks_beyond_the_caller() {
    let host = host_that_counts().await;
    let client = host.client();
    let nested = |depth: usize| (1..depth).fold(counted("a", &[]), |inner, _| group("g", json!([inner]), json!({})));
    create(&client, &json!({ "steps": [nested(5)] })).await.problem(413, "limit.group_size");
    create(&client, &json!({ "steps": [{ "name": "a" }] })).await.problem(400, "group.invalid");
    let each = step_with(group("g", json!([counted("a", &[])]), json!({})), json!({ "compensate": undone() }));
    create(&client, &json!({ "steps": [each] })).await.problem(400, "group.invalid");
    let unknown = group("g", json!([step("a", "nobody", "x", json!({}))]), json!({}));
    let problem = create(&client, &json!({ "steps": [unknown] })).await;
    assert!(problem.status == 404, "{problem:?}");
    let (bound, _) = client.with_bound_key(&["run", "read"], &["echo*"]).await;
    create(&bound, &json!({ "steps": [nested(2)] })).await.problem(403, "auth.scope");
    run(&client, &json!({ "steps": [nested(4)] })).await;
}
