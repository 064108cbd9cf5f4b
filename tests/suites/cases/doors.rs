//! What comes of a call does not depend on the door it came through: cases of guests, of tenancy and of
//! tokens, asked for by REST, by gRPC and on a WebSocket.

use serde_json::{Value, json};
use troupe_tests::grpc::{agents, run};
use troupe_tests::oracle::Oracle;
use troupe_tests::shared::Shared;
use troupe_tests::socket::Socket;
use troupe_tests::{Client, Host, guests};

use super::asked::{Call, Door, Outcome};
use super::tenancy::key_of;
use super::turn;
use crate::{PROGRAM, host};

/// Has a hostile agent do each, and holds what comes of it to be alike and to have this code. So few are asked of
/// a host that the agent is not quarantined for its traps.
async fn done_alike<const N: usize>(host: &'static Shared, calls: [(&str, Value, &str); N]) {
    let host = turn(host).await;
    let mut oracle = Oracle::watch(&host).await;
    for (skill, input, wanted) in calls {
        let outcome = Call::new("hostile", skill, input).alike(oracle.client()).await;
        assert_eq!(outcome.code(), wanted, "{skill}: {outcome:?}");
        if wanted != "completed" {
            oracle.decides_often(wanted, 3);
        }
    }
    oracle.holds().await;
}

#[tokio::test]
async fn what_a_hostile_agent_takes_ends_alike_through_each_door() {
    static HOST: Shared = Shared::new();
    let calls = [
        ("trap", json!({}), "guest.trap"),
        ("recurse", json!({}), "guest.stack"),
        ("grow", json!({}), "limit.memory"),
        ("random", json!({ "bytes": 1_u64 << 40 }), "limit.transfer"),
        ("environment", json!({}), "completed"),
    ];
    done_alike(&HOST, calls).await;
}

#[tokio::test]
async fn what_a_hostile_agent_waits_for_or_makes_up_ends_alike_through_each_door() {
    static HOST: Shared = Shared::new();
    let calls = [
        // C31 and C32.
        ("wait_for_itself", json!({}), "limit.deadline"),
        ("wait_for_many", json!({ "bytes": 1_000_000 }), "limit.handles"),
        // F64.
        ("forge_handle", json!({ "handle": 4_000_000 }), "guest.trap"),
        ("mistake_handle", json!({}), "guest.trap"),
        ("environment", json!({}), "completed"),
    ];
    done_alike(&HOST, calls).await;
}

#[tokio::test]
async fn what_is_refused_before_it_runs_is_refused_alike_through_each_door() {
    let host = host().await;
    let client = host.client();
    let hello = || json!({ "text": "hello" });
    // F65: who asks is who the token says, whatever the input claims.
    let facts = Call::new("echo", "who", json!({})).alike_but_for_itself(&client).await;
    assert_eq!(facts["tenant"], "default");
    for (call, wanted) in [
        // F66: names that could be patterns or paths are names of nobody.
        (Call::new("ec*", "echo", hello()), "agent.not_found"),
        (Call::new("echo>", "echo", hello()), "agent.not_found"),
        (Call::new("../echo", "echo", hello()), "agent.not_found"),
        (Call::new("echo", "ec ho", hello()), "skill.not_found"),
        (Call::new("echo", "nothing", hello()), "skill.not_found"),
        (Call::new("echo", "echo", json!({ "tenant": "other" })), "input.invalid"),
        (Call::new("echo", "echo", json!({ "text": "x".repeat(1 << 20) })), "limit.request"),
    ] {
        assert_eq!(call.alike(&client).await.code(), wanted, "{} {}", call.agent, call.skill);
    }
    // F75: one key for two requests, whichever door each came through.
    let keyed = |text: &str| Call {
        idempotency_key: Some("once".to_owned()),
        ..Call::new("echo", "echo", json!({ "text": text }))
    };
    assert_eq!(keyed("hello").alike(&client).await.code(), "completed");
    assert_eq!(keyed("other").alike(&client).await.code(), "conflict.idempotency");
    // F73: what is another tenant's is not there.
    client.make_tenant("other").await;
    let other = client.with_key("other", &["read", "run"]).await;
    assert_eq!(Call::new("echo", "echo", hello()).alike(&other).await.code(), "agent.not_found");
    // G80, G78 and G77: a token without the scope, one that was revoked, and none.
    let reader = client.with_key("default", &["read"]).await;
    assert_eq!(Call::new("echo", "echo", hello()).alike(&reader).await.code(), "auth.scope");
    let keys = client.get("/api/v1/keys?limit=500").await.of(200);
    for key in keys["items"].as_array().unwrap().iter().filter(|key| key["revoked_at"].is_null()) {
        client.post(&format!("/api/v1/keys/{}/revoke", key["id"].as_str().unwrap()), &Value::Null).await.of(200);
    }
    assert_eq!(Call::new("echo", "echo", hello()).alike(&reader).await.code(), "auth.invalid");
    let nobody = client.with_token(None);
    assert_eq!(Call::new("echo", "echo", hello()).alike(&nobody).await.code(), "auth.missing");
}

#[tokio::test]
async fn g77_a_key_is_as_good_through_each_door_and_clocks_may_differ_by_a_minute() {
    const SECOND: i64 = 1_000;
    let mut host = Host::with_agents(PROGRAM).await;
    host.stop().await;
    let mut keys = Vec::new();
    for (ahead, good_for, wanted) in [
        (0, -SECOND, "completed"),
        (0, -40 * SECOND, "completed"),
        (0, -61 * SECOND, "auth.expired"),
        (0, -300 * SECOND, "auth.expired"),
        // Made by a host whose clock is five minutes ahead, and by one whose is five minutes behind.
        (300 * SECOND, 600 * SECOND, "completed"),
        (-300 * SECOND, 600 * SECOND, "completed"),
        (300 * SECOND, -300 * SECOND, "auth.expired"),
    ] {
        keys.push((key_of(&host, ahead, good_for).await, wanted));
    }
    host.start().await;
    let oracle = Oracle::watch(&host).await;
    for (key, wanted) in keys {
        let client = oracle.client().with_token(Some(key.reveal()));
        let outcome = Call::new("echo", "echo", json!({ "text": "hello" })).alike(&client).await;
        assert_eq!(outcome.code(), wanted, "{outcome:?}");
    }
    oracle.holds().await;
}

impl Call<'_> {
    /// What it answers through each door, which must be the same but for what differs from call to call.
    async fn alike_but_for_itself(&self, client: &Client) -> Value {
        let facts = |outcome: Outcome| match outcome {
            Outcome::Ended { mut output, failure: None, .. } => {
                for field in ["trace", "deadline"] {
                    assert!(output.as_object_mut().unwrap().remove(field).is_some(), "{field}");
                }
                output
            }
            other => panic!("{other:?}"),
        };
        let rest = facts(self.by(Door::Rest, client).await);
        for door in [Door::Grpc, Door::Socket] {
            assert_eq!(facts(self.by(door, client).await), rest, "{door:?}");
        }
        rest
    }
}

#[tokio::test]
async fn i116_a_host_that_dies_ends_accepted_calls_of_each_door_once_it_is_back() {
    let mut host = Host::with_agents(PROGRAM).await;
    let client = host.client();
    client.publish(guests().sleeper.archive("1.0.0")).await.of(201);
    client.swap("sleeper", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    client.put("/api/v1/deployments/sleeper/grants", &grants).await.of(200);
    let mut ids = Vec::new();
    let input = |key: &str| json!({ "key": key, "nights": 2, "ms": 3_000 });
    let task = json!({ "agent": "sleeper", "skill": "nights", "input": input("rest") });
    ids.push(client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned());
    ids.push(agents(&client).await.run_task(run("sleeper", "nights", &input("grpc"))).await.unwrap().into_inner().id);
    let mut socket = Socket::open(&client).await;
    let task = json!({ "agent": "sleeper", "skill": "nights", "input": input("socket") });
    socket.say(&json!({ "type": "run", "id": "call", "task": task })).await;
    let said = socket.until(|said| said["event"] == "task" && said["data"]["id"].is_string()).await;
    ids.push(said.last().unwrap()["data"]["id"].as_str().unwrap().to_owned());
    for id in &ids {
        client.runs(id).await;
    }
    host.kill().await;
    host.start().await;
    let client = host.client();
    for id in &ids {
        let task = client.ended(id).await;
        assert_eq!((&task["status"], &task["attempt"]), (&json!("completed"), &json!(1)), "{task:#}");
        let counts: Vec<_> = task["output"].as_array().unwrap().iter().map(|morning| &morning["count"]).collect();
        assert_eq!(counts, [&json!(1), &json!(2)], "each evening is counted once");
    }
}
