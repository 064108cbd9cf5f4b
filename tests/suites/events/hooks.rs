//! Hooks: events that come from outside, signed, once, in their time, and under no topic but the hook's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use troupe_core::{Clock as _, SystemClock, limits};
use troupe_tests::{Answer, Client};

use super::{event, get, told};

fn path(name: &str) -> String {
    format!("/api/v1/events/hooks/{name}")
}

/// A hook as its sender knows it.
struct Sender {
    client: Client,
    path: String,
    secret: String,
}

fn now() -> i64 {
    SystemClock.now().as_millis() / 1_000
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

impl Sender {
    /// Sets a hook, and has what its sender is told.
    async fn of(client: &Client, name: &str, hook: Value) -> Self {
        let set = client.put(&path(name), &hook).await.of(200);
        let secret = set["signing_secret"].as_str().unwrap().to_owned();
        Self { client: client.with_token(None), path: set["path"].as_str().unwrap().to_owned(), secret }
    }

    /// Signs as Standard Webhooks has it.
    fn signed(&self, id: &str, at: i64, body: &str) -> String {
        let key = STANDARD.decode(self.secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mac = mac(&key, &[id.as_bytes(), b".", at.to_string().as_bytes(), b".", body.as_bytes()]);
        format!("v1,{}", STANDARD.encode(mac))
    }

    /// The same on a connection of its own.
    fn fresh(&self) -> Self {
        Self { client: self.client.fresh(), path: self.path.clone(), secret: self.secret.clone() }
    }

    async fn send(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        let request = self.client.request(Method::POST, &self.path).header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.client.send(request.body(body.to_owned())).await
    }

    /// Sends a message of Standard Webhooks.
    async fn standard(&self, id: &str, at: i64, body: &str) -> Answer {
        let signature = self.signed(id, at, body);
        let headers = [("webhook-id", id), ("webhook-timestamp", &at.to_string()), ("webhook-signature", &signature)];
        self.send(&headers, body).await
    }
}

async fn listed(client: &Client) -> Vec<Value> {
    let page = client.get("/api/v1/events?limit=500").await.of(200);
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn f71_a_message_is_one_event_however_often_it_comes_and_none_out_of_its_time() {
    let host = crate::empty_host().await;
    let client = host.client();
    let sender = Sender::of(&client, "billing", json!({ "topic": "shop.paid", "kind": "standard" })).await;
    let (at, body) = (now(), r#"{"type":"other.topic","order":17}"#);
    for _ in 0..3 {
        assert_eq!(sender.standard("msg_1", at, body).await.status, 202);
    }
    sender.standard("msg_1", at, r#"{"order":18}"#).await.problem(409, "conflict.idempotency");
    for apart in [-301, -86_400, 360] {
        sender.standard("msg_2", at + apart, body).await.problem(401, "auth.replay");
    }
    assert_eq!(sender.standard("msg_3", at - 240, body).await.status, 202);
    let events = listed(&client).await;
    assert_eq!(events.len(), 2, "{events:#?}");
    let first = &events[1];
    assert_eq!((&first["topic"], &first["sender"]), (&json!("shop.paid"), &json!("hook/billing")));
    assert_eq!((&first["event"]["id"], &first["event"]["source"]), (&json!("msg_1"), &json!("/hooks/billing")));
    assert_eq!(first["event"]["data"], json!({ "type": "other.topic", "order": 17 }));
}

#[tokio::test]
async fn what_is_not_signed_is_nothing_and_what_is_signed_says_no_topic_and_no_sender() {
    let host = crate::empty_host().await;
    let client = host.client();
    let sender = Sender::of(&client, "billing", json!({ "topic": "shop.paid", "kind": "standard" })).await;
    let (at, body) = (now(), "{}");
    let (stamp, good) = (at.to_string(), sender.signed("msg_1", at, body));
    let other = sender.signed("msg_2", at, body);
    for headers in [
        vec![],
        vec![("webhook-id", "msg_1"), ("webhook-timestamp", stamp.as_str())],
        vec![("webhook-id", "msg_1"), ("webhook-signature", good.as_str())],
        vec![("webhook-id", "msg_1"), ("webhook-timestamp", stamp.as_str()), ("webhook-signature", other.as_str())],
        vec![("webhook-id", "msg_1"), ("webhook-timestamp", stamp.as_str()), ("webhook-signature", "v1,")],
        vec![
            ("webhook-id", "msg_1"),
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", stamp.as_str()),
            ("webhook-signature", good.as_str()),
        ],
    ] {
        sender.send(&headers, body).await.problem(401, "auth.invalid");
    }
    // A token opens nothing here, and a hook's secret nothing elsewhere.
    let owner = client.request(Method::POST, &sender.path).body("{}");
    client.send(owner).await.problem(401, "auth.invalid");
    client.with_token(Some(&sender.secret)).get("/api/v1/events").await.problem(401, "auth.invalid");
    let named = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", stamp.as_str()),
        ("webhook-signature", good.as_str()),
        ("ce-type", "alert.critical"),
        ("ce-sender", "owner"),
        ("troupe-tenant", "acme"),
    ];
    assert_eq!(sender.send(&named, body).await.status, 202);
    let events = listed(&client).await;
    assert_eq!(
        (events.len(), &events[0]["topic"], &events[0]["sender"]),
        (1, &json!("shop.paid"), &json!("hook/billing"))
    );
    for wrong in ["/hooks/x", "/hooks/00000000000000000000000000000000", "/hooks/billing"] {
        sender.client.post(wrong, &json!({})).await.problem(404, "hook.not_found");
    }
}

#[tokio::test]
async fn github_is_heard_once_for_each_body_under_whichever_delivery_it_comes() {
    let host = crate::empty_host().await;
    let client = host.client();
    let hook = json!({ "topic": "github.all", "kind": "github", "priority": "high" });
    let sender = Sender::of(&client, "pushes", hook).await;
    let body = r#"{"ref":"refs/heads/main"}"#;
    let signature = format!("sha256={}", hex::encode(mac(sender.secret.as_bytes(), &[body.as_bytes()])));
    let headers = |delivery| {
        [("x-github-delivery", delivery), ("x-github-event", "push"), ("x-hub-signature-256", signature.as_str())]
    };
    for delivery in ["1", "1", "2"] {
        assert_eq!(sender.send(&headers(delivery), body).await.status, 202);
    }
    // Neither the delivery nor the kind is signed, and whoever has the message may write what it likes there.
    let renamed = [("x-github-delivery", "3"), ("x-github-event", "release"), headers("")[2]];
    assert_eq!(sender.send(&renamed, body).await.status, 202);
    sender.send(&headers("3"), r#"{"ref":"refs/heads/other"}"#).await.problem(401, "auth.invalid");
    let events = listed(&client).await;
    assert_eq!(events.len(), 1, "{events:#?}");
    let event = &events[0]["event"];
    assert_eq!((&event["subject"], &events[0]["priority"]), (&json!("push"), &json!("high")));
    assert_eq!(event["delivery"], "1", "the first by which it came: {event:#}");
}

#[tokio::test]
async fn one_body_that_comes_under_many_deliveries_at_once_is_one_event() {
    let host = crate::empty_host().await;
    let client = host.client();
    let sender = Sender::of(&client, "pushes", json!({ "topic": "github.all", "kind": "github" })).await;
    let body = r#"{"zen":"Half measures are as bad as nothing at all."}"#;
    let signature = format!("sha256={}", hex::encode(mac(sender.secret.as_bytes(), &[body.as_bytes()])));
    let sent = (0..16).map(async |number: u32| {
        let delivery = number.to_string();
        let headers = [("x-github-delivery", delivery.as_str()), ("x-hub-signature-256", signature.as_str())];
        sender.fresh().send(&headers, body).await.status
    });
    let statuses = futures::future::join_all(sent).await;
    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
    assert_eq!(listed(&client).await.len(), 1);
}

#[tokio::test]
async fn a_header_of_the_senders_own_is_heard_and_a_message_counts_once_for_all_that_is_signed() {
    let host = crate::empty_host().await;
    let client = host.client();
    let hmac = json!({ "header": "X-Chat-Signature", "prefix": "sha256=", "timestamp_header": "X-Chat-Time" });
    let hook = json!({ "topic": "chat.said", "kind": "hmac", "hmac": hmac });
    let timed = Sender::of(&client, "chat", hook).await;
    let body = r#"{"text":"hello"}"#;
    let signed = |sender: &Sender, at: i64| {
        let mac = mac(sender.secret.as_bytes(), &[at.to_string().as_bytes(), b".", body.as_bytes()]);
        (format!("sha256={}", hex::encode(mac)), at.to_string())
    };
    let send = async |at: i64, said: i64| {
        let (signature, _) = signed(&timed, at);
        timed.send(&[("x-chat-signature", &signature), ("x-chat-time", &said.to_string())], body).await
    };
    let at = now();
    for said in [at, at, at - 60] {
        assert_eq!(send(said, said).await.status, 202);
    }
    send(at - 301, at - 301).await.problem(401, "auth.replay");
    send(at, at + 1).await.problem(401, "auth.invalid");
    let (signature, _) = signed(&timed, at);
    timed.send(&[("x-chat-signature", &signature)], body).await.problem(401, "auth.invalid");
    let bare = signature.strip_prefix("sha256=").unwrap();
    timed
        .send(&[("x-chat-signature", bare), ("x-chat-time", &at.to_string())], body)
        .await
        .problem(401, "auth.invalid");
    assert_eq!(listed(&client).await.len(), 2);

    let hook = json!({ "topic": "bare", "kind": "hmac", "hmac": { "header": "X-Sum", "encoding": "base64" } });
    let bare = Sender::of(&client, "bare", hook.clone()).await;
    let sum = |body: &str| STANDARD.encode(mac(bare.secret.as_bytes(), &[body.as_bytes()]));
    for body in ["{}", "{}", "{}", r#"{"n":1}"#] {
        assert_eq!(bare.send(&[("x-sum", &sum(body))], body).await.status, 202);
    }
    bare.send(&[("x-sum", &sum("{}"))], r#"{"n":2}"#).await.problem(401, "auth.invalid");
    assert_eq!(listed(&client).await.len(), 4, "the same body is one event");
    assert_eq!(client.get(&path("bare")).await.of(200)["hmac"], json!({ "header": "X-Sum", "encoding": "base64" }));
    let without = json!({ "topic": "bare", "kind": "hmac" });
    let of_another_kind = json!({ "topic": "bare", "kind": "github", "hmac": { "header": "X-Sum" } });
    for wrong in [without, of_another_kind] {
        client.put(&path("wrong"), &wrong).await.problem(400, "request.invalid");
    }
}

#[tokio::test]
async fn a_secret_is_rotated_with_an_overlap_and_a_hook_is_paused_and_removed() {
    let host = crate::empty_host().await;
    let client = host.client();
    let hook = json!({ "topic": "a", "kind": "standard" });
    let sender = Sender::of(&client, "in", hook.clone()).await;
    let shown = client.get(&path("in")).await.of(200);
    assert!(!shown.to_string().contains("whsec_") && shown["path"] == sender.path, "{shown:#}");
    let rotated = client.post(&format!("{}/rotate", path("in")), &json!({})).await.of(200);
    let next = Sender {
        client: sender.client.clone(),
        path: sender.path.clone(),
        secret: rotated["signing_secret"].as_str().unwrap().to_owned(),
    };
    assert_eq!(sender.standard("1", now(), "{}").await.status, 202);
    assert_eq!(next.standard("2", now(), "{}").await.status, 202);
    client.post(&format!("{}/rotate", path("in")), &json!({ "overlap_ms": 0 })).await.of(200);
    sender.standard("3", now(), "{}").await.problem(401, "auth.invalid");
    next.standard("4", now(), "{}").await.problem(401, "auth.invalid");
    let paused = json!({ "topic": "a", "kind": "standard", "paused": true });
    client.put(&path("in"), &paused).await.of(200);
    next.standard("5", now(), "{}").await.problem(404, "hook.not_found");
    client.delete(&path("in")).await.of(200);
    client.get(&path("in")).await.problem(404, "hook.not_found");
    next.standard("6", now(), "{}").await.problem(404, "hook.not_found");
    assert_eq!(listed(&client).await.len(), 2);
    let kinds = ["hook.set", "hook.rotated", "hook.removed"];
    let mut count = 0;
    for kind in kinds {
        count += told(&client, kind).await.len();
    }
    assert_eq!(count, 5);
    let anew = Sender::of(&client, "in", hook).await;
    assert!(anew.path != sender.path && anew.secret != sender.secret);
}

#[tokio::test]
async fn a_flood_is_refused_before_it_is_looked_at_and_what_is_too_large_is_not_read() {
    let host = crate::empty_host().await;
    let client = host.client();
    let sender = Sender::of(&client, "in", json!({ "topic": "a", "kind": "standard" })).await;
    let other = Sender::of(&client, "other", json!({ "topic": "b", "kind": "standard" })).await;
    let large = "x".repeat(limits::EVENT_BYTES_MAX + 1);
    sender.fresh().standard("1", now(), &large).await.problem(413, "limit.request");
    let deep = "[".repeat(100) + &"]".repeat(100);
    sender.standard("2", now(), &deep).await.problem(413, "limit.request");
    sender.standard("3", now(), "{").await.problem(400, "request.invalid");
    let mut refused = 0;
    for _ in 0..limits::HOOK_BURST * 2 {
        let answer = sender.send(&[], "{}").await;
        refused += u32::from(answer.status == 429);
        assert!(answer.status == 401 || answer.problem(429, "limit.events")["code"] == "limit.events");
    }
    assert!(refused > 0, "nothing is refused");
    assert_eq!(other.standard("1", now(), "{}").await.status, 202, "another hook takes what comes to it");
    client.post("/api/v1/events", &event("a", json!({}))).await.of(202);
    assert_eq!(listed(&client).await.len(), 2);
}

#[tokio::test]
async fn who_may_not_run_and_operate_sets_none_and_no_other_tenant_sees_it() {
    let host = crate::empty_host().await;
    let owner = host.client();
    let hook = json!({ "topic": "a", "kind": "standard" });
    Sender::of(&owner, "in", hook.clone()).await;
    for scopes in [&["operate", "read"][..], &["read", "run"], &["read", "approve", "admin"]] {
        let client = owner.with_key("default", scopes).await;
        client.put(&path("mine"), &hook).await.problem(403, "auth.scope");
        client.delete(&path("in")).await.problem(403, "auth.scope");
    }
    owner.make_tenant("acme").await;
    let other = owner.with_key("acme", &["read", "run", "operate"]).await;
    other.get(&path("in")).await.problem(404, "hook.not_found");
    let theirs = Sender::of(&other, "in", hook).await;
    assert_eq!(theirs.standard("1", now(), "{}").await.status, 202);
    assert_eq!((listed(&owner).await.len(), listed(&other).await.len()), (0, 1));
    assert_eq!(get(&other, 1).await["sender"], "hook/in");
    for (field, value) in [("topic", "a.*"), ("topic", ""), ("kind", "none"), ("secret_name", "nothing")] {
        let mut wrong = json!({ "topic": "a", "kind": "standard" });
        wrong[field] = value.into();
        owner.put(&path("wrong"), &wrong).await.problem(400, "request.invalid");
    }
}
