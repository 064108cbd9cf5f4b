//! Who is not let in, what is refused on an open socket, and how many there may be.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use troupe_core::limits;
use troupe_tests::socket::Socket;

use super::echo;
use crate::host;

/// Says something that is refused; returns the code.
async fn refused(socket: &mut Socket, said: &Value) -> String {
    socket.say(said).await;
    let answer = socket.next().await;
    assert_eq!(answer["type"], "error", "{answer}");
    assert_eq!(answer.get("id"), said.get("id").filter(|_| answer.get("id").is_some()));
    assert!(answer["problem"]["request"].is_string(), "{answer}");
    answer["problem"]["code"].as_str().unwrap().to_owned()
}

/// That a socket still does its work.
async fn still_serves(socket: &mut Socket) {
    socket.say(&json!({ "type": "run", "id": "good", "task": echo("good") })).await;
    let said = socket.until_end("good").await;
    assert!(said.iter().any(|said| said["data"]["output"]["text"] == "good"), "{said:#?}");
}

#[tokio::test]
async fn a_socket_is_let_in_by_a_token_alone_which_a_page_sends_as_a_subprotocol() {
    let host = host().await;
    let client = host.client();
    let token = client.token.clone().unwrap();
    let nobody = client.with_token(None);
    let code = |refused: (u16, Value)| (refused.0, refused.1["code"].as_str().unwrap_or_default().to_owned());
    let refusal =
        async |headers: &[(&'static str, &str)]| code(Socket::try_open(&nobody, headers).await.err().unwrap());
    assert_eq!(refusal(&[]).await, (401, "auth.missing".to_owned()));
    assert_eq!(refusal(&[("authorization", "Bearer nothing")]).await, (401, "auth.invalid".to_owned()));
    let wrong = "troupe.v1, troupe.bearer.nothing";
    assert_eq!(refusal(&[("sec-websocket-protocol", wrong)]).await, (401, "auth.invalid".to_owned()));
    let twice = format!("troupe.v1, troupe.bearer.{token}, troupe.bearer.{token}");
    assert_eq!(refusal(&[("sec-websocket-protocol", &twice)]).await, (401, "auth.invalid".to_owned()));
    // The header is looked at where both are sent.
    let page = format!("troupe.v1, troupe.bearer.{token}");
    let both = [("authorization", "Bearer nothing"), ("sec-websocket-protocol", page.as_str())];
    assert_eq!(refusal(&both).await, (401, "auth.invalid".to_owned()));
    let foreign = [("sec-websocket-protocol", page.as_str()), ("origin", "https://elsewhere.example")];
    assert_eq!(refusal(&foreign).await, (403, "auth.origin".to_owned()));

    let (mut socket, chosen) = Socket::try_open(&nobody, &[("sec-websocket-protocol", &page)]).await.unwrap();
    assert_eq!(chosen.as_deref(), Some("troupe.v1"));
    still_serves(&mut socket).await;
    client.get("/api/v1/ws").await.problem(400, "request.invalid");
}

#[tokio::test]
async fn g82_a_socket_is_opened_under_a_name_of_this_host_alone() {
    let host = host().await;
    let client = host.client();
    let refusal = |refused: (u16, Value)| (refused.0, refused.1["code"].as_str().unwrap_or_default().to_owned());
    let foreign = (403, "auth.origin".to_owned());
    for name in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7070", "[::2]"] {
        let refused = Socket::try_open(&client, &[("host", name)]).await.err().unwrap();
        assert_eq!(refusal(refused), foreign, "{name}");
        // Whoever it is.
        let refused = Socket::try_open(&client.with_token(None), &[("host", name)]).await.err().unwrap();
        assert_eq!(refusal(refused), foreign, "{name}");
    }
    let (mut socket, _) = Socket::try_open(&client, &[("host", "localhost:1")]).await.unwrap();
    still_serves(&mut socket).await;
}

#[tokio::test]
async fn what_is_refused_on_a_socket_is_told_and_changes_nothing() {
    let host = host().await;
    let client = host.client();
    let mut socket = Socket::open(&client).await;
    let no_task = json!({ "type": "subscribe", "id": "a", "to": { "task": "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b" } });
    assert_eq!(refused(&mut socket, &no_task).await, "task.not_found");
    for (said, code) in [
        (json!({ "type": "subscribe", "id": "a", "to": { "task": "nothing" } }), "request.invalid"),
        (json!({ "type": "subscribe", "id": "a", "to": {} }), "request.invalid"),
        (json!({ "type": "subscribe", "id": "a", "to": { "feed": {} }, "resume": "here" }), "request.invalid"),
        (
            json!({ "type": "subscribe", "id": "a", "to": { "feed": { "filter": { "types": ["a*b"] } } } }),
            "request.invalid",
        ),
        (json!({ "type": "subscribe", "id": "a", "to": { "feed": { "sort": 1 } } }), "request.invalid"),
        (json!({ "type": "subscribe", "id": "", "to": { "feed": {} } }), "request.invalid"),
        (json!({ "type": "subscribe", "id": "x".repeat(65), "to": { "feed": {} } }), "request.invalid"),
        (json!({ "type": "run", "id": "a", "task": { "agent": "nobody", "skill": "x" } }), "agent.not_found"),
        (
            json!({ "type": "run", "id": "a", "task": { "agent": "echo", "skill": "echo", "input": 7 } }),
            "input.invalid",
        ),
        (json!({ "type": "dance", "id": "a" }), "request.invalid"),
        (json!(["subscribe"]), "request.invalid"),
        (json!({ "type": "unsubscribe" }), "request.invalid"),
    ] {
        assert_eq!(refused(&mut socket, &said).await, code, "{said}");
    }
    for text in ["", "nothing", "{\"type\":", &"[".repeat(100_000)] {
        socket.send(Message::Text(text.into())).await;
        let code = socket.next().await["problem"]["code"].clone();
        let expected = if text.len() > 1000 { "limit.request" } else { "request.invalid" };
        assert_eq!(code, expected, "{:?}", text.get(..20));
    }
    socket.subscribe("taken", json!({ "feed": {} }), None).await;
    socket.next().await;
    let mut socket = Socket::open(&client).await;
    let from = super::end_of_feed(&client).await;
    let feed = |id: &str| json!({ "type": "subscribe", "id": id, "to": { "feed": { "after": from + 1_000 } } });
    socket.say(&feed("taken")).await;
    assert_eq!(refused(&mut socket, &feed("taken")).await, "request.invalid");
    for more in 1..limits::SOCKET_SUBSCRIPTIONS_MAX {
        socket.say(&feed(&more.to_string())).await;
    }
    assert_eq!(refused(&mut socket, &feed("one too many")).await, "limit.concurrency");
    socket.say(&json!({ "type": "unsubscribe", "id": "1" })).await;
    socket.next().await;
    still_serves(&mut socket).await;
}

#[tokio::test]
async fn a_key_follows_what_it_may_read_and_of_another_tenant_nothing() {
    let host = host().await;
    let client = host.client();
    let task = client.post("/api/v1/tasks?wait=10", &echo("here")).await.of(200)["id"].clone();
    let runs = client.with_key("default", &["run"]).await;
    let mut socket = Socket::open(&runs).await;
    let feed = json!({ "type": "subscribe", "id": "a", "to": { "feed": {} } });
    assert_eq!(refused(&mut socket, &feed).await, "auth.scope");

    client.make_tenant("elsewhere").await;
    let elsewhere = client.with_key("elsewhere", &["read", "run"]).await;
    let mut socket = Socket::open(&elsewhere).await;
    let theirs = json!({ "type": "subscribe", "id": "a", "to": { "task": task } });
    assert_eq!(refused(&mut socket, &theirs).await, "task.not_found");
}

#[tokio::test]
async fn sockets_count_among_the_requests_that_wait_and_leave_room_for_others() {
    let host = host().await;
    let client = host.client();
    let mut sockets = Vec::new();
    for _ in 0..limits::WAITS_PER_TENANT_MAX {
        sockets.push(Socket::open(&client).await);
    }
    let (status, problem) = Socket::try_open(&client, &[]).await.err().unwrap();
    assert_eq!((status, problem["code"].as_str()), (429, Some("limit.concurrency")));
    // Others of the tenant call agents all the same.
    client.post("/api/v1/tasks?wait=10", &echo("served")).await.of(200);
    sockets.pop();
    // The host notices in a moment.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while std::time::Instant::now() < until {
        if let Ok((mut socket, _)) = Socket::try_open(&client, &[]).await {
            socket.say(&json!({ "type": "unsubscribe", "id": "none" })).await;
            assert_eq!(socket.next().await, json!({ "type": "unsubscribed", "id": "none" }));
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the place of a socket that is gone stays taken");
}
