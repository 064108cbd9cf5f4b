//! What is told through the other doors, and while the agent speaks.

use serde_json::{Value, json};
use troupe_tests::command::run_on;
use troupe_tests::events::told;
use troupe_tests::grpc::{agents, all, proto, saying};

use super::{reply, with_parley};
use crate::PROGRAM;

#[tokio::test]
async fn whoever_watches_a_message_reads_the_words_as_they_come() {
    use proto::message_event::What;
    let (_host, client, session) = with_parley(json!({})).await;
    let mut agents = agents(&client).await;
    let request =
        proto::SendMessageRequest { session: session.clone(), saying: saying("part 3000", None), resume: None };
    let (events, status) = all(&mut agents.send_message(request).await.unwrap().into_inner()).await;
    assert!(status.is_none(), "{status:?}");
    let parts: Vec<Value> = events
        .iter()
        .filter_map(|event| match event.what.as_ref()? {
            What::PartialJson(part) => Some(serde_json::from_str(part).unwrap()),
            _ => None,
        })
        .collect();
    let last = events.iter().rev().find_map(|event| match event.what.as_ref()? {
        What::Message(message) => Some(message.clone()),
        _ => None,
    });
    let (last, reply) = last.map(|message| (message.clone(), message.reply.unwrap())).unwrap();
    assert_eq!((reply.kind(), reply.text.as_str()), (proto::ReplyKind::Answer, "One moment, please."));
    // Parts are for whoever watches in time, as this one does; of those that come, the order holds.
    let expected = [json!("One moment,"), json!(" please.")];
    assert!(!parts.is_empty() && expected.ends_with(&parts), "{parts:?}");
    assert_eq!(last.number, 1);
}

#[tokio::test]
async fn words_stream_as_server_sent_events_of_the_task_while_it_waits_for_a_place() {
    let (_host, client, session) = with_parley(json!({})).await;
    let path = format!("/api/v1/sessions/{session}/messages");
    let first = client.post(&path, &json!({ "text": "count 60000" })).await.of(202);
    let second = client.post(&path, &json!({ "text": "part" })).await.of(202);
    assert_eq!((&first["state"], &second["state"]), (&json!("running"), &json!("waiting")));
    // Its turn comes when the one before has ended, however that does.
    let cancel = format!("/api/v1/tasks/{}/cancel", first["task"].as_str().unwrap());
    client.post(&cancel, &Value::Null).await.of(200);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let task = loop {
        let message = client.get(&format!("{path}/2")).await.of(200);
        if let Some(task) = message["task"].as_str() {
            break task.to_owned();
        }
        assert!(std::time::Instant::now() < until, "its turn never comes");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let events = told(&client.get(&format!("/api/v1/tasks/{task}/events")).await.text);
    let last = &events.last().unwrap().data;
    assert_eq!((&last["status"], &last["output"]["text"]), (&json!("completed"), &json!("One moment, please.")));
    let messages = client.get(&path).await.of(200);
    assert_eq!(messages["items"][1]["reply"]["text"], "One moment, please.");
}

#[tokio::test]
async fn the_command_line_prints_words_proposals_and_suggestions() {
    let (host, client, session) = with_parley(json!({})).await;
    let said = run_on(PROGRAM, &host, &["ask", &session, "hint", "me"]).await;
    assert_eq!(said.good().trim_end(), "You could go on\n  try: note it");
    let said = run_on(PROGRAM, &host, &["ask", &session, "stop", "i-1"]).await;
    assert!(said.good().contains("Shall I?:\n  stop {\"machine\":\"i-1\"}\n"), "{}", said.good());
    let context = json!({ "context": { "fail": true } });
    let path = format!("/api/v1/sessions/{session}/context");
    client.send(client.request(reqwest::Method::PATCH, &path).json(&context)).await.of(200);
    let said = run_on(PROGRAM, &host, &["suggest", &session]).await;
    said.good();
    assert!(said.err.contains("suggests nothing itself; the host suggests in its place:"), "{}", said.err);
    assert_eq!(reply(&client, &session, "fine").await["kind"], "answer");
    let mut agents = agents(&client).await;
    let request = proto::GetSuggestionsRequest { session: session.clone() };
    let found = agents.get_suggestions(request).await.unwrap().into_inner();
    assert_eq!(found.notes[0].code, "guest.failed");
}
