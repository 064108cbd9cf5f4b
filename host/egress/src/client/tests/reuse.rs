//! Connections used again.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use troupe_core::Code;

use super::server::{Server, client, get};
use crate::{Client, Request, SendOptions};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn whole(client: &Client, request: Request, options: &SendOptions) -> Bytes {
    client.send(request, options).await.unwrap().body.collect().await.unwrap()
}

#[tokio::test]
async fn a_connection_is_used_again_after_the_answer_was_read_to_its_end() {
    let server = Server::answering(OK).await;
    let client = client();
    for _ in 0..5 {
        assert_eq!(whole(&client, get(&server.url("/")), &server.options()).await, "ok");
    }
    assert_eq!((server.heads().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn a_connection_is_used_again_after_an_answer_without_a_body() {
    let server = Server::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let client = client();
    for _ in 0..5 {
        assert_eq!(whole(&client, get(&server.url("/")), &server.options()).await, "");
    }
    assert_eq!((server.heads().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn a_connection_is_not_used_again_if_the_answer_was_not_read() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\npart").await;
    let client = client();
    drop(client.send(get(&server.url("/")), &server.options()).await.unwrap());
    drop(client.send(get(&server.url("/")), &server.options()).await.unwrap());
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn tenants_do_not_share_connections() {
    let server = Server::answering(OK).await;
    let client = client();
    whole(&client, get(&server.url("/")), &server.options()).await;
    let mut other = server.options();
    other.partition = "other".into();
    whole(&client, get(&server.url("/")), &other).await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_replaced_even_for_a_write() {
    let server = Server::scripted(|mut peer| async move {
        peer.read_request().await;
        peer.write(OK).await;
    })
    .await;
    let client = client();
    for _ in 0..3 {
        let request = Request { method: Method::POST, body: Bytes::from_static(b"x"), ..get(&server.url("/")) };
        assert_eq!(whole(&client, request, &server.options()).await, "ok");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((server.heads().len(), server.connections()), (3, 3));
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_sent_again() {
    let server = Server::scripted(|mut peer| async move {
        peer.read_request().await;
        peer.write(OK).await;
        // Takes the second request and closes without an answer.
        peer.read_request().await;
    })
    .await;
    let client = client();
    whole(&client, get(&server.url("/")), &server.options()).await;
    let error = client.send(get(&server.url("/")), &server.options()).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableUpstream);
    assert_eq!(error.details["sent"], true);
    assert_eq!((server.heads().len(), server.connections()), (2, 1));
}
