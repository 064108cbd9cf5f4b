//! Conversations: one message and what becomes of it, and many on one call.

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tonic::Code;
use troupe_tests::Client;
use troupe_tests::grpc::{self, Agents, agents, all, code, proto, saying};

use crate::host;
use proto::{EndReason, MessageState, ReplyKind};

async fn session(agents: &mut Agents) -> String {
    let new = proto::StartSessionRequest { context_json: r#"{"region":"eu"}"#.to_owned(), ..Default::default() };
    agents.start_session(new).await.unwrap().into_inner().id
}

async fn spawn(agents: &mut Agents, session: &str, agent: &str, name: &str) -> proto::SpawnSubAgentResponse {
    let (agent, name, session) = (agent.to_owned(), Some(name.to_owned()), Some(session.to_owned()));
    agents.spawn_sub_agent(proto::SpawnSubAgentRequest { agent, name, session }).await.unwrap().into_inner()
}

/// How a message stood each time it was told, and how the stream ended.
fn stands(events: &[proto::MessageEvent]) -> (Vec<proto::Message>, proto::End) {
    use proto::message_event::What;
    let messages = events.iter().filter_map(|event| match event.what.as_ref().unwrap() {
        What::Message(message) => Some(message.clone()),
        _ => None,
    });
    let Some(What::End(end)) = events.last().and_then(|event| event.what.clone()) else { panic!("{events:#?}") };
    (messages.collect(), end)
}

fn output(reply: &proto::Reply) -> Value {
    assert_eq!(reply.kind(), ReplyKind::Result, "{reply:?}");
    serde_json::from_str(reply.output_json.as_deref().unwrap()).unwrap()
}

#[tokio::test]
async fn an_agent_joins_a_session_and_a_message_to_it_is_followed_to_its_reply() {
    let host = host().await;
    let client = host.client();
    let mut agents = agents(&client).await;
    let session = session(&mut agents).await;
    let spawned = spawn(&mut agents, &session, "echo", "loud").await;
    let again = spawn(&mut agents, &session, "echo", "loud").await;
    assert_eq!((spawned.is_new, again.is_new), (true, false));
    let instance = spawned.instance.unwrap();
    assert_eq!(instance.id, again.instance.unwrap().id);
    assert_eq!((instance.status(), instance.session.as_deref()), (proto::InstanceStatus::Idle, Some(session.as_str())));

    let request =
        proto::SendMessageRequest { session: session.clone(), saying: saying("shout \"hello\"", None), resume: None };
    let (events, status) = all(&mut agents.send_message(request).await.unwrap().into_inner()).await;
    assert!(status.is_none(), "{status:?}");
    let (messages, end) = stands(&events);
    assert_eq!(end, proto::End { reason: EndReason::Done.into(), resume: None });
    assert_eq!(
        (messages[0].state(), messages.last().unwrap().state()),
        (MessageState::Running, MessageState::Answered)
    );
    let reply = messages.last().unwrap().reply.clone().unwrap();
    assert!(output(&reply)["text"].as_str().unwrap().contains("HELLO"), "{reply:?}");
    assert!(reply.release.is_some());

    let which = proto::GetMessageRequest { session: session.clone(), number: messages[0].number, wait_ms: Some(1_000) };
    let got = agents.get_message(which).await.unwrap();
    assert!(got.metadata().get("troupe-release").is_some());
    assert_eq!(&got.into_inner(), messages.last().unwrap());
    let rest = client.get(&format!("/api/v1/sessions/{session}/messages/1")).await.of(200);
    assert_eq!(rest["reading"], serde_json::from_str::<Value>(&messages[0].reading_json).unwrap());

    let which = proto::GetSuggestionsRequest { session: session.clone() };
    let suggestions = agents.get_suggestions(which).await.unwrap().into_inner().suggestions;
    let rest = client.get(&format!("/api/v1/sessions/{session}/suggestions")).await.of(200);
    assert!(!suggestions.is_empty());
    assert_eq!(suggestions[0].text, rest["items"][0]["text"].as_str().unwrap());

    let ended = agents.end_session(proto::EndSessionRequest { session: session.clone() }).await.unwrap().into_inner();
    assert_eq!(ended.status(), proto::SessionStatus::Ended);
    let got = agents.get_session(proto::GetSessionRequest { session }).await.unwrap().into_inner();
    assert_eq!((got.id, got.context_json.as_str()), (ended.id, r#"{"region":"eu"}"#));
    let instance = agents.get_instance(proto::GetInstanceRequest { instance: instance.id }).await.unwrap().into_inner();
    assert_eq!(instance.status(), proto::InstanceStatus::Stopped);
}

#[tokio::test]
async fn an_instance_of_its_own_is_spawned_and_stopped() {
    let host = host().await;
    let mut agents = agents(&host.client()).await;
    let request = proto::SpawnSubAgentRequest { agent: "echo".to_owned(), ..Default::default() };
    let instance = agents.spawn_sub_agent(request).await.unwrap().into_inner().instance.unwrap();
    assert_eq!(instance.session, None);
    let id = || instance.id.clone();
    let paused = agents.pause_instance(proto::PauseInstanceRequest { instance: id() }).await.unwrap().into_inner();
    assert_eq!((paused.status(), paused.paused_at.is_some()), (proto::InstanceStatus::Paused, true));
    let resumed = agents.resume_instance(proto::ResumeInstanceRequest { instance: id() }).await.unwrap().into_inner();
    assert_eq!((resumed.status(), resumed.paused_at), (proto::InstanceStatus::Idle, None));
    let restarted =
        agents.restart_instance(proto::RestartInstanceRequest { instance: id() }).await.unwrap().into_inner();
    assert_eq!((restarted.status(), restarted.error), (proto::InstanceStatus::Idle, None));
    let stopped =
        agents.stop_instance(proto::StopInstanceRequest { instance: instance.id }).await.unwrap().into_inner();
    assert_eq!(stopped.status(), proto::InstanceStatus::Stopped);
    assert!(stopped.stopped_at.is_some());
}

#[tokio::test]
async fn a_message_that_waits_for_its_turn_is_told_when_it_comes_and_may_be_sent_again() {
    let host = host().await;
    let mut agents = agents(&host.client()).await;
    let session = session(&mut agents).await;
    spawn(&mut agents, &session, "echo", "slow").await;
    let send = |text: &str, resume: Option<String>| proto::SendMessageRequest {
        session: session.clone(),
        saying: saying(text, None).map(|saying| proto::Saying { idempotency_key: Some(text.to_owned()), ..saying }),
        resume,
    };
    let mut first = agents.send_message(send("sleep 1500", None)).await.unwrap().into_inner();
    grpc::next(&mut first).await.unwrap().unwrap();
    let (events, status) = all(&mut agents.send_message(send("version", None)).await.unwrap().into_inner()).await;
    assert!(status.is_none());
    let (messages, _) = stands(&events);
    let states: Vec<MessageState> = messages.iter().map(proto::Message::state).collect();
    assert_eq!(states, [MessageState::Waiting, MessageState::Running, MessageState::Answered]);
    all(&mut first).await;
    // The same again, from the end of what its task told: it is the same message.
    let (again, status) = all(&mut agents.send_message(send("version", None)).await.unwrap().into_inner()).await;
    assert!(status.is_none());
    assert_eq!(stands(&again).0, messages[2..]);
    let wrong = agents.send_message(send("version", Some("nowhere".to_owned()))).await.unwrap_err();
    assert_eq!((wrong.code(), code(&wrong)), (Code::InvalidArgument, "request.invalid"));
}

/// An open conversation: what is said goes in here, and what is told comes from there.
async fn chat(agents: &mut Agents) -> (mpsc::Sender<proto::ChatRequest>, tonic::Streaming<proto::ChatEvent>) {
    let (say, said) = mpsc::channel(16);
    let said = futures::stream::unfold(said, |mut said| async move { Some((said.recv().await?, said)) });
    (say, agents.chat(said).await.unwrap().into_inner())
}

#[tokio::test]
async fn a_conversation_says_and_hears_at_the_same_time_until_nothing_more_is_said() {
    use proto::chat_event::What;
    let host = host().await;
    let mut agents = agents(&host.client()).await;
    let session = session(&mut agents).await;
    spawn(&mut agents, &session, "echo", "one").await;
    spawn(&mut agents, &session, "echo", "two").await;
    let (say, mut told) = chat(&mut agents).await;
    let request =
        |id: &str, session: &str, saying| proto::ChatRequest { id: id.to_owned(), session: session.to_owned(), saying };
    // What is refused is told, and the conversation goes on.
    say.send(request("early", "", saying("version", None))).await.unwrap();
    say.send(request("slow", &session, saying("sleep 1000", Some("one")))).await.unwrap();
    say.send(request("quick", "", saying("shout \"now\"", Some("two")))).await.unwrap();
    say.send(request("slow", "", saying("version", Some("two")))).await.unwrap();
    say.send(request("empty", "", None)).await.unwrap();
    drop(say);
    let (events, status) = all(&mut told).await;
    assert!(status.is_none(), "{status:?}");
    let of = |id: &str| {
        events.iter().filter(|event| event.id == id).filter_map(|event| event.what.clone()).collect::<Vec<_>>()
    };
    let refused = |id: &str| {
        of(id).into_iter().find_map(|what| match what {
            What::Refused(failure) => Some(failure.code),
            _ => None,
        })
    };
    for id in ["early", "slow", "empty"] {
        assert_eq!(refused(id).as_deref(), Some("request.invalid"), "{id}: {events:#?}");
    }
    let reply = |id: &str| {
        let reply = of(id).into_iter().rev().find_map(|what| match what {
            What::Message(message) => message.reply,
            _ => None,
        });
        reply.unwrap()
    };
    assert!(output(&reply("quick"))["text"].as_str().unwrap().contains("NOW"));
    assert_eq!(reply("slow").kind(), ReplyKind::Result);
    let ended =
        |id: &str| events.iter().position(|event| event.id == id && matches!(event.what, Some(What::End(_)))).unwrap();
    // One does not stand in the way of the other.
    assert!(ended("quick") < ended("slow"));
    let last = events.last().unwrap();
    assert_eq!(
        (last.id.as_str(), &last.what),
        ("", &Some(What::End(proto::End { reason: EndReason::Done.into(), resume: None })))
    );
}

#[tokio::test]
async fn a_conversation_whose_key_is_revoked_ends_by_protocol() {
    use proto::chat_event::What;
    let host = host().await;
    let client = host.client();
    let made = client.post("/api/v1/keys", &json!({ "name": "talks", "scopes": ["run"] })).await.of(201);
    let talks: Client = client.with_token(made["token"].as_str());
    let mut agents = agents(&talks).await;
    let session = session(&mut agents).await;
    let (say, mut told) = chat(&mut agents).await;
    let request = proto::ChatRequest { id: "a".to_owned(), session, saying: saying("sleep 9000", Some("echo")) };
    say.send(request).await.unwrap();
    grpc::next(&mut told).await.unwrap().unwrap();
    let began = std::time::Instant::now();
    client.post(&format!("/api/v1/keys/{}/revoke", made["id"].as_str().unwrap()), &json!({})).await.of(200);
    let (events, status) = all(&mut told).await;
    let status = status.unwrap();
    assert_eq!((status.code(), code(&status)), (Code::Unauthenticated, "auth.invalid"));
    let ends: Vec<(&str, EndReason)> = events
        .iter()
        .filter_map(|event| match event.what.as_ref() {
            Some(What::End(end)) => Some((event.id.as_str(), end.reason())),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [("a", EndReason::Refused), ("", EndReason::Refused)]);
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}
