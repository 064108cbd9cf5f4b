//! E, F and G through gRPC: what floods a connection of HTTP/2, who reaches for another tenant's things, and
//! what clients send and leave. Most of these rules stand below the doors; here they hold at this one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::stream;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::{Code, Status};
use troupe_core::limits;
use troupe_tests::grpc::{Agents, agents, channel, code, next, over, proto, run, saying};
use troupe_tests::oracle::Oracle;
use troupe_tests::shared::Shared;
use troupe_tests::{Client, Host};

use super::tenancy::key_that_expired;
use super::turn;
use crate::{empty_host, host};

static HOST: Shared = Shared::new();

/// The id of nothing.
const NOTHING: &str = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";

/// Every call, by what it names; those that name nothing of a tenant's are refused nowhere by that.
const CALLS: [(&str, &str); 20] = [
    ("ListAgents", ""),
    ("GetAgent", "agent"),
    ("RunTask", "agent"),
    ("GetTask", "task"),
    ("ListTasks", ""),
    ("WatchTask", "task"),
    ("CancelTask", "task"),
    ("StartSession", ""),
    ("GetSession", "session"),
    ("EndSession", "session"),
    ("SpawnSubAgent", "session"),
    ("GetInstance", "instance"),
    ("PauseInstance", "instance"),
    ("ResumeInstance", "instance"),
    ("RestartInstance", "instance"),
    ("StopInstance", "instance"),
    ("SendMessage", "session"),
    ("GetMessage", "session"),
    ("Chat", "session"),
    ("GetSuggestions", "session"),
];

/// Makes a call about a thing; returns how it was refused.
async fn asked(agents: &mut Agents, call: &str, name: &str) -> Status {
    let id = || name.to_owned();
    match call {
        "GetAgent" => agents.get_agent(proto::GetAgentRequest { name: id() }).await.map(drop),
        "RunTask" => agents.run_task(run(name, "version", &json!({}))).await.map(drop),
        "GetTask" => agents.get_task(proto::GetTaskRequest { task: id(), wait_ms: Some(10) }).await.map(drop),
        "WatchTask" => agents.watch_task(proto::WatchTaskRequest { task: id(), resume: None }).await.map(drop),
        "CancelTask" => agents.cancel_task(proto::CancelTaskRequest { task: id() }).await.map(drop),
        "GetSession" => agents.get_session(proto::GetSessionRequest { session: id() }).await.map(drop),
        "EndSession" => agents.end_session(proto::EndSessionRequest { session: id() }).await.map(drop),
        "SpawnSubAgent" => {
            let request = proto::SpawnSubAgentRequest { agent: "echo".to_owned(), session: Some(id()), name: None };
            agents.spawn_sub_agent(request).await.map(drop)
        }
        "GetInstance" => agents.get_instance(proto::GetInstanceRequest { instance: id() }).await.map(drop),
        "PauseInstance" => agents.pause_instance(proto::PauseInstanceRequest { instance: id() }).await.map(drop),
        "ResumeInstance" => agents.resume_instance(proto::ResumeInstanceRequest { instance: id() }).await.map(drop),
        "RestartInstance" => agents.restart_instance(proto::RestartInstanceRequest { instance: id() }).await.map(drop),
        "StopInstance" => agents.stop_instance(proto::StopInstanceRequest { instance: id() }).await.map(drop),
        "SendMessage" => {
            let saying = saying("version", Some("echo"));
            agents.send_message(proto::SendMessageRequest { session: id(), saying, resume: None }).await.map(drop)
        }
        "GetMessage" => {
            agents.get_message(proto::GetMessageRequest { session: id(), number: 1, wait_ms: None }).await.map(drop)
        }
        "Chat" => {
            let said =
                proto::ChatRequest { id: "a".to_owned(), session: id(), saying: saying("version", Some("echo")) };
            let mut told = agents.chat(stream::iter([said])).await.expect("a conversation").into_inner();
            match next(&mut told).await.expect("an answer").and_then(|event| event.what) {
                Some(proto::chat_event::What::Refused(failure)) => {
                    Err(Status::not_found(format!("{}: {}", failure.code, failure.message)))
                }
                other => panic!("not refused: {other:?}"),
            }
        }
        "GetSuggestions" => agents.get_suggestions(proto::GetSuggestionsRequest { session: id() }).await.map(drop),
        other => panic!("say what {other} names"),
    }
    .expect_err(call)
}

#[tokio::test]
async fn f73_another_tenants_things_are_as_if_they_did_not_exist_through_every_call() {
    let contract = include_str!("../../../host/api/proto/troupe/v1/agent_service.proto");
    let calls = contract.lines().filter_map(|line| line.trim().strip_prefix("rpc ")?.split_once('('));
    let calls: BTreeSet<&str> = calls.map(|(name, _)| name).collect();
    assert_eq!(calls, CALLS.iter().map(|(name, _)| *name).collect(), "each call is tried");

    let host = host().await;
    let owner = host.client();
    let task = owner.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    let instance = owner.start_instance("echo").await;
    let session = owner.start_session(json!({})).await;
    owner.say(&session, json!({ "text": "version", "to": "echo" })).await.of(200);
    owner.make_tenant("probe").await;
    let probe = owner.with_key("probe", &["read", "run", "operate", "admin"]).await;
    let mut agents = agents(&probe).await;
    for (call, names) in CALLS {
        let (theirs, absent) = match names {
            "agent" => ("echo", "gone"),
            "task" => (task.as_str(), NOTHING),
            "session" => (session.as_str(), NOTHING),
            "instance" => (instance.as_str(), NOTHING),
            _ => continue,
        };
        let mut seen = async |name: &str| {
            let status = asked(&mut agents, call, name).await;
            let shown = |text: &str| text.replace(name, "[asked]");
            (status.code(), code(&status).to_owned(), shown(status.message()))
        };
        let (one, other) = (seen(theirs).await, seen(absent).await);
        assert_eq!(one, other, "{call}");
        assert_eq!(one.0, Code::NotFound, "{call}: {one:?}");
    }
    assert!(agents.list_agents(proto::ListAgentsRequest::default()).await.unwrap().into_inner().agents.is_empty());
    assert!(agents.list_tasks(proto::ListTasksRequest::default()).await.unwrap().into_inner().tasks.is_empty());
    assert_eq!(owner.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "running");
    assert_eq!(owner.get(&format!("/api/v1/runtime/instances/{instance}")).await.of(200)["status"], "idle");
    assert_eq!(owner.get(&format!("/api/v1/sessions/{session}")).await.of(200)["status"], "open");
}

#[tokio::test]
async fn f76_of_calls_beyond_an_agents_share_exactly_those_are_admitted_that_have_room() {
    let host = host().await;
    let client = host.client();
    let admitted = limits::INVOCATIONS_PER_AGENT_MAX + limits::CALLS_WAITING_PER_AGENT_MAX;
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(over(channel(&client).await, &client));
    }
    let calls = (0..240).map(|number| {
        let mut agents = connections[number % 4].clone();
        async move {
            let request = run("echo", "sleep", &json!({ "ms": 6_000 }));
            agents.run_task(proto::RunTaskRequest { wait_ms: Some(60_000), ..request }).await
        }
    });
    let answers = join_all(calls).await;
    let completed = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(completed, admitted);
    for refused in answers.into_iter().filter_map(Result::err) {
        assert_eq!((refused.code(), code(&refused)), (Code::ResourceExhausted, "limit.concurrency"));
        assert_eq!(refused.metadata().get("retry-after-ms").unwrap(), "1000");
    }
}

async fn listed(client: &Client) -> Result<(), (Code, String)> {
    let answer = agents(client).await.list_agents(proto::ListAgentsRequest::default()).await;
    answer.map(drop).map_err(|status| (status.code(), code(&status).to_owned()))
}

#[tokio::test]
async fn g77_a_key_is_good_for_a_minute_beyond_its_time_and_no_longer_here_as_well() {
    let mut host: Host = empty_host().await;
    host.stop().await;
    let lately = key_that_expired(&host, Duration::from_secs(1)).await;
    let long_ago = key_that_expired(&host, Duration::from_secs(61)).await;
    host.start().await;
    let client = host.client();
    assert_eq!(listed(&client.with_token(Some(lately.reveal()))).await, Ok(()));
    let late = listed(&client.with_token(Some(long_ago.reveal()))).await;
    assert_eq!(late, Err((Code::Unauthenticated, "auth.expired".to_owned())));
}

#[tokio::test]
async fn g78_a_revoked_key_opens_nothing_on_a_connection_that_it_opened() {
    let host = host().await;
    let oracle = Oracle::watch(&host).await;
    let owner = oracle.client();
    let key = owner.post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["read"] })).await.of(201);
    let mut agents = agents(&owner.with_token(key["token"].as_str())).await;
    agents.list_agents(proto::ListAgentsRequest::default()).await.unwrap();
    owner.post(&format!("/api/v1/keys/{}/revoke", key["id"].as_str().unwrap()), &json!({})).await.of(200);
    for _ in 0..20 {
        let refused = agents.list_agents(proto::ListAgentsRequest::default()).await.unwrap_err();
        assert_eq!((refused.code(), code(&refused)), (Code::Unauthenticated, "auth.invalid"));
    }
    drop(agents);
    oracle.holds().await;
}

#[tokio::test]
async fn g80_a_scope_opens_the_calls_that_it_names_and_no_other() {
    let host = host().await;
    let oracle = Oracle::watch(&host).await;
    let owner = oracle.client();
    let keys = [owner.with_key("default", &["read"]).await, owner.with_key("default", &["run"]).await];
    let [mut reads, mut runs] = [agents(&keys[0]).await, agents(&keys[1]).await];
    for (call, names) in CALLS.into_iter().filter(|(_, names)| !names.is_empty()) {
        let name = if names == "agent" { "gone" } else { NOTHING };
        let read = asked(&mut reads, call, name).await;
        let run = asked(&mut runs, call, name).await;
        let lacks = |status: &Status| code(status) == "auth.scope" || status.message().starts_with("auth.scope: ");
        let wants_run = matches!(
            call,
            "RunTask"
                | "CancelTask"
                | "EndSession"
                | "SpawnSubAgent"
                | "PauseInstance"
                | "ResumeInstance"
                | "RestartInstance"
                | "StopInstance"
                | "SendMessage"
                | "Chat"
        );
        assert_eq!(lacks(&read), wants_run, "{call}: {read:?}");
        assert!(wants_run || lacks(&run), "{call}: {run:?}");
    }
    drop((reads, runs));
    oracle.holds().await;
}

#[tokio::test]
async fn g86_a_message_of_a_hundred_megabytes_is_refused_and_leaves_nothing() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    {
        let mut agents = agents(oracle.client()).await;
        let request = proto::RunTaskRequest { input_json: "x".repeat(100 << 20), ..run("echo", "echo", &json!({})) };
        let refused = agents.run_task(request).await.unwrap_err();
        assert_eq!((refused.code(), code(&refused)), (Code::ResourceExhausted, "limit.request"), "{refused:?}");
    }
    oracle.holds().await;
}

#[tokio::test]
async fn g88_clients_that_vanish_are_noticed_and_their_places_given_back() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let client = oracle.client().clone();
    let task = client.submit("hostile", "sleep", json!({ "ms": 9_000 })).await;
    let which = || proto::WatchTaskRequest { task: task.clone(), resume: None };
    let mut streams = Vec::new();
    for _ in 0..2 {
        let agents = over(channel(&client).await, &client);
        for _ in 0..limits::WAITS_PER_TENANT_MAX / 2 {
            let mut agents = agents.clone();
            let mut stream = agents.watch_task(which()).await.unwrap().into_inner();
            next(&mut stream).await.unwrap().unwrap();
            streams.push(stream);
        }
    }
    let mut agents = over(channel(&client).await, &client);
    let refused = agents.watch_task(which()).await.unwrap_err();
    assert_eq!((refused.code(), code(&refused)), (Code::ResourceExhausted, "limit.concurrency"));
    // Half are cancelled and the other half break off with their connection.
    drop(streams);
    let began = Instant::now();
    while agents.watch_task(which()).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(5), "the places are not given back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    agents.cancel_task(proto::CancelTaskRequest { task }).await.unwrap();
    oracle.may_decide("cancelled");
    drop(agents);
    oracle.holds().await;
}

#[tokio::test]
async fn g91_a_message_that_is_shorter_than_it_says_does_nothing() {
    let host = host().await;
    let oracle = Oracle::watch(&host).await;
    let client = oracle.client();
    let executor = hyper_util::rt::TokioExecutor::new();
    let http = hyper_util::client::legacy::Client::builder(executor).http2_only(true).build_http::<reqwest::Body>();
    let request = |body: &'static [u8]| {
        http::Request::post(format!("{}/troupe.v1.AgentService/StartSession", client.url))
            .header("authorization", format!("Bearer {}", client.token.as_deref().unwrap()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(reqwest::Body::from(body))
            .unwrap()
    };
    // A thousand bytes are announced; and a compressed message, which nobody agreed on.
    for body in [&[0, 0, 0, 3, 232, 10, 2][..], &[0, 0], &[1, 0, 0, 0, 2, 10, 0]] {
        let answer = http.request(request(body)).await.unwrap();
        let said = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(answer.status().as_u16(), 200);
        let status = said("grpc-status").expect("a status");
        assert!(["3", "12"].contains(&status.as_str()), "{:?}", answer.headers());
    }
    assert_eq!(client.get("/api/v1/sessions").await.of(200)["items"], json!([]));
    drop(http);
    oracle.holds().await;
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of a call, in the words of HPACK's static table (RFC 7541, appendix A).
fn head() -> Vec<u8> {
    let literal = |index: u8, text: &str| [&[index, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0x83, 0x86], literal(0x04, "/troupe.v1.AgentService/ListAgents"), literal(0x01, "127.0.0.1")].concat()
}

/// Opens a connection and sends frames, one after the other, until the host has had enough of them; returns
/// how many bytes it took, and the code of its GOAWAY if one came.
async fn flood(client: &Client, mut frames: impl FnMut(u32) -> Vec<u8>, most: u32) -> (usize, Option<u32>) {
    let address = client.url.strip_prefix("http://").unwrap();
    let (mut reads, mut writes) = TcpStream::connect(address).await.unwrap().into_split();
    let heard = tokio::spawn(async move {
        let mut said = Vec::new();
        let _ = timeout(Duration::from_secs(60), reads.read_to_end(&mut said)).await;
        said
    });
    let mut sent = 0;
    writes.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    writes.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    for number in 0..most {
        let bytes = frames(number);
        if heard.is_finished() || writes.write_all(&bytes).await.is_err() {
            break;
        }
        sent += bytes.len();
    }
    let said = timeout(Duration::from_secs(20), heard).await.expect("an end of the connection").unwrap();
    let mut rest = said.as_slice();
    let mut goaway = None;
    while let Some((begin, more)) = rest.split_at_checked(9) {
        let length = u32::from_be_bytes([0, begin[0], begin[1], begin[2]]) as usize;
        let Some((payload, more)) = more.split_at_checked(length) else { break };
        if begin[3] == 7 {
            goaway = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        rest = more;
    }
    (sent, goaway)
}

#[tokio::test]
async fn e62_calls_that_are_reset_as_fast_as_they_are_made_end_their_connection() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    let reset = |number: u32| {
        // As many in one write as fit a packet or two, so that they are there together.
        let calls = (0..64).flat_map(|call| {
            let stream = (number * 64 + call) * 2 + 1;
            [frame(1, 4, stream, &head()), frame(3, 0, stream, &8_u32.to_be_bytes())].concat()
        });
        calls.collect()
    };
    let most = 4_000;
    let (sent, goaway) = flood(oracle.client(), reset, most).await;
    println!("{sent} bytes of calls that were reset, and then GOAWAY {goaway:?}");
    // ENHANCE_YOUR_CALM.
    assert_eq!(goaway, Some(0xb));
    oracle.holds().await;
}

#[tokio::test]
async fn e62_headers_that_never_end_end_their_connection() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    // One field, again and again: a name and a value of one byte each, never indexed.
    let fields = [0x10, 1, b'x', 1, b'y'].repeat(3_000);
    let continued = |number: u32| match number {
        0 => frame(1, 0, 1, &head()),
        _ => frame(9, 0, 1, &fields),
    };
    let (sent, _) = flood(oracle.client(), continued, 20_000).await;
    println!("{sent} bytes of headers were taken");
    assert!(sent < 8 << 20, "{sent}");
    oracle.holds().await;
}

#[tokio::test]
async fn e62_pings_and_settings_without_end_hold_nobody_up() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    let pings = |number: u32| match number % 2 {
        0 => frame(6, 0, 0, &u64::from(number).to_be_bytes()).repeat(50),
        _ => frame(4, 0, 0, &[]).repeat(50),
    };
    // It answers each as it comes, or ends the connection; it asks nothing, so it goes in any case.
    let (sent, _) = flood(oracle.client(), pings, 20_000).await;
    println!("{sent} bytes of pings and settings");
    oracle.holds().await;
}
