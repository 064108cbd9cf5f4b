//! Tokens.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::Value;
use troupe_tests::redacted_json;

use crate::{empty_host, host};

#[tokio::test]
async fn without_a_token_the_answer_says_where_to_find_it() {
    let host = empty_host().await;
    let answer = host.client().with_token(None).get("/api/v1/agents").await;
    assert_snapshot!(redacted_json(&answer.problem(401, "auth.missing")), @r#"
    {
      "type": "about:blank",
      "title": "Unauthorized",
      "status": 401,
      "code": "auth.missing",
      "detail": "send `Authorization: Bearer TOKEN`; on the host's machine the token is in the file `token` of its data directory",
      "retryable": false,
      "request": "[id]"
    }
    "#);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn a_wrong_token_is_refused_in_every_form() {
    let host = empty_host().await;
    let token = host.client().token.unwrap();
    let longer = format!("{token}0");
    for wrong in ["", "x", &token[1..], &longer, &token.to_uppercase(), "\u{e9}"] {
        host.client().with_token(Some(wrong)).get("/api/v1/agents").await.problem(401, "auth.invalid");
    }
    let other_scheme = host.client().with_token(None);
    let answer = other_scheme.get_with("/api/v1/agents", "authorization", &format!("Basic {token}")).await;
    answer.problem(401, "auth.invalid");
    let twice = host.client().request(Method::GET, "/api/v1/agents").bearer_auth("other");
    host.client().send(twice).await.problem(401, "auth.invalid");
}

#[tokio::test]
async fn every_route_but_health_and_its_description_needs_a_token() {
    let host = host().await;
    let document = host.client().get("/api/v1/openapi.json").await.of(200);
    let stranger = host.client().with_token(None);
    let mut open = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let id = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
            let filled = path.replace("{agent}", "echo").replace("{tenant}", "default");
            let filled = filled.replace("{task}", id).replace("{key}", id);
            let answer = stranger.send(stranger.request(method, &filled).json(&Value::Null)).await;
            if answer.status != 401 {
                open.push(path.as_str());
            }
        }
    }
    open.sort_unstable();
    // What comes to a hook is signed, and there is none of that name.
    assert_eq!(open, ["/api/v1/openapi.json", "/healthz", "/hooks/{id}", "/readyz"]);
}

#[tokio::test]
async fn the_token_is_its_owners_alone_and_stays_the_same() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut host = empty_host().await;
    let path = host.data_dir().join("token");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = host.client().token;
    assert_eq!(before.as_ref().unwrap().len(), 64);
    host.stop().await;
    host.start().await;
    assert_eq!(host.client().token, before);
    assert!(!host.said().contains(&before.unwrap()), "the token is in the log");
}
