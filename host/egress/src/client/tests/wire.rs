//! What is on the wire.

use bytes::Bytes;
use http::Method;
use troupe_core::Code;

use super::server::{Server, client, get};
use crate::{Request, headers};

fn with(url: &str, pairs: &[(&str, &str)]) -> Request {
    let headers = headers::parse(pairs.iter().map(|(name, value)| (*name, value.as_bytes()))).unwrap();
    Request { headers, ..get(url) }
}

/// A server that answers the first request and closes.
async fn answering_once(answer: &'static str) -> Server {
    Server::scripted(move |mut peer| async move {
        peer.read_request().await;
        peer.write(answer).await;
    })
    .await
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = Server::answering(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let response = client().send(get(&server.url("/")), &server.options()).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(response.headers["location"], "http://169.254.169.254/latest/meta-data/");
    assert_eq!(response.body.collect().await.unwrap(), "");
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn the_request_is_sent_with_the_uri_s_host_and_without_headers_of_the_connection() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut request = with(
        &server.url("/a%20b?c=d"),
        &[
            ("host", "internal.example"),
            ("connection", "x-mine"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("proxy-connection", "keep-alive"),
            ("expect", "100-continue"),
            ("accept", "*/*"),
        ],
    );
    request.method = Method::POST;
    request.body = Bytes::from_static(b"four");
    client().send(request, &server.options()).await.unwrap();
    let heads = server.heads();
    let mut lines: Vec<&str> = heads[0].trim_end().lines().collect();
    lines[1..].sort_unstable();
    let host = format!("host: {}", server.address);
    assert_eq!(lines, ["post /a%20b?c=d http/1.1", "accept: */*", "content-length: 4", &host]);
}

#[tokio::test]
async fn the_answer_comes_without_headers_of_the_connection() {
    let server = Server::answering(
        "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Transfer-Encoding: chunked\r\nX-Kept: 2\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 3\r\n\r\n",
    )
    .await;
    let response = client().send(get(&server.url("/")), &server.options()).await.unwrap();
    assert_eq!(response.headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["x-kept"]);
    assert_eq!(response.body.collect().await.unwrap(), "ok");
}

#[tokio::test]
async fn two_content_lengths_are_refused_in_requests_and_answers() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!").await;
    let doubled = with(&server.url("/"), &[("content-length", "0"), ("content-length", "0")]);
    assert_eq!(client().send(doubled, &server.options()).await.unwrap_err().code, Code::DeniedHeader);
    assert_eq!(server.connections(), 0);
    let error = client().send(get(&server.url("/")), &server.options()).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableUpstream);
    assert_eq!(error.details["sent"], true);
}

#[tokio::test]
async fn an_encoded_body_is_handed_on_as_it_is() {
    let server =
        Server::answering("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x08ab").await;
    let response = client().send(get(&server.url("/")), &server.options()).await.unwrap();
    assert_eq!(response.headers["content-encoding"], "gzip");
    assert_eq!(response.body.collect().await.unwrap(), "\x1f\x08ab");
}

#[tokio::test]
async fn what_is_not_http_is_unavailable() {
    for answer in ["SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", "HTTP/1.1 200"]
    {
        let server = answering_once(answer).await;
        let error = client().send(get(&server.url("/")), &server.options()).await.unwrap_err();
        assert_eq!(error.code, Code::UnavailableUpstream, "{answer}");
        assert_eq!(error.details["sent"], true, "{answer}");
    }
}

#[tokio::test]
async fn an_answer_cut_short_is_an_error_not_an_end() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
    ] {
        let server = answering_once(answer).await;
        let mut response = client().send(get(&server.url("/")), &server.options()).await.unwrap();
        assert_eq!(response.body.next().await.unwrap().unwrap(), "short");
        assert_eq!(response.body.next().await.unwrap().unwrap_err().code, Code::UnavailableUpstream);
        assert!(response.body.next().await.is_none());
    }
}
