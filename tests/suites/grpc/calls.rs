//! Calls that are answered once: what they say is what REST says.

use serde_json::{Value, json};
use tonic::Code;
use troupe_tests::grpc::{agents, code, proto, run};
use troupe_tests::guests;

use crate::host;
use proto::TaskStatus;

/// A JSON text, read.
fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_task_is_run_and_answered_as_rest_tells_it() {
    let host = host().await;
    let client = host.client();
    let mut agents = agents(&client).await;
    let request = proto::RunTaskRequest { wait_ms: Some(30_000), ..run("echo", "echo", &json!({ "text": "hello" })) };
    let answer = agents.run_task(request).await.unwrap();
    let release = answer.metadata().get("troupe-release").unwrap().to_str().unwrap().to_owned();
    assert!(answer.metadata().get("troupe-request").is_some());
    let task = answer.into_inner();
    assert_eq!(task.status(), TaskStatus::Completed);
    assert_eq!(read(task.output_json.as_deref().unwrap()), json!({ "text": "hello" }));

    let rest = client.get(&format!("/api/v1/tasks/{}", task.id)).await;
    assert_eq!(rest.header("troupe-release"), Some(release.as_str()));
    let rest = rest.of(200);
    let ran_on = task.release.clone().unwrap();
    assert_eq!(rest["release"], json!({ "version": ran_on.version, "digest": ran_on.digest, "epoch": ran_on.epoch }));
    assert_eq!(
        (&rest["agent"], &rest["skill"], &rest["principal"], &rest["attempt"], &rest["timeout_ms"]),
        (&json!(task.agent), &json!(task.skill), &json!(task.principal), &json!(task.attempt), &json!(task.timeout_ms))
    );
    assert_eq!(rest["input"], read(&task.input_json));
    let ended = task.ended_at.unwrap();
    assert!(ended.seconds >= task.created_at.unwrap().seconds && ended.nanos % 1_000_000 == 0);
    // It is the same task again, waited for and not.
    for wait_ms in [None, Some(1_000)] {
        let got = agents.get_task(proto::GetTaskRequest { task: task.id.clone(), wait_ms }).await.unwrap();
        assert_eq!(got.metadata().get("troupe-release").unwrap(), release.as_str());
        assert_eq!(got.into_inner(), task);
    }
}

#[tokio::test]
async fn a_task_tells_what_it_left_and_what_it_was_asked_for_under() {
    let host = crate::empty_host().await;
    let client = host.client();
    client.publish(guests().scribe.archive("1.0.0")).await.of(201);
    client.swap("scribe", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "artifacts": { "bytes": 1 << 20, "count": 3 } } });
    client.put("/api/v1/deployments/scribe/grants", &grants).await.of(200);
    let retry = proto::Retry { tries: 2, pause_ms: Some(5), pause_max_ms: Some(7) };
    let budget = proto::Budget { tasks: Some(3), compute_ms: Some(60_000), ..proto::Budget::default() };
    let request = proto::RunTaskRequest {
        wait_ms: Some(30_000),
        lifetime_ms: Some(120_000),
        retry: Some(retry),
        budget: Some(budget),
        ..run("scribe", "leave", &json!({ "name": "note", "text": "hello" }))
    };
    let task = agents(&client).await.run_task(request).await.unwrap().into_inner();
    assert_eq!((task.status(), task.lifetime_ms), (TaskStatus::Completed, Some(120_000)), "{task:?}");
    assert_eq!((task.retry, task.budget), (Some(retry), Some(budget)));
    let rest = client.get(&format!("/api/v1/tasks/{}", task.id)).await.of(200);
    let [left] = task.artifacts.as_slice() else { panic!("{task:?}") };
    let told = &rest["artifacts"][0];
    assert_eq!(
        (&told["name"], &told["media_type"], &told["size"], &told["digest"]),
        (&json!(left.name), &json!(left.media_type), &json!(left.size), &json!(left.digest))
    );
    assert_eq!(left.size, 5);
}

#[tokio::test]
async fn one_idempotency_key_is_one_task_and_a_whole_number_arrives_as_it_was_sent() {
    let host = host().await;
    let mut agents = agents(&host.client()).await;
    // Beyond what a double holds.
    let input = r#"{"text":"9007199254740993"}"#;
    let request = proto::RunTaskRequest {
        idempotency_key: Some("one".to_owned()),
        wait_ms: Some(30_000),
        input_json: input.to_owned(),
        ..run("echo", "echo", &json!({}))
    };
    let first = agents.run_task(request.clone()).await.unwrap().into_inner();
    let again = agents.run_task(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.id, again.id);
    assert_eq!(first.input_json, input);
    // F75: the same key with another request.
    let other = proto::RunTaskRequest { skill: "shout".to_owned(), ..request };
    let refused = agents.run_task(other).await.unwrap_err();
    assert_eq!((refused.code(), code(&refused)), (Code::FailedPrecondition, "conflict.idempotency"));
}

#[tokio::test]
async fn tasks_are_listed_page_by_page_and_cancelled() {
    let host = host().await;
    let client = host.client();
    let mut agents = agents(&client).await;
    let task = agents.run_task(run("echo", "sleep", &json!({ "ms": 9_000 }))).await.unwrap().into_inner();
    assert!(matches!(task.status(), TaskStatus::Pending | TaskStatus::Running));
    let cancelled = agents.cancel_task(proto::CancelTaskRequest { task: task.id.clone() }).await.unwrap().into_inner();
    let got = agents.get_task(proto::GetTaskRequest { task: cancelled.id, wait_ms: Some(10_000) }).await.unwrap();
    let got = got.into_inner();
    assert_eq!((got.status(), got.failure.unwrap().code.as_str()), (TaskStatus::Cancelled, "cancelled"));

    let mut made = vec![task.id];
    for text in ["a", "b", "c", "d"] {
        made.push(client.run("echo", "echo", json!({ "text": text })).await.of(200)["id"].as_str().unwrap().to_owned());
    }
    made.reverse();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let which = proto::ListTasksRequest { limit: Some(2), after, ..Default::default() };
        let page = agents.list_tasks(which).await.unwrap().into_inner();
        listed.extend(page.tasks.into_iter().map(|task| task.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, made);
    let mut which = proto::ListTasksRequest { agent: Some("echo".to_owned()), ..Default::default() };
    which.set_status(TaskStatus::Cancelled);
    assert_eq!(agents.list_tasks(which).await.unwrap().into_inner().tasks.len(), 1);
}

#[tokio::test]
async fn a_page_of_large_tasks_fits_what_clients_take() {
    let host = host().await;
    let client = host.client();
    let text = "x".repeat(900 * 1024);
    for _ in 0..4 {
        client.run("echo", "echo", json!({ "text": text })).await.of(200);
    }
    let mut agents = agents(&client).await;
    let (mut listed, mut after, mut pages) = (0, None, 0);
    loop {
        let which = proto::ListTasksRequest { after, ..Default::default() };
        let page = agents.list_tasks(which).await.unwrap().into_inner();
        listed += page.tasks.len();
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, 4);
    assert!(pages > 1);
}

#[tokio::test]
async fn agents_are_listed_with_what_a_caller_needs_to_call_them() {
    let host = host().await;
    let client = host.client();
    let mut agents = agents(&client).await;
    let listed = agents.list_agents(proto::ListAgentsRequest::default()).await.unwrap().into_inner().agents;
    let names: Vec<&str> = listed.iter().map(|agent| agent.name.as_str()).collect();
    let rest = client.get("/api/v1/agents").await.of(200);
    let of_rest: Vec<&str> =
        rest["items"].as_array().unwrap().iter().map(|agent| agent["name"].as_str().unwrap()).collect();
    assert_eq!(names, of_rest);
    let found = proto::ListAgentsRequest { search: Some("shout".to_owned()), limit: Some(1), event: None };
    assert_eq!(agents.list_agents(found).await.unwrap().into_inner().agents[0].name, "echo");

    let echo = agents.get_agent(proto::GetAgentRequest { name: "echo".to_owned() }).await.unwrap().into_inner();
    let rest = client.get("/api/v1/agents/echo").await.of(200);
    let skill = echo.skills.iter().find(|skill| skill.name == "echo").unwrap();
    assert_eq!((skill.effect(), echo.serving.as_str()), (proto::Effect::Read, "1.0.0"));
    let of_rest = rest["skill_details"].as_array().unwrap().iter().find(|skill| skill["name"] == "echo").unwrap();
    assert_eq!(
        (&read(&skill.input_schema_json), &read(&skill.output_schema_json)),
        (&of_rest["input"], &of_rest["output"])
    );
    assert_eq!(echo.skills.len(), echo.skill_names.len());
}

#[tokio::test]
async fn what_goes_wrong_has_the_code_that_rest_has_and_says_what_to_do() {
    let host = host().await;
    let client = host.client();
    let mut agents = agents(&client).await;
    let nothing = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b".to_owned();
    let refused = agents.get_task(proto::GetTaskRequest { task: nothing, wait_ms: None }).await.unwrap_err();
    assert_eq!((refused.code(), code(&refused)), (Code::NotFound, "task.not_found"));
    assert!(!refused.details().is_empty());
    for (request, expected) in [
        (run("nobody", "x", &json!({})), (Code::NotFound, "agent.not_found")),
        (run("echo", "nothing", &json!({})), (Code::NotFound, "skill.not_found")),
        (run("echo", "echo", &json!({ "text": 7 })), (Code::InvalidArgument, "input.invalid")),
        (
            proto::RunTaskRequest { input_json: "{".to_owned(), ..run("echo", "echo", &json!({})) },
            (Code::InvalidArgument, "request.invalid"),
        ),
        (
            proto::RunTaskRequest { durability: 9, ..run("echo", "version", &json!({})) },
            (Code::InvalidArgument, "request.invalid"),
        ),
    ] {
        let refused = agents.run_task(request.clone()).await.unwrap_err();
        assert_eq!((refused.code(), code(&refused)), expected, "{request:?}");
        let task = json!({ "agent": request.agent, "skill": request.skill,
            "input": serde_json::from_str::<Value>(&request.input_json).unwrap_or(json!("no JSON")) });
        if request.durability == 0 && request.input_json != "{" {
            assert_eq!(client.post("/api/v1/tasks", &task).await.json()["detail"], refused.message());
        }
    }
    let failed = proto::RunTaskRequest { wait_ms: Some(30_000), ..run("echo", "fail", &json!({ "kind": "lie" })) };
    // What an agent does wrong is no error of the call.
    if let Ok(task) = agents.run_task(failed).await {
        assert_eq!(task.into_inner().status(), TaskStatus::Failed);
    }
}
