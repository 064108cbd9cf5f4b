//! Making keys: what may be given, by whom.

use insta::assert_snapshot;
use serde_json::json;
use troupe_tests::{Answer, Client, redacted_json};

use crate::empty_host;

async fn give(client: &Client, scopes: &[&str]) -> Answer {
    client.post("/api/v1/keys", &json!({ "name": "new", "scopes": scopes })).await
}

#[tokio::test]
async fn a_key_is_shown_with_its_token_once() {
    let host = empty_host().await;
    let request = json!({ "name": "ci", "scopes": ["run", "read", "run"], "expires_in_s": 3600 });
    let made = host.client().post("/api/v1/keys", &request).await.of(201);
    let token = made["token"].as_str().unwrap();
    let digits = token.strip_prefix("troupe_").unwrap();
    assert!(digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    assert_snapshot!(redacted_json(&made).replace(token, "[token]"), @r#"
    {
      "id": "[id]",
      "name": "ci",
      "scopes": [
        "read",
        "run"
      ],
      "created_at": "[time]",
      "expires_at": "[time]",
      "token": "[token]"
    }
    "#);
    let id = made["id"].as_str().unwrap();
    for path in ["/api/v1/keys".to_owned(), format!("/api/v1/keys/{id}"), "/api/v1/feed".to_owned()] {
        let answer = host.client().get(&path).await;
        assert!(answer.status == 200 && answer.text.contains(id) && !answer.text.contains(digits), "{}", answer.text);
    }
}

#[tokio::test]
async fn nobody_gives_more_than_it_has() {
    let host = empty_host().await;
    let admin = host.client().with_key("default", &["admin", "read"]).await;
    give(&admin, &["read"]).await.of(201);
    give(&admin, &["admin"]).await.of(201);
    for wrong in [&["operate"][..], &["read", "run"], &["metrics"], &["machine"]] {
        let problem = give(&admin, wrong).await.problem(403, "auth.scope");
        assert!(problem["detail"].as_str().unwrap().contains(wrong[wrong.len() - 1]), "{problem}");
    }
    for whoever in [&admin, &host.client()] {
        let problem = give(whoever, &["owner"]).await.problem(400, "request.invalid");
        assert_eq!(problem["detail"], "the scope `owner` belongs to the token of the data directory; no key has it");
    }
    assert_eq!(host.client().get("/api/v1/keys").await.of(200)["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_makes_no_key_is_refused_with_the_reason() {
    let host = empty_host().await;
    let client = host.client();
    let many: Vec<String> = (0..33).map(|number| format!("agent-{number}")).collect();
    let wrong = [
        (json!({ "name": "ci", "scopes": [] }), "at least one scope"),
        (json!({ "name": "ci", "scopes": ["fly"] }), "unknown variant `fly`"),
        (json!({ "name": "C I", "scopes": ["read"] }), "a key's name is"),
        (json!({ "name": "ci", "scopes": ["read"], "expires_in_s": 0 }), "`expires_in_s` is 1 to"),
        (json!({ "name": "ci", "scopes": ["read"], "expires_in_s": u64::MAX }), "`expires_in_s` is 1 to"),
        (json!({ "name": "ci", "scopes": ["read"], "tenant": "other" }), "unknown field `tenant`"),
        // Nobody gets a key that is bound to none for having named none.
        (json!({ "name": "ci", "scopes": ["read"], "agents": [] }), "`agents` are 1 to 32 patterns of names"),
        (json!({ "name": "ci", "scopes": ["read"], "agents": many }), "`agents` are 1 to 32 patterns of names"),
        (json!({ "name": "ci", "scopes": ["read"], "agents": ["a*b"] }), "names of agents are written"),
    ];
    for (request, reason) in wrong {
        let problem = client.post("/api/v1/keys", &request).await.problem(400, "request.invalid");
        assert!(problem["detail"].as_str().unwrap().contains(reason), "{problem}");
    }
    client
        .post("/api/v1/keys?tenant=nobody", &json!({ "name": "ci", "scopes": ["read"] }))
        .await
        .problem(404, "tenant.not_found");
    assert_eq!(client.get("/api/v1/keys").await.of(200)["items"], json!([]));
}

#[tokio::test]
async fn a_token_that_only_looks_like_one_is_refused() {
    let host = empty_host().await;
    let key = host.client().post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["read"] })).await.of(201);
    let token = key["token"].as_str().unwrap();
    let digest = troupe_core::Digest::of(token.as_bytes());
    let other = format!("troupe_{}", "0".repeat(64));
    for wrong in
        [&token[1..], &token.to_uppercase(), &digest.to_string(), &digest.hex(), &other, key["id"].as_str().unwrap()]
    {
        host.client().with_token(Some(wrong)).get("/api/v1/whoami").await.problem(401, "auth.invalid");
    }
    host.client().with_token(Some(token)).get("/api/v1/whoami").await.of(200);
}
