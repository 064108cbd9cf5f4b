//! Who decides about what an agent asks, and what it is told.

use serde_json::{Value, json};

use super::{approval_of, get, host, kept, output, purge, replays, say, somebody};
use crate::task_approvals::{demand, recorded, told};

#[tokio::test]
async fn what_was_shown_is_done_after_a_yes_and_by_nobody_before() {
    let host = host().await;
    let owner = host.client();
    let (alice, who) = somebody(&owner).await;
    let task = purge(&owner, &["a", "b"]).await;
    let approval = approval_of(&alice, &task).await;

    let shown = get(&alice, &approval).await;
    assert_eq!(shown["shown"], json!({ "summary": "remove a, b", "action": { "remove": ["a", "b"] } }));
    assert_eq!((&shown["kind"], &shown["status"], &shown["task"]), (&json!("action"), &json!("pending"), &json!(task)));
    assert_eq!((&shown["asked_by"], &shown["rule_number"]), (&json!("owner"), &json!(0)));
    assert_eq!((&shown["action"]["skill"], &shown["action"]["effect"]), (&json!("purge"), &json!("destructive")));
    assert_eq!(shown["input"], json!({ "things": ["a", "b"] }));
    let listed = alice.get("/api/v1/task-approvals?status=pending").await.of(200);
    assert_eq!(listed["items"][0]["shown"], json!({ "summary": "remove a, b" }), "{listed:#}");
    assert_eq!(alice.get("/api/v1/task-approvals?kind=task").await.of(200)["items"], json!([]));
    alice.get("/api/v1/task-approvals?kind=other").await.problem(400, "request.invalid");

    // Nothing is done before, and whoever asked says nothing to it.
    assert_eq!(kept(&owner).await, json!(["a", "b", "c"]));
    say(&owner, &approval, "approve", "mine").await.problem(403, "approval.denied");
    let approved = say(&alice, &approval, "approve", "not needed").await.of(200);
    assert_eq!((&approved["status"], &approved["outcome"]["by"]), (&json!("granted"), &json!(who)));
    let done = output(&owner, &task).await;
    assert_eq!(
        done,
        json!({
            "by": who, "reason": "not needed", "digest": shown["shown_digest"], "removed": ["a", "b"],
        })
    );
    assert_eq!(kept(&owner).await, json!(["c"]));
    say(&alice, &approval, "approve", "again").await.problem(409, "approval.decided");

    assert_eq!(told(&owner, &approval).await, ["approval.requested", "approval.granted"]);
    let mut steps = recorded(&owner, &approval).await;
    steps.sort_by_key(|(step, _)| step.clone());
    assert_eq!(steps, [("granted".to_owned(), json!(who)), ("requested".to_owned(), json!("owner"))]);
    let audit = owner.get("/api/v1/audit?kind=task_approval&limit=500").await.of(200);
    for record in audit["items"].as_array().unwrap() {
        assert_eq!(record["details"]["shown"], shown["shown_digest"], "{record:#}");
    }
    assert!(!audit.to_string().contains("remove a"), "what a guest wrote is in no record");
    replays(&owner, &task).await;
}

#[tokio::test]
async fn after_a_no_the_agent_goes_on_without_and_is_told_who_and_why() {
    let host = host().await;
    let owner = host.client();
    let (alice, who) = somebody(&owner).await;
    let task = purge(&owner, &["a"]).await;
    let approval = approval_of(&alice, &task).await;
    say(&alice, &approval, "reject", " ").await.problem(400, "request.invalid");
    say(&alice, &approval, "reject", "not today").await.of(200);
    let told = output(&owner, &task).await;
    assert_eq!(told, json!({ "end": "rejected", "error": format!("`{who}` rejected what was shown: not today") }));
    assert_eq!(kept(&owner).await, json!(["a", "b", "c"]));
    replays(&owner, &task).await;
}

#[tokio::test]
async fn the_tenants_policy_says_how_many_decide_and_on_which_levels() {
    let host = host().await;
    let owner = host.client();
    let people = [somebody(&owner).await, somebody(&owner).await, somebody(&owner).await];
    let boss = &people[2].1;
    // The first rule is of tasks alone, so `keep` would wait and the question is not its.
    demand(
        &owner,
        json!([
            { "kinds": ["task"], "skills": "keep", "levels": [{ "quorum": 3 }] },
            { "kinds": ["action"], "effects": ["destructive"], "levels": [{ "quorum": 2 }, { "approvers": [boss] }] },
        ]),
    )
    .await;
    let task = purge(&owner, &["a"]).await;
    let approval = approval_of(&owner, &task).await;
    assert_eq!(get(&owner, &approval).await["rule_number"], json!(2));
    say(&people[2].0, &approval, "approve", "first").await.of(200);
    say(&people[2].0, &approval, "approve", "twice").await.problem(403, "approval.denied");
    let first = say(&people[0].0, &approval, "approve", "second").await.of(200);
    assert_eq!((&first["status"], &first["levels"][0]["status"]), (&json!("pending"), &json!("granted")));
    say(&people[1].0, &approval, "approve", "me, too").await.problem(403, "approval.denied");
    assert_eq!(kept(&owner).await, json!(["a", "b", "c"]));
    say(&people[2].0, &approval, "approve", "third").await.of(200);
    let done = output(&owner, &task).await;
    assert_eq!((&done["by"], &done["removed"]), (&json!(boss), &json!(["a"])), "{done:#}");
    replays(&owner, &task).await;

    // Time approves of no action.
    let by_time = json!({ "kinds": ["action"], "effects": ["write"], "levels": [{}], "auto_approve_after_ms": 1 });
    let refused = json!({ "policy": { "rules": [by_time] } });
    owner.put("/api/v1/approval-policy", &refused).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn what_was_shown_is_forgotten_with_the_journal_and_the_decision_stays() {
    let host = host().await;
    let owner = host.client();
    let (alice, who) = somebody(&owner).await;
    let task = purge(&owner, &["a"]).await;
    let approval = approval_of(&owner, &task).await;
    say(&alice, &approval, "approve", "fine").await.of(200);
    output(&owner, &task).await;
    owner.post(&format!("/api/v1/tasks/{task}/journal/redact"), &json!({ "documents": true })).await.of(200);
    let left = get(&owner, &approval).await;
    assert_eq!((&left["shown"], &left["input"]), (&Value::Null, &Value::Null), "{left:#}");
    assert_eq!((&left["status"], &left["outcome"]["by"]), (&json!("granted"), &json!(who)));
    assert!(!left.to_string().contains("remove"), "{left:#}");
}
