//! G: what a page in a browser, or a proxy in front of the host, makes of addresses and answers.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use troupe_tests::grpc::{agents, code, proto};
use troupe_tests::oracle::Oracle;
use troupe_tests::shared::Shared;
use troupe_tests::socket::Socket;
use troupe_tests::{Answer, Client, archive, guests};

use super::asked::{Call, Outcome};
use super::turn;

static HOST: Shared = Shared::new();

/// What would run in a page that takes it for its own.
const SCRIPT: &str = "<script src=//evil.example></script><img onerror=alert(1) src=x>";

/// That an answer does nothing in a browser, whatever is in it.
#[track_caller]
fn is_inert(answer: &Answer, what: &str) {
    let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{what}: {answer:?}"));
    for part in ["default-src 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{what}");
    assert!(matches!(answer.header("referrer-policy"), Some("no-referrer" | "same-origin")), "{what}");
    let kind = answer.header("content-type").unwrap_or("text/plain");
    let page = answer.header("content-type").is_some_and(|kind| kind.contains("html"));
    assert!(!page || what.ends_with("/approve"), "{what} is a page: {kind}");
}

/// Every route that the document has, with its methods.
async fn routes(client: &Client) -> Vec<(Method, String)> {
    let document = client.get("/api/v1/openapi.json").await.of(200);
    let paths = document["paths"].as_object().unwrap().iter();
    let routes: Vec<_> = paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase().parse().unwrap(), path.clone()))
        })
        .collect();
    assert!(routes.len() > 80, "{routes:?}");
    routes
}

/// A path whose parameters all have a value that can stand there.
fn filled(route: &str) -> String {
    let parts = route.split('/').map(|part| if part.starts_with('{') { "x-1" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn g89_markup_in_names_logs_and_outputs_is_data_at_each_door_and_no_answer_does_anything_in_a_browser() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    oracle.decides("manifest.invalid");
    let client = oracle.client();
    let nobody = client.with_token(None);
    for (method, route) in routes(client).await {
        // Who is nobody is refused everywhere but where nobody need be asked.
        let request = nobody.request(method.clone(), &filled(&route));
        is_inert(&nobody.send(request).await, &format!("{method} {route}"));
    }
    for path in ["/api/v1/agents", "/metrics", "/api/v1/nothing", "/", "/approve", "/approve?link=x"] {
        is_inert(&client.get(path).await, path.split('?').next().unwrap());
    }
    let task = client.run("echo", "echo", json!({ "text": SCRIPT })).await;
    is_inert(&task, "a task");
    assert_eq!((task.output()["text"].as_str(), task.header("content-type")), (Some(SCRIPT), Some("application/json")));
    let events = client.get(&format!("/api/v1/tasks/{}/events", task.json()["id"].as_str().unwrap())).await;
    is_inert(&events, "a stream");
    assert_eq!(events.header("content-type"), Some("text/event-stream"));

    // In an output, through each door; in a log; in a name, which cannot hold it.
    let outcome = Call::new("echo", "echo", json!({ "text": SCRIPT })).alike(client).await;
    let Outcome::Ended { output, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(output["text"], SCRIPT);
    let before = host.said().len();
    client.run("hostile", "print", json!({ "text": SCRIPT })).await.output();
    assert!(host.said().split_off(before).lines().any(|line| line.contains(SCRIPT) && line.contains("hostile")));
    let named = archive::with_manifest(&guests().echo.archive("9.0.0"), |manifest| manifest["name"] = json!(SCRIPT));
    let refused = client.publish(named).await;
    refused.problem(422, "manifest.invalid");
    is_inert(&refused, "a refusal");
    let absent = client.get("/api/v1/agents/%3Cscript%3Ealert(1)%3C%2Ascript%3E").await;
    absent.problem(404, "agent.not_found");
    assert_eq!(Call::new(SCRIPT, "echo", json!({})).alike(client).await.code(), "agent.not_found");

    // What a page of another site can send by itself.
    let text = json!({ "agent": "echo", "skill": "version" }).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let form = client.request(Method::POST, "/api/v1/tasks").header("content-type", kind).body(text.clone());
        client.send(form).await.problem(415, "request.media_type");
    }
    let foreign = client.request(Method::POST, "/api/v1/tasks").header("origin", "https://evil.example");
    client.send(foreign.header("content-type", "application/json").body("{")).await.problem(403, "auth.origin");
    let refused = Socket::try_open(client, &[("origin", "https://evil.example")]).await.err().unwrap();
    assert_eq!((refused.0, refused.1["code"].as_str()), (403, Some("auth.origin")));
    oracle.holds().await;
}

/// Sends a request as it is written, which no client would write; returns the status and the code.
async fn sent(client: &Client, head: &str, more: &str) -> (u16, String) {
    let address = client.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = client.token.as_deref().unwrap();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n{more}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).unwrap_or_else(|| panic!("{head}: {text}")).parse().unwrap();
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

/// Other ways to write a path, none of which leads anywhere.
fn others(path: &str) -> Vec<String> {
    let (before, last) = path.rsplit_once('/').unwrap();
    let rest = path.strip_prefix('/').unwrap();
    vec![
        format!("/{path}"),
        format!("{before}//{last}"),
        format!("{path}/"),
        format!("{before}/./{last}"),
        format!("{before}/x/../{last}"),
        format!("{before}/%2e%2E/{last}"),
        format!("{before}/x/..;/{last}"),
        format!("{path};x=y"),
        format!("{before}/..%5c{last}"),
        format!("{before}/%25{:02x}{}", last.as_bytes()[0], &last[1..]),
        format!("/x%2F..%2F{rest}"),
    ]
}

#[tokio::test]
async fn g90_a_path_has_one_reading_and_every_other_is_refused_at_each_door() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    let client = oracle.client().clone();
    let newest = async || client.get("/api/v1/feed?limit=500").await.of(200)["next"].clone();
    let before = newest().await;
    let invalid = || (400, "request.invalid".to_owned());
    for (method, route) in routes(&client).await {
        for path in others(&filled(&route)) {
            assert_eq!(sent(&client, &format!("{method} {path}"), "content-length: 0\r\n").await, invalid(), "{path}");
        }
        // A name has a slash where names have one, and nowhere else.
        for place in route.split('/').filter(|place| place.starts_with('{')) {
            let path = filled(&route.replace(place, "a%2Fb"));
            let answer = sent(&client, &format!("{method} {path}"), "content-length: 0\r\n").await;
            let may = matches!(place, "{lock}" | "{subscription}");
            assert!(may || answer == invalid(), "{method} {path}: {answer:?}");
            assert!(!may || answer.1.ends_with(".not_found") || method != Method::GET, "{path}: {answer:?}");
        }
    }
    for path in others("/api/v1/ws") {
        let upgrade =
            "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        assert_eq!(sent(&client, &format!("GET {path}"), upgrade).await, invalid(), "{path}");
    }
    let executor = hyper_util::rt::TokioExecutor::new();
    let http = hyper_util::client::legacy::Client::builder(executor).http2_only(true).build_http::<reqwest::Body>();
    for path in others("/troupe.v1.AgentService/ListAgents") {
        let request = http::Request::post(format!("{}{path}", client.url))
            .header("authorization", format!("Bearer {}", client.token.as_deref().unwrap()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(reqwest::Body::from(&[0, 0, 0, 0, 0][..]))
            .unwrap();
        let answer = http.request(request).await.unwrap();
        let status = tonic::Status::from_header_map(answer.headers()).unwrap_or_else(|| panic!("{path}: {answer:?}"));
        assert_eq!((status.code(), code(&status)), (tonic::Code::InvalidArgument, "request.invalid"), "{path}");
    }
    agents(&client).await.list_agents(proto::ListAgentsRequest::default()).await.unwrap();
    assert_eq!(newest().await, before, "something was done");
    drop(http);
    oracle.holds().await;
}

#[tokio::test]
async fn g86_a_key_that_stands_twice_says_nothing_at_any_door() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    let client = oracle.client();
    let twice = [
        (r#"{"agent":"echo","skill":"echo","input":{"text":"a","text":"b"}}"#, "input.text"),
        (r#"{"agent":"echo","skill":"echo","input":{"text":"a","te\u0078t":"b"}}"#, "input.text"),
        (
            r#"{"agent":"echo","skill":"echo","input":{"text":"a","more":[{},{"b":{"c":1,"c":1}}]}}"#,
            "input.more[1].b.c",
        ),
        (r#"{"agent":"echo","skill":"echo","agent":"hostile"}"#, "agent"),
    ];
    for (text, place) in twice {
        let problem = client.post_text("/api/v1/tasks?wait=30", text).await.problem(400, "request.invalid");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("`{place}`")), "{detail}");

        let mut socket = Socket::open(client).await;
        let said = format!(r#"{{"type":"run","id":"a","task":{text}}}"#);
        socket.send(tokio_tungstenite::tungstenite::Message::Text(said.into())).await;
        let problem = socket.next().await["problem"].clone();
        assert_eq!(problem["code"], "request.invalid", "{problem}");

        let Some((_, input)) = text.split_once(r#""input":"#) else { continue };
        let mut request = troupe_tests::grpc::run("echo", "echo", &Value::Null);
        request.input_json = input.strip_suffix('}').unwrap().to_owned();
        let refused = agents(client).await.run_task(request).await.unwrap_err();
        assert_eq!(code(&refused), "request.invalid", "{refused:?}");
        let place = place.strip_prefix("input.").unwrap();
        assert!(refused.message().contains(&format!("`input_json` has the key `{place}` twice")), "{refused:?}");
    }
    // Ten thousand at once, and as deep as nothing is.
    let deep =
        format!(r#"{{"agent":"echo","skill":"echo","input":{{"text":{}{}}}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    client.post_text("/api/v1/tasks", deep.clone()).await.problem(413, "limit.request");
    let mut socket = Socket::open(client).await;
    let said = format!(r#"{{"type":"run","id":"a","task":{deep}}}"#);
    socket.send(tokio_tungstenite::tungstenite::Message::Text(said.into())).await;
    assert_eq!(socket.next().await["problem"]["code"], "limit.request");
    let mut request = troupe_tests::grpc::run("echo", "echo", &Value::Null);
    request.input_json = "[".repeat(10_000);
    assert_eq!(code(&agents(client).await.run_task(request).await.unwrap_err()), "limit.request");
    let events: Vec<Value> = (0..10_000).map(|_| json!({ "type": "a.b", "data": {} })).collect();
    let batch = client.request(Method::POST, "/api/v1/events").body(Value::from(events).to_string());
    let batch = batch.header("content-type", "application/cloudevents-batch+json");
    client.send(batch).await.problem(413, "limit.request");
    drop(socket);
    oracle.holds().await;
}

#[tokio::test]
async fn g91_what_is_shorter_than_it_says_does_nothing_by_rest_and_on_a_socket() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    let client = oracle.client();
    let newest = async || client.get("/api/v1/feed?limit=500").await.of(200)["next"].clone();
    let before = newest().await;
    let (address, token) = (client.url.strip_prefix("http://").unwrap(), client.token.as_deref().unwrap());
    let task = r#"{"agent":"echo","skill":"version"}"#;
    let archive = guests().echo.archive("9.0.0");
    // Each says that more comes than does; the last two say two things of one body.
    let (json, tar) =
        ("content-type: application/json\r\n", "content-type: application/vnd.oci.image.layout.v1+tar\r\n");
    let length = |bytes: usize| format!("content-length: {bytes}\r\n");
    let chunked = "transfer-encoding: chunked\r\n".to_owned();
    for (path, kind, says, body) in [
        ("/api/v1/tasks", json, length(1_000), task.as_bytes().to_vec()),
        ("/api/v1/sessions", json, length(3), b"{}".to_vec()),
        ("/api/v1/sessions", json, chunked.clone(), b"2\r\n{}\r\n".to_vec()),
        ("/api/v1/sessions", json, chunked.clone(), b"9\r\n{}".to_vec()),
        ("/api/v1/agents/publish", tar, length(archive.len()), archive[..archive.len() / 2].to_vec()),
        ("/api/v1/sessions", json, length(2) + &length(3), b"{} ".to_vec()),
        ("/api/v1/sessions", json, length(2) + &chunked, b"0\r\n\r\n".to_vec()),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n{kind}{says}connection: close\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        // Whoever hangs up in the middle may not be answered at all, and is not told that it went well.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{path} {says}: {answer}");
    }
    // A frame, and a message in two frames, whose rest never comes; and one that is not masked (RFC 6455, section 5.1).
    let run = json!({ "type": "run", "id": "a", "task": { "agent": "echo", "skill": "version" } }).to_string();
    let masked = |first: u8, length: usize, text: &str| {
        [&[first, 0x80 | 126, (length >> 8) as u8, length as u8, 0, 0, 0, 0], text.as_bytes()].concat()
    };
    let plain = [&[0x81, u8::try_from(run.len()).unwrap()], run.as_bytes()].concat();
    for frame in [masked(0x81, run.len() + 100, &run), masked(0x01, run.len(), &run), plain] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let upgrade = format!(
            "GET /api/v1/ws HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        let mut came = Vec::new();
        while !came.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut came).await.unwrap() > 0, "{}", String::from_utf8_lossy(&came));
        }
        assert!(came.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&came));
        stream.write_all(&frame).await.unwrap();
        stream.shutdown().await.unwrap();
        came.clear();
        let _ = stream.read_to_end(&mut came).await;
        let said = String::from_utf8_lossy(&came);
        assert!(!said.contains("\"event\""), "{said}");
    }
    assert_eq!(newest().await, before, "something was done");
    assert_eq!(client.get("/api/v1/sessions").await.of(200)["items"], json!([]));
    oracle.holds().await;
}
