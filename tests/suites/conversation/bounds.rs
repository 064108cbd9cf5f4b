//! What keeps a conversation within bounds.

use serde_json::{Value, json};
use troupe_tests::guests;

use super::{reply, said, with_parley};

#[tokio::test]
async fn a_trap_a_deadline_and_a_failure_are_told_as_those_of_a_skill() {
    let (_host, client, session) = with_parley(json!({})).await;
    for (text, code) in [("trap", "guest.trap"), ("fail", "guest.failed"), ("spin", "limit.deadline")] {
        let message = said(&client, &session, json!({ "text": text })).await;
        let reply = &message["reply"];
        assert_eq!((&reply["kind"], &reply["failure"]["code"]), (&json!("failed"), &json!(code)), "{message:#}");
        let task = client.get(&format!("/api/v1/tasks/{}", message["task"].as_str().unwrap())).await.of(200);
        assert_eq!((&task["status"], &task["failure"]["code"]), (&json!("failed"), &json!(code)));
    }
    // It goes on after that.
    assert_eq!(reply(&client, &session, "and now").await["text"], "I heard and now");
}

#[tokio::test]
async fn a_conversation_is_asked_for_by_messages_alone() {
    let (_host, client, session) = with_parley(json!({})).await;
    for skill in ["@converse", "@suggest"] {
        let task =
            json!({ "agent": "parley", "skill": skill, "input": { "text": "hello", "user": { "name": "Eve" } } });
        client.post("/api/v1/tasks", &task).await.problem(404, "skill.not_found");
        let event = json!({ "agent": "parley", "skill": skill, "topic": "some.thing" });
        client.put("/api/v1/events/subscriptions/talks", &event).await.problem(404, "skill.not_found");
    }
    let failed = said(&client, &session, json!({ "text": "fail" })).await;
    let path = format!("/api/v1/tasks/{}/retry", failed["task"].as_str().unwrap());
    client.post(&path, &Value::Null).await.problem(404, "skill.not_found");
    // What it can do is its skills, as before.
    let shown = client.get("/api/v1/agents/parley").await.of(200);
    assert_eq!(shown["skills"], json!(["counted", "stop"]));
}

#[tokio::test]
async fn a_conversation_is_cancelled_like_any_task() {
    let (_host, client, session) = with_parley(json!({})).await;
    let path = format!("/api/v1/sessions/{session}/messages");
    let message = client.post(&path, &json!({ "text": "count 60000" })).await.of(202);
    let task = message["task"].as_str().unwrap();
    client.runs(task).await;
    // The next waits for its turn.
    let next = client.post(&path, &json!({ "text": "next" })).await.of(202);
    assert_eq!(next["state"], "waiting");
    client.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    let ended = client.get(&format!("{path}/1?wait=30")).await.of(200);
    assert_eq!((&ended["reply"]["kind"], &ended["reply"]["failure"]["code"]), (&json!("failed"), &json!("cancelled")));
    let next = client.get(&format!("{path}/2?wait=30")).await.of(200);
    assert_eq!(next["reply"]["text"], "I heard next");
}

#[tokio::test]
async fn a_release_that_drops_the_conversation_of_the_one_that_serves_is_not_compatible() {
    let (_host, client, session) = with_parley(json!({})).await;
    let published = client.publish(guests().echo.called("parley").archive("2.0.0")).await.of(201);
    assert_eq!(published["status"], "incompatible", "{published:#}");
    let diff = client.get("/api/v1/agents/parley/releases/2.0.0/diff").await.of(200);
    let breaks = diff["breaks"].as_array().unwrap();
    let own: Vec<&Value> = breaks.iter().filter(|found| found["skill"] == "@converse").collect();
    assert_eq!(own.len(), 1, "{diff:#}");
    assert_eq!(own[0]["says"], "its own conversation is gone");
    client.swap("parley", "2.0.0").await.problem(409, "swap.incompatible");
    assert_eq!(reply(&client, &session, "still here").await["text"], "I heard still here");
    // One more release that converses takes the conversation over where it is.
    client.publish(guests().parley.marked(2).archive("1.1.0")).await.of(201);
    client.swap("parley", "1.1.0").await.of(200);
    let told = client.say(&session, json!({ "text": "what" })).await;
    assert_eq!(told.of(200)["reply"]["output"]["history"][0]["text"], "still here");
    assert!(told.header("troupe-release").unwrap().starts_with("parley@1.1.0;"));
}

#[tokio::test]
async fn what_a_conversation_does_itself_is_bounded_by_its_class_and_its_grants() {
    let (_host, client, session) = with_parley(json!({})).await;
    assert_eq!(reply(&client, &session, "count 0").await["text"], "counted 1");
    client.put("/api/v1/deployments/parley/grants", &json!({ "grants": {} })).await.of(200);
    let denied = reply(&client, &session, "count 0").await;
    assert_eq!(
        (&denied["kind"], &denied["failure"]["code"]),
        (&json!("failed"), &json!("denied.capability")),
        "{denied:#}"
    );
}
