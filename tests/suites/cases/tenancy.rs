//! F and G: one tenant reaches for another's things, and a token for more than it opens.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use troupe_core::clock::ManualClock;
use troupe_core::{Clock as _, Digest, KeyId, Scope, SystemClock, SystemEntropy, TenantId, Timestamp, Token};
use troupe_store::{NewKeyRow, Store};
use troupe_tests::oracle::Oracle;
use troupe_tests::{Answer, Client, Host, guests, redacted_json};

use crate::rest::groups::{create, step};
use crate::{empty_host, host};

/// Every scope that a key may have.
const ALL: [&str; 8] = ["read", "run", "operate", "approve", "audit", "admin", "metrics", "machine"];

/// A client of a tenant of its own, which may do everything there.
async fn neighbour(host: &Host) -> Client {
    host.client().make_tenant("probe").await;
    host.client().fresh().with_key("probe", &ALL).await
}

#[tokio::test]
async fn f65_an_identity_in_a_payload_or_a_header_is_ignored() {
    let host = host().await;
    let probe = neighbour(&host).await;
    let oracle = Oracle::watch(&host).await;
    probe.publish(guests().echo.archive("1.0.0")).await.of(201);
    probe.swap("echo", "1.0.0").await.of(200);
    let task = json!({ "agent": "echo", "skill": "who", "input": {} });
    let request = probe.request(Method::POST, "/api/v1/tasks?wait=30").json(&task);
    let request = ["troupe-tenant", "x-tenant", "x-forwarded-user", "troupe-principal"]
        .into_iter()
        .fold(request, |request, name| request.header(name, "default"));
    let ran = probe.send(request).await;
    assert_eq!(ran.output()["tenant"], "probe");
    let principal = ran.json()["principal"].clone();
    assert_eq!(ran.output()["user"], principal);
    assert!(principal.as_str().unwrap().starts_with("key/"));

    let mut forged = task;
    forged["tenant"] = "default".into();
    probe.post("/api/v1/tasks?wait=30", &forged).await.problem(400, "request.invalid");
    probe.get("/api/v1/tasks?tenant=default").await.problem(400, "request.invalid");
    // Naming a tenant is the owner's.
    probe.get("/api/v1/keys?tenant=default").await.problem(403, "auth.scope");
    probe.get("/api/v1/keys?tenant=nobody").await.problem(403, "auth.scope");
    oracle.holds().await;
}

/// What a request to a route has to say to come as far as looking for the thing.
pub(crate) fn body_for(method: &Method, path: &str) -> Value {
    match path.rsplit('/').next() {
        Some("swap" | "rehearse" | "{channel}") => json!({ "version": "1.0.0" }),
        Some("deprecate") => json!({ "message": "x" }),
        Some("configuration") => json!({ "configuration": {} }),
        Some("grants") if *method == Method::PATCH => json!({ "add_all": true }),
        Some("grants") => json!({ "grants": {} }),
        Some("explain") => json!({ "question": "state get" }),
        Some("approve") if path.contains("{approval}") => json!({ "revision": 1 }),
        Some("reject") if path.contains("{approval}") => json!({ "revision": 1, "reason": "no" }),
        Some("links") => json!({ "for": "owner" }),
        Some("delegate") => json!({ "revision": 1, "level": 1, "to": "owner", "for_ms": 1_000 }),
        Some("approval-policy") => json!({ "policy": { "rules": [] } }),
        Some("reject") => json!({ "reason": "no" }),
        Some("canary") => json!({ "weight": 50 }),
        Some("context") => json!({ "context": {} }),
        Some("messages") => json!({ "text": "version", "to": "echo" }),
        Some("instances") => json!({ "agent": "echo" }),
        Some("signatures") => json!({ "payload": "e30=", "signature": "AAAA" }),
        _ => json!({}),
    }
}

/// What a client sees, without what it asked for and the request's own id.
fn seen(answer: &Answer, asked: &str) -> (u16, String) {
    (answer.status, redacted_json(&answer.json()).replace(asked, "[asked]"))
}

#[tokio::test]
async fn f73_another_tenants_things_are_as_if_they_did_not_exist_through_every_route() {
    let host = host().await;
    let owner = host.client();
    let task = owner.run("echo", "echo", json!({ "text": "mine" })).await.of(200)["id"].as_str().unwrap().to_owned();
    let running = owner.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    let key = owner.post("/api/v1/keys", &json!({ "name": "mine", "scopes": ["read"] })).await.of(201);
    let instance = owner.start_instance("echo").await;
    let group = create(&owner, &json!({ "steps": [step("one", "echo", "sleep", json!({ "ms": 9_000 }))] })).await;
    let group = group.of(202)["id"].as_str().unwrap().to_owned();
    let session = owner.start_session(json!({})).await;
    owner.say(&session, json!({ "text": "version", "to": "echo" })).await.of(200);
    crate::task_approvals::demand(&owner, json!([{ "agents": "echo", "levels": [{}] }])).await;
    let approval = owner.submit("echo", "version", json!({})).await;
    let approval = owner.becomes(&approval, "awaiting_approval").await["approval"].as_str().unwrap().to_owned();
    owner.post("/api/v1/templates", &crate::rest::templates::explorer()).await.of(201);
    let probe = neighbour(&host).await;

    let nothing = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
    let document = owner.get("/api/v1/openapi.json").await.of(200);
    let mut tried = 0;
    for (route, methods) in document["paths"].as_object().unwrap() {
        let path = &route.replace("{version}", "1.0.0").replace("{channel}", "stable").replace("{message}", "1");
        // What lies in a registry is refused alike where a host goes by none.
        let of_registry = route.contains("/document");
        let pairs: Vec<(&str, &str, &str)> = match path {
            path if path.contains("{agent}") => vec![("{agent}", "echo", "gone")],
            path if path.contains("{task}") => vec![("{task}", &task, nothing), ("{task}", &running, nothing)],
            path if path.contains("{session}") => vec![("{session}", &session, nothing)],
            path if path.contains("{instance}") => vec![("{instance}", &instance, nothing)],
            path if path.contains("{group}") => vec![("{group}", &group, nothing)],
            path if path.contains("{approval}") => vec![("{approval}", &approval, nothing)],
            path if path.contains("{template}") => vec![("{template}", "explorer", "gone")],
            path if path.contains("{key}") => vec![("{key}", key["id"].as_str().unwrap(), nothing)],
            _ => continue,
        };
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            for (place, theirs, absent) in &pairs {
                let request = async |name: &str| {
                    let request = probe.request(method.clone(), &path.replace(place, name));
                    seen(&probe.send(request.json(&body_for(&method, route))).await, name)
                };
                let (one, other) = (request(theirs).await, request(absent).await);
                assert_eq!(one, other, "{method} {path}");
                assert!(one.0 == 404 || (of_registry && one.0 == 400), "{method} {path}: {}", one.1);
                tried += 1;
            }
        }
    }
    assert!(tried >= 14, "{tried}");
    let lists = ["agents", "deployments", "tasks", "task-groups", "runtime/instances", "sessions", "sessions?all=true"];
    for list in lists {
        assert_eq!(probe.get(&format!("/api/v1/{list}")).await.of(200)["items"], json!([]), "{list}");
    }
    assert_eq!(owner.get(&format!("/api/v1/runtime/instances/{instance}")).await.of(200)["status"], "idle");
    let ask = |agent: &'static str| probe.run(agent, "echo", json!({ "text": "x" }));
    assert_eq!(seen(&ask("echo").await, "echo"), seen(&ask("gone").await, "gone"));
    // What was tried from outside did nothing inside.
    assert_eq!(owner.get(&format!("/api/v1/tasks/{running}")).await.of(200)["status"], "running");
    let feed = probe.get("/api/v1/feed").await.of(200);
    let kinds: Vec<_> = feed["items"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["tenant.created", "key.created"]);
}

#[tokio::test]
async fn f73_the_same_names_and_idempotency_keys_are_free_in_every_tenant() {
    let host = host().await;
    let owner = host.client();
    let probe = neighbour(&host).await;
    probe.publish(guests().echo_2.archive("1.0.0")).await.of(201);
    probe.swap("echo", "1.0.0").await.of(200);
    let task = json!({ "agent": "echo", "skill": "version", "input": {}, "idempotency_key": "one" });
    let mine = owner.post("/api/v1/tasks?wait=30", &task).await;
    let theirs = probe.post("/api/v1/tasks?wait=30", &task).await;
    assert_ne!(mine.of(200)["id"], theirs.of(200)["id"]);
    assert_ne!(mine.output(), theirs.output(), "each ran its own release under the same name");
}

/// Writes a key into the store of a host that is stopped, as if it had been made earlier.
pub(crate) async fn key_that_expired(host: &Host, ago: Duration) -> Token {
    key_of(host, 0, -i64::try_from(ago.as_millis()).unwrap()).await
}

/// Writes a key into the store of a host that is stopped, as a host whose clock is ahead would; good until so many
/// milliseconds from now.
pub(crate) async fn key_of(host: &Host, ahead_ms: i64, good_for_ms: i64) -> Token {
    let at = |ms: i64| Timestamp::from_millis(SystemClock.now().as_millis() + ms);
    let clock = Arc::new(ManualClock::new(at(ahead_ms)));
    let store = Store::open(&host.data_dir().join("troupe.db"), clock.clone()).await.unwrap();
    let token = Token::generate(&SystemEntropy);
    let key = NewKeyRow {
        id: KeyId::generate(&*clock, &SystemEntropy),
        name: "old".parse().unwrap(),
        scopes: vec![Scope::Read, Scope::Run],
        agents: Vec::new(),
        token: Digest::of(token.reveal().as_bytes()),
        expires_at: Some(at(good_for_ms)),
    };
    store.create_key(&TenantId::default(), key, None).await.unwrap();
    store.close().await;
    token
}

#[tokio::test]
async fn g77_a_key_is_good_for_a_minute_beyond_its_time_and_no_longer() {
    let mut host = empty_host().await;
    host.stop().await;
    let lately = key_that_expired(&host, Duration::from_secs(1)).await;
    let long_ago = key_that_expired(&host, Duration::from_secs(61)).await;
    host.start().await;
    host.client().with_token(Some(lately.reveal())).get("/api/v1/agents").await.of(200);
    let late = host.client().with_token(Some(long_ago.reveal())).get("/api/v1/agents").await;
    let problem = late.problem(401, "auth.expired");
    assert!(problem["detail"].as_str().unwrap().starts_with("this token was good until "), "{problem}");
}

#[tokio::test]
async fn g78_a_revoked_key_opens_nothing_from_the_answer_on() {
    let mut host = empty_host().await;
    let owner = host.client();
    let key = owner.post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["read"] })).await.of(201);
    let client = owner.with_token(key["token"].as_str());
    client.get("/api/v1/agents").await.of(200);
    let revoked = owner.post(&format!("/api/v1/keys/{}/revoke", key["id"].as_str().unwrap()), &json!({})).await.of(200);
    assert!(revoked["revoked_at"].is_string());
    client.get("/api/v1/agents").await.problem(401, "auth.invalid");
    host.kill().await;
    host.start().await;
    host.client().with_token(key["token"].as_str()).get("/api/v1/agents").await.problem(401, "auth.invalid");
}

#[tokio::test]
async fn g78_a_stream_of_events_ends_once_its_key_is_revoked() {
    let host = host().await;
    let owner = host.client();
    let key = owner.post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["read"] })).await.of(201);
    let task = owner.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    let path = format!("/api/v1/tasks/{task}/events");
    let (mut revoked, mut kept) = (owner.with_token(key["token"].as_str()).open(&path).await, owner.open(&path).await);
    revoked.chunk().await.unwrap().expect("a first event");
    kept.chunk().await.unwrap().expect("a first event");
    owner.post(&format!("/api/v1/keys/{}/revoke", key["id"].as_str().unwrap()), &json!({})).await.of(200);
    let end = async { while revoked.chunk().await.expect("an end by its protocol").is_some() {} };
    tokio::time::timeout(Duration::from_secs(5), end).await.expect("an end before the task's");
    let mut rest = Vec::new();
    while let Some(piece) = kept.chunk().await.unwrap() {
        rest.extend(piece);
    }
    assert!(String::from_utf8(rest).unwrap().contains("\"status\":\"completed\""));
}

#[tokio::test]
async fn g78_a_key_that_is_used_all_the_time_is_refused_once_it_is_revoked() {
    let host = host().await;
    let oracle = Oracle::watch(&host).await;
    let owner = oracle.client();
    let key = owner.post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["read"] })).await.of(201);
    let client = owner.with_token(key["token"].as_str());
    let users: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { while client.get("/api/v1/agents").await.status == 200 {} })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    owner.post(&format!("/api/v1/keys/{}/revoke", key["id"].as_str().unwrap()), &json!({})).await.of(200);
    for _ in 0..20 {
        client.get("/api/v1/agents").await.problem(401, "auth.invalid");
    }
    for user in users {
        tokio::time::timeout(Duration::from_secs(5), user).await.expect("a refusal within 5 s").unwrap();
    }
    oracle.holds().await;
}

#[tokio::test]
async fn g80_a_scope_opens_what_it_names_and_nothing_else() {
    let host = host().await;
    let owner = host.client();
    let task = json!({ "agent": "echo", "skill": "echo", "input": { "text": "x" } });
    let id = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
    let asks: [(&str, Method, String, Value); 40] = [
        ("read", Method::GET, "/api/v1/agents".to_owned(), json!({})),
        ("read", Method::GET, "/api/v1/feed".to_owned(), json!({})),
        ("read", Method::GET, format!("/api/v1/tasks/{id}/journal"), json!({})),
        ("read", Method::GET, "/api/v1/deployments/echo/swaps".to_owned(), json!({})),
        ("run", Method::POST, "/api/v1/tasks?wait=30".to_owned(), task),
        ("run", Method::POST, format!("/api/v1/tasks/{id}/cancel"), json!({})),
        ("read", Method::GET, "/api/v1/runtime/instances".to_owned(), json!({})),
        ("read", Method::GET, format!("/api/v1/runtime/instances/{id}"), json!({})),
        ("run", Method::POST, "/api/v1/runtime/instances".to_owned(), json!({ "agent": "echo" })),
        ("run", Method::POST, format!("/api/v1/runtime/instances/{id}/stop"), json!({})),
        ("run", Method::POST, format!("/api/v1/runtime/instances/{id}/pause"), json!({})),
        ("run", Method::POST, format!("/api/v1/runtime/instances/{id}/resume"), json!({})),
        ("run", Method::POST, format!("/api/v1/runtime/instances/{id}/restart"), json!({})),
        ("operate", Method::POST, "/api/v1/runtime/stop".to_owned(), json!({})),
        ("operate", Method::POST, "/api/v1/runtime/start".to_owned(), json!({})),
        ("operate", Method::POST, "/api/v1/deployments/echo/swap".to_owned(), json!({ "version": "1.0.0" })),
        ("operate", Method::POST, "/api/v1/deployments/echo/canary".to_owned(), json!({ "weight": 5 })),
        ("operate", Method::POST, "/api/v1/deployments/echo/promote".to_owned(), json!({})),
        ("operate", Method::POST, format!("/api/v1/deployments/echo/swaps/{id}/abort"), json!({})),
        ("operate", Method::PUT, "/api/v1/deployments/echo/grants".to_owned(), json!({ "grants": {} })),
        ("operate", Method::POST, "/api/v1/agents/publish".to_owned(), json!({})),
        ("operate", Method::POST, "/api/v1/deployments/echo/quarantine/lift".to_owned(), json!({})),
        ("operate", Method::DELETE, "/api/v1/deployments/nobody".to_owned(), json!({})),
        ("operate", Method::DELETE, "/api/v1/agents/nobody".to_owned(), json!({})),
        ("operate", Method::POST, format!("/api/v1/tasks/{id}/journal/redact"), json!({})),
        ("read", Method::GET, "/api/v1/approvals".to_owned(), json!({})),
        ("read", Method::GET, "/api/v1/agents/echo/releases/2.0.0/diff".to_owned(), json!({})),
        ("approve", Method::POST, "/api/v1/agents/echo/releases/2.0.0/approve".to_owned(), json!({})),
        ("approve", Method::POST, "/api/v1/agents/echo/releases/2.0.0/reject".to_owned(), json!({ "reason": "no" })),
        ("audit", Method::GET, "/api/v1/audit".to_owned(), json!({})),
        ("audit", Method::GET, "/api/v1/audit/head".to_owned(), json!({})),
        ("audit", Method::GET, format!("/api/v1/audit/journals/{id}"), json!({})),
        ("read", Method::GET, "/api/v1/trust".to_owned(), json!({})),
        (
            "operate",
            Method::POST,
            "/api/v1/agents/echo/versions/1.0.0/signatures".to_owned(),
            json!({ "payload": "", "signature": "" }),
        ),
        ("admin", Method::PATCH, "/api/v1/trust".to_owned(), json!({})),
        ("admin", Method::GET, "/api/v1/keys".to_owned(), json!({})),
        ("admin", Method::POST, format!("/api/v1/keys/{id}/revoke"), json!({})),
        ("metrics", Method::GET, "/metrics".to_owned(), json!({})),
        ("owner", Method::GET, "/api/v1/tenants".to_owned(), json!({})),
        ("owner", Method::POST, "/api/v1/tenants".to_owned(), json!({ "name": "mine" })),
    ];
    for scope in ALL {
        let client = owner.with_key("default", &[scope]).await;
        for (needs, method, path, body) in &asks {
            let answer = client.send(client.request(method.clone(), path).json(body)).await;
            if *needs == scope {
                assert!(answer.status != 403, "{scope}: {method} {path}: {}", answer.text);
            } else {
                let problem = answer.problem(403, "auth.scope");
                let named = format!("`{needs}`");
                assert!(problem["detail"].as_str().unwrap().contains(&named), "{scope}: {method} {path}: {problem}");
            }
        }
    }
    assert_eq!(owner.get("/api/v1/deployments/echo").await.of(200)["epoch"], 3, "two changes by `operate` alone");
}

#[tokio::test]
async fn g80_who_operates_a_tenant_does_not_reach_into_the_machine_and_its_network() {
    let host = empty_host().await;
    let owner = host.client();
    owner.publish(guests().files.archive("1.0.0")).await.of(201);
    owner.swap("files", "1.0.0").await.of(200);
    let operator = owner.with_key("default", &["read", "operate"]).await;
    let trusted = owner.with_key("default", &["read", "operate", "machine"]).await;
    let place = tempfile::TempDir::new().unwrap();
    let place = place.path().canonicalize().unwrap();
    let path = "/api/v1/deployments/files/grants";
    let set = async |client: &Client, grants: &Value| client.put(path, &json!({ "grants": grants })).await;
    let add = async |client: &Client, grants: &Value| {
        client.send(client.request(Method::PATCH, path).json(&json!({ "set": grants }))).await
    };

    let directory = |access: &str| json!({ "files": [{ "name": "in", "path": place, "access": access }] });
    let lines = [
        (directory("read"), "files/in"),
        (json!({ "files": [{ "name": "in", "path": "/nowhere" }] }), "files/in"),
        (json!({ "http": [{ "id": "lan", "host": "db.example.com", "private": true }] }), "http/lan"),
        (json!({ "http": [{ "id": "imds", "scheme": "http", "host": "169.254.169.254" }] }), "http/imds"),
    ];
    // A place that is anybody's to name is no leave to name one.
    set(&operator, &json!({ "files": [{ "name": "in", "path": "*" }] })).await.of(200);
    for (grants, line) in &lines {
        for refused in [set(&operator, grants).await, add(&operator, grants).await] {
            let told = format!(
                "the line `{line}` leads into the host's machine or network: this token lacks the scope `machine`; \
                 use one that has it"
            );
            assert_eq!(refused.problem(403, "auth.scope")["detail"], told);
        }
    }
    let epoch = async || owner.get(path).await.of(200)["epoch"].clone();
    assert_eq!(epoch().await, 2, "nothing but what is anybody's was granted");

    // Whoever the owner lets do so grants it; then it is there, and to be narrowed and taken away.
    add(&trusted, &directory("read-write")).await.of(200);
    add(&operator, &json!({ "state": { "bytes": 1024, "keys": 1 } })).await.of(200);
    set(&operator, &directory("read")).await.of(200);
    set(&operator, &directory("read-write")).await.problem(403, "auth.scope");
    set(&operator, &json!({})).await.of(200);
    set(&operator, &directory("read")).await.problem(403, "auth.scope");
    // Leave to reach the machine is none to operate.
    let alone = owner.with_key("default", &["read", "machine"]).await;
    let problem = set(&alone, &directory("read")).await.problem(403, "auth.scope");
    assert!(problem["detail"].as_str().unwrap().contains("`operate`"), "{problem}");
}

#[tokio::test]
async fn g80_what_a_task_was_asked_and_answered_is_for_readers() {
    let host = host().await;
    let owner = host.client();
    let with = async |scopes: &[&str]| owner.with_key("default", scopes).await;
    let (read, run, operate) = (with(&["read"]).await, with(&["run"]).await, with(&["operate"]).await);
    let task = owner.run("echo", "echo", json!({ "text": "mine" })).await.of(200);
    let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    // A replay tells both, so it wants both scopes.
    let replay = async |client: &Client| client.post(&format!("{path}/replay"), &json!({})).await;
    let lacks = |answer: Answer| answer.problem(403, "auth.scope")["detail"].to_string();
    assert!(lacks(replay(&run).await).contains("`read`"));
    assert!(lacks(replay(&read).await).contains("`run`"));
    replay(&with(&["read", "run"]).await).await.of(200);

    let untold = (Value::Null, Value::Null);
    let told = |task: Value| (task["input"].clone(), task["output"].clone());
    let redact = format!("{path}/journal/redact");
    assert_eq!(told(operate.post(&redact, &json!({})).await.of(200)), untold);
    let both = with(&["operate", "read"]).await.post(&redact, &json!({})).await.of(200);
    assert_eq!(told(both), (json!({ "text": "mine" }), task["output"].clone()));
    let sleeps = owner.submit("echo", "sleep", json!({ "ms": 9_000 })).await;
    let cancelled = run.post(&format!("/api/v1/tasks/{sleeps}/cancel"), &Value::Null).await.of(200);
    assert_eq!(told(cancelled), untold);
}
