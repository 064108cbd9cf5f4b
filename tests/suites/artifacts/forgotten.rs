use serde_json::{Value, json};

use super::{host, id, on_disk, path, text};

#[tokio::test]
async fn a_task_that_is_redacted_with_its_documents_leaves_nothing_on_disk_but_what_others_name() {
    let host = host().await;
    let client = host.client();
    let one = client.run("scribe", "leave", text("a.txt", "the same")).await.of(200);
    let other = client.run("scribe", "leave", text("b.txt", "the same")).await.of(200);
    assert_eq!(on_disk(&host).len(), 1, "the same bytes are there once");
    let redact = async |task: &Value, documents: bool| {
        let path = format!("/api/v1/tasks/{}/journal/redact", id(task));
        client.post(&path, &json!({ "documents": documents })).await.of(200)
    };
    assert_eq!(redact(&one, false).await["artifacts"], one["artifacts"], "a journal alone was forgotten");
    assert_eq!(client.get(&path(&one, "a.txt")).await.text, "the same");
    assert_eq!(redact(&one, true).await["artifacts"], Value::Null);
    client.get(&path(&one, "a.txt")).await.problem(404, "task.artifact_not_found");
    assert_eq!(client.get(&path(&other, "b.txt")).await.text, "the same");
    redact(&other, true).await;
    assert_eq!(on_disk(&host), [""; 0]);
}

#[tokio::test]
async fn a_try_after_the_first_begins_without_what_the_one_before_has_left() {
    let host = host().await;
    let client = host.client();
    let task = json!({
        "agent": "scribe", "skill": "flaky", "input": { "attempt": 2 }, "retry": { "tries": 3, "pause_ms": 10 },
    });
    let task = client.post("/api/v1/tasks?wait=30", &task).await.of(200);
    assert_eq!((&task["status"], &task["attempt"]), (&json!("completed"), &json!(2)), "{task:#}");
    let names: Vec<_> = task["artifacts"].as_array().unwrap().iter().map(|left| &left["name"]).collect();
    assert_eq!(names, ["attempt-2", "same"]);
    client.get(&path(&task, "attempt-1")).await.problem(404, "task.artifact_not_found");
}
