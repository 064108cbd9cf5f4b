//! Who takes what: patterns, rights, pauses, and what nobody takes.

use insta::assert_snapshot;
use serde_json::{Value, json};

use troupe_tests::{Client, Host};

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

/// A host whose `counter` keeps keys for its instances, too.
async fn host_of_instances() -> Host {
    let host = host().await;
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100, "instances": true } } });
    host.client().put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    host
}

/// How far the key of an instance of `counter` was counted.
async fn counted_at(client: &Client, instance: &str, key: &str) -> Value {
    client.run_for(instance, "counter", "get", json!({ "key": key, "instance": true })).await.output()["value"].clone()
}

#[tokio::test]
async fn what_an_instance_subscribes_to_reaches_its_own_keys_waits_while_it_is_paused_and_ends_with_it() {
    let host = host_of_instances().await;
    let client = host.client();
    let (one, other) = (client.start_instance("counter").await, client.start_instance("counter").await);
    let to = ("counter", "increment");
    subscribe(&client, "one", "a.>", to, json!({ "instance": one })).await;
    subscribe(&client, "all", "a.all", to, json!({})).await;
    let key = json!({ "key": "n", "instance": true });
    let first = publish(&client, &event("a.b", key.clone())).await;
    settled(&client, first).await;
    assert_eq!(counted_at(&client, &one, "n").await, "1");
    assert_eq!(counted_at(&client, &other, "n").await, Value::Null);

    let instances = "/api/v1/runtime/instances";
    client.post(&format!("{instances}/{one}/pause"), &Value::Null).await.of(200);
    let held = publish(&client, &event("a.b", key.clone())).await;
    let waiting = publish(&client, &event("a.b", key.clone())).await;
    let running = stands(&client, held, |event| event["deliveries"][0]["task"].is_string()).await;
    assert_eq!(super::task(&client, &running).await["status"], "pending");
    client.post(&format!("{instances}/{one}/resume"), &Value::Null).await.of(200);
    settled(&client, waiting).await;
    assert_eq!(counted_at(&client, &one, "n").await, "3");

    // What it had accepted ends, what waits is dropped, and what comes is nobody's.
    client.post(&format!("{instances}/{one}/pause"), &Value::Null).await.of(200);
    let accepted = publish(&client, &event("a.b", key.clone())).await;
    let waiting = publish(&client, &event("a.b", key.clone())).await;
    stands(&client, accepted, |event| event["deliveries"][0]["task"].is_string()).await;
    client.post(&format!("{instances}/{one}/stop"), &Value::Null).await.of(200);
    client.get(&path("one")).await.problem(404, "subscription.not_found");
    assert_eq!(state(&settled(&client, waiting).await), "dropped");
    assert_eq!(state(&settled(&client, accepted).await), "delivered");
    let nobodys = publish(&client, &event("a.b", key.clone())).await;
    assert_eq!(get(&client, nobodys).await["state"], "unhandled");
    let removed = told(&client, "subscription.removed").await;
    assert_eq!(removed.iter().map(|event| &event["subject"]).collect::<Vec<_>>(), ["subscription/one"]);
    assert_eq!(client.get("/api/v1/events/stats").await.of(200)["open"], 0);
    assert_eq!(client.get("/api/v1/events/dead").await.of(200)["items"], json!([]));
    // Others of the agent go on, and whoever is stopped subscribes to nothing.
    let for_all = publish(&client, &event("a.all", json!({ "key": "n" }))).await;
    assert_eq!(state(&settled(&client, for_all).await), "delivered");
    let wanted = json!({ "topic": "a.b", "agent": "counter", "skill": "increment", "instance": one });
    client.put(&path("one"), &wanted).await.problem(409, "instance.stopped");
}

#[tokio::test]
async fn an_instance_in_a_session_takes_events_for_whose_session_it_is_until_that_ends() {
    let host = host_of_instances().await;
    let owner = host.client();
    let user = owner.with_key("default", &["read", "run", "operate"]).await;
    let session = user.start_session(json!({})).await;
    let instance = user.join_session(&session, "counter").await;
    let wanted = json!({
        "topic": "a.b", "agent": "counter", "skill": "increment", "input": "data", "instance": instance,
    });
    owner.put(&path("mine"), &wanted).await.problem(404, "instance.not_found");
    let set = user.put(&path("mine"), &wanted).await.of(200);
    let position = publish(&owner, &event("a.b", json!({ "key": "n", "instance": true }))).await;
    let event_ = settled(&owner, position).await;
    assert_eq!(state(&event_), "delivered", "{event_:#}");
    let task = super::task(&owner, &event_).await;
    assert_eq!(
        (&task["session"], &task["principal"], &task["instance"]),
        (&json!(session), &set["principal"], &json!(instance))
    );
    assert_eq!(counted_at(&user, &instance, "n").await, "1");
    // Nobody else sets it, and whose it is takes another's place by the same rules.
    owner.put(&path("mine"), &wanted).await.problem(404, "instance.not_found");

    owner.post(&format!("{}/pause", path("mine")), &Value::Null).await.of(200);
    let waiting = publish(&owner, &event("a.b", json!({ "key": "n", "instance": true }))).await;
    user.post(&format!("/api/v1/sessions/{session}/end"), &Value::Null).await.of(200);
    assert_eq!(state(&settled(&owner, waiting).await), "dropped");
    owner.get(&path("mine")).await.problem(404, "subscription.not_found");
    let nobodys = publish(&owner, &event("a.b", json!({}))).await;
    assert_eq!(get(&owner, nobodys).await["state"], "unhandled");
    user.put(&path("mine"), &wanted).await.problem(409, "instance.stopped");
    assert_eq!(told(&owner, "subscription.removed").await.len(), 1);
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
