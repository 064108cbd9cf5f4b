//! E: what an agent writes into a request, and where a request leads: spellings, headers, hops, credentials, and an
//! answer that does not end. Each of these rules is tried more finely where it stands, in `host/egress/` and
//! `host/sandbox/tests/http/`; here it holds on a whole host.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use troupe_core::Code;
use troupe_tests::Host;
use troupe_tests::canary::canary;
use troupe_tests::oracle::Oracle;
use troupe_tests::service::Reply;

use super::egress::{ask, fetch, host_that_may, line, scripted, service, watch};
use crate::credentials::write_document;
use crate::{PROGRAM, deploy_fetch};

/// Sends one request, which is refused; returns what is said of it. What the host decides by that is held against its
/// audit; what no request can be made of is no decision.
async fn refused(oracle: &mut Oracle<'_>, request: Value) -> String {
    let answer = fetch(oracle, vec![request]).await.remove(0);
    assert!(answer["status"].is_null(), "it was sent: {answer}");
    let said = answer["sentence"].as_str().or(answer["error"].as_str()).expect("a reason").to_owned();
    let code = said.split(": ").next().unwrap_or_default();
    if code.starts_with("denied.") && Code::parse(code).is_some() {
        oracle.decides(code);
    }
    said
}

#[tokio::test]
async fn e51_no_spelling_of_another_host_is_asked() {
    let (service, elsewhere) =
        (service(|_| Reply::text(200, "asked")).await, service(|_| Reply::text(200, "asked")).await);
    let (port, other) = (service.port(), elsewhere.port());
    let host = host_that_may(json!({ "http": [line("a", port, json!({ "path_prefix": "/v1/" }))] })).await;
    let mut oracle = watch(&host).await;
    for (authority, path) in [
        (format!("127.0.0.1:{other}"), "/v1/"),
        (format!("127.0.0.1:{port}@127.0.0.1:{other}"), "/v1/"),
        (format!("user@127.0.0.1:{port}"), "/v1/"),
        (format!("127.0.0.1.evil.example:{port}"), "/v1/"),
        (format!("127.0.0.1.:{port}"), "/v1/"),
        (format!("127.0.0.1%2eevil.example:{port}"), "/v1/"),
        // Other ways to write this very machine are other hosts, which nobody granted.
        (format!("localhost:{port}"), "/v1/"),
        (format!("127.1:{port}"), "/v1/"),
        (format!("0x7f000001:{port}"), "/v1/"),
        (format!("2130706433:{port}"), "/v1/"),
        (format!("0177.0.0.1:{port}"), "/v1/"),
        (format!("[::ffff:127.0.0.1]:{port}"), "/v1/"),
        (format!("0.0.0.0:{port}"), "/v1/"),
        (format!("①27.0.0.1:{port}"), "/v1/"),
        (format!("127.0.0.1:{}", u32::from(port) + 65_536), "/v1/"),
        ("127.0.0.1".to_owned(), "/v1/"),
        (String::new(), "/v1/"),
        // And so are other ways out of its path.
        (format!("127.0.0.1:{port}"), "/v1/../admin"),
        (format!("127.0.0.1:{port}"), "/v1/%2e%2e/admin"),
        (format!("127.0.0.1:{port}"), "/v1/..%2fadmin"),
        (format!("127.0.0.1:{port}"), "//v1/"),
        (format!("127.0.0.1:{port}"), "/V1/"),
    ] {
        let mut request = ask(port, path);
        request["authority"] = authority.as_str().into();
        refused(&mut oracle, request).await;
        assert!(service.seen().is_empty() && elsewhere.seen().is_empty(), "{authority} {path}");
    }
    assert_eq!(fetch(&oracle, vec![ask(port, "/v1/")]).await[0]["body"], "asked");
    oracle.holds().await;
}

#[tokio::test]
async fn e53_what_speaks_about_the_connection_is_refused() {
    let service = service(|request| Reply::text(200, request.text())).await;
    let host = host_that_may(json!({ "http": [line("a", service.port(), json!({ "methods": ["POST"] }))] })).await;
    let mut oracle = watch(&host).await;
    let with = |headers: &[(&str, &str)]| {
        let mut request = ask(service.port(), "/");
        let all = request["headers"].as_array_mut().unwrap();
        all.extend(headers.iter().map(|(name, value)| json!([name, value])));
        (request["method"], request["body"]) = (json!("POST"), json!("four"));
        request
    };
    // What belongs to the connection, what says who sends it, and what asks for another method or path.
    for name in
        ["te", "trailer", "expect", "authorization", "cookie", "x-amz-date", "x-http-method-override", "x-original-url"]
    {
        let said = refused(&mut oracle, with(&[(name, "x")])).await;
        assert!(said.starts_with(&format!("denied.header: an agent may not set the header `{name}`: ")), "{said}");
    }
    for (headers, why) in [
        (&[("content-length", "4"), ("content-length", "4")][..], "the request has two `content-length` headers"),
        (&[("content-length", "3")][..], "the header `content-length` is not the body's length, 4 bytes"),
        (&[("content-length", "+4")][..], "the header `content-length` is not the body's length, 4 bytes"),
    ] {
        let said = refused(&mut oracle, with(headers)).await;
        // Some of these the agent cannot even write, or not send.
        let elsewhere = ["guest: headers ", "request.invalid: the request's body "];
        let is_known = said == format!("denied.header: {why}") || elsewhere.iter().any(|why| said.starts_with(why));
        assert!(is_known, "{said}");
    }
    // These do not leave the agent.
    for (name, value) in [
        ("host", "evil.example"),
        ("connection", "close"),
        ("keep-alive", "timeout=9"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("proxy-authenticate", "x"),
        ("proxy-authorization", "x"),
        ("x-mine", "1\r\nx-other: 2"),
        ("x-mine", "1\nx-other: 2"),
        ("x-mine\r\nx-other", "1"),
        ("x mine", "1"),
    ] {
        let said = refused(&mut oracle, with(&[(name, value)])).await;
        assert!(said.starts_with("guest: headers"), "{name}: {said}");
    }
    assert!(service.seen().is_empty());
    assert_eq!(fetch(&oracle, vec![with(&[("content-length", "4"), ("x-mine", "1")])]).await[0]["status"], 200);
    let [sent] = service.seen().try_into().unwrap();
    assert_eq!(
        (sent.header("content-length"), sent.header("x-mine"), sent.body.as_str()),
        (Some("4"), Some("1"), "four")
    );
    oracle.holds().await;
}

#[tokio::test]
async fn e54_a_credential_goes_nowhere_but_where_it_is_bound() {
    let (bound, elsewhere) = (service(|_| Reply::text(200, "in")).await, service(|_| Reply::text(200, "out")).await);
    let token = canary();
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"]).with_secret("SERVICE_TOKEN", &token);
    let table = |name: &str, to: &str| {
        let port = bound.port();
        format!(
            "[tenant.default.credentials.\"bearer:{name}\"]\ntoken = {{ env = \"SERVICE_TOKEN\" }}\n\
             to = {{ hosts = [\"127.0.0.1\"], port = {port}, path_prefix = \"/in/\"{to} }}\n"
        )
    };
    write_document(&host, &(table("clear", ", scheme = \"http\"") + &table("tls", "")));
    host.start().await;
    // Whoever granted these did not look where the token is bound to.
    let with = |id: &str, port: u16, credential: &str, more: Value| {
        let mut line = line(id, port, more);
        line["credential"] = credential.into();
        line
    };
    let capabilities = json!({ "http": [
        with("in", bound.port(), "bearer:clear", json!({})),
        with("down", bound.port(), "bearer:tls", json!({ "path_prefix": "/in/down/" })),
        with("port", elsewhere.port(), "bearer:clear", json!({})),
        with("host", bound.port(), "bearer:clear", json!({ "host": "localhost", "private": true })),
        with("up", bound.port(), "bearer:clear", json!({ "scheme": "https" })),
    ] });
    deploy_fetch(&host.client(), &capabilities).await;
    let mut oracle = watch(&host).await;
    let to = |authority: String, scheme: &str, path: &str, credential: &str| {
        let headers = json!([["troupe-explain", "true"], ["troupe-credential", format!("bearer:{credential}")]]);
        json!({ "scheme": scheme, "authority": authority, "path": path, "headers": headers })
    };
    let here = || format!("127.0.0.1:{}", bound.port());
    for (request, part) in [
        (to(here(), "http", "/in/down/", "tls"), "by another scheme"),
        (to(here(), "https", "/in/", "clear"), "by another scheme"),
        (to(format!("127.0.0.1:{}", elsewhere.port()), "http", "/in/", "clear"), "to another port"),
        (to(format!("localhost:{}", bound.port()), "http", "/in/", "clear"), "to other hosts"),
        (to(here(), "http", "/out/", "clear"), "to other paths"),
    ] {
        let said = refused(&mut oracle, request).await;
        assert!(
            said.starts_with("denied.secret: ") && said.contains(&format!("` goes {part} than this request")),
            "{said}"
        );
    }
    // One that is granted for other paths is not had at this one by its name.
    let said = refused(&mut oracle, to(here(), "http", "/in/", "tls")).await;
    assert!(said.starts_with("denied.secret: the credential `bearer:tls` is granted for other places: "), "{said}");
    assert!(bound.seen().is_empty() && elsewhere.seen().is_empty(), "a request without its credential was sent");
    assert_eq!(fetch(&oracle, vec![to(here(), "http", "/in/", "clear")]).await[0]["body"], "in");
    assert_eq!(bound.seen()[0].header("authorization"), Some(format!("Bearer {token}").as_str()));
    oracle.holds().await;
}

#[tokio::test]
async fn e47_no_more_hops_than_three() {
    let service =
        service(|request| match request.target.strip_prefix("/hop/").and_then(|left| left.parse::<u32>().ok()) {
            Some(0) | None => Reply::text(200, "there"),
            Some(left) => Reply::text(302, "").with("location", &format!("/hop/{}", left - 1)),
        })
        .await;
    let following = |redirects: u8| json!({ "http": [line("a", service.port(), json!({ "redirects": redirects }))] });
    let host = host_that_may(following(3)).await;
    let mut oracle = watch(&host).await;
    let answer = fetch(&oracle, vec![ask(service.port(), "/hop/3")]).await.remove(0);
    assert_eq!((&answer["body"], service.seen().len()), (&json!("there"), 4), "{answer}");
    for hops in [4, 40] {
        let before = service.seen().len();
        let said = refused(&mut oracle, ask(service.port(), &format!("/hop/{hops}"))).await;
        assert!(said.starts_with("denied.egress: ") && said.contains("follow 3 of one request"), "{said}");
        assert_eq!(service.seen().len() - before, 4);
    }
    // No operator can grant a fourth.
    let grants = json!({ "grants": following(4) });
    let refused = oracle.client().put("/api/v1/deployments/fetch/grants", &grants).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    oracle.holds().await;
}

#[tokio::test]
async fn e56_a_body_that_trickles_ends_with_the_time_of_its_task() {
    // Never silent for as long as would be idle, and never done.
    let port = scripted(async |mut stream: TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let host = host_that_may(json!({ "http": [line("a", port, json!({}))] })).await;
    let mut oracle = watch(&host).await;
    let input = json!({ "requests": [ask(port, "/")] });
    let task = json!({ "agent": "fetch", "skill": "fetch", "input": input, "timeout_ms": 3_000 });
    let said = oracle.client().post("/api/v1/tasks?wait=60", &task).await.failure("limit.deadline");
    assert!(said["message"].as_str().unwrap().contains("did not end within its 3000 ms"), "{said:#}");
    oracle.decides("limit.deadline");
    oracle.holds().await;
}
