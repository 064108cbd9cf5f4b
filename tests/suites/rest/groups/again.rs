//! Asking for what a group asked for once more.

use serde_json::{Value, json};

use super::{count, counted, create, ended, failing, host_that_counts, run};

async fn retry(client: &troupe_tests::Client, group: &str, body: Value) -> troupe_tests::Answer {
    client.post(&format!("/api/v1/task-groups/{group}/retry?wait=30"), &body).await
}

fn id(group: &Value) -> &str {
    group["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_group_that_failed_is_asked_for_once_more_as_a_new_one_of_the_same_document() {
    let host = host_that_counts().await;
    let client = host.client();
    let document = json!({ "steps": [counted("first", &[]), failing("fails", &["first"])] });
    let failed = run(&client, &document).await;
    assert_eq!((&failed["status"], &failed["retry_of"]), (&json!("failed"), &Value::Null));
    let again = retry(&client, id(&failed), Value::Null).await.of(200);
    assert_eq!((&again["status"], &again["retry_of"]), (&json!("failed"), &failed["id"]), "{again:#}");
    assert_eq!(count(&client, "first").await, 2, "all its steps begin anew");
    // The first stays as it is, and the second can be asked for once more as well.
    let before = client.get(&format!("/api/v1/task-groups/{}", id(&failed))).await.of(200);
    assert_eq!((&before["ended_at"], &before["retry_of"]), (&failed["ended_at"], &Value::Null));
    let third = retry(&client, id(&again), json!({})).await.of(200);
    assert_eq!(third["retry_of"], again["id"]);
    let listed = client.get("/api/v1/task-groups?limit=1").await.of(200);
    assert_eq!(listed["items"][0]["retry_of"], again["id"], "{listed:#}");
}

#[tokio::test]
async fn the_same_key_for_the_same_group_gives_the_same_new_group() {
    let host = host_that_counts().await;
    let client = host.client();
    let document = json!({ "steps": [failing("fails", &[])] });
    let (one, other) = (run(&client, &document).await, run(&client, &document).await);
    let key = json!({ "idempotency_key": "again" });
    let keyed = retry(&client, id(&one), key.clone()).await.of(200);
    assert_eq!(retry(&client, id(&one), key.clone()).await.of(200)["id"], keyed["id"]);
    let problem = retry(&client, id(&other), key).await.problem(409, "conflict.idempotency");
    assert_eq!(problem["details"]["group"], keyed["id"]);
}

#[tokio::test]
async fn what_is_under_way_completed_or_was_redacted_is_not_retried_nor_by_whoever_may_not_run_it() {
    let host = host_that_counts().await;
    let owner = host.client();
    let slow = json!({ "steps": [super::step("slow", "echo", "sleep", json!({ "ms": 2_000 }))] });
    let going = create(&owner, &slow).await.of(202);
    retry(&owner, id(&going), Value::Null).await.problem(409, "group.not_ended");
    ended(&owner, id(&going)).await;
    retry(&owner, id(&going), Value::Null).await.problem(409, "group.not_retryable");
    let failed = run(&owner, &json!({ "steps": [failing("fails", &[])] })).await;
    let reader = owner.with_key("default", &["read"]).await;
    retry(&reader, id(&failed), Value::Null).await.problem(403, "auth.scope");
    owner.make_tenant("acme").await;
    let acme = owner.with_key("acme", &["read", "run"]).await;
    retry(&acme, id(&failed), Value::Null).await.problem(404, "group.not_found");
    owner.post(&format!("/api/v1/task-groups/{}/redact", id(&failed)), &Value::Null).await.of(200);
    retry(&owner, id(&failed), Value::Null).await.problem(409, "group.not_retryable");
}
