//! Who is let in, by which name and protocol, with how much, and for how long.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tonic::Code;
use tonic::transport::{Endpoint, Uri};
use troupe_core::limits;
use troupe_tests::grpc::{agents, all, channel, code, over, proto, run, untimed};
use troupe_tests::{Client, Host};

use crate::rest::tasks::sleeper::shows;
use crate::{empty_host, host};

async fn refused(client: &Client) -> (Code, String) {
    let status = agents(client).await.list_agents(proto::ListAgentsRequest::default()).await.unwrap_err();
    (status.code(), code(&status).to_owned())
}

#[tokio::test]
async fn a_call_is_let_in_by_a_token_alone() {
    let host = empty_host().await;
    let client = host.client();
    assert_eq!(refused(&client.with_token(None)).await, (Code::Unauthenticated, "auth.missing".to_owned()));
    for wrong in ["", "x", &client.token.clone().unwrap().to_uppercase()] {
        assert_eq!(refused(&client.with_token(Some(wrong))).await, (Code::Unauthenticated, "auth.invalid".to_owned()));
    }
    agents(&client).await.list_agents(proto::ListAgentsRequest::default()).await.unwrap();
    // A scope opens what it names.
    let reads = client.with_key("default", &["read"]).await;
    let mut reads = agents(&reads).await;
    reads.list_agents(proto::ListAgentsRequest::default()).await.unwrap();
    let status = reads.start_session(proto::StartSessionRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), code(&status)), (Code::PermissionDenied, "auth.scope"));
}

#[tokio::test]
async fn a_foreign_name_is_refused_before_anything_else() {
    let host = empty_host().await;
    let client = host.client();
    let foreign: Uri = "http://evil.example".parse().unwrap();
    let endpoint = Endpoint::from_shared(client.url.clone()).unwrap().origin(foreign);
    let mut agents = over(endpoint.connect().await.unwrap(), &client.with_token(None));
    let status = agents.list_agents(proto::ListAgentsRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), code(&status)), (Code::PermissionDenied, "auth.origin"));
    let mut request = tonic::Request::new(proto::ListAgentsRequest::default());
    request.metadata_mut().insert("origin", "https://evil.example".parse().unwrap());
    let mut agents = over(channel(&client).await, &client);
    let status = agents.list_agents(request).await.unwrap_err();
    assert_eq!((status.code(), code(&status)), (Code::PermissionDenied, "auth.origin"));
}

#[tokio::test]
async fn what_is_no_call_is_a_problem_document() {
    let host = empty_host().await;
    let client = host.client();
    let path = "/troupe.v1.AgentService/ListAgents";
    client.post(path, &json!({})).await.problem(415, "request.media_type");
    let request = client.request(Method::POST, path).header("content-type", "application/grpc").body(vec![0; 5]);
    // A client that speaks HTTP/1.1 has no trailers.
    client.send(request).await.problem(400, "request.invalid");
    let web = client.request(Method::POST, path).header("content-type", "application/grpc-web").body(vec![0; 5]);
    client.send(web).await.problem(415, "request.media_type");
}

/// Calls a method with bytes of one's own as the message; returns the status.
async fn raw(client: &Client, path: &'static str, message: Vec<u8>) -> tonic::Status {
    let mut grpc = tonic::client::Grpc::new(channel(client).await);
    grpc.ready().await.unwrap();
    let mut request = tonic::Request::new(message);
    if let Some(token) = &client.token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let path = tonic::codegen::http::uri::PathAndQuery::from_static(path);
    grpc.unary(request, path, Raw).await.map(|_| ()).unwrap_err()
}

/// A codec that sends bytes as they are.
struct Raw;

impl tonic::codec::Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl tonic::codec::Encoder for Raw {
    type Item = Vec<u8>;
    type Error = tonic::Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut tonic::codec::EncodeBuf<'_>) -> Result<(), tonic::Status> {
        use bytes::BufMut as _;
        buffer.put_slice(&item);
        Ok(())
    }
}

impl tonic::codec::Decoder for Raw {
    type Item = Vec<u8>;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut tonic::codec::DecodeBuf<'_>) -> Result<Option<Vec<u8>>, tonic::Status> {
        use bytes::Buf as _;
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length).to_vec()))
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_a_code_of_the_hosts() {
    let host = host().await;
    let client = host.client();
    let path = "/troupe.v1.AgentService/RunTask";
    let garbage = raw(&client, path, vec![0xff; 64]).await;
    assert_eq!((garbage.code(), code(&garbage)), (Code::InvalidArgument, "request.invalid"));
    let large = raw(&client, path, vec![0; limits::REQUEST_BYTES_MAX + 1]).await;
    assert_eq!((large.code(), code(&large)), (Code::ResourceExhausted, "limit.request"));
    assert_eq!(large.message(), "the message is larger than 4 MiB");
    for path in ["/troupe.v1.AgentService/Nothing", "/troupe.v1.Nothing/List"] {
        let unknown = raw(&client, path, Vec::new()).await;
        assert_eq!((unknown.code(), code(&unknown)), (Code::Unimplemented, "route.not_found"), "{path}");
    }
    // Who is nobody is refused before a message is read.
    let nobody = raw(&client.with_token(None), path, vec![0; limits::REQUEST_BYTES_MAX + 1]).await;
    assert_eq!((nobody.code(), code(&nobody)), (Code::Unauthenticated, "auth.missing"));

    let mut agents = agents(&client).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let status = agents
        .run_task(proto::RunTaskRequest { input_json: deep, ..run("echo", "echo", &json!({})) })
        .await
        .unwrap_err();
    assert_eq!((status.code(), code(&status)), (Code::ResourceExhausted, "limit.request"));
    let long = json!({ "text": "x".repeat(limits::INPUT_BYTES_MAX) });
    let status = agents.run_task(run("echo", "echo", &long)).await.unwrap_err();
    assert_eq!((status.code(), code(&status)), (Code::ResourceExhausted, "limit.request"));
}

#[tokio::test]
async fn a_deadline_that_the_client_names_is_kept_and_ends_what_nobody_else_holds() {
    let host = host().await;
    let client = host.client();
    // One that keeps no time itself, so that it is the host that does.
    let mut agents = untimed(&client);
    let slow = proto::RunTaskRequest { wait_ms: Some(60_000), ..run("echo", "sleep", &json!({ "ms": 9_000 })) };
    let mut request = tonic::Request::new(slow);
    request.metadata_mut().insert("grpc-timeout", "700m".parse().unwrap());
    let began = Instant::now();
    let status = agents.run_task(request).await.unwrap_err();
    assert_eq!((status.code(), code(&status)), (Code::DeadlineExceeded, "limit.deadline"), "{status:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // Nobody holds the id of the task, so it has ended.
    shows(&client, "troupe_tasks_running", 0).await;

    let task = client.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    let mut request = tonic::Request::new(proto::WatchTaskRequest { task: task.clone(), resume: None });
    request.metadata_mut().insert("grpc-timeout", "1500m".parse().unwrap());
    let mut stream = agents.watch_task(request).await.unwrap().into_inner();
    let (events, status) = all(&mut stream).await;
    let status = status.unwrap();
    assert_eq!((status.code(), code(&status)), (Code::DeadlineExceeded, "limit.deadline"), "{status:?}");
    assert!(!events.is_empty());
    assert_eq!(client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "running");

    let mut request = tonic::Request::new(proto::ListAgentsRequest::default());
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    let status = agents.list_agents(request).await.unwrap_err();
    assert_eq!((status.code(), code(&status)), (Code::InvalidArgument, "request.invalid"));
}

#[tokio::test]
async fn rest_is_served_over_http_2_as_well() {
    let host = host().await;
    let client = host.client();
    let executor = hyper_util::rt::TokioExecutor::new();
    let http = hyper_util::client::legacy::Client::builder(executor).http2_only(true).build_http::<reqwest::Body>();
    let request = |path: &str| {
        let request = http::Request::builder().uri(format!("{}{path}", client.url));
        request.header("authorization", format!("Bearer {}", client.token.as_deref().unwrap()))
    };
    let answer = http.request(request("/healthz").body("".into()).unwrap()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    assert_eq!(answer.headers()["content-length"], "3");
    let answer = reqwest::Response::from(answer.map(reqwest::Body::wrap));
    assert_eq!(answer.text().await.unwrap(), "ok\n");
    let task = json!({ "agent": "echo", "skill": "echo", "input": { "text": "x".repeat(600_000) } });
    let asked = request("/api/v1/tasks?wait=30").method("POST").header("content-type", "application/json");
    let answer = http.request(asked.body(task.to_string().into()).unwrap()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let answer = reqwest::Response::from(answer.map(reqwest::Body::wrap));
    assert!(answer.text().await.unwrap().len() > 1_200_000);
}

#[tokio::test]
async fn connections_of_http_2_that_ask_nothing_are_closed_and_those_that_did_are_not() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host: Host = empty_host().await;
    let client = host.client();
    let used = channel(&client).await;
    over(used.clone(), &client).list_agents(proto::ListAgentsRequest::default()).await.unwrap();
    let mut silent = tokio::net::TcpStream::connect(client.url.strip_prefix("http://").unwrap()).await.unwrap();
    // The preface and an empty SETTINGS (RFC 9113, section 3.4), and nothing more.
    silent.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let (began, mut said) = (Instant::now(), Vec::new());
    let end = silent.read_to_end(&mut said);
    let most = limits::REQUEST_HEAD_TIME_MAX + limits::ANSWERS_END_TIME_MAX + Duration::from_secs(5);
    let _ = tokio::time::timeout(most, end).await.expect("an end in time");
    assert!(began.elapsed() >= limits::REQUEST_HEAD_TIME_MAX - Duration::from_secs(1));
    // It was told: GOAWAY is a frame of type 7.
    assert!(said.windows(5).any(|frame| frame[0] == 7 || frame[3] == 7), "{said:?}");
    over(used, &client).list_agents(proto::ListAgentsRequest::default()).await.unwrap();
}
