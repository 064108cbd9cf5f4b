//! Keys that are bound to agents: what leaks with one reaches those alone.

use std::time::Duration;

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use troupe_tests::{Client, guests, redacted};

use crate::cases::tenancy::{body_for, key_that_expired};
use crate::rest::groups::{create, step};
use crate::rest::templates::explorer;
use crate::{empty_host, host};

/// All that a key can hold.
const ALL: [&str; 8] = ["read", "run", "operate", "approve", "audit", "admin", "metrics", "machine"];

/// Routes that are asked by other methods than GET and change nothing.
const ONLY_SHOW: [&str; 2] =
    ["POST /api/v1/deployments/{agent}/grants/diff", "POST /api/v1/deployments/{agent}/grants/explain"];

/// Routes to a session of one's own, which is no other agent's matter and not the tenant's.
const OWN: [&str; 3] =
    ["POST /api/v1/sessions", "PATCH /api/v1/sessions/{session}/context", "POST /api/v1/sessions/{session}/end"];

/// What a request has to say whose path names no agent, so that it is about `echo`, if about any.
fn body_of_echo(method: &Method, route: &str) -> Value {
    match route.trim_start_matches("/api/v1/") {
        "tasks" => json!({ "agent": "echo", "skill": "version" }),
        "runtime/instances" => json!({ "agent": "echo" }),
        "registry/pull" => json!({ "image": "echo@stable" }),
        "registry/push" => json!({ "release": "echo@1.0.0" }),
        "keys" => json!({ "name": "more", "scopes": ["read"] }),
        "tenants" => json!({ "name": "more" }),
        "schedules/{schedule}" => schedule_of_echo(),
        "events" => json!({ "type": "a.b" }),
        "events/alerts" => json!({ "severity": "low", "title": "x" }),
        "events/redeliver" => json!({ "from": 1 }),
        "events/subscriptions/{subscription}" => subscription_of_echo(),
        "events/webhooks/{webhook}" => webhook(),
        "events/hooks/{hook}" => hook(),
        "task-groups" => group_of_echo(),
        "templates" => explorer(),
        "agents" => json!({ "name": "echo", "template": "explorer" }),
        _ if route.ends_with("/document") => json!({ "document": "", "signatures": [] }),
        _ => body_for(method, route),
    }
}

fn schedule_of_echo() -> Value {
    json!({ "cron": "0 3 1 1 *", "task": { "agent": "echo", "skill": "version" } })
}

fn subscription_of_echo() -> Value {
    json!({ "topic": "a.b", "agent": "echo", "skill": "version" })
}

/// One that sends nothing, since nothing is published under its topic.
fn webhook() -> Value {
    json!({ "topic": "nothing.is", "url": "https://example.com/" })
}

/// One under a topic that nobody takes.
fn hook() -> Value {
    json!({ "topic": "nothing.is", "kind": "standard" })
}

fn group_of_echo() -> Value {
    json!({ "steps": [step("one", "echo", "sleep", json!({ "ms": 9_000 }))] })
}

#[tokio::test]
async fn h111_a_bound_key_changes_nothing_of_another_agent_and_of_the_tenant_through_any_route() {
    let host = host().await;
    let owner = host.client();
    crate::locks::held_lock(&owner, "res/a").await;
    let task = owner.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    let instance = owner.start_instance("echo").await;
    owner.put("/api/v1/schedules/yearly", &schedule_of_echo()).await.of(200);
    owner.put("/api/v1/events/subscriptions/mine", &subscription_of_echo()).await.of(200);
    owner.put("/api/v1/events/webhooks/mine", &webhook()).await.of(200);
    owner.put("/api/v1/events/hooks/mine", &hook()).await.of(200);
    let group = create(&owner, &group_of_echo()).await.of(202)["id"].as_str().unwrap().to_owned();
    crate::task_approvals::demand(&owner, json!([{ "agents": "echo", "levels": [{}] }])).await;
    let approval = owner.submit("echo", "version", json!({})).await;
    let approval = owner.becomes(&approval, "awaiting_approval").await["approval"].as_str().unwrap().to_owned();
    let (bound, key) = owner.with_bound_key(&ALL, &["counter*"]).await;
    let session = bound.start_session(json!({})).await;
    let key = key["id"].as_str().unwrap();
    let head = async || owner.get("/api/v1/audit/head").await.of(200)["seq"].clone();
    let before = head().await;

    let document = owner.get("/api/v1/openapi.json").await.of(200);
    let (mut refused, mut answered) = (0, Vec::new());
    for (route, methods) in document["paths"].as_object().unwrap() {
        let places = [
            ("{agent}", "echo"),
            ("{version}", "2.0.0"),
            ("{channel}", "stable"),
            ("{swap}", &task),
            ("{task}", &task),
            ("{artifact}", "report.txt"),
            ("{instance}", &instance),
            ("{key}", key),
            ("{schedule}", "yearly"),
            ("{lock}", "res%2Fa"),
            ("{event}", "1"),
            ("{delivery}", "1"),
            ("{subscription}", "mine"),
            ("{template}", "explorer"),
            ("{webhook}", "mine"),
            ("{hook}", "mine"),
            ("{id}", "0"),
            ("{group}", &group),
            ("{approval}", &approval),
            ("{session}", &session),
            ("{message}", "1"),
            ("{tenant}", "default"),
        ];
        let path = places.iter().fold(route.clone(), |path, (place, name)| path.replace(place, name));
        assert!(!path.contains('{'), "say what {route} names");
        for method in methods.as_object().unwrap().keys().filter(|method| *method != "get") {
            let method: Method = method.to_uppercase().parse().unwrap();
            let answer = if route.ends_with("/publish") {
                bound.publish(guests().echo.archive("3.0.0")).await
            } else {
                bound.send(bound.request(method.clone(), &path).json(&body_of_echo(&method, route))).await
            };
            if answer.status != 403 {
                answered.push(format!("{method} {route}"));
                continue;
            }
            let why = answer.problem(403, "auth.scope")["detail"].as_str().unwrap().to_owned();
            let is_bound = why.starts_with(&format!("`key/{key}` is bound to the agents `counter*`, and "));
            assert!(is_bound || why.contains("lacks the scope `owner`"), "{method} {route}: {why}");
            refused += 1;
        }
    }
    // What is signed needs no token, and no token opens it.
    answered.retain(|route| !OWN.contains(&route.as_str()) && route != "POST /hooks/{id}");
    assert_eq!(answered, ONLY_SHOW);
    assert!(refused >= 78, "{refused}");
    // Nothing was decided; that it was tried is on record, and no more of that than tells what goes on.
    let after = before.as_u64().unwrap();
    let page = owner.get(&format!("/api/v1/audit?after={after}&limit=500")).await.of(200);
    let records = page["items"].as_array().unwrap();
    for record in records {
        assert_eq!((&record["kind"], &record["code"]), (&json!("access_refused"), &json!("auth.scope")), "{record:#}");
        assert_eq!(record["principal"], format!("key/{key}"));
    }
    assert!((17..=60).contains(&records.len()), "{}", records.len());
    let told = records.iter().filter(|record| record["times"] == 1).map(|record| &record["details"]["route"]);
    let told: Vec<&str> = told.map(|route| route.as_str().unwrap()).collect();
    assert!(told.contains(&"others") && told.iter().any(|route| route.contains("{agent}")), "{told:?}");
    assert_eq!(owner.get(&format!("/api/v1/tasks/{task}")).await.of(200)["status"], "running");

    // What it may see it sees of all, and of its own agents it changes whatever its scopes say.
    bound.get("/api/v1/deployments/echo").await.of(200);
    bound.publish(guests().counter.called("counter-two").archive("1.0.0")).await.of(201);
    bound.swap("counter-two", "1.0.0").await.of(200);
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    bound.put("/api/v1/deployments/counter-two/grants", &grants).await.of(200);
    bound.run("counter-two", "increment", json!({ "key": "a" })).await.output();
    let started = bound.start_instance("counter-two").await;
    bound.post(&format!("/api/v1/runtime/instances/{started}/stop"), &json!({})).await.of(200);
}

/// Checks that a token publishes nothing. Who is refused before the archive is read has its connection closed.
async fn is_refused(client: &Client, code: &str) {
    client.fresh().publish(guests().echo.archive("1.1.0")).await.problem(401, code);
}

#[tokio::test]
async fn h111_a_leaked_publisher_token_reaches_its_names_until_it_is_revoked_or_over_and_all_it_did_is_told() {
    let guests = guests();
    let mut host = empty_host().await;
    let owner = host.client();
    owner.publish(guests.counter.archive("1.0.0")).await.of(201);
    let (publisher, key) = owner.with_bound_key(&["operate", "read", "admin"], &["echo*"]).await;
    let id = key["id"].as_str().unwrap();
    assert_eq!(publisher.get("/api/v1/whoami").await.of(200)["agents"], json!(["echo*"]));
    publisher.publish(guests.echo.archive("1.0.0")).await.of(201);
    publisher.swap("echo", "1.0.0").await.of(200);
    let refused = [
        publisher.publish(guests.counter.archive("1.1.0")).await,
        publisher.swap("counter", "1.0.0").await,
        publisher.post("/api/v1/keys", &json!({ "name": "mine", "scopes": ["operate"] })).await,
    ];
    let why = refused.map(|answer| answer.problem(403, "auth.scope")["detail"].as_str().unwrap().to_owned());
    assert_snapshot!(redacted(&why.join("\n")), @"
    `key/[id]` is bound to the agents `echo*`, and `counter` is none of them; use a token that may act for it
    `key/[id]` is bound to the agents `echo*`, and `counter` is none of them; use a token that may act for it
    `key/[id]` is bound to the agents `echo*`, and this is about more than those; use a token that is bound to none
    ");
    let versions = owner.get("/api/v1/agents/counter/versions").await.of(200);
    assert_eq!(versions["items"].as_array().unwrap().len(), 1);

    owner.post(&format!("/api/v1/keys/{id}/revoke"), &json!({})).await.of(200);
    is_refused(&publisher, "auth.invalid").await;
    host.stop().await;
    let late = key_that_expired(&host, Duration::from_secs(61)).await;
    host.start().await;
    let owner = host.client();
    is_refused(&owner.with_token(Some(late.reveal())), "auth.expired").await;

    // All that it did, by its name alone; and what was done with it, by its id.
    let page = owner.get(&format!("/api/v1/audit?principal=key/{id}")).await.of(200);
    let line = |record: &Value| format!("{} {}", record["kind"].as_str().unwrap(), record["agent"].as_str().unwrap());
    let is_deed = |record: &&Value| record["kind"] != "access_refused";
    let did: Vec<String> = page["items"].as_array().unwrap().iter().filter(is_deed).map(line).collect();
    assert_eq!(did, ["published echo", "swap echo"]);
    // And what it tried, a host that stopped meanwhile included.
    let page = owner.get("/api/v1/audit?kind=access_refused").await.of(200);
    let tried: Vec<_> = page["items"].as_array().unwrap().iter().map(|one| one["details"]["route"].clone()).collect();
    assert_eq!(tried, ["POST /api/v1/agents/publish", "POST /api/v1/deployments/{agent}/swap", "POST /api/v1/keys"]);
    let page = owner.get("/api/v1/audit?kind=key_created").await.of(200);
    assert_eq!(page["items"][0]["details"]["agents"], json!(["echo*"]));
    let feed = owner.get("/api/v1/feed?limit=500").await.of(200);
    let told: Vec<&str> = feed["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["subject"] == format!("key/{id}") || event["data"]["by"] == format!("key/{id}"))
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(told[..2], ["key.created", "release.published"]);
    assert_eq!(told.last(), Some(&"key.revoked"), "{told:?}");
}
