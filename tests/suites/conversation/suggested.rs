//! What could be said next, as the agent says it, and as the host does in its place.

use reqwest::Method;
use serde_json::{Value, json};
use troupe_tests::Client;

use super::{reply, with_parley};

async fn suggestions(client: &Client, session: &str) -> Value {
    client.get(&format!("/api/v1/sessions/{session}/suggestions")).await.of(200)
}

fn texts(suggestions: &Value) -> Vec<&str> {
    suggestions["items"].as_array().unwrap().iter().map(|item| item["text"].as_str().unwrap()).collect()
}

/// Makes this the context of a session.
async fn about(client: &Client, session: &str, context: Value) {
    let path = format!("/api/v1/sessions/{session}/context");
    client.send(client.request(Method::PATCH, &path).json(&json!({ "context": context }))).await.of(200);
}

#[tokio::test]
async fn the_agent_suggests_itself_with_the_context_and_what_was_said() {
    let (_host, client, session) = with_parley(json!({})).await;
    let first = suggestions(&client, &session).await;
    assert_eq!((texts(&first), &first["notes"]), (vec!["note 0"], &Value::Null), "{first:#}");
    assert_eq!(first["items"][0]["why"], "0 were said");
    // What it asks for comes before.
    reply(&client, &session, "stop").await;
    assert_eq!(texts(&suggestions(&client, &session).await), ["machine=…", "note 1"]);
    reply(&client, &session, "i-1").await;
    let open = suggestions(&client, &session).await;
    assert_eq!(texts(&open), ["yes", "note 2"]);
    assert!(open["items"][0]["confirm"].is_string());
    // What it suggested with its answer stands where it has nothing else to suggest.
    about(&client, &session, json!({ "silent": true })).await;
    let answered = reply(&client, &session, "hint").await;
    assert_eq!(answered["suggestions"], json!([{ "text": "note it" }]));
    assert_eq!(texts(&suggestions(&client, &session).await), ["note it"]);
    reply(&client, &session, "and then").await;
    assert_eq!(texts(&suggestions(&client, &session).await), ["counted"]);
}

#[tokio::test]
async fn the_host_suggests_in_its_place_and_says_why() {
    let (_host, client, session) = with_parley(json!({})).await;
    for (context, code) in [
        (json!({ "fail": true }), "guest.failed"),
        (json!({ "fail": null, "slow": 30_000 }), "limit.deadline"),
        (json!({ "slow": null, "write": true }), "denied.capability"),
    ] {
        about(&client, &session, context).await;
        let begun = std::time::Instant::now();
        let found = suggestions(&client, &session).await;
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
        assert_eq!(texts(&found), ["counted"], "{found:#}");
        let note = &found["notes"][0];
        assert_eq!((&note["agent"], &note["code"]), (&json!("parley"), &json!(code)), "{found:#}");
        assert!(note["message"].as_str().unwrap().starts_with("the host suggests in its place: "), "{note:#}");
    }
    // Nothing is kept of that.
    let tasks = client.get("/api/v1/tasks?limit=100").await.of(200);
    assert_eq!(tasks["items"], json!([]), "{tasks:#}");
}
