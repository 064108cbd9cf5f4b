//! Whose session it is.

use reqwest::Method;
use serde_json::{Value, json};
use troupe_tests::{Answer, Client};

use crate::host;

async fn tried(client: &Client, session: &str) -> Vec<Answer> {
    let path = format!("/api/v1/sessions/{session}");
    let mut answers = Vec::new();
    for rest in ["", "/messages", "/messages/1", "/export", "/instances", "/suggestions"] {
        answers.push(client.get(&format!("{path}{rest}")).await);
    }
    answers.push(client.post(&format!("{path}/end"), &Value::Null).await);
    answers
}

async fn spoken(client: &Client, session: &str) -> Vec<Answer> {
    let path = format!("/api/v1/sessions/{session}");
    let context = client.request(Method::PATCH, &format!("{path}/context")).json(&json!({ "context": {} }));
    vec![
        client.say(session, json!({ "text": "version", "to": "echo" })).await,
        client.post(&format!("{path}/instances"), &json!({ "agent": "echo" })).await,
        client.send(context).await,
    ]
}

#[tokio::test]
async fn a_session_is_its_principals_and_to_others_it_is_not_there() {
    let host = host().await;
    let owner = host.client();
    let user = owner.with_key("default", &["read", "run"]).await;
    let other = owner.with_key("default", &["read", "run"]).await;
    let session = user.start_session(json!({})).await;
    let instance = user.join_session(&session, "echo").await;
    user.say(&session, json!({ "text": "version" })).await.of(200);
    let gone = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
    for of in [&session, gone] {
        for answer in tried(&other, of).await.into_iter().chain(spoken(&other, of).await) {
            answer.problem(404, "session.not_found");
        }
    }
    assert_eq!(other.get("/api/v1/sessions").await.of(200)["items"], json!([]));
    other.get("/api/v1/sessions?all=true").await.problem(403, "auth.scope");
    // What is in it is asked by its principal alone.
    other.run_for(&instance, "echo", "version", json!({})).await.problem(404, "instance.not_found");
    user.run_for(&instance, "echo", "version", json!({})).await.output();
    assert_eq!(user.get(&format!("/api/v1/sessions/{session}")).await.of(200)["status"], "open");
}

#[tokio::test]
async fn operators_see_and_end_sessions_of_others_on_record_and_do_not_speak_in_them() {
    let host = host().await;
    let owner = host.client();
    let user = owner.with_key("default", &["read", "run"]).await;
    let operator = owner.with_key("default", &["read", "run", "operate"]).await;
    let session = user.start_session(json!({})).await;
    user.say(&session, json!({ "text": "version", "to": "echo" })).await.of(200);
    for answer in spoken(&operator, &session).await {
        answer.problem(404, "session.not_found");
    }
    assert_eq!(operator.get("/api/v1/sessions").await.of(200)["items"], json!([]));
    assert_eq!(operator.get("/api/v1/sessions?all=true&status=open").await.of(200)["items"][0]["id"], session.as_str());
    for answer in tried(&operator, &session).await {
        answer.of(200);
    }
    let audit = owner.get("/api/v1/audit?kind=session_ended").await.of(200);
    assert_eq!(audit["items"][0]["details"]["session"], session.as_str(), "{audit:#}");
    assert_eq!(audit["items"].as_array().unwrap().len(), 1);
    assert_eq!(user.get(&format!("/api/v1/sessions/{session}")).await.of(200)["status"], "ended");
}

#[tokio::test]
async fn scopes_and_bounds_of_a_key_hold_in_its_sessions() {
    let host = host().await;
    let owner = host.client();
    let reader = owner.with_key("default", &["read"]).await;
    reader.post("/api/v1/sessions", &json!({})).await.problem(403, "auth.scope");
    owner.with_token(None).get("/api/v1/sessions").await.problem(401, "auth.missing");
    let (bound, _) = owner.with_bound_key(&["read", "run", "operate"], &["counter"]).await;
    let session = bound.start_session(json!({})).await;
    bound.join_session(&session, "counter").await;
    assert_eq!(bound.say(&session, json!({ "text": "instance" })).await.of(200)["reply"]["kind"], "result");
    bound.say(&session, json!({ "text": "version", "to": "echo" })).await.problem(403, "auth.scope");
    let path = format!("/api/v1/sessions/{session}/instances");
    bound.post(&path, &json!({ "agent": "echo" })).await.problem(403, "auth.scope");
    // It operates its agents, not the tenant: sessions of others are none of its.
    let of_owner = owner.start_session(json!({})).await;
    for answer in tried(&bound, &of_owner).await {
        answer.problem(404, "session.not_found");
    }
    bound.get("/api/v1/sessions?all=true").await.problem(403, "auth.scope");
}
