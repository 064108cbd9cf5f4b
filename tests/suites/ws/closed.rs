//! How the host ends a socket: by protocol, with where to go on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use troupe_core::limits;
use troupe_tests::events::Raw;
use troupe_tests::socket::Socket;

use super::{end_of_feed, named};
use crate::cases::tenancy::key_that_expired;
use crate::host;
use crate::rest::tasks::sleeper::{host_that_counts, long_nights};

#[tokio::test]
async fn s15_a_host_that_is_terminated_ends_its_sockets_by_protocol_and_they_go_on_after_a_restart() {
    let mut host = host_that_counts().await;
    let client = host.client();
    let mut socket = Socket::open(&client).await;
    let from = end_of_feed(&client).await;
    socket.subscribe("feed", json!({ "feed": { "after": from, "filter": { "types": ["task.*"] } } }), None).await;
    socket.say(&json!({ "type": "run", "id": "task", "task": long_nights(2, 8_000) })).await;
    let mut said = socket.until(|said| said["data"]["status"] == "suspended").await;
    let (status, (rest, code)) = tokio::join!(host.stop(), socket.closed());
    assert!(status.success());
    assert_eq!(code, 1012);
    said.extend(rest);
    let resume = |id: &str| {
        let [end] = named(&said, id, "end")[..] else { panic!("{said:#?}") };
        assert_eq!(end["reason"], "host_stopping");
        end["resume"].as_str().unwrap().to_owned()
    };
    let (feed, task) = (resume("feed"), resume("task"));
    let id = named(&said, "task", "task")[0]["id"].clone();

    host.start().await;
    let client = host.client();
    let mut socket = Socket::open(&client).await;
    let filter = json!({ "types": ["task.*"] });
    socket.subscribe("feed", json!({ "feed": { "filter": filter } }), Some(&feed)).await;
    socket.subscribe("task", json!({ "task": id }), Some(&task)).await;
    let mut more = socket.until(|said| said["data"]["type"] == "task.completed").await;
    if named(&more, "task", "end").is_empty() {
        more.extend(socket.until_end("task").await);
    }
    let progress = |said: &[Value]| named(said, "task", "progress").into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(progress(&said), [json!({ "message": "night 1" })]);
    assert_eq!(progress(&more), [json!({ "message": "night 2" })]);
    let told: Vec<_> = [named(&said, "feed", "event"), named(&more, "feed", "event")].concat();
    let told: Vec<&Value> = told.into_iter().collect();
    let page = client.get(&format!("/api/v1/feed?after={from}&types=task.*&limit=500")).await.of(200);
    assert_eq!(told, page["items"].as_array().unwrap().iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn whose_key_is_revoked_is_told_and_let_in_no_more() {
    let host = host().await;
    let client = host.client();
    let made = client.post("/api/v1/keys", &json!({ "name": "reads", "scopes": ["read"] })).await.of(201);
    let reads = client.with_token(made["token"].as_str());
    let mut socket = Socket::open(&reads).await;
    socket.subscribe("feed", json!({ "feed": {} }), None).await;
    socket.next().await;
    let began = Instant::now();
    client.post(&format!("/api/v1/keys/{}/revoke", made["id"].as_str().unwrap()), &json!({})).await.of(200);
    let (said, code) = socket.closed().await;
    assert_eq!(code, 1008);
    assert_eq!(named(&said, "feed", "end")[0]["reason"], "refused");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_no_text_or_too_large_ends_a_socket_with_its_code() {
    let host = host().await;
    let client = host.client();
    let mut socket = Socket::open(&client).await;
    socket.send(Message::Binary(vec![1, 2, 3].into())).await;
    assert_eq!(socket.closed().await, (Vec::new(), 1003));

    let mut socket = Socket::open(&client).await;
    socket.send(Message::Text(" ".repeat(limits::SOCKET_MESSAGE_BYTES_MAX + 1).into())).await;
    assert_eq!(socket.closed().await.1, 1009);
}

#[tokio::test]
async fn g87_what_is_far_too_large_is_told_so_in_one_frame_or_in_many_and_others_are_served() {
    let host = host().await;
    let client = host.client();
    const LARGE: usize = 5 << 20;
    let mut beside = Socket::open(&client).await;
    beside.subscribe("feed", json!({ "feed": {} }), None).await;
    beside.next().await;

    let mut socket = Socket::open(&client).await;
    socket.send(Message::Text(" ".repeat(LARGE).into())).await;
    assert_eq!(socket.closed().await.1, 1009);

    let mut socket = Socket::open(&client).await;
    socket.subscribe("feed", json!({ "feed": {} }), None).await;
    socket.next().await;
    for part in 0..5_u8 {
        let code = OpCode::Data(if part == 0 { Data::Text } else { Data::Continue });
        socket.send(Message::Frame(Frame::message(vec![b' '; LARGE / 5], code, part == 4))).await;
    }
    assert_eq!(socket.closed().await.1, 1009);

    // What is no text at all, and what is no frame.
    let mut socket = Socket::open(&client).await;
    socket.send(Message::Frame(Frame::message(vec![0xff], OpCode::Data(Data::Text), true))).await;
    assert_eq!(socket.closed().await.1, 1007);
    let mut socket = Socket::open(&client).await;
    let mut frame = Frame::message(b"{}".to_vec(), OpCode::Data(Data::Text), true);
    frame.header_mut().rsv1 = true;
    socket.send(Message::Frame(frame)).await;
    assert_eq!(socket.closed().await.1, 1002);

    client.run("echo", "version", json!({})).await.output();
    beside.until(|said| said["data"]["type"] == "task.completed").await;
}

#[tokio::test]
async fn g77_a_socket_and_its_streams_end_once_their_key_has_expired() {
    let mut host = host().await;
    host.stop().await;
    // It is good for a minute beyond its time: until the first look at who reads.
    let key = key_that_expired(&host, Duration::from_secs(35)).await;
    host.start().await;
    let reader = host.client().with_token(Some(key.reveal()));
    let mut socket = Socket::open(&reader).await;
    socket.subscribe("feed", json!({ "feed": {} }), None).await;
    socket.subscribe("events", json!({ "events": {} }), None).await;
    let mut stream = Raw::open(&reader, "/api/v1/events/stream", None).await;
    let position = host.client().post("/api/v1/events", &json!({ "specversion": "1.0", "type": "a.b" })).await.of(202)
        ["position"]
        .clone();
    stream.until(|events| !events.is_empty()).await;
    let ((said, code), told) = tokio::join!(socket.closed(), stream.ended());
    assert_eq!(code, 1008);
    assert_eq!(named(&said, "feed", "end")[0]["reason"], "refused");
    let resume = position.to_string();
    assert_eq!(named(&said, "events", "end"), [&json!({ "reason": "refused", "resume": resume })]);
    assert_eq!(told.last().unwrap().data, json!({ "reason": "refused", "resume": resume }));
    let (status, problem) = Socket::try_open(&reader, &[]).await.err().unwrap();
    assert_eq!((status, problem["code"].as_str()), (401, Some("auth.expired")));
}

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let host = host().await;
    let mut socket = Socket::open(&host.client()).await;
    socket.send(Message::Close(None)).await;
    socket.gone().await;
}
