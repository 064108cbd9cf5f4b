//! Asking for a skill.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::redacted_json;

use crate::host;

#[tokio::test]
async fn an_awaited_task_answers_with_its_output() {
    let host = host().await;
    let answer = host.client().run("echo", "echo", json!({ "text": "hello" })).await;
    let task = answer.of(200);
    assert_snapshot!(redacted_json(&task), @r#"
    {
      "id": "[id]",
      "agent": "echo",
      "skill": "echo",
      "status": "completed",
      "input": {
        "text": "hello"
      },
      "output": {
        "text": "hello"
      },
      "release": {
        "version": "1.0.0",
        "digest": "[digest]",
        "epoch": 1
      },
      "attempt": 1,
      "priority": 0,
      "principal": "owner",
      "timeout_ms": 10000,
      "usage": "[usage]",
      "created_at": "[time]",
      "started_at": "[time]",
      "ended_at": "[time]"
    }
    "#);
    let location = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(host.client().get(&location).await.of(200), task);
}

#[tokio::test]
async fn every_answer_that_ran_a_guest_names_its_release() {
    let host = host().await;
    let answer = host.client().run("echo", "version", json!({})).await;
    let task = answer.of(200);
    let expected = format!("echo@1.0.0; digest={}", task["release"]["digest"].as_str().unwrap());
    assert_eq!(answer.header("troupe-release"), Some(expected.as_str()));
    let later = host.client().get(&format!("/api/v1/tasks/{}", task["id"].as_str().unwrap())).await;
    assert_eq!(later.header("troupe-release"), Some(expected.as_str()));
}

#[tokio::test]
async fn a_task_that_nobody_awaits_is_accepted_and_ends() {
    let host = host().await;
    let task = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 100 } });
    let accepted = host.client().post("/api/v1/tasks", &task).await.of(202);
    assert_eq!((&accepted["status"], &accepted["attempt"]), (&json!("pending"), &json!(0)));
    let ended = host.client().ended(accepted["id"].as_str().unwrap()).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(1)));
    assert_eq!(ended["output"], json!({ "ms": 100, "version": "1.0.0" }));
}

#[tokio::test]
async fn a_wait_that_is_too_short_answers_with_the_running_task() {
    let host = host().await;
    let task = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 2_500 } });
    let running = host.client().post("/api/v1/tasks?wait=1", &task).await.of(202);
    assert_eq!(running["status"], "running");
    assert_eq!(host.client().ended(running["id"].as_str().unwrap()).await["status"], "completed");
}

#[tokio::test]
async fn input_that_breaks_the_schema_names_the_place() {
    let host = host().await;
    let problem = host.client().run("echo", "echo", json!({ "text": 7 })).await.problem(400, "input.invalid");
    assert_snapshot!(redacted_json(&problem), @r#"
    {
      "type": "about:blank",
      "title": "Bad Request",
      "status": 400,
      "code": "input.invalid",
      "detail": "the input breaks the schema at `/text`: 7 is not of type \"string\"",
      "retryable": false,
      "request": "[id]",
      "details": {
        "faults": [
          {
            "path": "/text",
            "message": "7 is not of type \"string\""
          }
        ]
      }
    }
    "#);
    let missing = host.client().run("echo", "echo", json!({})).await.problem(400, "input.invalid");
    assert_snapshot!(missing["detail"].as_str().unwrap(), @r#"the input breaks the schema: "text" is a required property"#);
}

#[tokio::test]
async fn an_absent_input_is_an_empty_object() {
    let host = host().await;
    let task = host.client().post("/api/v1/tasks?wait=30", &json!({ "agent": "echo", "skill": "version" })).await;
    assert_eq!((task.output(), &task.of(200)["input"]), (json!({ "version": "1.0.0" }), &json!({})));
}

#[tokio::test]
async fn an_unknown_skill_names_those_there_are() {
    let host = host().await;
    let problem = host.client().run("echo", "fly", json!({})).await.problem(404, "skill.not_found");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"agent `echo` has no skill `fly`; it has `echo`, `fail`, `shout`, `sleep`, `version`, `who`");
}

#[tokio::test]
async fn an_unknown_agent_is_not_found() {
    let host = host().await;
    host.client().run("nobody", "fly", json!({})).await.problem(404, "agent.not_found");
}

#[tokio::test]
async fn a_task_that_is_not_there_is_not_found() {
    let host = host().await;
    for id in ["0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b", "0199A2F0-6C1E-7D3A-9B52-4F0C8D1E2A3B", "x", "%00"] {
        host.client().get(&format!("/api/v1/tasks/{id}")).await.problem(404, "task.not_found");
        host.client().get(&format!("/api/v1/tasks/{id}/events")).await.problem(404, "task.not_found");
        host.client().post(&format!("/api/v1/tasks/{id}/cancel"), &Value::Null).await.problem(404, "task.not_found");
    }
}

#[tokio::test]
async fn a_guest_is_told_who_asks_and_how_it_is_configured() {
    let host = host().await;
    let facts = host.client().run("echo", "who", json!({})).await.output();
    assert_eq!((&facts["tenant"], &facts["session"], &facts["attempt"]), (&json!("default"), &Value::Null, &json!(1)));
    assert_eq!(facts["configuration"], json!({ "greeting": "hello", "repeat": 1 }));
    assert!(facts["user"].is_string() && facts["trace"].as_str().unwrap().starts_with("00-"), "{facts:#}");
}
