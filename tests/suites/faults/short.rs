//! A host that is short of what the system gives out: memory, descriptors, room for its log.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use troupe_tests::grpc::{agents, code};
use troupe_tests::socket::Socket;
use troupe_tests::{Client, Host, template};

use crate::cases::asked::{Call, DOORS};
use crate::rest::tasks::sleeper::{gauge, shows};
use crate::{PROGRAM, host};

/// Has a cgroup say how much of its thousand bytes is used.
fn uses(group: &Path, bytes: u32) {
    let current = group.join("memory.current");
    fs::write(current.with_extension("next"), format!("{bytes}\n")).unwrap();
    fs::rename(current.with_extension("next"), current).unwrap();
}

#[tokio::test]
async fn i131_a_host_whose_memory_is_nearly_used_up_refuses_what_is_new_and_what_runs_goes_on() {
    let group = tempfile::tempdir().unwrap();
    fs::write(group.path().join("memory.max"), "1000\n").unwrap();
    fs::write(group.path().join("memory.stat"), "inactive_file 100\n").unwrap();
    uses(group.path(), 500);
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--cgroup", group.path().to_str().unwrap()];
    let mut host = Host::new(PROGRAM, &arguments);
    template::copy_to(PROGRAM, &host.data_dir());
    host.start().await;
    let client = host.client();
    shows(&client, "troupe_host_memory_used_percent", 40).await;
    let runs = client.submit("echo", "sleep", json!({ "ms": 3_000 })).await;
    client.runs(&runs).await;
    // Pages of files that nobody reads are given back before anybody is killed.
    uses(group.path(), 999);
    shows(&client, "troupe_host_memory_used_percent", 89).await;
    assert_eq!(gauge(&client, "troupe_host_memory_short").await, 0);

    uses(group.path(), 1_000);
    shows(&client, "troupe_host_memory_short", 1).await;
    let ready = client.with_token(None).get("/readyz").await;
    ready.problem(503, "limit.host");
    for door in DOORS {
        let refused = Call::new("echo", "echo", json!({ "text": "x" })).by(door, &client).await;
        assert_eq!(refused.code(), "limit.host", "{door:?}: {refused:?}");
    }
    let refused = client.post("/api/v1/sessions", &json!({})).await;
    let problem = refused.problem(503, "limit.host");
    assert_eq!((&problem["retryable"], refused.header("retry-after")), (&json!(true), Some("1")), "{problem}");
    client.post("/api/v1/events", &json!({ "type": "a.b", "data": {} })).await.problem(503, "limit.host");
    assert!(client.get("/metrics").await.text.contains("troupe_refused_requests_total{code=\"limit.host\"}"));
    // Who looks and who calls off is answered, and what runs ends.
    client.get("/api/v1/agents").await.of(200);
    let ended = client.ended(&runs).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");

    uses(group.path(), 960);
    shows(&client, "troupe_host_memory_used_percent", 86).await;
    client.run("echo", "version", json!({})).await.problem(503, "limit.host");
    uses(group.path(), 800);
    shows(&client, "troupe_host_memory_short", 0).await;
    client.run("echo", "version", json!({})).await.output();
    assert_eq!(client.get("/readyz").await.status, 200);
    assert!(host.said().contains("too little memory is left"));
}

/// Whether a new connection is answered within a while.
async fn is_answered(client: &Client, within: Duration) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(client.url.strip_prefix("http://").unwrap()).await.ok()?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(())
    };
    timeout(within, asked).await.is_ok_and(|answered| answered.is_some())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn i129_a_host_that_runs_out_of_descriptors_goes_on_and_lets_people_in_when_there_are_some_again() {
    let mut host = host().await;
    let client = host.client();
    // One connection that is there already, by which it is asked meanwhile.
    client.get("/api/v1/agents").await.of(200);
    let open = fs::read_dir(format!("/proc/{}/fd", host.pid())).unwrap().count() as u64;
    let from = host.said().len();
    host.limit_descriptors(Some(open + 8));
    let address = client.url.strip_prefix("http://").unwrap().to_owned();
    let mut crowd = Vec::new();
    for _ in 0..40 {
        crowd.push(TcpStream::connect(&address).await.unwrap());
    }
    host.says(from, |said| said.contains("a connection could not be accepted")).await;
    assert!(!is_answered(&client, Duration::from_millis(300)).await, "there is no descriptor for it");
    // Who is in is answered.
    for _ in 0..5 {
        client.get("/api/v1/agents").await.of(200);
        client.run("echo", "version", json!({})).await.output();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(crowd);
    let until = Instant::now() + Duration::from_secs(5);
    while !is_answered(&client, Duration::from_secs(1)).await {
        assert!(Instant::now() < until, "it lets nobody in although there is room again");
    }
    host.limit_descriptors(None);
    assert!(host.is_alive());
    client.run("echo", "version", json!({})).await.output();
    assert_eq!(gauge(&client, "troupe_panics_total").await, 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn i119_a_disk_that_takes_no_line_of_the_log_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    template::copy_to(PROGRAM, &data);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    // Each write to it says that the disk is full.
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut host = tokio::process::Command::new(PROGRAM)
        .args(["--data-dir", data.to_str().unwrap(), "serve", "--listen", &format!("127.0.0.1:{port}")])
        .env_remove("TROUPE_DATABASE")
        .env("TROUPE_LOG", "debug")
        .stdin(Stdio::null())
        .stdout(full())
        .stderr(full())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let client = Client::new(&format!("http://127.0.0.1:{port}"), None);
    let until = Instant::now() + Duration::from_secs(60);
    while !is_answered(&client, Duration::from_secs(1)).await {
        assert!(host.try_wait().unwrap().is_none(), "it ended for want of a log");
        assert!(Instant::now() < until, "it never serves");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let token = fs::read_to_string(data.join("token")).unwrap();
    let client = client.with_token(Some(token.trim()));
    for door in DOORS {
        for (skill, input) in [("print", json!({ "text": "a line" })), ("environment", json!({}))] {
            let outcome = Call::new("hostile", skill, input).by(door, &client).await;
            assert_eq!(outcome.code(), "completed", "{door:?}: {outcome:?}");
        }
    }
    assert_eq!(gauge(&client, "troupe_panics_total").await, 0);
    troupe_tests::command::signal(host.id(), rustix::process::Signal::TERM);
    let status = timeout(Duration::from_secs(40), host.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[cfg(target_os = "linux")]
/// Asks for a task through each door, each of which refuses it for the same.
pub(crate) async fn no_door_accepts(client: &Client, reason: &str) {
    let task = json!({ "agent": "echo", "skill": "version" });
    let asked = troupe_tests::grpc::run("echo", "version", &json!({}));
    let refused = agents(client).await.run_task(asked).await.unwrap_err();
    assert_eq!((refused.code(), code(&refused)), (tonic::Code::Unavailable, reason), "{refused:?}");
    let mut socket = Socket::open(client).await;
    socket.say(&json!({ "type": "run", "id": "a", "task": task })).await;
    let said: Value = socket.next().await;
    assert_eq!(said["problem"]["code"], reason, "{said}");
    client.post("/api/v1/tasks", &task).await.problem(503, reason);
}

#[tokio::test]
async fn i119_a_full_disk_refuses_alike_by_grpc_and_on_a_socket_and_reads_go_on() {
    let host = Host::with_agents_on_a_bad_disk(PROGRAM).await;
    let client = host.client();
    let mut socket = Socket::open(&client).await;
    let mut calls = agents(&client).await;
    let before = client.run("echo", "version", json!({})).await.of(200);
    host.refuse_writes(true);
    for _ in 0..3 {
        no_door_accepts(&client, "unavailable.storage").await;
    }
    // What was there is read through each door.
    let id = before["id"].as_str().unwrap();
    assert_eq!(client.get(&format!("/api/v1/tasks/{id}")).await.of(200)["status"], "completed");
    let asked = troupe_tests::grpc::proto::GetTaskRequest { task: id.to_owned(), wait_ms: None };
    assert_eq!(calls.get_task(asked).await.unwrap().into_inner().id, id);
    socket.subscribe("b", json!({ "task": id }), None).await;
    assert_eq!(socket.until_end("b").await[0]["data"]["status"], "completed");
    host.refuse_writes(false);
    for door in DOORS {
        let outcome = Call::new("echo", "echo", json!({ "text": "x" })).by(door, &client).await;
        assert_eq!(outcome.code(), "completed", "{door:?}: {outcome:?}");
    }
}
