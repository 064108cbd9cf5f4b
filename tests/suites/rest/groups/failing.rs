//! Groups of which a step fails, or that somebody cancels.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::{Client, guests};

use super::{
    count, counted, create, ended, failing, get, host_that_counts, of, run, statuses, step, step_with, task_of, undone,
};
use crate::host;

/// Waits until a step of a group has a task that runs.
async fn runs(client: &Client, id: &str, name: &str) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let group = get(client, id).await;
        if of(&group, name)["tasks"][0]["status"] == "running" {
            return task_of(&group, name);
        }
        assert!(Instant::now() < until, "{name} never runs: {group:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The output of the task that undid a step.
async fn undid(client: &Client, group: &Value, name: &str) -> Value {
    let undo = &of(group, name)["compensations"][0];
    assert_eq!(undo["status"], "completed", "{group:#}");
    client.get(&format!("/api/v1/tasks/{}", undo["task"].as_str().unwrap())).await.of(200)["output"].clone()
}

#[tokio::test]
async fn with_stop_nothing_begins_any_more_and_what_runs_comes_to_its_end() {
    let host = host_that_counts().await;
    let client = host.client();
    let slow = step("slow", "echo", "sleep", json!({ "ms": 600 }));
    let after = counted("after", &["slow"]);
    let group =
        run(&client, &json!({ "steps": [slow, failing("fails", &[]), after, counted("never", &["fails"])] })).await;
    assert_eq!(group["status"], "failed", "{group:#}");
    assert_eq!(statuses(&group), ["slow completed", "fails failed", "after skipped", "never skipped"]);
    let failure = &group["failure"];
    assert_eq!((&failure["code"], &failure["details"]["step"]), (&json!("guest.failed"), &json!("fails")));
    assert!(failure["message"].as_str().unwrap().starts_with("step `fails`: "), "{failure:#}");
    assert_eq!(count(&client, "after").await, 0);
    client
        .post(&format!("/api/v1/task-groups/{}/cancel", group["id"].as_str().unwrap()), &Value::Null)
        .await
        .problem(409, "group.ended");
}

#[tokio::test]
async fn with_cancel_what_runs_is_cancelled() {
    let host = host_that_counts().await;
    let client = host.client();
    let slow = step("slow", "echo", "sleep", json!({ "ms": 9_000 }));
    let quick = step("quick", "echo", "sleep", json!({ "ms": 200 }));
    let steps = json!([slow, quick, failing("fails", &["quick"]), counted("after", &["slow"])]);
    let started = Instant::now();
    let group = run(&client, &json!({ "on_failure": "cancel", "steps": steps })).await;
    assert!(started.elapsed() < Duration::from_secs(8), "it waits for what it cancels");
    assert_eq!(statuses(&group), ["slow cancelled", "quick completed", "fails failed", "after skipped"]);
    assert_eq!(client.ended(&task_of(&group, "slow")).await["status"], "cancelled");
}

#[tokio::test]
async fn with_finish_everything_goes_on_that_does_not_depend_on_what_failed() {
    let host = host_that_counts().await;
    let client = host.client();
    let last = step_with(counted("last", &["other", "slow"]), json!({ "compensate": undone() }));
    let slow = step("slow", "echo", "sleep", json!({ "ms": 300 }));
    let steps = json!([
        failing("fails", &[]),
        counted("never", &["fails"]),
        counted("nor-this", &["never"]),
        slow,
        counted("other", &[]),
        last
    ]);
    let group = run(&client, &json!({ "on_failure": "finish", "steps": steps })).await;
    assert_eq!((&group["status"], &group["failure"]["details"]["step"]), (&json!("failed"), &json!("fails")));
    assert_eq!(
        statuses(&group),
        ["fails failed", "never skipped", "nor-this skipped", "slow completed", "other completed", "last completed"]
    );
    // What it did is undone all the same.
    assert_eq!(undid(&client, &group, "last").await, json!({ "count": 1 }));
}

#[tokio::test]
async fn what_completed_is_undone_in_reverse_once_the_group_fails() {
    let host = host_that_counts().await;
    let client = host.client();
    // What undoes it is asked what it was asked, and answered.
    let wires = json!([
        { "from": "input", "at": "/key", "to": "/key" },
        { "from": "output", "at": "/count", "to": "/value" },
    ]);
    let put = json!({ "agent": "counter", "skill": "put", "input": { "key": "", "value": "" } });
    let wired = json!({ "task": put, "wires": wires });
    let a = step_with(counted("a", &[]), json!({ "compensate": undone() }));
    let b = step_with(counted("b", &["a"]), json!({ "compensate": undone() }));
    let c = counted("c", &["b"]);
    let d = step_with(
        step("d", "counter", "add", json!({ "key": "d" })),
        json!({ "wires": [{ "from": "c", "at": "/count", "to": "/delta" }], "compensate": undone() }),
    );
    let said = step_with(
        step("said", "echo", "echo", json!({ "text": "undo me" })),
        json!({ "needs": ["d"], "compensate": { "task": { "agent": "counter", "skill": "put", "input": { "key": "said" } },
            "wires": [{ "from": "output", "at": "/text", "to": "/value" }] } }),
    );
    let wrong = step_with(counted("wrong", &["said"]), json!({ "compensate": wired }));
    let steps = json!([a, b, c, d, said, failing("fails", &["said"])]);
    let group = run(&client, &json!({ "steps": steps })).await;
    assert_eq!((&group["status"], &group["failure"]["code"]), (&json!("failed"), &json!("guest.failed")));
    for (name, place) in [("d", 1), ("b", 2), ("a", 3)] {
        assert_eq!(undid(&client, &group, name).await, json!({ "count": place }), "{name}");
    }
    assert_eq!(of(&group, "c")["compensations"], Value::Null);
    assert_eq!(client.run("counter", "get", json!({ "key": "said" })).await.output()["value"], "undo me");
    let undo = of(&group, "a")["compensations"][0]["task"].as_str().unwrap();
    let undo = client.get(&format!("/api/v1/tasks/{undo}")).await.of(200);
    assert_eq!(undo["group"], json!({ "group": group["id"], "step": "a", "item": 0, "compensates": true }));

    // What cannot be undone is on record, and the others are undone.
    let steps = json!([
        step_with(counted("first", &[]), json!({ "compensate": undone() })),
        step_with(wrong, json!({ "needs": ["first"] })),
        failing("fails", &["wrong"])
    ]);
    let group = run(&client, &json!({ "steps": steps })).await;
    let failure = &group["failure"];
    assert_eq!((&group["status"], &failure["code"]), (&json!("failed"), &json!("group.compensation")), "{group:#}");
    assert_eq!(
        (&failure["details"]["steps"], &failure["details"]["cause"]),
        (&json!(["wrong"]), &json!("guest.failed"))
    );
    assert_eq!(of(&group, "wrong")["compensations"][0]["failure"]["code"], "input.invalid");
    assert_eq!(undid(&client, &group, "first").await, json!({ "count": 4 }));
}

#[tokio::test]
async fn the_items_that_completed_of_a_step_that_failed_are_undone_each() {
    let host = host_that_counts().await;
    let client = host.client();
    client.run("counter", "increment", json!({ "key": "x-number" })).await.output();
    client.run("counter", "put", json!({ "key": "x-text", "value": "x" })).await.output();
    let each = step_with(
        step("each", "counter", "add", json!({ "delta": 5 })),
        json!({
            "for_each": { "from": "list", "at": "/keys", "to": "/key" },
            "compensate": {
                "task": { "agent": "counter", "skill": "add", "input": { "delta": -5 } },
                "wires": [{ "from": "input", "at": "/key", "to": "/key" }],
            },
        }),
    );
    let list = step("list", "counter", "list", json!({ "prefix": "x-", "limit": 10 }));
    let group = run(&client, &json!({ "on_failure": "finish", "steps": [list, each] })).await;
    let each = of(&group, "each");
    assert_eq!((&group["status"], &each["status"]), (&json!("failed"), &json!("failed")), "{group:#}");
    assert_eq!(each["items"], json!({ "all": 2, "running": 0, "completed": 1, "failed": 1 }));
    let undone = each["compensations"].as_array().unwrap();
    assert_eq!((undone.len(), &undone[0]["item"], &undone[0]["status"]), (1, &json!(0), &json!("completed")));
    assert_eq!(count(&client, "x-number").await, 1);
}

#[tokio::test]
async fn a_group_that_is_cancelled_ends_what_runs_and_undoes_what_it_did() {
    let host = host_that_counts().await;
    let client = host.client();
    let first = step_with(counted("first", &[]), json!({ "compensate": undone() }));
    let slow = step_with(step("slow", "echo", "sleep", json!({ "ms": 9_000 })), json!({ "needs": ["first"] }));
    let group = create(&client, &json!({ "steps": [first, slow, counted("after", &["slow"])] })).await.of(202);
    let id = group["id"].as_str().unwrap();
    let task = runs(&client, id, "slow").await;
    let (bound, _) = client.with_bound_key(&["run", "read"], &["echo"]).await;
    bound.post(&format!("/api/v1/task-groups/{id}/cancel"), &Value::Null).await.problem(403, "auth.scope");
    client.post(&format!("/api/v1/task-groups/{id}/cancel"), &Value::Null).await.of(200);
    let group = ended(&client, id).await;
    assert_eq!((&group["status"], &group["failure"]["code"]), (&json!("cancelled"), &json!("cancelled")), "{group:#}");
    assert_eq!(statuses(&group), ["first completed", "slow cancelled", "after skipped"]);
    assert_eq!(undid(&client, &group, "first").await, json!({ "count": 1 }));
    assert_eq!(client.ended(&task).await["status"], "cancelled");
}

#[tokio::test]
async fn a_task_of_a_group_that_somebody_cancels_is_a_failure_of_its_step() {
    let host = host_that_counts().await;
    let client = host.client();
    let slow = step("slow", "echo", "sleep", json!({ "ms": 9_000 }));
    let group = create(&client, &json!({ "steps": [slow, counted("after", &["slow"])] })).await.of(202);
    let id = group["id"].as_str().unwrap();
    let task = runs(&client, id, "slow").await;
    client.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    let group = ended(&client, id).await;
    assert_eq!((&group["status"], &group["failure"]["code"]), (&json!("failed"), &json!("cancelled")));
    assert_eq!(statuses(&group), ["slow failed", "after skipped"]);
}

#[tokio::test]
async fn what_an_earlier_step_does_not_put_out_is_a_failure_of_the_step_that_is_wired_to_it() {
    let host = host_that_counts().await;
    let client = host.client();
    let wired = |more: Value| step_with(step("wired", "echo", "echo", json!({ "text": "" })), more);
    let said = step("said", "echo", "echo", json!({ "text": "x" }));
    for (more, message) in [
        (
            json!({ "wires": [{ "from": "said", "at": "/texts/0", "to": "/text" }] }),
            "the output of step `said` has nothing at `/texts/0`",
        ),
        (
            json!({ "for_each": { "from": "said", "at": "/text", "to": "/text" } }),
            "the output of step `said` has no array at `/text` of which tasks could be made",
        ),
    ] {
        let group = run(&client, &json!({ "steps": [said, wired(more)] })).await;
        let failure = &of(&group, "wired")["failure"];
        assert_eq!((&failure["code"], &failure["message"]), (&json!("group.wiring"), &json!(message)), "{group:#}");
        assert_eq!(group["status"], "failed");
    }
}

#[tokio::test]
async fn an_array_that_is_longer_than_a_step_may_have_tasks_is_a_failure_of_the_step() {
    let host = host_that_counts().await;
    let client = host.client();
    client.publish(guests().sleeper.archive("1.0.0")).await.of(201);
    client.swap("sleeper", "1.0.0").await.of(200);
    let race = step("race", "sleeper", "race", json!({ "ms": vec![0; limits::GROUP_ITEMS_MAX + 1] }));
    let each =
        step_with(step("each", "echo", "sleep", json!({})), json!({ "for_each": { "from": "race", "to": "/ms" } }));
    let group = run(&client, &json!({ "steps": [race, each] })).await;
    let each = of(&group, "each");
    assert_eq!(
        (&each["status"], &each["failure"]["code"]),
        (&json!("failed"), &json!("limit.group_size")),
        "{group:#}"
    );
    assert_eq!((&each["failure"]["details"]["items"], &each["tasks"]), (&json!(257), &Value::Null));
}

#[tokio::test]
async fn a_group_of_a_disabled_tenant_goes_on_once_it_is_enabled_again() {
    let host = host().await;
    let owner = host.client();
    owner.make_tenant("acme").await;
    let acme = owner.with_key("acme", &["read", "run", "operate"]).await;
    acme.publish(guests().echo.archive("1.0.0")).await.of(201);
    acme.swap("echo", "1.0.0").await.of(200);
    let nap = step("nap", "echo", "sleep", json!({ "ms": 500 }));
    let after = step_with(step("after", "echo", "echo", json!({ "text": "x" })), json!({ "needs": ["nap"] }));
    let group = create(&acme, &json!({ "steps": [nap, after] })).await.of(202);
    let id = group["id"].as_str().unwrap();
    runs(&acme, id, "nap").await;
    owner.post("/api/v1/tenants/acme/disable", &json!({})).await.of(200);
    tokio::time::sleep(Duration::from_millis(500)).await;
    owner.post("/api/v1/tenants/acme/enable", &json!({})).await.of(200);
    let group = ended(&acme, id).await;
    // What ran when the tenant was disabled was ended by that.
    assert_eq!(group["status"], "failed", "{group:#}");
    assert_eq!(statuses(&group), ["nap failed", "after skipped"]);
}
