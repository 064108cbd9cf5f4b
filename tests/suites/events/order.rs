//! Order within a line, and which line goes first.

use futures::StreamExt as _;
use serde_json::{Value, json};
use troupe_core::limits;

use super::{event, host, publish, settled, state, subscribe, task, told, urgent};

/// When tasks began and ended, in their order.
fn times(task: &Value) -> (String, String) {
    let of = |name: &str| task[name].as_str().unwrap().to_owned();
    (of("created_at"), of("ended_at"))
}

#[tokio::test]
async fn events_of_one_sender_topic_and_priority_are_handled_one_after_the_other() {
    let host = host().await;
    let client = host.client();
    subscribe(&client, "slow", "a.>", ("echo", "sleep"), json!({})).await;
    let mut line = Vec::new();
    for _ in 0..6 {
        line.push(publish(&client, &event("a.line", json!({ "ms": 150 }))).await);
    }
    // Other lines do not wait for it.
    let aside = [
        publish(&client, &event("a.other", json!({ "ms": 1 }))).await,
        publish(&client, &urgent("a.line", "high", json!({ "ms": 1 }))).await,
    ];
    for position in aside {
        settled(&client, position).await;
    }
    let last = super::get(&client, line[5]).await;
    assert_eq!(state(&last), "waiting", "{last:#}");
    let mut before: Option<(String, String)> = None;
    for position in line {
        let now = times(&task(&client, &settled(&client, position).await).await);
        assert!(before.is_none_or(|before| before.1 <= now.0), "an event was handled before the one before had ended");
        before = Some(now);
    }
}

#[tokio::test]
async fn urgent_events_go_first_where_more_wait_than_are_handled() {
    let host = host().await;
    let client = host.client();
    subscribe(&client, "one", "a.>", ("echo", "sleep"), json!({ "parallel": 1, "paused": true })).await;
    let mut published = Vec::new();
    for (number, priority) in ["low", "normal", "low", "critical", "high", "normal", "critical"].iter().enumerate() {
        let topic = format!("a.t{number}");
        published.push((publish(&client, &urgent(&topic, priority, json!({ "ms": 1 }))).await, *priority));
    }
    client.post(&format!("{}/resume", super::path("one")), &Value::Null).await.of(200);
    let mut order = Vec::new();
    for (position, priority) in published {
        order.push((times(&task(&client, &settled(&client, position).await).await).0, priority));
    }
    order.sort();
    let order: Vec<&str> = order.into_iter().map(|(_, priority)| priority).collect();
    assert_eq!(order, ["critical", "critical", "high", "normal", "normal", "low", "low"]);
}

#[tokio::test]
async fn urgent_events_go_first_at_every_subscription_when_the_tenant_has_no_room() {
    const SUBSCRIPTIONS: usize = 4;
    let host = host().await;
    let client = host.client();
    let room = limits::EVENTS_PARALLEL_MAX;
    for number in 0..SUBSCRIPTIONS {
        let more = json!({ "parallel": room });
        subscribe(&client, &format!("s{number}"), "load.>", ("echo", "sleep"), more).await;
    }
    // Four times as many deliveries as the tenant may have handled at once, each of a line of its own.
    let publish_low = |number: u32| {
        let event = urgent(&format!("load.t{number}"), "low", json!({ "ms": 1_500 }));
        let client = client.clone();
        async move { publish(&client, &event).await }
    };
    let low: Vec<u64> = futures::stream::iter(0..room).map(publish_low).buffer_unordered(16).collect().await;
    let critical = publish(&client, &urgent("load.now", "critical", json!({ "ms": 1 }))).await;
    let made = async |position: u64| -> Vec<String> {
        let event = settled(&client, position).await;
        let deliveries = event["deliveries"].as_array().unwrap().clone();
        assert_eq!(deliveries.len(), SUBSCRIPTIONS, "{event:#}");
        let tasks = deliveries.iter().map(async |delivery| {
            let task = delivery["task"].as_str().unwrap();
            client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["created_at"].as_str().unwrap().to_owned()
        });
        futures::future::join_all(tasks).await
    };
    let last = made(critical).await.into_iter().max().unwrap();
    let mut before = 0;
    for position in low {
        before += made(position).await.iter().filter(|at| **at < last).count();
    }
    // Those that were being handled when it came went before, and whoever got a place in the same moment.
    assert!(before < 2 * room as usize, "{before} that were not urgent went before what is critical");
    assert!(before >= room as usize / 2, "nothing was in its way: {before}");
}

#[tokio::test]
async fn f72_poison_is_delivered_so_often_and_then_a_dead_letter_and_its_line_moves_on() {
    let host = host().await;
    let client = host.client();
    subscribe(&client, "poison", "a.poison", ("echo", "fail"), json!({ "tries": 2 })).await;
    subscribe(&client, "well", "a.poison", ("echo", "sleep"), json!({ "tries": 1 })).await;
    let poison = publish(&client, &event("a.poison", json!({ "kind": "failed" }))).await;
    let next = publish(&client, &event("a.poison", json!({ "ms": 1 }))).await;
    let poisoned = settled(&client, poison).await;
    let told_of = |event: &Value, name: &str| {
        let of = |delivery: &&Value| delivery["subscription"] == name;
        event["deliveries"].as_array().unwrap().iter().find(of).unwrap().clone()
    };
    let dead = told_of(&poisoned, "poison");
    assert_eq!((&dead["state"], &dead["attempts"]), (&json!("dead"), &json!(2)));
    assert_eq!(dead["failure"]["code"], "guest.failed");
    let next = settled(&client, next).await;
    assert_eq!(told_of(&next, "well")["state"], "delivered", "the line moved on: {next:#}");
    // What no task can be made of is a try, too.
    assert_eq!(told_of(&next, "poison")["failure"]["code"], "input.invalid");
    assert_eq!(told_of(&poisoned, "well")["failure"]["code"], "input.invalid");
    assert_eq!(told(&client, "event.dead").await.len(), 3);
    let letters = client.get("/api/v1/events/dead?subscription=poison").await.of(200);
    assert_eq!(letters["items"].as_array().unwrap().len(), 2);
    let plain = json!({ "topic": "b", "agent": "echo", "skill": "fail" });
    let plain = client.put(&super::path("plain"), &plain).await.of(200);
    assert_eq!(plain["tries"], 5, "unless somebody says otherwise");
}
