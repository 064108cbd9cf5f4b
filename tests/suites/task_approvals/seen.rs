//! Who sees approvals, and who says what needs one.

use serde_json::{Value, json};

use super::{asked, demand, get, host_that_counts};

#[tokio::test]
async fn another_tenant_finds_nothing_and_changes_nothing() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "levels": [{}], "skills": "increment" }])).await;
    let (_, approval) = asked(&owner, "a").await;
    owner.make_tenant("probe").await;
    let probe = owner.with_key("probe", &["read", "approve", "run", "admin"]).await;
    probe.get(&format!("/api/v1/task-approvals/{approval}")).await.problem(404, "approval.not_found");
    for (verb, body) in [
        ("approve", json!({ "revision": 1 })),
        ("reject", json!({ "revision": 1, "reason": "no" })),
        ("delegate", json!({ "revision": 1, "level": 1, "to": "owner", "for_ms": 1_000 })),
    ] {
        let answer = probe.post(&format!("/api/v1/task-approvals/{approval}/{verb}"), &body).await;
        answer.problem(404, "approval.not_found");
    }
    assert_eq!(probe.get("/api/v1/task-approvals").await.of(200)["items"], json!([]));
    let policy = probe.get("/api/v1/approval-policy").await.of(200);
    assert_eq!((&policy["revision"], &policy["policy"]["rules"]), (&json!(0), &json!([])));
    assert_eq!(get(&owner, &approval).await["revision"], 1);
}

#[tokio::test]
async fn who_only_approves_sees_what_it_decides_and_who_may_neither_see_nor_decide_does_not() {
    let host = host_that_counts().await;
    let owner = host.client();
    demand(&owner, json!([{ "levels": [{}], "skills": "increment" }])).await;
    let (_, approval) = asked(&owner, "a").await;
    let approver = owner.with_key("default", &["approve"]).await;
    assert_eq!(get(&approver, &approval).await["input"], json!({ "key": "a" }));
    assert_eq!(approver.get("/api/v1/task-approvals").await.of(200)["items"].as_array().unwrap().len(), 1);
    let runner = owner.with_key("default", &["run"]).await;
    runner.get(&format!("/api/v1/task-approvals/{approval}")).await.problem(403, "auth.scope");
    runner.get("/api/v1/task-approvals").await.problem(403, "auth.scope");
}

#[tokio::test]
async fn a_policy_is_set_by_whoever_administers_over_what_was_looked_at_and_on_record() {
    let host = host_that_counts().await;
    let owner = host.client();
    let rules = json!([{ "effects": ["destructive"], "levels": [{}] }]);
    let operator = owner.with_key("default", &["read", "run", "operate", "approve"]).await;
    let set = json!({ "policy": { "rules": rules }, "revision": 0 });
    operator.put("/api/v1/approval-policy", &set).await.problem(403, "auth.scope");
    let first = owner.put("/api/v1/approval-policy", &set).await.of(200);
    assert_eq!((&first["revision"], &first["changed_by"]), (&json!(1), &json!("owner")));
    let late = owner.put("/api/v1/approval-policy", &set).await.problem(409, "approval.conflict");
    assert_eq!(late["details"]["revision"], 1);
    let ghost = json!([{ "levels": [{ "approvers": ["key/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b"] }] }]);
    let refused = json!({ "policy": { "rules": ghost } });
    owner.put("/api/v1/approval-policy", &refused).await.problem(400, "request.invalid");
    // Who has nothing demanded of it any more is on record, too.
    demand(&owner, json!([])).await;
    let audit = owner.get("/api/v1/audit?kind=approval_policy").await.of(200);
    let records = audit["items"].as_array().unwrap();
    assert_eq!(records.len(), 2, "{audit:#}");
    assert!(
        records.iter().any(|record: &Value| record["details"]["policy"]["rules"][0]["effects"] == rules[0]["effects"]),
        "{audit:#}"
    );
    owner.run("counter", "increment", json!({ "key": "a" })).await.output();
}
