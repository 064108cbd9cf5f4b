//! Groups that come to their end as they are asked for.

use serde_json::{Value, json};

use super::{count, counted, create, ended, get, host_that_counts, of, run, statuses, step, step_with, task_of};
use crate::host;

#[tokio::test]
async fn a_step_begins_once_what_it_needs_has_ended_with_what_it_is_wired_to() {
    let host = host_that_counts().await;
    let client = host.client();
    // The last is named first; each begins by itself once it can.
    let last = step_with(
        step("last", "counter", "put", json!({ "key": "last", "value": "" })),
        json!({ "wires": [{ "from": "right", "at": "/text", "to": "/value" }], "needs": ["left"] }),
    );
    let left = step_with(
        step("left", "counter", "add", json!({ "key": "left" })),
        json!({ "wires": [{ "from": "first", "at": "/count", "to": "/delta" }] }),
    );
    let right =
        step_with(step("right", "echo", "echo", json!({})), json!({ "wires": [{ "from": "hello", "to": "" }] }));
    let hello = step_with(step("hello", "echo", "echo", json!({ "text": "hello" })), json!({ "needs": ["first"] }));
    let group = run(&client, &json!({ "steps": [last, left, right, hello, counted("first", &[])] })).await;

    assert_eq!(group["status"], "completed", "{group:#}");
    assert_eq!(group["progress"], json!({ "ended": 5, "steps": 5, "fraction": 1.0 }));
    assert_eq!(
        (&of(&group, "left")["output"], &of(&group, "right")["output"]),
        (&json!({ "sum": 1 }), &json!({ "text": "hello" }))
    );
    assert_eq!(of(&group, "last")["needs"], json!(["left", "right"]));
    let kept = client.run("counter", "get", json!({ "key": "last" })).await.output();
    assert_eq!(kept["value"], "hello");
    // Each is a task like any other, which says of which group it is.
    let task = client.get(&format!("/api/v1/tasks/{}", task_of(&group, "last"))).await.of(200);
    assert_eq!(task["group"], json!({ "group": group["id"], "step": "last", "item": 0 }));
    assert_eq!((&task["principal"], &task["input"]["value"]), (&json!("owner"), &json!("hello")));
    let at = |name: &str, field: &str| {
        let task = task_of(&group, name);
        let client = client.clone();
        let field = field.to_owned();
        async move { client.get(&format!("/api/v1/tasks/{task}")).await.of(200)[field].as_str().unwrap().to_owned() }
    };
    for (before, after) in
        [("first", "left"), ("first", "hello"), ("hello", "right"), ("left", "last"), ("right", "last")]
    {
        assert!(at(before, "ended_at").await <= at(after, "created_at").await, "{after} begins before {before} ends");
    }
}

#[tokio::test]
async fn a_step_makes_a_task_of_each_item_and_its_output_is_theirs_in_order() {
    let host = host_that_counts().await;
    let client = host.client();
    for key in ["b", "a", "c"] {
        client.run("counter", "increment", json!({ "key": key })).await.output();
    }
    let list = step("list", "counter", "list", json!({ "limit": 10 }));
    let each = step_with(
        step("each", "counter", "add", json!({ "delta": 10 })),
        json!({ "for_each": { "from": "list", "at": "/keys", "to": "/key", "at_once": 2 } }),
    );
    let all = step_with(
        step("all", "counter", "sum", json!({ "keys": [] })),
        json!({ "wires": [{ "from": "list", "at": "/keys", "to": "/keys" }], "needs": ["each"] }),
    );
    // Of no items there are no tasks, and an output of none.
    let none = step_with(
        step("none", "echo", "echo", json!({})),
        json!({ "for_each": { "from": "empty", "at": "/keys", "to": "/text" } }),
    );
    let empty = step("empty", "counter", "list", json!({ "prefix": "nothing", "limit": 10 }));
    // One after another, of the first one's output.
    let first = step_with(
        step("first", "counter", "put", json!({ "key": "first", "value": "x" })),
        json!({ "wires": [{ "from": "list", "at": "/keys/0", "to": "/value" }, { "from": "none", "to": "/instance" }] }),
    );
    let first = step_with(first, json!({ "may_fail": true }));
    let group = run(&client, &json!({ "steps": [list, each, all, none, empty, first] })).await;
    assert_eq!(group["status"], "completed", "{group:#}");
    let each = of(&group, "each");
    assert_eq!(each["output"], json!([{ "sum": 11 }, { "sum": 11 }, { "sum": 11 }]));
    assert_eq!(each["items"], json!({ "all": 3, "running": 0, "completed": 3, "failed": 0 }));
    let items: Vec<&Value> = each["tasks"].as_array().unwrap().iter().map(|task| &task["item"]).collect();
    assert_eq!(items, [0, 1, 2]);
    assert_eq!(of(&group, "all")["output"], json!({ "count": 33 }));
    assert_eq!((&of(&group, "none")["output"], &of(&group, "none")["tasks"]), (&json!([]), &Value::Null));
    // What does not fit the skill's schema is the failure of its step.
    assert_eq!(of(&group, "first")["failure"]["code"], "input.invalid");
}

#[tokio::test]
async fn what_may_fail_is_null_to_those_that_need_it() {
    let host = host_that_counts().await;
    let client = host.client();
    let may_fail = json!({ "may_fail": true });
    let fails = step_with(step("fails", "echo", "fail", json!({ "kind": "failed" })), may_fail.clone());
    let kinds = step_with(
        step("kinds", "echo", "echo", json!({ "text": "x" })),
        json!({ "wires": [{ "from": "fails", "at": "/any/where", "to": "/more" }] }),
    );
    let list = step("list", "counter", "list", json!({ "limit": 10 }));
    client.run("counter", "increment", json!({ "key": "number" })).await.output();
    client.run("counter", "put", json!({ "key": "text", "value": "x" })).await.output();
    // Nothing can be added to a text.
    let each = step_with(
        step("each", "counter", "add", json!({ "delta": 1 })),
        json!({ "for_each": { "from": "list", "at": "/keys", "to": "/key" }, "may_fail": true }),
    );
    let keep = step_with(
        step("keep", "echo", "echo", json!({ "text": "x" })),
        json!({ "wires": [{ "from": "each", "to": "/all" }] }),
    );
    let group = run(&client, &json!({ "steps": [fails, kinds, list, each, keep] })).await;
    assert_eq!(group["status"], "completed", "{group:#}");
    assert_eq!(
        statuses(&group),
        ["fails failed", "kinds completed", "list completed", "each completed", "keep completed"]
    );
    let input = async |name: &str| {
        client.get(&format!("/api/v1/tasks/{}", task_of(&group, name))).await.of(200)["input"].clone()
    };
    assert_eq!(input("kinds").await, json!({ "text": "x", "more": null }));
    assert_eq!(input("keep").await, json!({ "text": "x", "all": [{ "sum": 2 }, null] }));
    assert_eq!(of(&group, "each")["output"], json!([{ "sum": 2 }, null]));
    assert!(of(&group, "each")["failure"]["code"].is_string());
}

#[tokio::test]
async fn the_same_request_under_its_key_gives_the_same_group_and_lists_show_the_newest_first() {
    let host = host_that_counts().await;
    let client = host.client();
    let mut group = json!({ "idempotency_key": "once", "steps": [counted("one", &[])] });
    let first = run(&client, &group).await;
    let again = create(&client, &group).await;
    assert_eq!(
        (again.of(200), again.header("location").map(str::to_owned)),
        (first.clone(), Some(format!("/api/v1/task-groups/{}", first["id"].as_str().unwrap())))
    );
    group["steps"][0]["name"] = json!("other");
    create(&client, &group).await.problem(409, "conflict.idempotency");
    assert_eq!(count(&client, "one").await, 1);

    group.as_object_mut().unwrap().remove("idempotency_key");
    let second = create(&client, &group).await.of(202)["id"].as_str().unwrap().to_owned();
    ended(&client, &second).await;
    let page = client.get("/api/v1/task-groups?limit=1").await.of(200);
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!(second), &json!(second)));
    let rest = client.get(&format!("/api/v1/task-groups?after={second}&status=completed")).await.of(200);
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert_eq!((&rest["items"][0]["id"], &rest["items"][0]["steps"]), (&first["id"], &Value::Null));
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let subject = format!("group/{second}");
    let of_group = feed["items"].as_array().unwrap().iter().filter(|event| event["subject"] == subject);
    assert_eq!(
        of_group.map(|event| event["type"].as_str().unwrap()).collect::<Vec<_>>(),
        ["group.created", "group.completed"]
    );
}

#[tokio::test]
async fn who_may_not_read_is_told_how_a_group_stands_and_not_what_it_answered() {
    let host = host().await;
    let runner = host.client().with_key("default", &["run"]).await;
    let group = json!({ "steps": [step("one", "echo", "echo", json!({ "text": "mine" }))] });
    let told = run(&runner, &group).await;
    assert_eq!((&told["status"], &of(&told, "one")["output"]), (&json!("completed"), &Value::Null));
    let id = told["id"].as_str().unwrap();
    runner.get(&format!("/api/v1/task-groups/{id}")).await.problem(403, "auth.scope");
    assert_eq!(of(&get(&host.client(), id).await, "one")["output"], json!({ "text": "mine" }));
    let task = client_task(&host.client(), &told).await;
    assert_eq!(task["principal"], told["principal"], "its tasks are those of whoever asked");
}

async fn client_task(client: &troupe_tests::Client, group: &Value) -> Value {
    client.get(&format!("/api/v1/tasks/{}", task_of(group, "one"))).await.of(200)
}
