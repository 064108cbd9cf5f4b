//! What is too much or too slow.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use troupe_core::Code;
use troupe_core::limits::{HTTP_HEAD_BYTES_MAX, HTTP_PIECE_BYTES_MAX};

use super::server::{SHORT, Server, client, get};
use crate::{Client, ClientConfig, Request};

#[tokio::test]
async fn e56_a_body_that_stops_is_given_up_after_the_idle_time() {
    let server = Server::scripted(|mut peer| async move {
        peer.read_request().await;
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc").await;
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    let mut options = server.options();
    options.limits.idle = SHORT;
    let mut response = client().send(get(&server.url("/")), &options).await.unwrap();
    assert_eq!(response.body.next().await.unwrap().unwrap(), "abc");
    let error = response.body.next().await.unwrap().unwrap_err();
    assert_eq!(error.code, Code::LimitIdle);
    let message = error.message.replace(&server.address.to_string(), "HOST");
    insta::assert_snapshot!(message, @"`HOST` sent nothing for 200ms in the middle of its answer");
}

#[tokio::test]
async fn e56_a_body_that_trickles_is_given_up_after_the_total_time() {
    let server = Server::scripted(|mut peer| async move {
        peer.read_request().await;
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n").await;
        while peer.write("x").await {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let mut options = server.options();
    options.limits.total = 2 * SHORT;
    let error = client().send(get(&server.url("/")), &options).await.unwrap().body.collect().await.unwrap_err();
    assert_eq!(error.code, Code::LimitDeadline);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let server = Server::scripted(|mut peer| async move {
        peer.read_request().await;
        // Interim answers are not the answer.
        while peer.write("HTTP/1.1 100 Continue\r\n\r\n").await {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let mut options = server.options();
    options.limits.first_byte = SHORT;
    let error = client().send(get(&server.url("/")), &options).await.unwrap_err();
    assert_eq!(error.code, Code::LimitIdle);
    assert_eq!(error.details["sent"], true);
}

#[tokio::test]
async fn a_server_that_does_not_shake_hands_is_given_up() {
    let server = Server::scripted(|peer| async move {
        sleep(Duration::from_secs(60)).await;
        drop(peer);
    })
    .await;
    let mut options = server.options();
    options.limits.connect = SHORT;
    let error = client().send(get(&server.url("/").replace("http:", "https:")), &options).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableUpstream);
    assert_eq!(error.details["sent"], false);
}

#[tokio::test]
async fn e58_an_endless_body_ends_at_the_cap() {
    let server = Server::scripted(|mut peer| async move {
        peer.read_request().await;
        peer.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        while peer.write("8\r\nabcdefgh\r\n").await {}
    })
    .await;
    let mut options = server.options();
    options.limits.response_body_bytes = 100_000;
    let mut response = client().send(get(&server.url("/")), &options).await.unwrap();
    let mut read = 0;
    let error = loop {
        match response.body.next().await.unwrap() {
            Ok(piece) => read += piece.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, Code::LimitBody);
    assert!(read <= 100_000, "{read}");
}

#[tokio::test]
async fn an_announced_body_beyond_the_cap_is_refused_unread() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n").await;
    let mut options = server.options();
    options.limits.response_body_bytes = 100;
    let error = client().send(get(&server.url("/")), &options).await.unwrap_err();
    assert_eq!(error.code, Code::LimitBody);
}

#[tokio::test]
async fn a_large_body_comes_whole_in_small_pieces() {
    let server = Server::scripted(|mut peer| async move {
        peer.read_request().await;
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
        peer.write(&"x".repeat(1_000_000)).await;
    })
    .await;
    let response = client().send(get(&server.url("/")), &server.options()).await.unwrap();
    let (mut body, mut sizes) = (response.body, Vec::new());
    while let Some(piece) = body.next().await {
        sizes.push(piece.unwrap().len());
    }
    assert_eq!(sizes.iter().sum::<usize>(), 1_000_000);
    assert!(sizes.iter().all(|size| (1..=HTTP_PIECE_BYTES_MAX).contains(size)));
}

#[tokio::test]
async fn a_flood_of_headers_is_refused() {
    let many = "x: y\r\n".repeat(1_000);
    let long = format!("x: {}\r\n", "y".repeat(HTTP_HEAD_BYTES_MAX));
    for flood in [many, long] {
        let answer: &'static str = format!("HTTP/1.1 200 OK\r\n{flood}content-length: 0\r\n\r\n").leak();
        let server = Server::answering(answer).await;
        let error = client().send(get(&server.url("/")), &server.options()).await.unwrap_err();
        assert_eq!(error.code, Code::LimitHeaders);
    }
}

#[tokio::test]
async fn headers_beyond_a_smaller_limit_of_the_grant_are_refused_both_ways() {
    let server = Server::answering("HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\nc: 3\r\ncontent-length: 0\r\n\r\n").await;
    let mut options = server.options();
    options.limits.headers = 3;
    let error = client().send(get(&server.url("/")), &options).await.unwrap_err();
    assert_eq!(error.code, Code::LimitHeaders);
    options.limits.head_bytes = 20;
    let error = client().send(get(&server.url("/a-path-of-some-length")), &options).await.unwrap_err();
    assert_eq!((error.code, &error.details["sent"]), (Code::LimitHeaders, &false.into()));
}

#[tokio::test]
async fn a_request_body_beyond_the_cap_is_never_sent() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut options = server.options();
    options.limits.request_body_bytes = 3;
    let request = Request { body: Bytes::from_static(b"four"), ..get(&server.url("/")) };
    let error = client().send(request, &options).await.unwrap_err();
    assert_eq!(error.code, Code::LimitBody);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn open_exchanges_are_counted_per_tenant_and_in_all_until_their_bodies_end() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let client =
        Client::new(ClientConfig { exchanges_max: 3, exchanges_per_partition_max: 2, ..ClientConfig::default() });
    let send = |partition: &str| {
        let mut options = server.options();
        options.partition = partition.into();
        options.limits.connect = SHORT;
        let (client, request) = (client.clone(), get(&server.url("/")));
        async move { client.send(request, &options).await }
    };
    let first = send("a").await.unwrap();
    let second = send("a").await.unwrap();
    let error = send("a").await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::LimitConnections, true));
    assert_eq!(error.details["sent"], false);
    let _third = send("b").await.unwrap();
    assert_eq!(send("c").await.unwrap_err().code, Code::LimitConnections);
    first.body.collect().await.unwrap();
    drop(send("c").await.unwrap());
    // Whoever waits gets the place that is given back.
    let (again, _) = tokio::join!(send("a"), async {
        sleep(SHORT / 4).await;
        drop(second);
    });
    again.unwrap();
}
