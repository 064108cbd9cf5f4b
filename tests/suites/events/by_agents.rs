//! What agents publish: under which topics, whose it is, once, and how far it goes.

use std::time::Instant;

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::{Client, Host, guests, seed};

use super::{PATIENCE, get, settled, stands, state, task, told};

/// What `herald` asks for.
fn grants() -> Value {
    json!({
        "state": { "bytes": 1 << 20, "keys": 100 },
        "agents": [{ "ask": "herald/*" }],
        "events": [{ "publish": "news.>" }],
    })
}

/// A host with the agent `herald`, which is granted what it asks for and takes these topics.
async fn host(topics: &[&str]) -> Host {
    let host = crate::empty_host().await;
    let client = host.client();
    let triggers = topics.iter().map(|topic| json!({ "event": topic, "skill": "pass_on" })).collect::<Vec<_>>();
    client.publish(guests().herald.triggered(triggers.into()).archive("1.0.0")).await.of(201);
    client.swap("herald", "1.0.0").await.of(200);
    client.put("/api/v1/deployments/herald/grants", &json!({ "grants": grants() })).await.of(200);
    host
}

/// What came of having `herald` publish.
async fn published(client: &Client, events: Value) -> Value {
    client.run("herald", "publish", json!({ "publish": events })).await.output()
}

/// The events of a topic, the oldest first.
async fn events_of(client: &Client, topic: &str) -> Vec<Value> {
    let page = client.get(&format!("/api/v1/events?topic={topic}&limit=500")).await.of(200);
    let mut events = page["items"].as_array().unwrap().clone();
    events.reverse();
    events
}

/// Waits until so many deliveries are dead letters; the codes of why.
async fn dead(client: &Client, count: usize) -> Vec<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let letters = client.get("/api/v1/events/dead").await.of(200);
        let letters = letters["items"].as_array().unwrap().clone();
        if letters.len() >= count {
            return letters.iter().map(|letter| letter["failure"]["code"].clone()).collect();
        }
        assert!(Instant::now() < until, "there are never {count}: {letters:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_event_goes_from_agent_to_agent_and_says_truly_where_it_came_from() {
    let host = host(&["news.a", "news.b"]).await;
    let client = host.client();
    let data = json!({ "then": ["news.b"] });
    let lies = json!({ "sender": "owner", "hops": 0, "position": 99, "subject": "the first" });
    let first = json!([{ "topic": "news.a", "data": data, "priority": "high", "attributes": lies }]);
    let run = client.run("herald", "publish", json!({ "publish": first })).await.of(200);
    let position = run["output"][0]["position"].as_u64().unwrap();
    let event = settled(&client, position).await;
    let (root, document) = (&run["id"], &event["event"]);
    assert_eq!((state(&event), &event["caused_by"], &event["hops"]), ("delivered", root, &json!(0)));
    assert_eq!((&event["sender"], &document["source"]), (&json!("agent/herald"), &json!("/agents/herald")));
    assert_eq!((&document["subject"], &document["sender"]), (&json!("the first"), &json!("agent/herald")));
    assert_eq!((&event["priority"], &document["position"]), (&json!("high"), &json!(position)));

    let handler = task(&client, &event).await;
    assert_eq!((&handler["event"], &handler["root"]), (&json!(position), root));
    assert!(handler.get("caused_by").is_none(), "no agent asked for it: {handler:#}");
    let next = handler["output"]["told"]["position"].as_u64().unwrap();
    let second = settled(&client, next).await;
    assert_eq!((&second["caused_by"], &second["hops"]), (&handler["id"], &json!(1)));
    let last = task(&client, &second).await;
    assert_eq!((&last["output"]["hops"], &last["output"]["sender"]), (&json!(1), &json!("agent/herald")));
    assert_eq!((&last["root"], &last["output"]["taken"]), (root, &json!(2)));
    let below = client.get(&format!("/api/v1/tasks?root={}", root.as_str().unwrap())).await.of(200);
    assert_eq!(below["items"].as_array().unwrap().len(), 2, "{below:#}");
    let created = told(&client, "task.created").await;
    assert!(created.iter().any(|told| told["data"]["event"] == position), "{created:#?}");

    // To repeat it, or to try a release on it, publishes nothing.
    let replay = client.post(&format!("/api/v1/tasks/{}/replay", root.as_str().unwrap()), &Value::Null).await.of(200);
    assert_eq!(replay["identical"], true, "{replay:#}");
    client.publish(guests().herald.marked(2).archive("2.0.0")).await.of(201);
    let tried = json!({ "release": "2.0.0" });
    let tried = client.post(&format!("/api/v1/tasks/{}/replay", root.as_str().unwrap()), &tried).await.of(200);
    assert_eq!(tried["identical"], true, "{tried:#}");
    let rehearsal = client.post("/api/v1/deployments/herald/rehearse", &json!({ "version": "2.0.0" })).await.of(200);
    assert!(rehearsal["invocations"].as_u64().is_none_or(|count| count > 0), "{rehearsal:#}");
    assert_eq!(client.get("/api/v1/events/stats").await.of(200)["published"], 2);
}

#[tokio::test]
async fn what_no_grant_names_is_denied_on_record_and_a_line_is_explained_and_taken_away() {
    let host = host(&[]).await;
    let client = host.client();
    let told = published(&client, json!([{ "topic": "alert.critical" }, { "topic": "news.>" }])).await;
    assert_eq!((&told[0]["code"], &told[1]["code"]), (&json!("denied.capability"), &json!("invalid")));
    let lying = json!([{ "topic": "news.a", "attributes": { "source": "/owner" } }]);
    assert_eq!(published(&client, lying).await[0]["code"], "invalid");
    let audit = client.get("/api/v1/audit?kind=denied&limit=100").await.of(200);
    assert_eq!(audit["items"].as_array().unwrap().len(), 1, "{audit:#}");
    assert_eq!(client.get("/api/v1/events/stats").await.of(200)["published"], 0);

    let explain = async |question: &str| {
        client.post("/api/v1/deployments/herald/grants/explain", &json!({ "question": question })).await.of(200)
    };
    let why = explain("events publish news.a").await;
    assert_eq!((&why["allowed"], &why["operator"]["lines"][0]["line"]), (&json!(true), &json!("events/news.>")));
    let removed = json!({ "remove": ["events/news.>"] });
    let change = client.request(reqwest::Method::PATCH, "/api/v1/deployments/herald/grants").json(&removed);
    client.send(change).await.of(200);
    assert_eq!(explain("events publish news.a").await["code"], "denied.capability");
    assert_eq!(published(&client, json!([{ "topic": "news.a" }])).await[0]["code"], "denied.capability");
}

#[tokio::test]
async fn an_id_is_one_event_in_whichever_attempt_and_task_and_each_instance_is_a_sender() {
    let host = host(&[]).await;
    let client = host.client();
    let events = json!([{ "topic": "news.kept", "id": "1" }, { "topic": "news.new" }]);
    let retried = json!({
        "agent": "herald", "skill": "publish", "input": { "publish": events, "fail_first": true },
        "retry": { "tries": 2, "pause_ms": 1 },
    });
    let run = client.post("/api/v1/tasks?wait=60", &retried).await.of(200);
    assert_eq!((&run["status"], &run["attempt"]), (&json!("completed"), &json!(2)), "{run:#}");
    assert_eq!(events_of(&client, "news.kept").await.len(), 1);
    assert_eq!(events_of(&client, "news.new").await.len(), 2);
    let again = published(&client, json!([{ "topic": "news.kept", "id": "1" }, { "topic": "news.other", "id": "1" }]));
    let again = again.await;
    assert_eq!((&again[0]["position"], &again[1]["code"]), (&run["output"][0]["position"], &json!("invalid")));

    let instance = client.start_instance("herald").await;
    let input = json!({ "publish": [{ "topic": "news.kept", "id": "1" }] });
    client.run_for(&instance, "herald", "publish", input).await.of(200);
    let senders: Vec<Value> =
        events_of(&client, "news.kept").await.iter().map(|event| event["sender"].clone()).collect();
    assert_eq!(senders, [json!("agent/herald"), json!(format!("agent/herald/{instance}"))]);
}

#[tokio::test]
async fn f68_agents_that_publish_in_a_circle_are_stopped_also_where_they_ask_each_other_on_the_way() {
    let host = host(&["news.round"]).await;
    let client = host.client();
    let circle = json!({ "then": ["news.round"], "circle": true });
    let start = published(&client, json!([{ "topic": "news.round", "data": circle }])).await;
    assert_eq!(dead(&client, 1).await, ["limit.hops"]);
    let events = events_of(&client, "news.round").await;
    let most = usize::try_from(limits::EVENT_HOPS_MAX).unwrap();
    assert_eq!((events.len(), &events[most + 1]["hops"]), (most + 2, &json!(most + 1)));
    assert_eq!(get(&client, start[0]["position"].as_u64().unwrap()).await["hops"], 0);

    let circle = json!({ "then": ["news.round"], "circle": true, "by_asking": true });
    let start = published(&client, json!([{ "topic": "news.round", "data": circle }])).await;
    let start = start[0]["position"].as_u64().unwrap();
    // Each time round is a task more, so it is half as far.
    let last = start + u64::from(limits::EVENT_HOPS_MAX) / 2;
    let until = Instant::now() + PATIENCE;
    while events_of(&client, "news.round").await.len() < usize::try_from(last).unwrap() {
        assert!(Instant::now() < until, "it stops before event {last}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(get(&client, last).await["hops"], limits::EVENT_HOPS_MAX);
    let failed = stands(&client, last, |event| !event["deliveries"][0]["failure"].is_null()).await;
    assert_eq!(failed["deliveries"][0]["failure"]["details"]["code"], "limit.hops", "{failed:#}");
}

#[tokio::test]
async fn one_task_leads_to_so_many_events_and_no_more() {
    let host = host(&[]).await;
    let client = host.client();
    let most = usize::try_from(limits::EVENT_DESCENDANTS_MAX).unwrap();
    let input = json!({ "publish": [{ "topic": "news.many" }], "times": most + 2 });
    let told = client.run("herald", "publish", input).await.output();
    assert!(told[most - 1]["position"].is_u64(), "{}", told[most - 1]);
    assert_eq!(
        (&told[most]["code"], &told[most + 1]["code"]),
        (&json!("limit.descendants"), &json!("limit.descendants"))
    );
    // Another task has as many of its own.
    assert!(published(&client, json!([{ "topic": "news.many" }])).await[0]["position"].is_u64());
    let stats = client.get("/api/v1/events/stats").await.of(200);
    assert_eq!(stats["published"], most + 1);
    let audit = client.get("/api/v1/audit?kind=limited&limit=10").await.of(200);
    assert_eq!(
        (&audit["items"][0]["code"], audit["items"].as_array().unwrap().len()),
        (&json!("limit.descendants"), 1)
    );
}

#[tokio::test]
async fn what_an_agent_publishes_is_published_once_however_often_the_host_dies() {
    let mut host = host(&["news.take"]).await;
    let mut random = seed::seeded("events by agents");
    let mut expected = 0;
    for _ in 0..seed::kills() {
        let client = host.client();
        let input = json!({ "publish": [{ "topic": "news.take", "data": {} }], "times": 30, "nap_ms": 15 });
        let task = client.submit("herald", "publish", input).await;
        let after = crate::faults::instant(&mut random, std::time::Duration::from_millis(500));
        crate::faults::kill_after(&mut host, after).await;
        let client = host.client();
        let ended = client.ended(&task).await;
        assert_eq!(ended["status"], "completed", "{ended:#}");
        let told: Vec<Value> =
            ended["output"].as_array().unwrap().iter().map(|told| told["position"].clone()).collect();
        let events = events_of(&client, "news.take").await;
        let own: Vec<Value> = events
            .iter()
            .filter(|event| event["caused_by"] == task.as_str())
            .map(|event| event["position"].clone())
            .collect();
        assert_eq!((told.len(), &told), (30, &own));
        for position in &own {
            let event = settled(&client, position.as_u64().unwrap()).await;
            assert_eq!(state(&event), "delivered");
            expected += 1;
            assert_eq!(self::task(&client, &event).await["output"]["taken"], expected);
        }
    }
}
