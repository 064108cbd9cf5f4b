//! What time does to approvals, also over the end of a host.

use std::time::Duration;

use serde_json::{Value, json};

use super::{approve, asked, becomes, count, demand, get, host_that_counts, recorded, somebody, told};

#[tokio::test]
async fn what_waits_outlives_the_host_and_runs_once_after_it_is_approved_of() {
    let mut host = host_that_counts().await;
    demand(&host.client(), json!([{ "skills": "increment", "levels": [{ "quorum": 2 }] }])).await;
    let (alice, _) = somebody(&host.client()).await;
    let (bob, _) = somebody(&host.client()).await;
    let (task, approval) = asked(&host.client(), "a").await;
    approve(&alice, &approval).await.of(200);
    host.kill().await;
    host.start().await;
    let owner = host.client();
    let again = owner.with_token(bob.token());
    let standing = get(&owner, &approval).await;
    assert_eq!((&standing["status"], &standing["revision"]), (&json!("pending"), &json!(2)));
    assert_eq!(owner.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "awaiting_approval");
    approve(&again, &approval).await.of(200);
    host.kill().await;
    host.start().await;
    let owner = host.client();
    assert_eq!(owner.ended(&task).await["output"], json!({ "count": 1 }));
    // The policy is still in force.
    asked(&owner, "a").await;
    assert_eq!(count(&owner, "a").await, 1);
}

#[tokio::test]
async fn what_is_routine_is_approved_by_itself_unless_somebody_rejects_it() {
    let host = host_that_counts().await;
    let owner = host.client();
    let routine = json!({ "effects": ["write"], "levels": [{}], "auto_approve_after_ms": 300 });
    demand(&owner, json!([routine])).await;
    let (task, approval) = asked(&owner, "a").await;
    assert_eq!(owner.ended(&task).await["output"], json!({ "count": 1 }));
    let granted = get(&owner, &approval).await;
    assert_eq!((&granted["status"], &granted["outcome"]["by"]), (&json!("granted"), &Value::Null));
    assert_eq!(told(&owner, &approval).await, ["approval.requested", "approval.auto_granted"]);
    assert!(recorded(&owner, &approval).await.contains(&("auto_granted".to_owned(), Value::Null)));

    let mut everything = routine;
    everything["effects"] = json!(["destructive"]);
    let refused = json!({ "policy": { "rules": [everything] } });
    owner.put("/api/v1/approval-policy", &refused).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn what_nobody_decides_in_time_fails_also_where_no_host_ran_then() {
    let mut host = host_that_counts().await;
    demand(&host.client(), json!([{ "skills": "increment", "levels": [{}], "expires_after_ms": 1_000 }])).await;
    let (task, approval) = asked(&host.client(), "a").await;
    let (other, _) = asked(&host.client(), "b").await;
    host.client().post(&format!("/api/v1/tasks/{other}/cancel"), &Value::Null).await.of(200);
    host.kill().await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    host.start().await;
    let owner = host.client();
    let ended = owner.ended(&task).await;
    assert_eq!((&ended["status"], &ended["failure"]["code"]), (&json!("failed"), &json!("approval.expired")));
    assert_eq!(owner.get(&format!("/api/v1/tasks/{other}")).await.of(200)["status"], "cancelled");
    becomes(&owner, &approval, "expired").await;
    let (alice, _) = somebody(&owner).await;
    approve(&alice, &approval).await.problem(409, "approval.decided");
    assert_eq!(count(&owner, "a").await, 0);
}

#[tokio::test]
async fn the_next_level_is_asked_when_one_is_too_slow() {
    let host = host_that_counts().await;
    let owner = host.client();
    let ((alice, a), (bob, b)) = (somebody(&owner).await, somebody(&owner).await);
    let levels = |how: &str| {
        json!([{ "skills": "increment", "levels": [
            { "approvers": [a], "escalate_after_ms": 200, "escalate": how },
            { "approvers": [b], "when": "escalated" },
        ] }])
    };
    demand(&owner, levels("instead")).await;
    let (task, approval) = asked(&owner, "a").await;
    let escalated = async |approval: &str| {
        while get(&owner, approval).await["levels"][1]["status"] != "open" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    escalated(&approval).await;
    approve(&alice, &approval).await.problem(403, "approval.denied");
    approve(&bob, &approval).await.of(200);
    assert_eq!(owner.ended(&task).await["status"], "completed");
    assert_eq!(told(&owner, &approval).await, ["approval.requested", "approval.escalated", "approval.granted"]);

    demand(&owner, levels("as_well")).await;
    let (task, approval) = asked(&owner, "a").await;
    escalated(&approval).await;
    approve(&alice, &approval).await.of(200);
    assert_eq!(owner.ended(&task).await["output"], json!({ "count": 2 }));
}
