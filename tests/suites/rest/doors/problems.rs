//! Answers where there is nothing.

use insta::assert_snapshot;
use troupe_tests::redacted_json;

use crate::empty_host;

#[tokio::test]
async fn an_unknown_path_is_a_problem_document() {
    let host = empty_host().await;
    let answer = host.client().get("/api/v2/agents").await;
    assert_snapshot!(redacted_json(&answer.problem(404, "route.not_found")), @r#"
    {
      "type": "about:blank",
      "title": "Not Found",
      "status": 404,
      "code": "route.not_found",
      "detail": "there is nothing at this path; `/api/v1/openapi.json` lists what there is",
      "retryable": false,
      "request": "[id]"
    }
    "#);
    host.client().get("/").await.problem(404, "route.not_found");
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_document() {
    let host = empty_host().await;
    let client = host.client();
    let answer = client.delete("/api/v1/agents").await;
    assert_snapshot!(redacted_json(&answer.problem(405, "route.method_not_allowed")), @r#"
    {
      "type": "about:blank",
      "title": "Method Not Allowed",
      "status": 405,
      "code": "route.method_not_allowed",
      "detail": "this path does not take this method; the header `allow` names those that it takes",
      "retryable": false,
      "request": "[id]"
    }
    "#);
    assert_eq!(answer.header("allow"), Some("GET,HEAD,POST"));
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let host = empty_host().await;
    let first = host.client().get("/healthz").await;
    let second = host.client().get("/nowhere").await;
    let id = |answer: &troupe_tests::Answer| answer.header("troupe-request").unwrap().to_owned();
    assert_ne!(id(&first), id(&second));
    assert_eq!(id(&first).len(), 36);
}

#[tokio::test]
async fn health_and_metrics_are_there() {
    let host = empty_host().await;
    let client = host.client();
    assert_eq!(client.get("/healthz").await.text, "ok\n");
    assert_eq!(client.get("/readyz").await.text, "ready\n");
    assert_eq!(client.get("/metrics").await.status, 200);
}
