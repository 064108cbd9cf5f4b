//! `kill -9` while an agent waits for people.

use serde_json::json;

use super::{approval_of, becomes, get, host, kept, output, purge, replays, say, somebody};
use crate::task_approvals::told;

#[tokio::test]
async fn a_question_is_asked_once_and_its_answer_acted_on_once_however_often_the_host_dies() {
    let mut host = host().await;
    let (alice, who) = somebody(&host.client()).await;
    let task = purge(&host.client(), &["a"]).await;
    let approval = approval_of(&host.client(), &task).await;
    // Once while it runs, once while it is suspended.
    for status in ["running", "suspended"] {
        host.client().becomes(&task, status).await;
        host.kill().await;
        host.start().await;
    }
    let owner = host.client();
    owner.becomes(&task, "suspended").await;
    assert_eq!(get(&owner, &approval).await["status"], "pending");
    say(&owner.with_token(alice.token()), &approval, "approve", "fine").await.of(200);
    host.kill().await;
    host.start().await;
    let owner = host.client();
    let done = output(&owner, &task).await;
    assert_eq!((&done["by"], &done["removed"]), (&json!(who), &json!(["a"])), "{done:#}");
    assert_eq!(kept(&owner).await, json!(["b", "c"]));
    let asked = owner.get(&format!("/api/v1/task-approvals?task={task}")).await.of(200);
    assert_eq!(asked["items"].as_array().unwrap().len(), 1, "{asked:#}");
    assert_eq!(told(&owner, &approval).await, ["approval.requested", "approval.granted"]);
    replays(&owner, &task).await;
}

#[tokio::test]
async fn what_nobody_decides_in_time_is_over_also_where_no_host_ran_then() {
    let mut host = host().await;
    let owner = host.client();
    let input = json!({ "things": ["a"], "expires_after_ms": 7_000 });
    let suspended = owner.submit("janitor", "purge", input.clone()).await;
    let approval = approval_of(&owner, &suspended).await;
    assert!(get(&owner, &approval).await["expires_at"].is_string());
    owner.becomes(&suspended, "suspended").await;
    host.kill().await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    host.start().await;
    let owner = host.client();
    becomes(&owner, &approval, "expired").await;
    let told = output(&owner, &suspended).await;
    assert_eq!(told["end"], "expired", "{told:#}");
    // And while it runs.
    let input = json!({ "things": ["a"], "expires_after_ms": 1_000 });
    let told = owner.run("janitor", "purge", input).await.output();
    assert_eq!(told["end"], "expired", "{told:#}");
    assert_eq!(kept(&owner).await, json!(["a", "b", "c"]));
    replays(&owner, &suspended).await;
}
