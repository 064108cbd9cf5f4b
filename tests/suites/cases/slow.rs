//! G: clients that ask for what floods and read none of it. What the host holds for each is bounded, each is given up
//! when it has taken nothing for as long as one may, and meanwhile everybody else is served.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tonic::transport::Endpoint;
use troupe_core::limits;
use troupe_tests::grpc::{all, code, over, proto};
use troupe_tests::oracle::Oracle;
use troupe_tests::socket::Socket;
use troupe_tests::{Client, Host};

use crate::PROGRAM;
use crate::rest::tasks::sleeper::{gauge, shows};

/// Readers of each kind.
const READERS: usize = 3;

/// Events that are there to be followed, more than the buffers of the system hold for one connection.
const EVENTS: usize = 120;
const EVENT_BYTES: usize = 200_000;

/// Publishes what floods whoever follows it.
async fn flood(client: &Client) {
    let event = json!({
        "specversion": "1.0", "type": "flood.event", "datacontenttype": "application/json",
        "data": "x".repeat(EVENT_BYTES),
    });
    for _ in 0..EVENTS / 15 {
        let batch = Value::from(vec![event.clone(); 15]).to_string();
        let request = client.request(reqwest::Method::POST, "/api/v1/events");
        let request = request.header("content-type", "application/cloudevents-batch+json").body(batch);
        assert_eq!(client.send(request).await.status, 202);
    }
}

/// Follows all that floods, and reads it.
async fn read_all(client: &Client) {
    let mut socket = Socket::open(client).await;
    socket.subscribe("flood", json!({ "events": { "topic": "flood.>" } }), None).await;
    for _ in 0..EVENTS {
        socket.next().await;
    }
}

/// Asks for the stream of events and reads none of it.
async fn stream(client: &Client) -> TcpStream {
    let address = client.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = client.token.as_deref().unwrap();
    let head = format!(
        "GET /api/v1/events/stream HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         accept: text/event-stream\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn g87_who_follows_a_flood_and_reads_nothing_is_given_up_in_time_and_costs_nobody_anything() {
    let host = Host::with_agents(PROGRAM).await;
    flood(&host.client()).await;
    // What is followed is read once in any case.
    read_all(&host.client()).await;
    let mut oracle = Oracle::watch(&host).await;
    let client = oracle.client().clone();
    let owner = host.client().fresh();
    let (began, mut sockets, mut streams, mut watches) = (Instant::now(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..READERS {
        let mut socket = Socket::open(&client).await;
        socket.subscribe("flood", json!({ "events": { "topic": "flood.>" } }), None).await;
        sockets.push(socket);
        streams.push(stream(&client).await);
        // A client that keeps its connection alive, and takes of a call as good as nothing.
        let endpoint = Endpoint::from_shared(client.url.clone()).unwrap().initial_stream_window_size(128);
        let mut agents = over(endpoint.connect().await.unwrap(), &client);
        let task = client.submit("hostile", "flood_progress", json!({})).await;
        let watched = agents.watch_task(proto::WatchTaskRequest { task, resume: None }).await.unwrap().into_inner();
        watches.push((agents, watched));
    }
    let readers = READERS as u64;
    shows(&owner, "troupe_websockets", readers).await;
    shows(&owner, "troupe_streams", 2 * readers).await;
    // Until they are given up the host stands as it stood, and others follow the same.
    read_all(&client).await;
    let until = began + limits::SOCKET_SEND_TIME_MAX + Duration::from_secs(30);
    loop {
        oracle.stays().await;
        if (gauge(&owner, "troupe_websockets").await, gauge(&owner, "troupe_streams").await) == (0, 0) {
            break;
        }
        assert!(Instant::now() < until, "their places are not given back");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(began.elapsed() >= limits::SOCKET_SEND_TIME_MAX, "{:?}", began.elapsed());
    // Whoever reads on after all is told so by its protocol, where one goes on beside what is stuck.
    for (_agents, mut watched) in watches {
        let (told, status) = all(&mut watched).await;
        let Some(proto::task_event::What::End(end)) = told.last().and_then(|event| event.what.clone()) else {
            panic!("no end: {told:#?}")
        };
        assert_eq!((end.reason(), code(&status.unwrap())), (proto::EndReason::Slow, "limit.deadline"));
        assert!(end.resume.is_some());
    }
    // And of the others the connection is over.
    for mut stream in streams {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await.expect("its end");
        assert!(rest.len() < EVENTS * EVENT_BYTES, "{} bytes", rest.len());
    }
    drop(sockets);
    // On a busy machine a flood may take longer than its invocation.
    oracle.may_decide("limit.deadline");
    oracle.holds().await;
}
