//! Taking an agent out of service, and deleting it: nothing of it begins any more, what it had begun comes to its
//! end, and nothing that was said of it is left.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::command::run_on;
use troupe_tests::{Answer, Client, Host, guests, seed};

use crate::rest::tasks::sleeper::{host_that_counts, long_nights, shows, submit};
use crate::{PROGRAM, host};

const STATE: &str = r#"{"grants":{"state":{"bytes":1000,"keys":10,"instances":true}}}"#;

async fn undeploy(client: &Client, agent: &str, query: &str) -> Answer {
    client.delete(&format!("/api/v1/deployments/{agent}{query}")).await
}

async fn delete(client: &Client, agent: &str, query: &str) -> Answer {
    client.delete(&format!("/api/v1/agents/{agent}{query}")).await
}

/// A host whose counter may count.
async fn counting() -> Host {
    let host = host().await;
    let grants: Value = serde_json::from_str(STATE).unwrap();
    host.client().put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    host
}

async fn count(client: &Client) -> Value {
    client.run("counter", "increment", json!({ "key": "n" })).await.output()["count"].clone()
}

/// What the feed tells of a kind.
async fn told(client: &Client, kind: &str) -> Vec<Value> {
    let page = client.get("/api/v1/feed?limit=500").await.of(200);
    let of_kind = page["items"].as_array().unwrap().iter().filter(|event| event["type"] == kind);
    of_kind.map(|event| event["data"].clone()).collect()
}

#[tokio::test]
async fn an_undeployed_agent_takes_nothing_and_whoever_deploys_it_again_goes_on_with_its_state_alone() {
    let host = counting().await;
    let client = host.client();
    assert_eq!((count(&client).await, count(&client).await), (json!(1), json!(2)));
    let before = client.get("/api/v1/deployments/counter").await.of(200);
    let epoch = before["epoch"].as_u64().unwrap();
    let undeployed = undeploy(&client, "counter", "").await.of(200);
    assert_eq!(
        (&undeployed["agent"], &undeployed["served"], &undeployed["state"], &undeployed["running"]),
        (&json!("counter"), &json!("1.0.0"), &json!("keep"), &json!(0))
    );
    assert_eq!(undeployed["epoch"], epoch + 1);
    let refused = client.run("counter", "increment", json!({ "key": "n" })).await;
    assert_snapshot!(refused.problem(404, "deployment.not_found")["detail"].as_str().unwrap(), @"agent `counter` is not deployed; `troupe swap counter@VERSION` deploys a release");
    let task = json!({ "agent": "counter", "skill": "increment", "input": { "key": "n" } });
    client.post("/api/v1/tasks", &task).await.problem(404, "deployment.not_found");
    client.get("/api/v1/deployments/counter").await.problem(404, "deployment.not_found");
    client.get("/api/v1/deployments/counter/grants").await.problem(404, "deployment.not_found");
    undeploy(&client, "counter", "").await.problem(404, "deployment.not_found");
    assert_eq!(client.get("/api/v1/agents/counter").await.of(200)["serving"], Value::Null);
    let listed = client.get("/api/v1/deployments").await.of(200);
    assert!(!listed.to_string().contains("counter"), "{listed:#}");
    let [removed] = &told(&client, "deployment.removed").await[..] else { panic!() };
    assert_eq!((&removed["epoch"], &removed["state"]), (&json!(epoch + 1), &json!("kept")));
    let records = client.get("/api/v1/audit?kind=undeployed").await.of(200);
    assert_eq!(records["items"][0]["principal"], "owner", "{records:#}");
    assert_eq!(records["items"][0]["version"], "1.0.0", "{records:#}");

    let again = client.swap("counter", "1.0.0").await.of(200);
    assert_eq!(again["deployment"]["epoch"], epoch + 2, "epochs go on");
    assert_eq!(again["deployment"]["grants"], json!({}), "nobody has granted anything since");
    client.run("counter", "increment", json!({ "key": "n" })).await.failure("denied.capability");
    let grants: Value = serde_json::from_str(STATE).unwrap();
    client.put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    assert_eq!(count(&client).await, 3);
}

#[tokio::test]
async fn state_goes_with_the_deployment_if_that_is_said_or_afterwards() {
    let host = counting().await;
    let client = host.client();
    let grants: Value = serde_json::from_str(STATE).unwrap();
    count(&client).await;
    undeploy(&client, "counter", "?state=remove").await.of(200);
    for round in 0..2 {
        client.swap("counter", "1.0.0").await.of(200);
        client.put("/api/v1/deployments/counter/grants", &grants).await.of(200);
        assert_eq!(count(&client).await, 1, "{round}");
        undeploy(&client, "counter", "").await.of(200);
        // It was kept, and goes by now.
        undeploy(&client, "counter", "?state=remove").await.of(200);
        undeploy(&client, "counter", "?state=remove").await.problem(404, "deployment.not_found");
    }
    client.delete("/api/v1/deployments/echo?state=burn").await.problem(400, "request.invalid");
    client.delete("/api/v1/deployments/echo?drain_seconds=3601").await.problem(400, "request.invalid");
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
}

#[tokio::test]
async fn a_release_that_cannot_read_the_state_that_was_left_is_not_deployed_over_it() {
    let host = counting().await;
    let client = host.client();
    count(&client).await;
    undeploy(&client, "counter", "").await.of(200);
    client.publish(guests().counter.keeping(2, "2..=2").archive("2.0.0")).await.of(201);
    let refused = client.swap("counter", "2.0.0").await.problem(409, "swap.state");
    assert!(refused["detail"].as_str().unwrap().contains("`troupe undeploy counter --state remove`"), "{refused:#}");
    undeploy(&client, "counter", "?state=remove").await.of(200);
    client.swap("counter", "2.0.0").await.of(200);
}

#[tokio::test]
async fn what_runs_drains_and_what_has_had_its_time_or_has_not_begun_ends() {
    let host = host().await;
    let client = host.client();
    let short = client.submit("echo", "sleep", json!({ "ms": 2_000 })).await;
    client.runs(&short).await;
    let undeployed = undeploy(&client, "echo", "").await.of(200);
    assert_eq!(undeployed["running"], 1, "{undeployed:#}");
    assert_eq!(client.ended(&short).await["status"], "completed", "it had its time");

    client.swap("echo", "1.0.0").await.of(200);
    let mut running = Vec::new();
    for _ in 0..8 {
        running.push(client.submit("echo", "sleep", json!({ "ms": 9_000 })).await);
    }
    shows(&client, "troupe_invocations_running", running.len() as u64).await;
    let delayed = json!({ "agent": "echo", "skill": "version", "delay_ms": 3_600_000 });
    let delayed = submit(&client, &delayed).await;
    let asked = Instant::now();
    let undeployed = undeploy(&client, "echo", "?drain_seconds=0").await.of(200);
    assert_eq!(undeployed["running"], running.len());
    let delayed = client.get(&format!("/api/v1/tasks/{delayed}")).await.of(200);
    assert_eq!((&delayed["status"], &delayed["failure"]["code"]), (&json!("failed"), &json!("deployment.not_found")));
    for task in running {
        let task = client.ended(&task).await;
        // It had written nothing, so it was to begin anew, and nobody is there.
        assert_eq!((&task["status"], &task["failure"]["code"]), (&json!("failed"), &json!("deployment.not_found")));
    }
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn what_is_suspended_goes_on_on_its_release_with_what_it_was_granted_also_on_a_host_that_was_killed() {
    let mut host = host_that_counts().await;
    let client = host.client();
    let task = submit(&client, &long_nights(2, 9_000)).await;
    client.becomes(&task, "suspended").await;
    undeploy(&client, "sleeper", "?drain_seconds=0").await.of(200);
    delete(&client, "sleeper", "").await.problem(409, "release.in_use");
    host.kill().await;
    host.start().await;
    let client = host.client();
    client.run("sleeper", "race", json!({ "ms": [1] })).await.problem(404, "deployment.not_found");
    let ended = client.ended(&task).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(1)), "{ended:#}");
    delete(&client, "sleeper", "?state=remove").await.of(200);
}

#[tokio::test]
async fn what_asks_an_undeployed_agent_stands_still_and_its_triggers_and_instances_go() {
    let host = host().await;
    let client = host.client();
    let bell = guests().echo.called("bell").triggered(json!([{ "event": "door.*", "skill": "sleep" }]));
    client.publish(bell.archive("1.0.0")).await.of(201);
    client.swap("bell", "1.0.0").await.of(200);
    let instance = client.start_instance("bell").await;
    let schedule = json!({ "cron": "* * * * *", "task": { "agent": "bell", "skill": "version" } });
    client.put("/api/v1/schedules/often", &schedule).await.of(200);
    let subscription = json!({ "topic": "shop.*", "agent": "bell", "skill": "version" });
    client.put("/api/v1/events/subscriptions/mine", &subscription).await.of(200);
    undeploy(&client, "bell", "").await.of(200);
    let schedule = client.get("/api/v1/schedules/often").await.of(200);
    assert_eq!((&schedule["paused"], &schedule["next_at"]), (&json!(true), &Value::Null), "{schedule:#}");
    assert_eq!(client.get("/api/v1/events/subscriptions/mine").await.of(200)["paused"], true);
    client.get("/api/v1/events/subscriptions/bell%2Fdoor.*").await.problem(404, "subscription.not_found");
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let instance = client.get(&format!("/api/v1/runtime/instances/{instance}")).await.of(200);
        if instance["status"] == "stopped" {
            break;
        }
        assert!(Instant::now() < until, "{instance:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let deleted = delete(&client, "bell", "").await.of(200);
    assert_eq!(deleted, json!({ "agent": "bell", "versions": ["1.0.0"], "channels": [], "state": "keep" }));
    client.get("/api/v1/schedules/often").await.problem(404, "schedule.not_found");
    client.get("/api/v1/events/subscriptions/mine").await.problem(404, "subscription.not_found");
}

#[tokio::test]
async fn an_agent_that_served_is_deleted_with_all_it_had_once_it_is_not_deployed() {
    let host = host().await;
    let owner = host.client();
    let client = owner.with_key("default", &["read", "run", "operate"]).await;
    owner.put("/api/v1/agents/echo/channels/stable", &json!({ "version": "1.0.0" })).await.of(200);
    let swapped = json!({ "version": "2.0.0", "policy": { "keep_previous_seconds": 3_600 } });
    client.post("/api/v1/deployments/echo/swap", &swapped).await.of(200);
    client.run("echo", "version", json!({})).await.output();
    let refused = delete(&client, "echo", "").await.problem(409, "release.in_use");
    assert_snapshot!(refused["detail"].as_str().unwrap(), @"agent echo is deployed; `troupe undeploy echo` first, then delete it");
    let reader = owner.with_key("default", &["read", "run"]).await;
    undeploy(&reader, "echo", "").await.problem(403, "auth.scope");
    delete(&reader, "echo", "").await.problem(403, "auth.scope");
    undeploy(&client, "echo", "?epoch=1").await.problem(409, "swap.conflict");
    undeploy(&client, "echo", "?epoch=2").await.of(200);
    let until = Instant::now() + Duration::from_secs(30);
    // The swap before is over by itself.
    let deleted = loop {
        let answer = delete(&client, "echo", "").await;
        if answer.status == 200 {
            break answer.json();
        }
        answer.problem(409, "release.in_use");
        assert!(Instant::now() < until, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!((&deleted["versions"], &deleted["channels"]), (&json!(["1.0.0", "2.0.0"]), &json!(["stable"])));
    client.get("/api/v1/agents/echo").await.problem(404, "agent.not_found");
    client.run("echo", "version", json!({})).await.problem(404, "agent.not_found");
    delete(&client, "echo", "").await.problem(404, "agent.not_found");
    assert_eq!(told(&owner, "agent.deleted").await.len(), 1);
    let records = owner.get("/api/v1/audit?kind=agent_deleted").await.of(200);
    assert_eq!(records["items"][0]["agent"], "echo", "{records:#}");
    // A version still means its bytes, and the agent can come back.
    owner.publish(guests().echo.archive("1.0.0")).await.of(201);
    client.swap("echo", "1.0.0").await.of(200);
    client.run("echo", "version", json!({})).await.output();
}

#[tokio::test]
async fn while_a_swap_is_under_way_nothing_is_undeployed() {
    let host = host().await;
    let client = host.client();
    let canary = json!({ "steps": [{ "weight": 50, "min_calls": 1_000_000, "min_seconds": 0 }], "max_seconds": 600 });
    let request = json!({ "version": "2.0.0", "policy": { "canary": canary } });
    client.post("/api/v1/deployments/echo/swap", &request).await.of(202);
    let refused = undeploy(&client, "echo", "").await.problem(409, "swap.conflict");
    assert!(refused["detail"].as_str().unwrap().contains("is under way"), "{refused:#}");
}

/// Kills the host around a removal: it is whole or nothing of it is, and what had been accepted has ended.
#[tokio::test]
async fn a_host_that_dies_while_an_agent_is_undeployed_has_done_all_of_it_or_nothing() {
    let mut host = host().await;
    let mut random = seed::seeded("undeployed");
    for round in 0..seed::kills() {
        let client = host.client();
        let instance = client.start_instance("echo").await;
        let mut tasks = Vec::new();
        for _ in 0..20 {
            let task = json!({ "agent": "echo", "skill": "version", "delay_ms": 3_600_000 });
            tasks.push(submit(&client, &task).await);
        }
        let asked = {
            let client = client.clone();
            tokio::spawn(async move {
                let request = client.request(reqwest::Method::DELETE, "/api/v1/deployments/echo");
                client.try_send(request).await.is_ok_and(|answer| answer.status == 200)
            })
        };
        crate::faults::kill_after(&mut host, crate::faults::instant(&mut random, Duration::from_millis(60))).await;
        let said = asked.await.unwrap();
        let client = host.client();
        let is_there = client.get("/api/v1/deployments/echo").await.status == 200;
        assert!(!(said && is_there), "{round}: what was answered is done");
        let until = Instant::now() + Duration::from_secs(20);
        for task in &tasks {
            loop {
                let task = client.get(&format!("/api/v1/tasks/{task}")).await.of(200);
                if is_there {
                    assert_eq!(task["status"], "pending", "{round}: {task:#}");
                } else if task["status"] != "failed" {
                    assert!(Instant::now() < until, "{round}: {task:#}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                break;
            }
        }
        if is_there {
            undeploy(&client, "echo", "").await.of(200);
        }
        loop {
            let instance = client.get(&format!("/api/v1/runtime/instances/{instance}")).await.of(200);
            if instance["status"] == "stopped" {
                break;
            }
            assert!(Instant::now() < until, "{round}: {instance:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        client.swap("echo", "1.0.0").await.of(200);
        assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
    }
}

#[tokio::test]
async fn the_command_asks_before_it_undeploys_or_deletes_and_says_what_became_of_it() {
    let host = host().await;
    let unsure = run_on(PROGRAM, &host, &["undeploy", "echo"]).await;
    assert!(unsure.bad().contains("Undeploy echo@1.0.0, keeping its state? There is no terminal"), "{unsure:#?}");
    let undeployed = run_on(PROGRAM, &host, &["undeploy", "echo", "--yes", "--drain", "5"]).await;
    assert_snapshot!(undeployed.good(), @"echo is not deployed any more (it was echo@1.0.0, epoch 2), its state is kept");
    let unsure = run_on(PROGRAM, &host, &["agents", "delete", "echo", "--state", "remove"]).await;
    assert!(unsure.bad().contains("Delete echo with all its releases, and remove its state?"), "{unsure:#?}");
    let deleted = run_on(PROGRAM, &host, &["agents", "delete", "echo", "--state", "remove", "--yes"]).await;
    assert_snapshot!(deleted.good(), @"echo is deleted (1.0.0, 2.0.0), its state is removed");
    let listed = run_on(PROGRAM, &host, &["agents"]).await;
    assert!(!listed.good().contains("echo"), "{listed:#?}");
}
