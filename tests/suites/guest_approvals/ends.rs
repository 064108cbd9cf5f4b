//! What becomes of a question when nobody does any more what it is about.

use serde_json::{Value, json};

use super::{approval_of, becomes, host, kept, output, purge, say, somebody};
use crate::task_approvals::told;

#[tokio::test]
async fn a_cancelled_task_has_nobody_decide_whether_it_runs_or_is_suspended() {
    let host = host().await;
    let owner = host.client();
    let (alice, _) = somebody(&owner).await;
    for status in ["running", "suspended"] {
        let task = purge(&owner, &["a"]).await;
        let approval = approval_of(&owner, &task).await;
        // It runs for five seconds after it has asked.
        if status == "suspended" {
            owner.becomes(&task, status).await;
        }
        owner.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
        assert_eq!(becomes(&owner, &approval, "cancelled").await["outcome"], Value::Null);
        say(&alice, &approval, "approve", "late").await.problem(409, "approval.decided");
        assert_eq!(owner.ended(&task).await["status"], "cancelled", "{status}");
        assert_eq!(told(&owner, &approval).await, ["approval.requested", "approval.cancelled"]);
    }
    assert_eq!(kept(&owner).await, json!(["a", "b", "c"]));
}

#[tokio::test]
async fn a_task_that_ends_leaves_no_question_behind_and_one_that_is_tried_again_asks_again() {
    let host = host().await;
    let owner = host.client();
    let (alice, _) = somebody(&owner).await;
    let input = json!({ "summary": "a", "action": {}, "times": 2 });
    owner.run("janitor", "show", input).await.output();
    let listed = owner.get("/api/v1/task-approvals").await.of(200);
    let statuses: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| item["status"].clone()).collect();
    assert_eq!(statuses, ["cancelled", "cancelled"], "{listed:#}");

    let input = json!({ "things": ["a"], "fail_first": true });
    let request =
        json!({ "agent": "janitor", "skill": "purge", "input": input, "retry": { "tries": 2, "pause_ms": 1 } });
    let task = owner.post("/api/v1/tasks", &request).await.of(202)["id"].as_str().unwrap().to_owned();
    let of_task = format!("/api/v1/task-approvals?task={task}");
    let both = loop {
        let listed = owner.get(&of_task).await.of(200)["items"].as_array().unwrap().clone();
        if listed.len() == 2 && listed[1]["status"] != "pending" {
            break listed;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!((&both[0]["status"], &both[1]["status"]), (&json!("pending"), &json!("cancelled")));
    say(&alice, both[0]["id"].as_str().unwrap(), "approve", "fine").await.of(200);
    assert_eq!(output(&owner, &task).await["removed"], json!(["a"]));
}
