//! Somebody else's client: grpcio in Python, which finds the calls by server reflection.
//!
//! `TROUPE_TEST_GRPC_PYTHON` names a Python with `grpcio`, `grpcio-reflection`, `grpcio-health-checking` and
//! `protobuf`. Without it the suite is left out; with `TROUPE_REQUIRE_SUITES` set that is a failure.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use troupe_tests::Client;

use crate::host;

/// The variable that names the interpreter.
const PYTHON: &str = "TROUPE_TEST_GRPC_PYTHON";

/// Longest that a script may take.
const TIME_MAX: Duration = Duration::from_secs(120);

/// What every script begins with: a channel, and messages and calls as reflection tells of them.
const PRELUDE: &str = r#"
import json, os, sys, threading, grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

channel = grpc.insecure_channel(os.environ["ADDRESS"])
database = ProtoReflectionDescriptorDatabase(channel)
pool = DescriptorPool(database)
service = pool.FindServiceByName("troupe.v1.AgentService")
token = (("authorization", "Bearer " + os.environ["TOKEN"]),)

def message(name, **fields):
    return GetMessageClass(pool.FindMessageTypeByName("troupe.v1." + name))(**fields)

def call(name):
    method = service.methods_by_name[name]
    kind = ("stream" if method.client_streaming else "unary") + "_" + ("stream" if method.server_streaming else "unary")
    return getattr(channel, kind)(
        "/troupe.v1.AgentService/" + name,
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
"#;

/// Runs a script against a host; returns what it prints, as JSON. None where there is no such Python.
async fn run(client: &Client, script: &str) -> Option<Value> {
    let Some(python) = std::env::var_os(PYTHON) else {
        assert!(std::env::var_os("TROUPE_REQUIRE_SUITES").is_none(), "{PYTHON} names no Python with grpcio");
        // Past the test runner, which keeps what a passing test prints to itself.
        let _ = writeln!(std::io::stderr(), "left out: the gRPC client in Python, because {PYTHON} is not set");
        return None;
    };
    let child = Command::new(python)
        .args(["-c", &format!("{PRELUDE}\n{script}")])
        .env("ADDRESS", client.url.strip_prefix("http://").unwrap())
        .env("TOKEN", client.token.as_deref().unwrap())
        .env_remove("http_proxy")
        .env_remove("https_proxy")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let said = tokio::time::timeout(TIME_MAX, child.wait_with_output()).await.expect("an end in time").unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    Some(serde_json::from_slice(&said.stdout).expect("JSON"))
}

#[tokio::test]
async fn a_client_that_knows_nothing_finds_the_calls_and_makes_them() {
    let host = host().await;
    let heard = run(
        &host.client(),
        r#"
health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
agents = call("ListAgents")(message("ListAgentsRequest"), metadata=token)
task, told = call("RunTask").with_call(
    message("RunTaskRequest", agent="echo", skill="echo", input_json='{"text":"from python"}', wait_ms=30000),
    metadata=token)
session = call("StartSession")(message("StartSessionRequest"), metadata=token)
events = [event.WhichOneof("what") for event in call("SendMessage")(
    message("SendMessageRequest", session=session.id, saying=message("Saying", text="version", to="echo")), metadata=token)]
said = (message("ChatRequest", id=str(n), session=session.id, saying=message("Saying", text="version", to="echo")) for n in range(3))
replies = [event.message.reply.output_json for event in call("Chat")(said, metadata=token)
    if event.WhichOneof("what") == "message" and event.message.HasField("reply")]
refused = None
try:
    call("GetTask")(message("GetTaskRequest", task="0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b"), metadata=token)
except grpc.RpcError as error:
    trailers = dict(error.trailing_metadata())
    refused = [error.code().name, trailers["troupe-code"], error.details()]
print(json.dumps({
    "services": sorted(database.get_services()),
    "calls": sorted(service.methods_by_name),
    "health": health.status,
    "agents": [agent.name for agent in agents.agents],
    "output": json.loads(task.output_json),
    "release": dict(told.initial_metadata())["troupe-release"].split(";")[0],
    "events": [events[0], events[-1]],
    "replies": [json.loads(reply) for reply in replies],
    "refused": refused,
}))
"#,
    )
    .await;
    let Some(heard) = heard else { return };
    // Each version of reflection tells of itself.
    let services = ["grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection", "troupe.v1.AgentService"];
    assert_eq!(heard["services"], json!(services));
    assert_eq!(heard["calls"].as_array().unwrap().len(), 20);
    assert_eq!((&heard["health"], &heard["output"]), (&json!(1), &json!({ "text": "from python" })));
    assert_eq!(heard["release"], "echo@1.0.0");
    assert!(heard["agents"].as_array().unwrap().contains(&json!("echo")));
    assert_eq!(heard["events"], json!(["message", "end"]));
    assert_eq!(heard["replies"].as_array().unwrap().len(), 3);
    assert_eq!(
        heard["refused"],
        json!(["NOT_FOUND", "task.not_found", "there is no task 0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b"])
    );
}

#[tokio::test]
async fn a_stream_is_cancelled_and_a_deadline_kept_as_their_library_does_it() {
    let host = host().await;
    let client = host.client();
    let task = client.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    let script = r#"
watched = call("WatchTask")(message("WatchTaskRequest", task="TASK"), metadata=token)
first = next(watched).task.status
threading.Timer(0.3, watched.cancel).start()
ended = []
try:
    for event in watched:
        pass
except grpc.RpcError as error:
    ended.append(error.code().name)
try:
    call("GetTask")(message("GetTaskRequest", task="TASK", wait_ms=60000), metadata=token, timeout=0.5)
except grpc.RpcError as error:
    ended.append(error.code().name)
print(json.dumps({"first": first, "ended": ended}))
"#;
    let Some(heard) = run(&client, &script.replace("TASK", &task)).await else { return };
    assert!([1, 3].contains(&heard["first"].as_i64().unwrap()), "{heard}");
    assert_eq!(heard["ended"], json!(["CANCELLED", "DEADLINE_EXCEEDED"]));
}
