//! Webhooks: events that are sent to somebody outside, signed, again where they were not taken, and nowhere else.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_core::{Clock as _, SystemClock};
use troupe_tests::hook::{Hook, Reply};
use troupe_tests::{Client, Host};

use super::{event, get, publish, settled, stands, state, told, urgent};
use crate::PROGRAM;

/// A host that may send to a receiver on this machine.
async fn host(hook: &Hook) -> Host {
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0", "--webhook-to", &hook.origin()]);
    host.start().await;
    host
}

fn path(name: &str) -> String {
    format!("/api/v1/events/webhooks/{name}")
}

/// Sets a webhook, with further fields; what is answered.
async fn set(client: &Client, name: &str, topic: &str, url: &str, more: Value) -> Value {
    let mut webhook = json!({ "topic": topic, "url": url });
    webhook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.put(&path(name), &webhook).await.of(200)
}

fn secret(set: &Value) -> String {
    set["signing_secret"].as_str().unwrap().to_owned()
}

/// The code of why the only delivery of an event is a dead letter.
fn why(event: &Value) -> &str {
    assert_eq!(state(event), "dead", "{event:#}");
    event["deliveries"][0]["failure"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn an_event_is_posted_and_signed_by_a_secret_that_is_shown_once() {
    let hook = Hook::start().await;
    let host = host(&hook).await;
    let client = host.client();
    let made = set(&client, "audit", "shop.>", &format!("{}/in?a=b", hook.origin()), json!({})).await;
    let secret = secret(&made);
    for shown in [
        client.get(&path("audit")).await.of(200),
        client.get("/api/v1/events/webhooks").await.of(200),
        set(&client, "audit", "shop.>", &format!("{}/in?a=b", hook.origin()), json!({ "parallel": 1 })).await,
    ] {
        assert!(!shown.to_string().contains("whsec_") && shown.get("signing_secret").is_none(), "{shown:#}");
    }
    let mut positions = Vec::new();
    for number in 0..3 {
        positions.push(publish(&client, &event("shop.paid", json!({ "n": number }))).await);
    }
    publish(&client, &event("other", json!({}))).await;
    let messages = hook.came(3).await;
    for (message, position) in messages.iter().zip(&positions) {
        assert_eq!(message.line, "POST /in?a=b");
        assert_eq!(message.header("content-type"), "application/cloudevents+json; charset=utf-8");
        assert_eq!(
            (message.event()["type"].as_str(), message.event()["position"].as_u64()),
            (Some("shop.paid"), Some(*position))
        );
        assert_eq!(message.signed_by(&secret), 1, "{message:?}");
        assert_eq!(message.event(), get(&client, *position).await["event"]);
        let now = SystemClock.now().as_millis() / 1_000;
        assert!(message.header("webhook-timestamp").parse::<i64>().unwrap().abs_diff(now) < 120);
        assert_eq!(state(&settled(&client, *position).await), "delivered");
    }
    let mut ids: Vec<&str> = messages.iter().map(|message| message.header("webhook-id")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    let shown = client.get(&path("audit")).await.of(200);
    assert_eq!((&shown["stats"]["delivered"], &shown["stats"]["open"]), (&json!(3), &json!(0)), "{shown:#}");
    assert_eq!((&shown["last"]["status"], &shown["last"]["event"]), (&json!(204), &json!(positions[2])));
    assert_eq!(hook.messages().len(), 3, "nothing else is sent");

    // Neither the database nor anything that was told holds it.
    let bytes = secret.strip_prefix("whsec_").unwrap().as_bytes();
    for name in ["troupe.db", "troupe.db-wal"] {
        let database = std::fs::read(host.data_dir().join(name)).unwrap_or_default();
        assert!(!database.windows(bytes.len()).any(|part| part == bytes), "{name}");
    }
    let audit = client.get("/api/v1/audit?kind=subscription&limit=100").await.of(200);
    assert!(audit.to_string().contains("shop.>") && !audit.to_string().contains("whsec_"), "{audit:#}");
    assert_eq!(told(&client, "webhook.set").await.len(), 2);
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_under_its_id_and_then_a_dead_letter() {
    let hook = Hook::start().await;
    let host = host(&hook).await;
    let client = host.client();
    hook.answers([Reply::Status(500), Reply::Status(204)]);
    let made = set(&client, "audit", "a.>", &hook.origin(), json!({})).await;
    let first = publish(&client, &event("a.b", json!({}))).await;
    let failed = stands(&client, first, |event| !event["deliveries"][0]["failure"].is_null()).await;
    assert_eq!(failed["deliveries"][0]["failure"]["details"]["status"], 500);
    let ended = settled(&client, first).await;
    assert_eq!((state(&ended), &ended["deliveries"][0]["attempts"]), ("delivered", &json!(2)));
    let messages = hook.came(2).await;
    assert_eq!(messages[0].header("webhook-id"), messages[1].header("webhook-id"));
    assert_eq!(messages[1].signed_by(&secret(&made)), 1);

    // Given up, it waits for somebody, under the same id.
    set(&client, "audit", "a.>", &hook.origin(), json!({ "tries": 1 })).await;
    hook.answers([Reply::Later(503, 3_600)]);
    let second = publish(&client, &event("a.b", json!({}))).await;
    assert_eq!(why(&settled(&client, second).await), "unavailable.upstream");
    let letters = client.get("/api/v1/events/dead?subscription=webhook:audit").await.of(200);
    let letter = letters["items"][0]["delivery"].as_u64().unwrap();
    client.post(&format!("/api/v1/events/dead/{letter}/redeliver"), &Value::Null).await.of(200);
    let messages = hook.came(4).await;
    assert_eq!(messages[2].header("webhook-id"), messages[3].header("webhook-id"));
    assert!(messages[2].header("webhook-id") != messages[0].header("webhook-id"));
    let again = json!({ "from": first, "subscription": "webhook:audit" });
    assert_eq!(client.post("/api/v1/events/redeliver", &again).await.of(200)["deliveries"], 2);
    hook.came(6).await;
}

#[tokio::test]
async fn an_answer_leads_nowhere_keeps_nobody_and_is_read_to_a_bound() {
    let hook = Hook::start().await;
    let other = Hook::start().await;
    let host = host(&hook).await;
    let client = host.client();
    hook.answers([Reply::Elsewhere(format!("{}/x", other.origin())), Reply::Endless, Reply::Silence]);
    set(&client, "audit", "a.>", &hook.origin(), json!({ "tries": 1 })).await;
    let moved = publish(&client, &event("a.b", json!({}))).await;
    assert_eq!(why(&settled(&client, moved).await), "unavailable.upstream");
    let endless = publish(&client, &event("a.b", json!({}))).await;
    let began = Instant::now();
    assert_eq!(state(&settled(&client, endless).await), "delivered");
    assert!(began.elapsed() < Duration::from_secs(10), "it is not read to its end");
    let silent = publish(&client, &event("a.b", json!({}))).await;
    let ended = settled(&client, silent).await;
    assert!(["limit.idle", "limit.deadline", "unavailable.upstream"].contains(&why(&ended)), "{ended:#}");
    assert!(other.messages().is_empty(), "no redirect is followed");
}

#[tokio::test]
async fn nothing_is_sent_into_the_network_of_the_host_or_in_the_clear() {
    let hook = Hook::start().await;
    let host = crate::empty_host().await;
    let client = host.client();
    for url in [
        hook.origin().as_str(),
        "http://example.com/",
        "https://10.0.0.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/",
    ] {
        client.put(&path("audit"), &json!({ "topic": "a", "url": url })).await.problem(403, "denied.egress");
    }
    for url in
        ["", "example.com", "ftp://example.com/", "https://user@example.com/", "https://example.com/#x", "https://"]
    {
        client.put(&path("audit"), &json!({ "topic": "a", "url": url })).await.problem(400, "request.invalid");
    }
    client
        .put(&path("Audit"), &json!({ "topic": "a", "url": "https://example.com/" }))
        .await
        .problem(400, "name.invalid");
    let wrong = json!({ "topic": "a..b", "url": "https://example.com/" });
    client.put(&path("audit"), &wrong).await.problem(400, "request.invalid");
    for (name, value) in [("parallel", 0), ("parallel", 17), ("tries", 0), ("tries", 21)] {
        let wrong = json!({ "topic": "a", "url": "https://example.com/", name: value });
        client.put(&path("audit"), &wrong).await.problem(400, "request.invalid");
    }
    // A name is looked at where it leads, each time.
    let url = hook.origin().replace("http://127.0.0.1", "https://localhost");
    set(&client, "audit", "a", &url, json!({ "tries": 1 })).await;
    let position = publish(&client, &event("a", json!({}))).await;
    let ended = settled(&client, position).await;
    assert_eq!(why(&ended), "denied.egress");
    assert!(ended.to_string().contains("--webhook-to"), "{ended:#}");
    assert!(hook.messages().is_empty());
}

#[tokio::test]
async fn a_secret_is_rotated_with_an_overlap_in_which_both_sign() {
    let hook = Hook::start().await;
    let host = host(&hook).await;
    let client = host.client();
    let first = secret(&set(&client, "audit", "a", &hook.origin(), json!({})).await);
    let rotated = client.post(&format!("{}/rotate", path("audit")), &json!({})).await.of(200);
    let second = secret(&rotated);
    assert!(first != second && rotated["secret"]["generation"] == 2 && rotated["secret"]["before_until"].is_string());
    publish(&client, &event("a", json!({}))).await;
    let messages = hook.came(1).await;
    assert_eq!([&first, &second].map(|secret| messages[0].signed_by(secret)), [1, 1]);
    let third = client.post(&format!("{}/rotate", path("audit")), &json!({ "overlap_ms": 0 })).await.of(200);
    publish(&client, &event("a", json!({}))).await;
    let messages = hook.came(2).await;
    assert_eq!([&first, &second, &secret(&third)].map(|secret| messages[1].signed_by(secret)), [0, 0, 1]);
    let long = json!({ "overlap_ms": 31_u64 * 86_400_000 });
    client.post(&format!("{}/rotate", path("audit")), &long).await.problem(400, "request.invalid");
    // One that is made anew under the name signs by none of them.
    client.delete(&path("audit")).await.of(200);
    client.get(&path("audit")).await.problem(404, "webhook.not_found");
    let anew = secret(&set(&client, "audit", "a", &hook.origin(), json!({})).await);
    assert!(![first, second, secret(&third)].contains(&anew));
}

#[tokio::test]
async fn a_line_waits_for_its_first_unless_the_order_does_not_matter() {
    let hook = Hook::start().await;
    let host = host(&hook).await;
    let client = host.client();
    hook.answers([Reply::Status(500)]);
    set(&client, "audit", "a.>", &hook.origin(), json!({})).await;
    let mut line = Vec::new();
    for number in 0..3 {
        line.push(publish(&client, &event("a.b", json!({ "n": number }))).await);
    }
    let urgent = publish(&client, &urgent("a.b", "high", json!({ "n": 9 }))).await;
    for position in line.iter().chain([&urgent]) {
        settled(&client, *position).await;
    }
    let came: Vec<u64> = hook.messages().iter().map(|message| message.event()["data"]["n"].as_u64().unwrap()).collect();
    let own: Vec<u64> = came.iter().copied().filter(|number| *number < 9).collect();
    assert_eq!(own, [0, 0, 1, 2], "{came:?}");

    hook.answers([Reply::Status(500)]);
    set(&client, "audit", "a.>", &hook.origin(), json!({ "in_order": false, "parallel": 1 })).await;
    let before = hook.messages().len();
    let first = publish(&client, &event("a.b", json!({ "n": 0 }))).await;
    hook.came(before + 1).await;
    let second = publish(&client, &event("a.b", json!({ "n": 1 }))).await;
    settled(&client, second).await;
    assert_eq!(get(&client, first).await["state"], "open", "it does not wait for the first");
    assert_eq!(state(&settled(&client, first).await), "delivered");
}

#[tokio::test]
async fn where_nobody_is_any_more_nothing_is_sent_until_somebody_resumes_it() {
    let hook = Hook::start().await;
    let host = host(&hook).await;
    let client = host.client();
    hook.answers([Reply::Status(410)]);
    set(&client, "audit", "a", &hook.origin(), json!({})).await;
    let first = publish(&client, &event("a", json!({}))).await;
    assert_eq!(why(&settled(&client, first).await), "unavailable.upstream");
    assert_eq!(client.get(&path("audit")).await.of(200)["paused"], true);
    let second = publish(&client, &event("a", json!({}))).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(hook.messages().len(), 1);
    client.post(&format!("{}/resume", path("audit")), &Value::Null).await.of(200);
    assert_eq!(state(&settled(&client, second).await), "delivered");
    client.post(&format!("{}/pause", path("audit")), &Value::Null).await.of(200);
    let third = publish(&client, &event("a", json!({}))).await;
    client.delete(&path("audit")).await.of(200);
    assert_eq!(state(&settled(&client, third).await), "dropped");
}

#[tokio::test]
async fn what_was_sent_when_the_host_died_is_sent_again_under_the_same_id() {
    let hook = Hook::start().await;
    let mut host = host(&hook).await;
    hook.answers([Reply::Silence]);
    let made = set(&host.client(), "audit", "a", &hook.origin(), json!({})).await;
    let position = publish(&host.client(), &event("a", json!({}))).await;
    hook.came(1).await;
    host.kill().await;
    host.start().await;
    let ended = settled(&host.client(), position).await;
    assert_eq!((state(&ended), &ended["deliveries"][0]["attempts"]), ("delivered", &json!(2)));
    let messages = hook.came(2).await;
    assert_eq!(messages[0].header("webhook-id"), messages[1].header("webhook-id"));
    assert_eq!(messages[1].signed_by(&secret(&made)), 1, "its secret outlives it");
}

#[tokio::test]
async fn who_may_not_read_and_operate_sets_none_and_no_other_tenant_sees_it() {
    let hook = Hook::start().await;
    let host = host(&hook).await;
    let owner = host.client();
    set(&owner, "audit", "a", &hook.origin(), json!({})).await;
    let webhook = json!({ "topic": ">", "url": hook.origin() });
    for scopes in [&["operate"][..], &["read"], &["read", "run", "approve", "admin"]] {
        let client = owner.with_key("default", scopes).await;
        client.put(&path("mine"), &webhook).await.problem(403, "auth.scope");
        client.post(&format!("{}/rotate", path("audit")), &json!({})).await.problem(403, "auth.scope");
        client.delete(&path("audit")).await.problem(403, "auth.scope");
    }
    let (bound, _) = owner.with_bound_key(&["read", "operate"], &["echo"]).await;
    bound.put(&path("mine"), &webhook).await.problem(403, "auth.scope");
    owner.make_tenant("acme").await;
    let other = owner.with_key("acme", &["read", "run", "operate"]).await;
    other.get(&path("audit")).await.problem(404, "webhook.not_found");
    other.delete(&path("audit")).await.problem(404, "webhook.not_found");
    assert_eq!(other.get("/api/v1/events/webhooks").await.of(200)["items"], json!([]));
    publish(&other, &event("a", json!({}))).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(hook.messages().is_empty(), "an event of another tenant is not sent");
    // It is no subscription, and no agent's.
    assert_eq!(owner.get("/api/v1/events/subscriptions").await.of(200)["items"], json!([]));
    owner.get("/api/v1/events/subscriptions/webhook:audit").await.problem(404, "subscription.not_found");
    owner.delete("/api/v1/events/subscriptions/webhook:audit").await.problem(404, "subscription.not_found");
    assert_eq!(owner.get("/api/v1/agents?event=a").await.of(200)["items"], json!([]));
}
