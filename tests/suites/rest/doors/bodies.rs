//! Bodies: how large, how deep, and of what.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;
use troupe_core::limits;

use crate::host;

const TASKS: &str = "/api/v1/tasks";

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let host = host().await;
    let large = json!({ "agent": "echo", "skill": "echo", "input": { "text": "x".repeat(limits::REQUEST_BYTES_MAX) } });
    let problem = host.client().post(TASKS, &large).await.problem(413, "limit.request");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the body is larger than 4 MiB");
}

#[tokio::test]
async fn an_input_that_is_too_large_is_refused() {
    let host = host().await;
    let input = json!({ "text": "x".repeat(limits::INPUT_BYTES_MAX) });
    let problem = host.client().run("echo", "echo", input).await.problem(413, "limit.request");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the input has 1048587 bytes; a skill's input may have 1 MiB");
}

#[tokio::test]
async fn an_archive_that_is_too_large_is_refused() {
    let host = host().await;
    let bytes = usize::try_from(limits::COMPONENT_BYTES_MAX).unwrap() + (5 << 20);
    host.client().publish(vec![0; bytes]).await.problem(413, "limit.request");
}

#[tokio::test]
async fn json_that_is_too_deep_is_refused() {
    let host = host().await;
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{ "agent": "echo", "skill": "version", "input": {open}{close} }}"#)
    };
    let problem = host.client().post_text(TASKS, nested(64)).await.problem(413, "limit.request");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the document is nested deeper than 64 levels");
    // One level less is read, and then breaks the skill's schema.
    host.client().post_text(TASKS, nested(63)).await.problem(400, "input.invalid");
    host.client().post_text(TASKS, nested(1_000_000)).await.problem(413, "limit.request");
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let host = host().await;
    for text in ["", "{", "agent=echo", "{\"agent\":\"echo\"} trailing", "\u{feff}{}", "[1]"] {
        host.client().post_text(TASKS, text).await.problem(400, "request.invalid");
    }
    host.client().post_text(TASKS, b"{\"agent\":\"\xff\"}".to_vec()).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn a_field_nobody_knows_is_refused_and_named() {
    let host = host().await;
    let task = json!({ "agent": "echo", "skill": "version", "inptu": {} });
    let problem = host.client().post(TASKS, &task).await.problem(400, "request.invalid");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the body is not what is expected at `inptu`: unknown field `inptu`, expected one of `agent`, `skill`, `input`, `instance`, `idempotency_key`, `affinity`, `timeout_ms`, `lifetime_ms`, `priority`, `delay_ms`, `retry`, `budget`, `durability` at line 1 column 41");
    let swap = json!({ "version": "2.0.0", "epcoh": 1 });
    host.client().post("/api/v1/deployments/echo/swap", &swap).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn what_does_not_say_that_it_is_json_is_refused() {
    let host = host().await;
    let client = host.client();
    let text = r#"{ "agent": "echo", "skill": "version" }"#;
    let sent = async |kind: Option<&str>| {
        let request = client.request(Method::POST, "/api/v1/tasks?wait=30").body(text);
        let request = match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        };
        client.send(request).await
    };
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("text/json"), Some("json")] {
        let problem = sent(kind).await.problem(415, "request.media_type");
        assert_eq!(problem["detail"], "the body must be JSON, sent with `Content-Type: application/json`");
    }
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.task+json"] {
        sent(Some(kind)).await.output();
    }
}

#[tokio::test]
async fn every_route_that_takes_a_document_refuses_what_is_none() {
    let host = host().await;
    let client = host.client();
    let document = client.get("/api/v1/openapi.json").await.of(200);
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // What comes to a hook is its sender's document, of whatever form.
            let is_ours = path.starts_with("/api/");
            if !is_ours || operation.pointer("/requestBody/content/application~1json").is_none() {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let id = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
            let filled = path.replace("{agent}", "echo").replace("{version}", "1.0.0").replace("{channel}", "stable");
            let filled = ["{task}", "{key}", "{swap}"].iter().fold(filled, |path, place| path.replace(place, id));
            // A list is no structure either, however many of its fields have a default.
            for wrong in [json!([]), json!([{}]), json!("swap"), json!(1), json!({ "no_such_field": 1 })] {
                let answer = client.send(client.request(method.clone(), &filled).json(&wrong)).await;
                assert_eq!(
                    (answer.status, &answer.json()["code"]),
                    (400, &json!("request.invalid")),
                    "{method} {path}: {wrong}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried >= 100, "{tried}");
    let nested = json!({ "version": "2.0.0", "policy": [] });
    let problem = client.post("/api/v1/deployments/echo/swap", &nested).await.problem(400, "request.invalid");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the body is not what is expected at `policy`: invalid type: sequence, expected struct SwapPolicy at line 1 column 28");
}
