//! The names a host answers to: a page in an operator's browser must not reach it.

use troupe_tests::Host;
use troupe_tests::oracle::Oracle;

use crate::{PROGRAM, host};

#[tokio::test]
async fn g82_a_foreign_host_name_is_refused_before_anything_else() {
    let host = host().await;
    let oracle = Oracle::watch(&host).await;
    let client = oracle.client();
    for name in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7070", "[::2]", "", "127.0.0.1@evil"]
    {
        client.get_with("/api/v1/agents", "host", name).await.problem(403, "auth.origin");
        client.with_token(None).get_with("/healthz", "host", name).await.problem(403, "auth.origin");
    }
    for name in ["localhost", "localhost:1", "127.0.0.1", "[::1]:7070"] {
        client.get_with("/api/v1/agents", "host", name).await.of(200);
    }
    oracle.holds().await;
}

#[tokio::test]
async fn g82_a_foreign_origin_is_refused_before_anything_else() {
    let host = host().await;
    let oracle = Oracle::watch(&host).await;
    let client = oracle.client();
    for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example", "file://", "nonsense nonsense"] {
        client.get_with("/api/v1/agents", "origin", origin).await.problem(403, "auth.origin");
    }
    for origin in ["http://localhost:7070", "http://127.0.0.1:9"] {
        client.get_with("/api/v1/agents", "origin", origin).await.of(200);
    }
    oracle.holds().await;
}

#[tokio::test]
async fn an_operator_can_name_the_host() {
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0", "--host-name", "troupe.example"]);
    host.start().await;
    let client = host.client();
    client.get_with("/api/v1/agents", "host", "troupe.example").await.of(200);
    client.get_with("/api/v1/agents", "host", "Troupe.Example:443").await.of(200);
    client.get_with("/api/v1/agents", "host", "other.example").await.problem(403, "auth.origin");
}

#[tokio::test]
async fn a_host_answers_where_it_says_that_it_serves() {
    for (listen, serves) in [("127.0.0.2:0", "http://127.0.0.2:"), ("0.0.0.0:0", "http://127.0.0.1:")] {
        let mut host = Host::new(PROGRAM, &["serve", "--listen", listen]);
        host.start().await;
        let client = host.client();
        assert!(client.url.starts_with(serves), "{}", client.url);
        client.get("/api/v1/agents").await.of(200);
        client.get_with("/api/v1/agents", "host", "LocalHost").await.of(200);
        client.get_with("/api/v1/agents", "host", "127.0.0.3").await.problem(403, "auth.origin");
        assert_eq!(host.said().contains("is open to the network"), listen.starts_with("0."), "{}", host.said());
    }
}
