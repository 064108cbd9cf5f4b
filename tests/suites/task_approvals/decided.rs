//! Who decides, and what becomes of the task.

use serde_json::{Value, json};
use troupe_core::Digest;

use super::{approve, asked, becomes, count, demand, get, host_that_counts, recorded, say, somebody, told};

#[tokio::test]
async fn a_task_waits_shows_exactly_what_it_would_do_and_runs_once_it_is_approved_of() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "agents": "counter", "skills": "inc*", "levels": [{}], "reason": "it counts" }])).await;
    let (alice, who) = somebody(&owner).await;
    let (task, approval) = asked(&owner, "a").await;
    // What no rule is about runs as ever.
    assert_eq!(count(&owner, "a").await, 0);

    let shown = get(&alice, &approval).await;
    let serving = owner.get("/api/v1/deployments/counter").await.of(200);
    let configuration = json!({ "revision": 0, "digest": Digest::of(b"{}") });
    assert_eq!(
        shown["action"],
        json!({
            "agent": "counter", "version": "1.0.0", "digest": serving["digest"], "skill": "increment",
            "effect": "write", "configuration": configuration,
        })
    );
    assert_eq!(shown["configuration"], json!({}));
    assert_eq!((&shown["input"], &shown["task"]), (&json!({ "key": "a" }), &json!(task)));
    assert!(shown["input_digest"].as_str().unwrap().starts_with("sha256:"), "{shown:#}");
    assert_eq!((&shown["asked_by"], &shown["rule"]["reason"]), (&json!("owner"), &json!("it counts")));
    let listed = alice.get("/api/v1/task-approvals?status=pending").await.of(200);
    assert_eq!(listed["items"][0]["id"], json!(approval));
    assert_eq!(listed["items"][0]["input"], Value::Null);

    let approved = say(&alice, &approval, "approve", json!({ "revision": 1, "reason": "fine" })).await.of(200);
    assert_eq!((&approved["status"], &approved["outcome"]["by"]), (&json!("granted"), &json!(who)));
    let ended = owner.ended(&task).await;
    assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!({ "count": 1 })), "{ended:#}");
    assert_eq!(told(&owner, &approval).await, ["approval.requested", "approval.granted"]);
    let mut steps = recorded(&owner, &approval).await;
    steps.sort_by_key(|(step, _)| step.clone());
    assert_eq!(steps, [("granted".to_owned(), json!(who)), ("requested".to_owned(), json!("owner"))]);
    approve(&alice, &approval).await.problem(409, "approval.decided");
}

#[tokio::test]
async fn whoever_asked_decides_nothing_of_its_own_and_who_is_not_asked_neither() {
    let host = host_that_counts().await;
    let owner = host.client();
    let (alice, who) = somebody(&owner).await;
    let (bob, _) = somebody(&owner).await;
    demand(&owner, json!([{ "effects": ["write"], "levels": [{ "approvers": [who] }] }])).await;
    let (task, approval) = asked(&alice, "a").await;
    let own = approve(&alice, &approval).await.problem(403, "approval.denied");
    assert!(own["detail"].as_str().unwrap().contains("asked for the task"), "{own}");
    approve(&bob, &approval).await.problem(403, "approval.denied");
    approve(&owner, &approval).await.problem(403, "approval.denied");
    let reader = owner.with_key("default", &["read", "run"]).await;
    approve(&reader, &approval).await.problem(403, "auth.scope");
    let (bound, _) = owner.with_bound_key(&["read", "approve"], &["echo"]).await;
    approve(&bound, &approval).await.problem(403, "auth.scope");
    assert_eq!(owner.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "awaiting_approval");
    // It is cancelled like any other, and then nobody has to decide.
    alice.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    assert_eq!(becomes(&owner, &approval, "cancelled").await["outcome"], Value::Null);
    assert_eq!(told(&owner, &approval).await, ["approval.requested", "approval.cancelled"]);
}

#[tokio::test]
async fn a_rejected_task_fails_with_the_reason_and_a_waiting_caller_is_told() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "levels": [{}], "skills": "increment" }])).await;
    let (alice, who) = somebody(&owner).await;
    let waiting = owner.clone();
    let called = tokio::spawn(async move { waiting.run("counter", "increment", json!({ "key": "a" })).await });
    let approval = loop {
        let page = alice.get("/api/v1/task-approvals").await.of(200);
        if let Some(id) = page["items"][0]["id"].as_str() {
            break id.to_owned();
        }
    };
    say(&alice, &approval, "reject", json!({ "revision": 1 })).await.problem(400, "request.invalid");
    say(&alice, &approval, "reject", json!({ "revision": 2, "reason": "no" })).await.problem(409, "approval.conflict");
    say(&alice, &approval, "reject", json!({ "revision": 1, "reason": "not today" })).await.of(200);
    let failure = called.await.unwrap().failure("approval.rejected");
    assert_eq!(failure["message"], format!("`{who}` rejected what the task would do: not today"));
    assert_eq!(count(&owner, "a").await, 0);
}

#[tokio::test]
async fn of_two_who_decide_at_once_about_the_same_revision_one_does_and_a_quorum_is_of_two_people() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "levels": [{ "quorum": 2 }], "skills": "increment" }])).await;
    let people = [somebody(&owner).await, somebody(&owner).await];
    for key in 0..5 {
        let (task, approval) = asked(&owner, &format!("key-{key}")).await;
        let seen = json!({ "revision": 1 });
        let (one, other) = tokio::join!(
            say(&people[0].0, &approval, "approve", seen.clone()),
            say(&people[1].0, &approval, "approve", seen)
        );
        let late = if one.status == 200 { &people[1].0 } else { &people[0].0 };
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", one.text, other.text);
        let half = get(&owner, &approval).await;
        assert_eq!((&half["status"], half["levels"][0]["votes"].as_array().unwrap().len()), (&json!("pending"), 1));
        assert_eq!(owner.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "awaiting_approval");
        let first = if one.status == 200 { &people[0].0 } else { &people[1].0 };
        approve(first, &approval).await.problem(403, "approval.denied");
        approve(late, &approval).await.of(200);
        assert_eq!(owner.ended(&task).await["output"], json!({ "count": 1 }));
    }
}

#[tokio::test]
async fn levels_follow_one_another_and_a_right_is_lent_to_somebody_for_a_time() {
    let host = host_that_counts().await;
    let owner = host.client();
    let ((alice, a), (bob, b), (carol, c)) = (somebody(&owner).await, somebody(&owner).await, somebody(&owner).await);
    demand(&owner, json!([{ "skills": "increment", "levels": [{ "approvers": [a] }, { "approvers": [b] }] }])).await;
    let (task, approval) = asked(&owner, "a").await;
    approve(&bob, &approval).await.problem(403, "approval.denied");
    let lend = |to: &str, revision: u64, ms: u64| json!({ "revision": revision, "level": 1, "to": to, "for_ms": ms });
    let nobody = "key/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
    say(&alice, &approval, "delegate", lend(nobody, 1, 60_000)).await.problem(400, "request.invalid");
    say(&bob, &approval, "delegate", lend(&c, 1, 60_000)).await.problem(403, "approval.denied");
    say(&alice, &approval, "delegate", lend(&c, 1, 1)).await.of(200);
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    approve(&carol, &approval).await.problem(403, "approval.denied");
    say(&alice, &approval, "delegate", lend(&c, 2, 60_000)).await.of(200);
    let first = approve(&carol, &approval).await.of(200);
    assert_eq!(first["levels"][0]["votes"][0]["instead_of"], json!(a));
    assert_eq!((&first["levels"][0]["status"], &first["levels"][1]["status"]), (&json!("granted"), &json!("open")));
    approve(&bob, &approval).await.of(200);
    assert_eq!(owner.ended(&task).await["status"], "completed");
    let kinds = told(&owner, &approval).await;
    let steps = ["requested", "delegated", "delegated", "level_granted", "granted"];
    assert_eq!(kinds, steps.map(|step| format!("approval.{step}")));
}

#[tokio::test]
async fn a_right_that_was_lent_ends_with_that_of_whoever_lent_it() {
    let host = host_that_counts().await;
    let owner = host.client();
    let ((alice, a), (bob, b)) = (somebody(&owner).await, somebody(&owner).await);
    demand(&owner, json!([{ "skills": "increment", "levels": [{ "approvers": [a, "owner"], "own": true }] }])).await;
    let (task, approval) = asked(&owner, "a").await;
    let lend = json!({ "revision": 1, "level": 1, "to": b, "for_ms": 60_000 });
    say(&alice, &approval, "delegate", lend).await.of(200);
    owner.post(&format!("/api/v1/keys/{}/revoke", a.strip_prefix("key/").unwrap()), &json!({})).await.of(200);
    approve(&bob, &approval).await.problem(403, "approval.denied");
    say(&bob, &approval, "reject", json!({ "revision": 2, "reason": "no" })).await.problem(403, "approval.denied");
    approve(&owner, &approval).await.of(200);
    assert_eq!(owner.ended(&task).await["status"], "completed");
}

#[tokio::test]
async fn a_call_of_which_nothing_is_kept_is_refused_where_it_would_have_to_wait() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "agents": "echo", "levels": [{}] }])).await;
    let task = json!({ "agent": "echo", "skill": "version", "durability": "none" });
    owner.post("/api/v1/tasks?wait=30", &task).await.problem(400, "request.invalid");
    // A task that is put off begins at its time, and not before somebody has approved.
    let task = json!({ "agent": "echo", "skill": "version", "delay_ms": 600_000 });
    let task = owner.post("/api/v1/tasks", &task).await.of(202);
    assert_eq!((&task["status"], &task["wake_at"]), (&json!("awaiting_approval"), &Value::Null));
    let (alice, _) = somebody(&owner).await;
    approve(&alice, task["approval"].as_str().unwrap()).await.of(200);
    let pending = owner.get(&format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())).await.of(200);
    assert_eq!(pending["status"], "pending");
    assert!(pending["wake_at"].is_string(), "{pending:#}");
}
