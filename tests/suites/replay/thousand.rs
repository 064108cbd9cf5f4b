//! `TROUPE_REPLAYS` invocations of agents that use every capability there is, and of the agent
//! for AWS, each recorded and then replayed: every one does the same, call by call, and the
//! service that they called hears nothing of it.

use std::time::Instant;

use futures::StreamExt as _;
use futures::stream;
use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Client, seed};

use super::{deploy_all, replay};
use crate::aws::agent_host;
use crate::aws::moto::Moto;
use crate::empty_host;

/// Invocations and replays under way at once.
const AT_ONCE: usize = 8;

/// Of how many invocations one is the AWS agent's: it makes hundreds of calls, the others tens.
const AWS_EACH: usize = 10;

/// The skills, and the input of the invocation with this number.
fn asked(number: usize, server: &Server) -> (&'static str, &'static str, Value) {
    let authority = format!("127.0.0.1:{}", server.port());
    let request = |method: &str, path: String| json!({ "method": method, "scheme": "http", "authority": authority, "path": path });
    match number % 10 {
        0..4 => ("weave", "weave", json!({ "authority": authority, "steps": 40, "plain": true })),
        4 => ("counter", "increment", json!({ "key": format!("n{}", number % 50) })),
        5 => ("counter", "put", json!({ "key": "long", "value": "value ".repeat(10_000) })),
        6 => ("counter", "list", json!({ "limit": 100 })),
        7 => ("echo", "shout", json!({ "text": format!("you, {number}") })),
        8 => ("echo", "sleep", json!({ "ms": number % 20 })),
        _ => {
            let mut requests = vec![
                request("POST", format!("/v1/orders/{number}")),
                request("GET", "/v1/bytes/100000".to_owned()),
                request("GET", format!("/v1/bytes/{number}")),
                request("DELETE", "/v1/not-granted".to_owned()),
                request("GET", "/elsewhere".to_owned()),
            ];
            requests.rotate_left(number % 5);
            ("fetch", "fetch", json!({ "requests": requests }))
        }
    }
}

/// Replays tasks, some at once.
async fn replay_all(client: &Client, tasks: &[String]) {
    stream::iter(tasks).for_each_concurrent(AT_ONCE, |task| replay(client, task)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_invocation_is_identical_when_it_is_replayed() {
    let server = Server::start().await;
    let host = empty_host().await;
    deploy_all(&host, &server).await;
    let client = host.client();
    let count = seed::replays() - seed::replays() / AWS_EACH;
    let started = Instant::now();
    let ran = stream::iter(0..count).map(|number| {
        let (agent, skill, input) = asked(number, &server);
        let client = client.clone();
        async move { client.run(agent, skill, input).await.of(200) }
    });
    let tasks: Vec<Value> = ran.buffer_unordered(AT_ONCE).collect().await;
    let ended = |status: &str| tasks.iter().filter(|task| task["status"] == status).count();
    // A mixture may let go of a write, and so end in doubt; that is replayed as well.
    assert!(ended("completed") > count / 2, "{} completed", ended("completed"));
    assert_eq!(ended("completed") + ended("in_doubt") + ended("failed"), count);
    let ids: Vec<String> = tasks.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect();
    let (recorded, requests) = (started.elapsed(), server.requests().len());
    replay_all(&client, &ids).await;
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
    let inventory = || {
        client.run(
            "aws",
            "inventory",
            json!({ "regions": ["us-east-1"], "services": ["s3", "dynamodb", "iam", "ec2"] }),
        )
    };
    let tasks: Vec<Value> =
        stream::iter(0..count).map(|_| async { inventory().await.of(200) }).buffer_unordered(4).collect().await;
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
