//! Connections that do not do what a client's do.

use std::time::{Duration, Instant};

use futures::future::{join_all, select_all};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use troupe_core::limits;
use troupe_tests::oracle::Oracle;
use troupe_tests::processes::raise_descriptors;
use troupe_tests::{Host, guests};

use crate::rest::tasks::fill;
use crate::{empty_host, host};

/// Opens a connection and sends what it begins with.
async fn connection(host: &Host, begin: &str) -> TcpStream {
    let url = host.client().url;
    let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    connection.write_all(begin.as_bytes()).await.unwrap();
    connection
}

#[tokio::test]
async fn e57_a_connection_that_says_nothing_is_closed() {
    let host = host().await;
    let oracle = Oracle::watch(&host).await;
    let whole = "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    let closed = async |begin: &str| {
        let started = Instant::now();
        let mut connection = connection(&host, begin).await;
        let mut answer = Vec::new();
        let end = timeout(3 * limits::REQUEST_HEAD_TIME_MAX, connection.read_to_end(&mut answer)).await;
        end.expect("an end in time").unwrap();
        (String::from_utf8_lossy(&answer).into_owned(), started.elapsed())
    };
    let (silent, half, idle, other) =
        tokio::join!(closed(""), closed("GET /healthz HT"), closed(whole), closed("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    assert!(idle.0.starts_with("HTTP/1.1 200 OK\r\n") && idle.0.ends_with("ok\n"), "{}", idle.0);
    for (_, took) in [silent, half, idle, other] {
        assert!(took < limits::REQUEST_HEAD_TIME_MAX + Duration::from_secs(5), "{took:?}");
    }
    oracle.holds().await;
}

/// The head of a request that publishes, and no archive yet.
fn publishing(token: &str) -> String {
    format!(
        "POST /api/v1/agents/publish HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
}

#[tokio::test]
async fn no_archive_is_awaited_of_somebody_who_may_not_publish() {
    let host = empty_host().await;
    let reader = host.client().with_key("default", &["read"]).await;
    let mut slow = connection(&host, &publishing(reader.token.as_deref().unwrap())).await;
    let mut first = [0; 12];
    timeout(limits::REQUEST_BODY_TIME_MAX / 2, slow.read_exact(&mut first)).await.unwrap().unwrap();
    assert_eq!(&first, b"HTTP/1.1 403");
}

#[tokio::test]
async fn e57_heads_that_never_end_keep_nobody_out() {
    // Each wave is half of a full house, and all together are five thousand.
    const WAVE: usize = limits::CONNECTIONS_MAX / 2;
    const WAVES: usize = 20;
    // Each is a descriptor, and some are left for everything else; where the system gives fewer, there are as
    // many waves as it lets come, and a full house in any case.
    let descriptors = usize::try_from(raise_descriptors((WAVES * WAVE + 4_000) as u64)).unwrap();
    let waves = WAVES.min(descriptors.saturating_sub(1_000) / WAVE);
    assert!(waves > 2, "{descriptors} descriptors are too few");
    let host = host().await;
    let flood = async || {
        let (mut slow, mut last) = (Vec::new(), Instant::now());
        for _ in 0..waves {
            let before = std::mem::replace(&mut last, Instant::now());
            let begin = "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ";
            slow.extend(join_all((0..WAVE).map(|_| connection(&host, begin))).await);
            // Whoever comes behind a wave is answered, once all of it was let in.
            let whole = "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
            let (mut new, mut answer) = (connection(&host, whole).await, String::new());
            let read = timeout(Duration::from_secs(5), new.read_to_string(&mut answer));
            read.await.expect("an answer in time").unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            // Neither this wave nor the one before had run into its time: they filled the house.
            assert!(before.elapsed() < limits::REQUEST_HEAD_TIME_MAX, "{:?}", before.elapsed());
        }
        slow
    };
    // What the allocator keeps of a flood it keeps for the next one.
    flood().await;
    let oracle = Oracle::watch(&host).await;
    let client = oracle.client().clone();
    // Who has asked something stays, whoever comes.
    let call = tokio::spawn(async move { client.run("echo", "sleep", json!({ "ms": 8_000 })).await });
    let slow = flood().await;
    call.await.unwrap().output();
    assert_eq!(slow.len(), waves * WAVE);
    println!("{} connections that never ask", slow.len());
    drop(slow);
    oracle.holds().await;
}

#[tokio::test]
async fn archives_on_their_way_have_a_bound() {
    let host = empty_host().await;
    let client = host.client();
    let begin = publishing(client.token.as_deref().unwrap());
    let room = limits::PUBLISHES_BYTES_MAX / limits::ARCHIVE_BYTES_MAX;
    // One more than there is room for: one of them is refused, the others wait.
    let mut slow = Vec::new();
    for _ in 0..=room {
        slow.push(connection(&host, &begin).await);
    }
    let answered = slow.iter_mut().map(|slow| {
        Box::pin(async move {
            let mut first = [0; 12];
            slow.read_exact(&mut first).await.unwrap();
            first
        })
    });
    let (first, ..) = timeout(Duration::from_secs(30), select_all(answered)).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 429");
    let refused = client.publish(guests().echo.archive("1.0.0")).await;
    let problem = refused.problem(429, "limit.concurrency");
    assert_eq!((&problem["retryable"], refused.header("retry-after")), (&json!(true), Some("1")));
    drop(slow);
    let until = Instant::now() + Duration::from_secs(30);
    while client.publish(guests().echo.archive("2.0.0")).await.status == 429 {
        assert!(Instant::now() < until, "the room is not given back");
    }
}

#[tokio::test]
async fn a_stream_of_a_task_that_waits_its_turn_does_not_hold_up_the_end() {
    let mut host = host().await;
    let client = host.client();
    fill(&client).await;
    let waiting = client.submit("echo", "version", json!({})).await;
    let mut stream = client.open(&format!("/api/v1/tasks/{waiting}/events")).await;
    let first = stream.chunk().await.unwrap().expect("a first event");
    assert!(first.starts_with(b"event: task\n"));
    let started = Instant::now();
    assert_eq!(host.stop().await.code(), Some(0));
    // What ran may run for nine seconds; the host waits for that, and for nothing else.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    // It ends whole, told of the task's end or not.
    while stream.chunk().await.expect("a whole stream").is_some() {}
}

#[tokio::test]
async fn a_path_that_is_no_text_is_a_problem_document() {
    let host = empty_host().await;
    for path in ["/api/v1/agents/%ff", "/api/v1/agents/%ff/versions", "/api/v1/deployments/%ff", "/api/v1/tasks/%ff"] {
        let problem = host.client().get(path).await.problem(400, "request.invalid");
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(detail, "the path can be read in more than one way: what it encodes is no UTF-8");
    }
    let cancel = host.client().request(Method::POST, "/api/v1/tasks/%ff/cancel");
    host.client().send(cancel).await.problem(400, "request.invalid");
}
