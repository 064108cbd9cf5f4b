//! C and F through each door: what streams, keys and asking others come to does not depend on where a call came in.

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::endless::Endless;
use troupe_tests::oracle::Oracle;
use troupe_tests::shared::Shared;
use troupe_tests::{Host, guests};

use super::asked::{Call, DOORS, Outcome};
use super::streams::granted;
use super::turn;
use crate::PROGRAM;
use crate::agents::{deploy, grants};

/// The output of a call that completed.
#[track_caller]
fn output(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Ended { output, failure: None, .. } => output,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn c27_and_c28_streams_that_do_not_end_and_writes_at_once_end_alike_through_each_door() {
    static HOST: Shared = Shared::new();
    let (host, service) = (turn(&HOST).await, Endless::start().await);
    granted(&host, &service).await;
    let mut oracle = Oracle::watch(&host).await;
    let asked = json!({ "authority": service.authority(), "path": "/begun/100/1000", "idle_ms": 300 });
    let broken = output(Call::new("hostile", "read", asked).alike(oracle.client()).await);
    assert_eq!(broken["whole"], false, "{broken:#}");
    assert!(broken["error"].as_str().unwrap().contains("limit.idle: "), "{broken:#}");
    oracle.decides_often("limit.idle", DOORS.len());
    for (skill, input) in [
        ("write", json!({ "bytes": 1 << 30, "at_once": true, "body": false })),
        ("print_at_once", json!({ "bytes": 16 << 20 })),
    ] {
        let outcome = Call::new("hostile", skill, input).alike(oracle.client()).await;
        assert_eq!(outcome.code(), "limit.transfer", "{skill}: {outcome:?}");
        oracle.decides_often("limit.transfer", DOORS.len());
    }
    service.is_left().await;
    oracle.holds().await;
}

#[tokio::test]
async fn c26_an_answer_that_is_not_read_is_held_back_through_each_door() {
    let (host, service) = (Host::with_agents(PROGRAM).await, Endless::start().await);
    granted(&host, &service).await;
    let mut oracle = Oracle::watch(&host).await;
    let asked = json!({ "authority": service.authority(), "path": "/endless", "hold_ms": 60_000 });
    let outcome = Call::new("hostile", "read", asked).alike(oracle.client()).await;
    assert_eq!(outcome.code(), "limit.deadline", "{outcome:?}");
    oracle.decides_often("limit.deadline", DOORS.len());
    service.is_left().await;
    // For each what is kept whole if it ends, the pieces that are on their way, and the system's own buffers.
    assert!(service.sent() <= (DOORS.len() as u64) * (32 << 20), "{}", service.sent());
    oracle.holds().await;
}

#[tokio::test]
async fn f63_keys_that_look_like_paths_are_opaque_through_each_door() {
    let host = Host::with_agents(PROGRAM).await;
    let client = host.client().fresh();
    let state = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    client.put("/api/v1/deployments/counter/grants", &state).await.of(200);
    let oracle = Oracle::watch(&host).await;
    for key in ["%2e%2e", "../counter", "\u{0}", "a\u{0}b", "default/counter/1/k", "other:"] {
        client.run("counter", "put", json!({ "key": key, "value": key })).await.output();
        let found = output(Call::new("counter", "get", json!({ "key": key })).alike(&client).await);
        assert_eq!(found["value"], key, "{found:#}");
    }
    for key in [String::new(), "k".repeat(513), "../".repeat(300_000)] {
        let put = Call::new("counter", "put", json!({ "key": key, "value": "x" }));
        assert_eq!(put.alike(&client).await.code(), "guest.failed");
    }
    oracle.holds().await;
}

#[tokio::test]
async fn f68_and_f70_who_may_be_asked_and_how_deep_is_the_same_through_each_door() {
    let host = Host::with_agents(PROGRAM).await;
    let client = host.client().fresh();
    deploy(&client, &grants()).await;
    let mut oracle = Oracle::watch(&host).await;
    oracle.may_decide("limit.hops");
    oracle.may_decide("denied.capability");
    for door in DOORS {
        let chain = output(Call::new("asker", "chain", json!({})).by(door, &client).await);
        assert_eq!(chain["below"], limits::TASK_HOPS_MAX, "{door:?}: {chain:#}");
        assert!(chain.to_string().contains("limit.hops"), "{door:?}: {chain:#}");
    }
    let mut narrow = grants();
    narrow["agents"] = json!([{ "ask": "asker/*" }, { "ask": "nobody/*" }]);
    client.put("/api/v1/deployments/asker/grants", &json!({ "grants": narrow })).await.of(200);
    client.publish(guests().echo.archive("3.0.0")).await.of(201);
    let mut told = Vec::new();
    for door in DOORS {
        for agent in ["echo", "ghost", "nobody", "ECHO"] {
            let wanted = json!({ "agent": agent, "skill": "version", "input": {} });
            let call = Call::new("asker", "ask", json!({ "ask": [wanted], "then": "wait" }));
            let answer = output(call.by(door, &client).await)["told"][0].clone();
            assert_eq!(answer["code"], "denied.capability", "{door:?}: {answer:#}");
            told.push(answer.to_string().replace(agent, "AGENT"));
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:#?}");
    oracle.holds().await;
}
