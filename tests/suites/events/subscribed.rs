//! Who takes what: patterns, rights, pauses, and what nobody takes.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{event, get, host, path, publish, settled, stands, state, subscribe, told};

#[tokio::test]
async fn a_pattern_takes_what_fits_and_what_nobody_takes_is_kept_counted_and_told_once() {
    let host = host().await;
    let client = host.client();
    subscribe(&client, "one", "shop.order.placed", ("echo", "version"), json!({})).await;
    subscribe(&client, "any", "shop.*.placed", ("echo", "version"), json!({})).await;
    subscribe(&client, "all", "shop.>", ("echo", "version"), json!({})).await;
    let mut taken = Vec::new();
    for topic in ["shop.order.placed", "shop.cart.placed", "shop.cart", "shop", "bank.order.placed"] {
        let position = publish(&client, &event(topic, json!({}))).await;
        let event = get(&client, position).await;
        let names =
            event["deliveries"].as_array().map(|all| all.iter().map(|one| one["subscription"].as_str().unwrap()));
        taken.push(names.map(|names| names.collect::<Vec<_>>().join(" ")).unwrap_or_default());
    }
    assert_eq!(taken, ["all any one", "all any", "all", "", ""]);
    publish(&client, &event("shop", json!({}))).await;
    let unhandled = told(&client, "event.unhandled").await;
    let topics: Vec<&Value> = unhandled.iter().map(|event| &event["data"]["topic"]).collect();
    assert_eq!(topics, ["shop", "bank.order.placed"]);
    let listed = client.get("/api/v1/events?state=unhandled&topic=shop").await.of(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);

    let types = client.get("/api/v1/events/types").await.of(200);
    let shop = types["items"].as_array().unwrap().iter().find(|kind| kind["topic"] == "shop").unwrap();
    assert_eq!((&shop["published"], &shop["unhandled"], &shop["subscriptions"]), (&json!(2), &json!(2), &json!([])));
    let first = &client.get("/api/v1/events?limit=1&topic=shop.>").await.of(200)["items"][0];
    settled(&client, first["position"].as_u64().unwrap()).await;
    let stats = client.get("/api/v1/events/stats").await.of(200);
    assert_eq!((&stats["published"], &stats["unhandled"]), (&json!(6), &json!(3)));
    assert_eq!(stats["subscriptions"]["all"]["routed"], 3);
    let agents = client.get("/api/v1/agents?event=shop.cart").await.of(200);
    assert_eq!(agents["items"].as_array().unwrap().len(), 1);
    assert_eq!(agents["items"][0]["name"], "echo");
    assert_eq!(client.get("/api/v1/agents?event=other").await.of(200)["items"], json!([]));
}

#[tokio::test]
async fn what_is_routed_to_a_paused_subscription_waits_and_what_to_a_removed_one_is_dropped() {
    let host = host().await;
    let client = host.client();
    subscribe(&client, "held", "a.b", ("echo", "version"), json!({ "paused": true })).await;
    let (first, second) =
        (publish(&client, &event("a.b", json!({}))).await, publish(&client, &event("a.b", json!({}))).await);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(state(&get(&client, first).await), "ready");
    client.post(&format!("{}/resume", path("held")), &Value::Null).await.of(200);
    assert_eq!(state(&settled(&client, second).await), "delivered");
    client.post(&format!("{}/pause", path("held")), &Value::Null).await.of(200);
    let third = publish(&client, &event("a.b", json!({}))).await;
    client.delete(&path("held")).await.of(200);
    assert_eq!(state(&settled(&client, third).await), "dropped");
    client.get(&path("held")).await.problem(404, "subscription.not_found");
    let fourth = publish(&client, &event("a.b", json!({}))).await;
    assert_eq!(get(&client, fourth).await["state"], "unhandled");
    assert_eq!(client.get("/api/v1/events/stats").await.of(200)["open"], 0);
}

#[tokio::test]
async fn a_cancelled_task_is_a_decision_and_not_a_try() {
    let host = host().await;
    let client = host.client();
    subscribe(&client, "slow", "a.b", ("echo", "sleep"), json!({})).await;
    let position = publish(&client, &event("a.b", json!({ "ms": 60_000 }))).await;
    let running = stands(&client, position, |event| event["deliveries"][0]["task"].is_string()).await;
    let task = running["deliveries"][0]["task"].as_str().unwrap();
    client.post(&format!("/api/v1/tasks/{task}/cancel"), &Value::Null).await.of(200);
    let ended = settled(&client, position).await;
    assert_eq!((state(&ended), &ended["deliveries"][0]["attempts"]), ("dead", &json!(1)));
}

#[tokio::test]
async fn nobody_subscribes_what_it_may_not_ask_for_and_operate() {
    let host = host().await;
    let owner = host.client();
    subscribe(&owner, "mine", "a.b", ("echo", "version"), json!({})).await;
    let wanted = json!({ "topic": "a.b", "agent": "echo", "skill": "version" });
    for scopes in [["read", "run"], ["read", "operate"]] {
        let client = owner.with_key("default", &scopes).await;
        client.put(&path("other"), &wanted).await.problem(403, "auth.scope");
        assert_eq!(client.get(&path("mine")).await.of(200)["name"], "mine");
    }
    let (bound, _) = owner.with_bound_key(&["read", "run", "operate"], &["counter"]).await;
    bound.put(&path("other"), &wanted).await.problem(403, "auth.scope");
    bound.delete(&path("mine")).await.problem(403, "auth.scope");
    bound.post("/api/v1/events", &event("a.b", json!({}))).await.problem(403, "auth.scope");
    owner.make_tenant("acme").await;
    let other = owner.with_key("acme", &["read", "run", "operate"]).await;
    other.get(&path("mine")).await.problem(404, "subscription.not_found");
    let theirs = publish(&other, &event("a.b", json!({}))).await;
    assert_eq!((theirs, &get(&other, theirs).await["state"]), (1, &json!("unhandled")), "a tenant's own");

    let refusal = async |field: &str, value: Value, status: u16, code: &str| {
        let mut wrong = wanted.clone();
        wrong[field] = value;
        owner.put(&path("wrong"), &wrong).await.problem(status, code)["detail"].as_str().unwrap().to_owned()
    };
    refusal("agent", json!("nobody"), 404, "agent.not_found").await;
    refusal("skill", json!("nothing"), 404, "skill.not_found").await;
    assert_snapshot!(refusal("parallel", json!(65), 400, "request.invalid").await, @"`parallel` is 1 to 64");
    assert_snapshot!(refusal("tries", json!(0), 400, "request.invalid").await, @"`tries` is 1 to 20");
    let told = refusal("topic", json!("a.>.b"), 400, "request.invalid").await;
    assert!(told.contains("`a.>.b` is no pattern of topics"), "{told}");
}
