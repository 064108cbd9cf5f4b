//! `TROUPE_REPLAYS` invocations of agents that use every capability there is, and of the agent
//! for AWS, each recorded and then replayed: every one does the same, call by call, and the
//! service that they called hears nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream;
use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Client, seed};

use super::{host_of_all, replay};
use crate::aws::agent_host;
use crate::aws::moto::Moto;

/// Invocations and replays under way at once.
const AT_ONCE: usize = 8;

/// Of how many invocations one is the AWS agent's: it makes hundreds of calls, the others tens.
const AWS_EACH: usize = 10;

/// Of how many of the others one is suspended for a night, in which others run.
const NIGHT_EACH: usize = 50;

/// A night, long enough to be suspended in.
const NIGHT_MS: u64 = 8_000;

/// What invocations call between them, once there are this many.
const CALLS_OF: usize = 100;
const CALLS: [&str; 31] = [
    "files.delete",
    "files.list-directory",
    "files.read",
    "files.stat",
    "files.write",
    "http",
    "instance-state.compare-and-set",
    "instance-state.compare-and-set-with-ttl",
    "instance-state.delete",
    "instance-state.expire",
    "instance-state.fenced",
    "instance-state.get",
    "instance-state.increment",
    "instance-state.list-keys",
    "instance-state.set",
    "instance-state.set-with-ttl",
    "locks.acquire",
    "locks.get",
    "locks.release",
    "locks.renew",
    "secrets.reference",
    "state.compare-and-set",
    "state.compare-and-set-with-ttl",
    "state.delete",
    "state.expire",
    "state.fenced",
    "state.get",
    "state.increment",
    "state.list-keys",
    "state.set",
    "state.set-with-ttl",
];

/// The agent, the skill and the input of the invocation with this number; it is for an instance of
/// the agent if the input says so.
fn asked(number: usize, server: &Server) -> (&'static str, &'static str, Value) {
    let authority = format!("127.0.0.1:{}", server.port());
    let request = |method: &str, path: String| json!({ "method": method, "scheme": "http", "authority": authority, "path": path });
    let weave = |all: bool, instance: bool| json!({ "authority": authority, "steps": 40, "plain": true, "all": all, "instance": instance });
    let locks =
        || json!({ "authority": authority, "steps": 40, "plain": true, "all": true, "instance": true, "locks": true });
    match number % 22 {
        0..4 => ("weave", "weave", weave(false, false)),
        4..6 => ("weave", "weave", weave(true, false)),
        6 => ("weave", "weave", weave(true, true)),
        7 => ("weave", "weave", locks()),
        8 => ("counter", "increment", json!({ "key": format!("n{}", number % 50) })),
        9 => ("counter", "put", json!({ "key": "long", "value": "value ".repeat(10_000) })),
        10 => ("counter", "list", json!({ "limit": 100 })),
        11 => ("echo", "shout", json!({ "text": format!("you, {number}") })),
        12 => ("echo", "sleep", json!({ "ms": number % 19 })),
        13 => {
            let mut requests = vec![
                request("POST", format!("/v1/orders/{number}")),
                request("GET", "/v1/bytes/100000".to_owned()),
                request("GET", format!("/v1/bytes/{number}")),
                request("DELETE", "/v1/not-granted".to_owned()),
                request("GET", "/elsewhere".to_owned()),
            ];
            requests.rotate_left(number / 20 % 5);
            ("fetch", "fetch", json!({ "requests": requests }))
        }
        14 => {
            // One leads where the secret may go, one where it may not.
            let mut requests = ["/v1/a", "/elsewhere"].map(|path| request("GET", path.to_owned()));
            for request in &mut requests {
                request["headers"] = json!([["authorization", "Bearer {key}"]]);
            }
            ("fetch", "fetch", json!({ "requests": requests, "secrets": ["key", "other"] }))
        }
        15 => files(number / 20),
        16 => keys(number / 20),
        17 => ("sleeper", "race", json!({ "ms": [number % 30, 10, 20] })),
        18 => ("sleeper", "beside", json!({ "url": format!("http://{authority}/v1/a"), "ms": number % 30 })),
        19 => ("sleeper", "nights", json!({ "key": format!("n{}", number % 7), "nights": 3, "ms": 1 })),
        // Each waits for the one before.
        _ => ("locker", "hold", json!({ "name": "l/2", "ms": 100, "then": "write" })),
    }
}

/// Something about files.
fn files(number: usize) -> (&'static str, &'static str, Value) {
    let path = format!("d/f{}", number % 3);
    let place = json!({ "directory": "work", "path": path });
    match number % 7 {
        0 => ("files", "write", json!({ "directory": "work", "path": path, "text": "text ", "repeat": 5_000 })),
        1 => ("files", "read", place),
        2 => ("files", "stat", place),
        3 => ("files", "list", json!({ "directory": "work", "path": "", "limit": 10 })),
        4 => ("files", "delete", place),
        5 => ("files", "fill", json!({ "directory": "work", "files": 3, "bytes": 1_000 })),
        _ => ("files", "read", json!({ "directory": "not-granted", "path": "../x" })),
    }
}

/// Something about keys.
fn keys(number: usize) -> (&'static str, &'static str, Value) {
    let (key, brief) = (format!("n{}", number % 5), "brief");
    match number % 6 {
        0 => ("counter", "add", json!({ "key": key, "delta": number })),
        1 => ("counter", "put_for", json!({ "key": brief, "value": "v", "ms": 1 + number % 50 })),
        2 => ("counter", "expire", json!({ "key": brief, "ms": 1 + number % 50 })),
        3 => ("counter", "get", json!({ "key": brief })),
        4 => ("counter", "compare_and_set", json!({ "key": brief, "value": "w" })),
        _ => ("counter", "delete", json!({ "key": brief })),
    }
}

/// An instance of each agent that keeps something for one.
async fn instances(client: &Client) -> BTreeMap<&'static str, String> {
    let mut instances = BTreeMap::new();
    for agent in ["weave", "sleeper"] {
        instances.insert(agent, client.start_instance(agent).await);
    }
    instances
}

/// The task when it has ended, however long that takes.
async fn until_ended(client: &Client, task: &str) -> Value {
    loop {
        let task = client.ended(task).await;
        if !task["ended_at"].is_null() {
            return task;
        }
    }
}

/// Replays tasks, some at once; returns the names of what they called.
async fn replay_all(client: &Client, tasks: &[String]) -> BTreeSet<String> {
    let replays = stream::iter(tasks).map(|task| replay(client, task)).buffer_unordered(AT_ONCE);
    let calls: Vec<Vec<String>> = replays.collect().await;
    calls.iter().flatten().filter_map(|call| call.split(' ').next()).map(str::to_owned).collect()
}

/// How many of these tasks were suspended.
async fn suspended(client: &Client, tasks: &[String]) -> usize {
    let (mut slept, mut after) = (BTreeSet::new(), 0);
    loop {
        let page = client.get(&format!("/api/v1/feed?after={after}&limit=500")).await.of(200);
        for event in page["items"].as_array().unwrap().iter().filter(|event| event["type"] == "task.suspended") {
            slept.insert(event["subject"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next"].as_str() else { break };
        after = next.parse().unwrap();
    }
    tasks.iter().filter(|task| slept.contains(&format!("task/{task}"))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_invocation_is_identical_when_it_is_replayed() {
    let server = Server::start().await;
    let host = host_of_all(&server).await;
    let client = host.client();
    let count = seed::replays() - seed::replays() / AWS_EACH;
    let started = Instant::now();
    let instances = instances(&client).await;
    let request = |agent: &str, skill: &str, input: Value| {
        let instance = (input["instance"] == true).then(|| instances[agent].clone());
        json!({ "agent": agent, "skill": skill, "input": input, "instance": instance })
    };
    let mut nights = Vec::new();
    for number in 0..count / NIGHT_EACH {
        let (key, instance) = (format!("night{number}"), number % 2 == 1);
        let input = json!({ "key": key, "nights": 1 + number % 2, "ms": NIGHT_MS, "instance": instance });
        let accepted = client.post("/api/v1/tasks", &request("sleeper", "nights", input)).await.of(202);
        nights.push(accepted["id"].as_str().unwrap().to_owned());
    }
    let ran = stream::iter(nights.len()..count).map(|number| {
        let (agent, skill, input) = asked(number, &server);
        let (client, request) = (client.clone(), request(agent, skill, input));
        async move { client.post("/api/v1/tasks?wait=30", &request).await.of(200) }
    });
    let mut tasks: Vec<Value> = ran.buffer_unordered(AT_ONCE).collect().await;
    for night in &nights {
        tasks.push(until_ended(&client, night).await);
    }
    let ended = |status: &str| tasks.iter().filter(|task| task["status"] == status).count();
    // A mixture may let go of a write, and so end in doubt; that is replayed as well.
    assert!(ended("completed") > count / 2, "{} completed", ended("completed"));
    assert_eq!(ended("completed") + ended("in_doubt") + ended("failed"), count);
    assert_eq!(suspended(&client, &nights).await, nights.len(), "a night is suspended");
    let ids: Vec<String> = tasks.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect();
    let (recorded, requests) = (started.elapsed(), server.requests().len());
    let called = replay_all(&client, &ids).await;
    if count >= CALLS_OF {
        let missing: Vec<&&str> = CALLS.iter().filter(|name| !called.contains(**name)).collect();
        assert!(missing.is_empty(), "nobody called {missing:?}");
    }
    assert_eq!(server.requests().len(), requests, "a replay sends nothing");
    println!(
        "{count} invocations recorded in {recorded:?} and replayed in {:?}: identical",
        started.elapsed() - recorded
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_inventory_of_an_account_is_identical_when_it_is_replayed() {
    let Some(moto) = Moto::start().await else { return };
    for number in 0..5 {
        moto.make_bucket(&format!("bucket-{number}")).await;
        moto.make_table("us-east-1", &format!("table-{number}")).await;
        moto.make_role(&format!("role-{number}")).await;
    }
    let mut host = agent_host(&moto, ("AKIAIOSFODNN7EXAMPLE", "a-secret-that-moto-does-not-check"));
    host.start().await;
    let client = host.client();
    let count = seed::replays() / AWS_EACH;
    let started = Instant::now();
    let input = json!({ "regions": ["us-east-1"], "services": ["s3", "dynamodb", "iam", "ec2"] });
    let inventory = |_| async {
        let id = client.submit("aws", "inventory", input.clone()).await;
        until_ended(&client, &id).await
    };
    let tasks: Vec<Value> = stream::iter(0..count).map(inventory).buffer_unordered(2).collect().await;
    assert!(tasks.iter().all(|task| task["status"] == "completed"), "{tasks:#?}");
    let ids: Vec<String> = tasks.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect();
    let recorded = started.elapsed();
    // What was recorded is all that is left of the account.
    drop(moto);
    replay_all(&client, &ids).await;
    println!(
        "{count} inventories recorded in {recorded:?} and replayed in {:?}: identical",
        started.elapsed() - recorded
    );
}
