//! Instances, by the command line.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::Host;
use troupe_tests::command::{Said, run_on};

use super::seen;
use crate::{PROGRAM, empty_host, host};

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, arguments).await
}

#[tokio::test]
async fn an_instance_is_started_asked_shown_and_stopped() {
    let host = host().await;
    let all = json!({ "grants": { "state": { "bytes": 1000, "keys": 10, "instances": true } } });
    host.client().put("/api/v1/deployments/counter/grants", &all).await.of(200);
    let started = on(&host, &["instances", "start", "counter", "--name", "anna"]).await;
    assert_snapshot!(seen(started.good()), @"
    instance  [id]
    agent     counter
    name      anna
    status    idle
    started   [time]
    ");
    let again: Value =
        serde_json::from_str(on(&host, &["--json", "instances", "start", "counter", "--name", "anna"]).await.good())
            .unwrap();
    let id = again["id"].as_str().unwrap();
    let input = r#"{"key":"n","instance":true}"#;
    for count in ["count  1\n", "count  2\n"] {
        assert_eq!(on(&host, &["run", "counter", "increment", "--instance", id, "--input", input]).await.good(), count);
    }
    let listed = on(&host, &["tasks", "--instance", id]).await;
    assert_eq!(listed.good().lines().count(), 3, "{listed:#?}");
    let task: Value = host.client().get("/api/v1/tasks?limit=1").await.of(200)["items"][0].clone();
    let shown = on(&host, &["tasks", task["id"].as_str().unwrap()]).await;
    assert!(shown.good().contains(&format!("instance {id}\n")), "{}", shown.out);
    assert_snapshot!(seen(on(&host, &["instances"]).await.good()), @"
    INSTANCE                              AGENT    NAME  STATUS  STARTED
    [id]  counter  anna  idle    [time]
    ");
    let paused = on(&host, &["instances", "pause", id]).await;
    assert!(seen(paused.good()).contains("status    paused\nstarted   [time]\npaused    [time]\n"), "{}", paused.out);
    assert!(!on(&host, &["instances", "resume", id]).await.good().contains("paused"));
    let stopped = on(&host, &["instances", "stop", id]).await;
    assert!(
        seen(stopped.good()).contains("status    stopped\nstarted   [time]\nstopped   [time]\n"),
        "{}",
        stopped.out
    );
    assert!(on(&host, &["instances", "show", id]).await.good().contains("status    stopped"));
    assert_snapshot!(seen(on(&host, &["run", "counter", "increment", "--instance", id]).await.bad()), @"error: instance [id] was stopped and takes no more tasks; start another one [instance.stopped]");
    assert_snapshot!(on(&host, &["instances", "list", "--agent", "counter", "--status", "running"]).await.good(), @"no instances; `troupe instances start AGENT` starts one");
    let all: Value =
        serde_json::from_str(on(&host, &["--json", "instances", "list", "--status", "stopped"]).await.good()).unwrap();
    assert_eq!(all["items"][0]["id"], *id);
}

#[tokio::test]
async fn what_is_no_instance_is_told() {
    let host = empty_host().await;
    assert_snapshot!(on(&host, &["instances"]).await.good(), @"no instances; `troupe instances start AGENT` starts one");
    assert_snapshot!(on(&host, &["instances", "start", "chat"]).await.bad(), @"error: there is no agent `chat`; `troupe agents` lists those there are [agent.not_found]");
    assert_snapshot!(on(&host, &["instances", "start", "chat", "--name", "42"]).await.bad(), @"error: an instance's name is 1 to 128 letters, digits, `.`, `_`, `-`, `:` and `@`, beginning with a letter [name.invalid]");
    assert_snapshot!(on(&host, &["instances", "show", "anna"]).await.bad(), @"error: no instance has this id; an instance's id looks like `0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b` [instance.not_found]");
}
