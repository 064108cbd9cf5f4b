//! Streams: what is told, where it goes on, and how it ends.

use std::time::{Duration, Instant};

use serde_json::json;
use tonic::Code;
use troupe_tests::grpc::{agents, all, code, next, proto, run, saying};

use super::told;
use crate::host;
use crate::rest::tasks::sleeper::{host_that_counts, long_nights, submit};
use proto::{EndReason, TaskStatus};

#[tokio::test]
async fn a_task_is_told_as_it_runs_and_to_its_end() {
    let host = host().await;
    let mut agents = agents(&host.client()).await;
    let task = agents.run_task(run("echo", "shout", &json!({ "text": "a b c" }))).await.unwrap().into_inner();
    let which = proto::WatchTaskRequest { task: task.id.clone(), resume: None };
    let (events, status) = all(&mut agents.watch_task(which).await.unwrap().into_inner()).await;
    assert!(status.is_none(), "{status:?}");
    let last = events[events.len() - 2].position.clone();
    let heard = told(events);
    assert_eq!(heard.end, proto::End { reason: EndReason::Done.into(), resume: None });
    assert_eq!(heard.tasks.last().unwrap().status(), TaskStatus::Completed);
    assert!(heard.partial.iter().all(|part| serde_json::from_str::<serde_json::Value>(part).is_ok()));
    // Who comes back having read everything is told the end alone, or nothing.
    let which = proto::WatchTaskRequest { task: task.id, resume: Some(last) };
    let (rest, status) = all(&mut agents.watch_task(which).await.unwrap().into_inner()).await;
    assert!(status.is_none() && rest.len() <= 1, "{rest:?}");
}

#[tokio::test]
async fn s15_a_host_that_is_terminated_ends_its_calls_by_protocol_and_they_go_on_after_a_restart() {
    let mut host = host_that_counts().await;
    let client = host.client();
    let task = submit(&client, &long_nights(2, 8_000)).await;
    let mut service = agents(&client).await;
    let which = proto::WatchTaskRequest { task: task.clone(), resume: None };
    let mut stream = service.watch_task(which).await.unwrap().into_inner();
    let mut events = Vec::new();
    let is_suspended = |event: &proto::TaskEvent| match &event.what {
        Some(proto::task_event::What::Task(task)) => task.status() == TaskStatus::Suspended,
        _ => false,
    };
    while !events.last().is_some_and(is_suspended) {
        events.push(next(&mut stream).await.unwrap().unwrap());
    }
    let (stopped, (rest, status)) = tokio::join!(host.stop(), all(&mut stream));
    assert!(stopped.success());
    events.extend(rest);
    let heard = told(events);
    assert_eq!((heard.end.reason(), heard.progress.as_slice()), (EndReason::HostStopping, &["night 1".to_owned()][..]));
    let (status, resume) = (status.unwrap(), heard.end.resume.unwrap());
    assert_eq!((status.code(), code(&status)), (Code::Unavailable, "unavailable.host"));
    assert_eq!(status.metadata().get("troupe-resume").unwrap(), resume.as_str());
    assert!(status.metadata().get("retry-after-ms").is_some());

    host.start().await;
    let mut service = agents(&host.client()).await;
    let which = proto::WatchTaskRequest { task, resume: Some(resume) };
    let (events, status) = all(&mut service.watch_task(which).await.unwrap().into_inner()).await;
    assert!(status.is_none(), "{status:?}");
    let heard = told(events);
    // Nothing that was said before is said again.
    assert_eq!(heard.progress, ["night 2"]);
    assert_eq!(heard.tasks.last().unwrap().status(), TaskStatus::Completed);
}

#[tokio::test]
async fn s15_a_message_that_is_followed_when_the_host_is_terminated_is_followed_on_under_its_key() {
    let mut host = host_that_counts().await;
    let client = host.client();
    let session = client.start_session(json!({})).await;
    let mut service = agents(&client).await;
    let said = |resume| proto::SendMessageRequest {
        session: session.clone(),
        saying: saying("nights", Some("sleeper")).map(|saying| proto::Saying {
            input_json: Some(r#"{"key":"n","nights":2,"ms":8000}"#.to_owned()),
            idempotency_key: Some("once".to_owned()),
            ..saying
        }),
        resume,
    };
    let (events, _) = all(&mut service.send_message(said(None)).await.unwrap().into_inner()).await;
    // It changes something, so it is proposed first.
    let Some(proto::message_event::What::Message(message)) = &events[0].what else { panic!("{events:?}") };
    let proposal = message.reply.clone().unwrap().proposal.unwrap();
    let confirm = |resume| proto::SendMessageRequest {
        session: session.clone(),
        saying: Some(proto::Saying {
            confirm: Some(proposal.clone()),
            idempotency_key: Some("confirmed".to_owned()),
            ..Default::default()
        }),
        resume,
    };
    let mut stream = service.send_message(confirm(None)).await.unwrap().into_inner();
    let is_progress = |event: &proto::MessageEvent| matches!(event.what, Some(proto::message_event::What::Progress(_)));
    let mut event = next(&mut stream).await.unwrap().unwrap();
    while !is_progress(&event) {
        event = next(&mut stream).await.unwrap().unwrap();
    }
    let (stopped, (rest, status)) = tokio::join!(host.stop(), all(&mut stream));
    assert!(stopped.success());
    assert_eq!(status.unwrap().code(), Code::Unavailable);
    let Some(proto::message_event::What::End(end)) = rest.last().unwrap().what.clone() else { panic!("{rest:?}") };
    assert_eq!(end.reason(), EndReason::HostStopping);

    host.start().await;
    let mut service = agents(&host.client()).await;
    let (rest, status) = all(&mut service.send_message(confirm(end.resume)).await.unwrap().into_inner()).await;
    assert!(status.is_none(), "{status:?}");
    let reports: Vec<&str> = rest
        .iter()
        .filter_map(|event| match &event.what {
            Some(proto::message_event::What::Progress(progress)) => Some(progress.message.as_str()),
            _ => None,
        })
        .collect();
    assert!(!reports.contains(&"night 1"), "{reports:?}");
    let answered = rest.iter().rev().find_map(|event| match &event.what {
        Some(proto::message_event::What::Message(message)) => message.reply.clone(),
        _ => None,
    });
    assert_eq!(answered.unwrap().kind(), proto::ReplyKind::Result);
}

#[tokio::test]
async fn s15_whose_key_is_revoked_is_told_within_seconds() {
    let host = host().await;
    let client = host.client();
    let made = client.post("/api/v1/keys", &json!({ "name": "reads", "scopes": ["read"] })).await.of(201);
    let mut reads = agents(&client.with_token(made["token"].as_str())).await;
    let task = client.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    let which = || proto::WatchTaskRequest { task: task.clone(), resume: None };
    let mut stream = reads.watch_task(which()).await.unwrap().into_inner();
    next(&mut stream).await.unwrap().unwrap();
    let began = Instant::now();
    client.post(&format!("/api/v1/keys/{}/revoke", made["id"].as_str().unwrap()), &json!({})).await.of(200);
    let (events, status) = all(&mut stream).await;
    let status = status.unwrap();
    assert_eq!((status.code(), code(&status)), (Code::Unauthenticated, "auth.invalid"));
    assert_eq!(told(events).end.reason(), EndReason::Refused);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(reads.watch_task(which()).await.unwrap_err().code(), Code::Unauthenticated);
}
