//! What one host changes is in force at the others, and what they have to give up they give up.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use troupe_tests::command::signal;
use troupe_tests::events::Raw;
use troupe_tests::guests;

use super::{Cluster, state};
use crate::rest::tasks::sleeper::shows;
use crate::streams::until_end;
use crate::swap::{begin, canary, reaches};

/// What is promised: a route that has changed at one host is in force at each.
const CONVERGED: Duration = Duration::from_secs(2);

#[tokio::test]
async fn s4_a_release_that_one_host_makes_serve_serves_at_each_within_two_seconds() {
    let Some(cluster) = Cluster::of(2).await else { return };
    let (one, other) = (cluster.client(0), cluster.client(1));
    // Its blobs are at one host alone, and the other has none of its code.
    cluster.deploys(0, &guests().echo, "echo", &json!({})).await;
    for round in 0..4 {
        let version = format!("2.{round}.0");
        let (from, to) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        from.publish(guests().echo.marked(2).archive(&version)).await.of(201);
        let swapped = from.swap("echo", &version).await.of(200);
        let asked = Instant::now();
        let epoch = swapped["deployment"]["epoch"].as_u64().unwrap();
        // Whoever asks the other from now on is served by it, or by the one before for two seconds at most.
        loop {
            let answer = to.run("echo", "version", json!({})).await;
            answer.output();
            let served = answer.header("troupe-release").unwrap().starts_with(&format!("echo@{version}; "));
            if served {
                break;
            }
            assert!(asked.elapsed() < CONVERGED, "{answer:?}");
        }
        println!("{version} served at the other host after {:?}", asked.elapsed());
        assert_eq!(to.get("/api/v1/deployments/echo").await.of(200)["epoch"], epoch);
        let task = to.run("echo", "version", json!({})).await.json();
        assert_eq!(task["release"]["epoch"], epoch, "{task:#}");
    }
    // Nothing runs on what served before, at either host, when its retirement is on record.
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let swaps = one.get("/api/v1/deployments/echo/swaps").await.of(200);
        let ended = swaps["items"].as_array().unwrap().iter().filter(|swap| swap["state"]["phase"] == "ended").count();
        if ended == 5 {
            break;
        }
        assert!(Instant::now() < until, "{swaps:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_agent_that_one_host_undeploys_is_refused_at_each_within_two_seconds_and_comes_back() {
    let Some(cluster) = Cluster::of(2).await else { return };
    let (one, other) = (cluster.client(0), cluster.client(1));
    cluster.deploys(0, &guests().counter, "counter", &state()).await;
    let count = async |client: &troupe_tests::Client| {
        client.run("counter", "increment", json!({ "key": "n" })).await.output()["count"].clone()
    };
    assert_eq!(count(&other).await, 1);
    for round in 2..5 {
        one.delete("/api/v1/deployments/counter").await.of(200);
        let asked = Instant::now();
        loop {
            let answer = other.run("counter", "increment", json!({ "key": "other" })).await;
            if answer.status == 404 {
                answer.problem(404, "deployment.not_found");
                break;
            }
            assert!(asked.elapsed() < CONVERGED, "{answer:?}");
        }
        println!("refused at the other host after {:?}", asked.elapsed());
        // What is not deployed may be by whichever host, and the others go by it.
        other.swap("counter", "1.0.0").await.of(200);
        other.put("/api/v1/deployments/counter/grants", &json!({ "grants": state() })).await.of(200);
        let asked = Instant::now();
        loop {
            let task = one.run("counter", "increment", json!({ "key": "n" })).await.json();
            if task["output"]["count"] == round {
                break;
            }
            // It goes by what there was before for two seconds at most.
            assert!(task["output"].is_null() && asked.elapsed() < CONVERGED, "its state was kept: {task:#}");
        }
    }
}

#[tokio::test]
async fn what_a_host_makes_serve_that_has_just_come_serves_at_one_that_had_not_seen_it_yet() {
    let Some(mut cluster) = Cluster::of(2).await else { return };
    for mark in 1..6 {
        // The first knows it by another address and secret when it hears of what it is to serve.
        cluster.hosts[1].stop().await;
        signal(Some(cluster.hosts[0].pid()), Signal::STOP);
        cluster.hosts[1].start().await;
        let (name, come) = (format!("echo-{mark}"), cluster.client(1));
        // A component of its own, so that nobody has its code.
        come.publish(guests().echo.called(&name).marked(mark).archive("1.0.0")).await.of(201);
        come.swap(&name, "1.0.0").await.of(200);
        signal(Some(cluster.hosts[0].pid()), Signal::CONT);
        cluster.agree(&name).await;
        let answer = cluster.client(0).run(&name, "version", json!({})).await;
        answer.output();
    }
}

#[tokio::test]
async fn a_release_is_retired_when_nothing_runs_on_it_at_any_host() {
    let Some(cluster) = Cluster::of(2).await else { return };
    cluster.deploys(0, &guests().echo, "echo", &json!({})).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    one.publish(guests().echo.marked(2).archive("2.0.0")).await.of(201);
    // Of an awaited call that writes nothing there is no row.
    let slow = tokio::spawn({
        let other = other.clone();
        async move { other.run("echo", "sleep", json!({ "ms": 8_000 })).await.json() }
    });
    shows(&other, "troupe_invocations_running", 1).await;
    let swapped = one.swap("echo", "2.0.0").await.of(200);
    let swap = swapped["swap"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/deployments/echo/swaps/{swap}");
    let phase = async || one.get(&path).await.of(200)["state"]["phase"].as_str().unwrap().to_owned();
    loop {
        let phase = phase().await;
        if slow.is_finished() {
            break;
        }
        assert_eq!(phase, "draining");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let ended = slow.await.unwrap();
    assert_eq!((&ended["status"], &ended["release"]["version"]), (&json!("completed"), &json!("1.0.0")), "{ended:#}");
    let until = Instant::now() + Duration::from_secs(15);
    while phase().await != "ended" {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_swap_that_one_host_began_is_decided_and_watched_at_another() {
    let Some(mut cluster) = Cluster::of(2).await else { return };
    cluster.deploys(0, &guests().echo, "echo", &json!({})).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    one.publish(guests().echo.marked(2).archive("2.0.0")).await.of(201);
    let id = begin(&one, "echo", "2.0.0", &json!({ "canary": canary(&[20], 1_000_000) })).await;
    reaches(&other, "echo", &id, "canary").await;
    let path = format!("/api/v1/deployments/echo/swaps/{id}");
    let watched = Raw::open(&one, &format!("{path}/events"), None).await;
    other.post("/api/v1/deployments/echo/canary", &json!({ "weight": 60 })).await.of(200);
    assert_eq!(one.get("/api/v1/deployments/echo").await.of(200)["canary"]["swap"], id.as_str());
    other.post("/api/v1/deployments/echo/promote", &Value::Null).await.of(200);
    cluster.agree("echo").await;
    for client in [&one, &other] {
        assert_eq!(client.get("/api/v1/deployments/echo").await.of(200)["serving"], "2.0.0");
    }
    let told = until_end(watched).await;
    let last = told.iter().rfind(|event| event.name == "swap").unwrap();
    assert_eq!(
        (&last.data["state"]["phase"], &last.data["state"]["outcome"]),
        (&json!("ended"), &json!("promoted")),
        "{told:#?}"
    );

    // One whose host dies is driven on by the other.
    one.publish(guests().echo.marked(3).archive("3.0.0")).await.of(201);
    let id = begin(&other, "echo", "3.0.0", &json!({ "canary": canary(&[20], 1_000_000) })).await;
    reaches(&one, "echo", &id, "canary").await;
    cluster.hosts[1].kill().await;
    one.post("/api/v1/deployments/echo/promote", &Value::Null).await.of(200);
    assert_eq!(one.get("/api/v1/deployments/echo").await.of(200)["serving"], "3.0.0");
    cluster.hosts[1].start().await;
    assert_eq!(cluster.client(1).get("/api/v1/deployments/echo").await.of(200)["serving"], "3.0.0");
}

#[tokio::test]
async fn grants_tenants_and_keys_that_are_taken_away_at_one_host_are_so_at_each() {
    let Some(cluster) = Cluster::of(2).await else { return };
    cluster.deploys(0, &guests().counter, "counter", &state()).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    let count = json!({ "key": "k" });
    other.run("counter", "increment", count.clone()).await.output();
    one.put("/api/v1/deployments/counter/grants", &json!({ "grants": {} })).await.of(200);
    cluster.agree("counter").await;
    other.run("counter", "increment", count).await.failure("denied.capability");

    one.make_tenant("acme").await;
    let key = one.post("/api/v1/keys?tenant=acme", &json!({ "name": "reader", "scopes": ["read"] })).await.of(201);
    let reader = other.with_token(key["token"].as_str());
    reader.get("/api/v1/agents").await.of(200);
    let stream = Raw::open(&reader, "/api/v1/feed", None).await;
    one.post("/api/v1/tenants/acme/disable", &Value::Null).await.of(200);
    let until = Instant::now() + Duration::from_secs(20);
    while reader.get("/api/v1/agents").await.status != 403 {
        assert!(Instant::now() < until, "its tenant is disabled");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(until_end(stream).await.last().unwrap().data["reason"], "refused");
    one.post("/api/v1/tenants/acme/enable", &Value::Null).await.of(200);
    one.post(&format!("/api/v1/keys/{}/revoke?tenant=acme", key["id"].as_str().unwrap()), &Value::Null).await.of(200);
    let until = Instant::now() + Duration::from_secs(20);
    while reader.get("/api/v1/agents").await.status != 401 {
        assert!(Instant::now() < until, "the key is revoked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_approval_policy_that_one_host_sets_is_in_force_at_each() {
    let Some(cluster) = Cluster::of(2).await else { return };
    cluster.deploys(0, &guests().echo, "echo", &json!({})).await;
    let (one, other) = (cluster.client(0), cluster.client(1));
    other.run("echo", "version", json!({})).await.output();
    let policy = json!({ "policy": { "rules": [{ "agents": "echo", "levels": [{}] }] } });
    let set = one.put("/api/v1/approval-policy", &policy).await.of(200);
    let asked = Instant::now();
    while other.get("/api/v1/approval-policy").await.of(200)["revision"] != set["revision"] {
        assert!(asked.elapsed() < Duration::from_secs(20), "the other host goes by the policy before");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let task = json!({ "agent": "echo", "skill": "version", "input": {} });
    let waits = other.post("/api/v1/tasks", &task).await.of(202);
    assert_eq!(waits["status"], "awaiting_approval", "{waits:#}");
}
