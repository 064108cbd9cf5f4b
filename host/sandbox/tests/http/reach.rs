//! What a guest reaches, and what it does not.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use troupe_core::Result;
use troupe_egress::{Client, ClientConfig, Resolve};
use troupe_sandbox::Egress;

use super::server::Server;
use super::support::{Bench, sentence};

fn api() -> Value {
    json!([{ "id": "api", "host": "api.example.com", "methods": ["GET", "POST"], "path_prefix": "/v1/" }])
}

fn get(authority: &str, path: &str) -> Value {
    json!({ "authority": authority, "path": path })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_request_is_sent_and_answered() {
    let bench = Bench::new().await;
    let request = json!({
        "method": "POST", "authority": "api.example.com", "path": "/v1/things?a=b", "body": "hello",
        "headers": [["x-mine", "1"], ["content-type", "text/plain"]],
    });
    let answer = bench.one(api(), request).await;
    assert_eq!(answer["status"], 200);
    let echo = answer["body"].as_str().unwrap();
    assert!(echo.starts_with("POST /v1/things?a=b HTTP/1.1\r\n"), "{echo}");
    assert!(echo.contains("x-mine: 1\r\n") && echo.ends_with("\r\n\r\nhello"), "{echo}");
    assert!(!echo.to_lowercase().contains("troupe-"), "{echo}");
    assert_eq!(bench.server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_grant_names_is_not_sent_and_the_guest_is_told_what_is_missing() {
    let bench = Bench::new().await;
    let refused = async |request: Value| sentence(&bench.one(api(), request).await);
    for (request, part) in [
        (get("other.example.com", "/v1/a"), "denied.capability: no grant of `http` leads to https://other.example.com"),
        (get("api.example.com:8443", "/v1/a"), "no grant of `http` leads to https://api.example.com:8443"),
        (json!({ "scheme": "http", "authority": "api.example.com", "path": "/v1/a" }), "http://api.example.com;"),
        (get("api.example.com", "/v2/a"), "no grant of https://api.example.com admits the path `/v2/a`"),
        (json!({ "method": "DELETE", "authority": "api.example.com", "path": "/v1/a" }), "admits DELETE at this path"),
    ] {
        let said = refused(request).await;
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(bench.server.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_people_s_libraries_get_the_standard_codes() {
    let bench = Bench::new().await;
    let answers = bench.fetch(api(), json!([get("other.example.com", "/"), get("api.example.com", "/v1/a")])).await;
    assert_eq!(answers[0]["error"], "HttpRequestDenied");
    assert_eq!(answers[1]["status"], 200);
    let log = bench.log.lock().unwrap();
    assert!(log.iter().any(|record| record.message.contains("leads to https://other.example.com")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e51_no_spelling_slips_past_a_grant() {
    let bench = Bench::new().await;
    for (authority, path) in [
        ("api.example.com.evil.example", "/v1/a"),
        ("evil-api.example.com", "/v1/a"),
        ("àpi.example.com", "/v1/a"),
        ("user@api.example.com", "/v1/a"),
        ("api.example.com@evil.example", "/v1/a"),
        ("api.example.com.", "/v1/a"),
        ("api.example.com:", "/v1/a"),
        ("api.example.com:0", "/v1/a"),
        ("api%2eexample.com", "/v1/a"),
        ("api.example.com", "/v1/../admin"),
        ("api.example.com", "/v1/%2e%2e/admin"),
        ("api.example.com", "/v1/.%2E/admin"),
        ("api.example.com", "/v1/%252e%252e/admin"),
        ("api.example.com", "/v1/..;/admin"),
        ("api.example.com", "/v1/..%2fadmin"),
        ("api.example.com", "//v1/a"),
        ("api.example.com", "/v1//a"),
        ("api.example.com", "/V1/a"),
        ("api.example.com", "/"),
        ("api.example.com", "?/v1/"),
        ("", "/v1/a"),
    ] {
        let answer = bench.one(api(), get(authority, path)).await;
        assert!(answer["error"].is_string(), "{authority} {path}: {answer}");
    }
    assert_eq!(bench.server.requests(), Vec::<String>::new());
    // Hosts have no case, and neither has an escape of a plain letter.
    assert_eq!(bench.one(api(), get("API.Example.COM", "/%761/a")).await["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn e49_a_name_that_leads_inside_needs_a_grant_that_says_so() {
    let bench = Bench::new().await;
    let port = bench.server.port;
    let grant = |host: &str, private: bool| json!([{ "id": "in", "scheme": "http", "host": host, "port": port, "private": private }]);
    let request = |host: &str| json!({ "scheme": "http", "authority": format!("{host}:{port}"), "path": "/" });
    let refused = bench.one(grant("localhost", false), request("localhost")).await;
    assert!(sentence(&refused).starts_with("denied.egress: `localhost` leads to"), "{refused}");
    assert_eq!(
        bench.fetch(grant("localhost", false), json!([request("localhost")])).await[0]["error"],
        "DestinationIpProhibited"
    );
    assert_eq!(bench.server.requests().len(), 0);
    assert_eq!(bench.one(grant("localhost", true), request("localhost")).await["status"], 200);
    // An address says itself where it leads.
    assert_eq!(bench.one(grant("127.0.0.1", false), request("127.0.0.1")).await["status"], 200);
}

/// Leads every name to the metadata service.
#[derive(Debug)]
struct ToMetadata;

impl Resolve for ToMetadata {
    fn resolve<'a>(
        &'a self,
        _partition: &'a Arc<str>,
        _host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::from(([169, 254, 169, 254], port))]) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e49_metadata_services_stay_closed_even_to_a_name_granted_inside() {
    let client = Client::new(ClientConfig { resolver: Arc::new(ToMetadata), ..ClientConfig::default() });
    let bench = Bench::with(|egress| Egress { client, ..egress }).await;
    let grants = json!([{ "id": "in", "scheme": "http", "host": "files.internal", "private": true }]);
    let refused = bench.one(grants, json!({ "scheme": "http", "authority": "files.internal", "path": "/" })).await;
    assert!(sentence(&refused).starts_with("denied.egress: `files.internal` leads to"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_ipv6_is_open_to_the_grant_that_names_it() {
    let bench = Bench::new().await;
    let server = Server::start_on("[::1]:0").await;
    let grants = json!([{ "id": "in", "scheme": "http", "host": "::1", "port": server.port }]);
    let request = json!({ "scheme": "http", "authority": format!("[::1]:{}", server.port), "path": "/" });
    assert_eq!(bench.one(grants, request).await["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_without_a_path_is_sent_with_one() {
    let bench = Bench::new().await;
    let grants = json!([{ "id": "api", "host": "api.example.com" }]);
    let answer = bench.one(grants, get("api.example.com", "?x=1")).await;
    assert!(answer["body"].as_str().unwrap().starts_with("GET /?x=1 HTTP/1.1\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_part_of_an_address_is_longer_than_any_server_takes() {
    let bench = Bench::new().await;
    let named = |method: String, host: String| json!({ "method": method, "authority": host, "path": "/v1/a" });
    let host = || "api.example.com".to_owned();
    for (request, part) in [
        (named("X".repeat(65), host()), "method"),
        (named("GET".to_owned(), "a".repeat(301)), "authority"),
        (named("GET".to_owned(), format!("{}:443", "a".repeat(297))), "authority"),
    ] {
        assert_eq!(bench.one(api(), request).await["error"], format!("guest: {part}"));
    }
    assert!(sentence(&bench.one(api(), named("X".repeat(64), host())).await).contains("admits XXX"));
}

#[tokio::test(flavor = "multi_thread")]
async fn e61_the_host_s_own_doors_stay_closed_to_any_grant() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap();
    let bench = Bench::with(|mut egress| {
        egress.own_addresses = Arc::from([own]);
        egress
    })
    .await;
    let grants = json!([{ "id": "own", "scheme": "http", "host": "127.0.0.1", "port": own.port(), "private": true }]);
    let request = json!({ "scheme": "http", "authority": own.to_string(), "path": "/" });
    let refused = sentence(&bench.one(grants, request).await);
    assert!(refused.contains("is one of this host's own"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e53_a_guest_may_not_say_who_it_is_nor_speak_about_the_connection() {
    let bench = Bench::new().await;
    for name in [
        "authorization",
        "cookie",
        "x-amz-security-token",
        "x-amz-date",
        "x-http-method-override",
        "x-original-url",
        "te",
        "expect",
        "trailer",
    ] {
        let mut request = get("api.example.com", "/v1/a");
        request["headers"] = json!([[name, "x"]]);
        let answer = bench.one(api(), request).await;
        assert!(sentence(&answer).starts_with(&format!("denied.header: an agent may not set the header `{name}`")));
    }
    // These the standard bindings refuse themselves.
    for name in ["host", "connection", "transfer-encoding", "upgrade", "proxy-authorization"] {
        let mut request = get("api.example.com", "/v1/a");
        request["headers"] = json!([[name, "x"]]);
        let answer = bench.one(api(), request).await;
        assert!(answer["error"].as_str().unwrap().starts_with("guest: headers"), "{name} {answer}");
    }
    let mut unknown = get("api.example.com", "/v1/a");
    unknown["headers"] = json!([["troupe-credentials", "aws:default"]]);
    assert!(sentence(&bench.one(api(), unknown).await).contains("means nothing to this host"));
    assert_eq!(bench.server.requests().len(), 0);
}
