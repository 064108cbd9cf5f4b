//! What a client follows: tasks, swaps, the feed, and several at once.

use serde_json::{Value, json};
use troupe_tests::events::told;
use troupe_tests::socket::Socket;

use super::{echo, end_of_feed, named};
use crate::host;
use crate::rest::tasks::sleeper::{host_that_counts, long_nights};

#[tokio::test]
async fn a_task_is_made_and_followed_to_its_end_as_server_sent_events_tell_it() {
    let host = host_that_counts().await;
    let client = host.client();
    let mut socket = Socket::open(&client).await;
    socket.say(&json!({ "type": "run", "id": "mine", "task": long_nights(2, 300) })).await;
    let said = socket.until_end("mine").await;
    let progress: Vec<_> = named(&said, "mine", "progress").into_iter().map(|said| &said["message"]).collect();
    assert_eq!(progress, ["night 1", "night 2"]);
    let tasks = named(&said, "mine", "task");
    assert_eq!(tasks.last().unwrap()["status"], "completed");
    assert_eq!(named(&said, "mine", "end"), [&json!({ "reason": "done" })]);

    let id = tasks[0]["id"].as_str().unwrap();
    let stream = told(&client.get(&format!("/api/v1/tasks/{id}/events")).await.text);
    socket.subscribe("again", json!({ "task": id }), None).await;
    let again = socket.until_end("again").await;
    assert_eq!(named(&again, "again", "task"), [&stream[0].data]);
    assert_eq!(again[0]["position"], stream[0].id.as_str());
}

#[tokio::test]
async fn the_same_idempotency_key_follows_the_same_task() {
    let host = host_that_counts().await;
    let mut socket = Socket::open(&host.client()).await;
    let mut task = long_nights(1, 50);
    task["idempotency_key"] = json!("once");
    let mut ids = Vec::new();
    for id in ["a", "b"] {
        socket.say(&json!({ "type": "run", "id": id, "task": task })).await;
        let said = socket.until_end(id).await;
        ids.push(named(&said, id, "task").last().unwrap()["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_task_is_asked_for_once_more_and_followed_by_the_rights_and_refusals_of_the_other_door() {
    let host = host().await;
    let client = host.client();
    let failed = client.submit("echo", "fail", json!({ "kind": "failed" })).await;
    assert_eq!(client.ended(&failed).await["status"], "failed");
    let mut socket = Socket::open(&client).await;
    let mut ids = Vec::new();
    for id in ["a", "b"] {
        socket.say(&json!({ "type": "retry", "id": id, "task": failed, "idempotency_key": "once" })).await;
        let said = socket.until_end(id).await;
        let last = named(&said, id, "task").last().unwrap().to_owned().clone();
        assert_eq!((&last["retry_of"], &last["status"]), (&json!(failed), &json!("failed")), "{last:#}");
        ids.push(last["id"].clone());
    }
    assert!(ids[0] == ids[1] && ids[0] != json!(failed), "{ids:?}");
    let refused = async |socket: &mut Socket, task: &str| {
        socket.say(&json!({ "type": "retry", "id": "x", "task": task })).await;
        socket.next().await["problem"]["code"].clone()
    };
    let done = client.run("echo", "version", json!({})).await.of(200)["id"].as_str().unwrap().to_owned();
    assert_eq!(refused(&mut socket, &done).await, "task.not_retryable");
    assert_eq!(refused(&mut socket, "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b").await, "task.not_found");
    let going = client.submit("echo", "sleep", json!({ "ms": 5_000 })).await;
    assert_eq!(refused(&mut socket, &going).await, "task.not_ended");
    let reader = client.with_key("default", &["read"]).await;
    assert_eq!(refused(&mut Socket::open(&reader).await, &failed).await, "auth.scope");
}

#[tokio::test]
async fn of_the_feed_one_is_told_what_the_filter_asks_for_through_either_door() {
    let host = host().await;
    let client = host.client();
    let from = end_of_feed(&client).await;
    let mut socket = Socket::open(&client).await;
    let filter = json!({ "types": ["task.completed", "deployment.*"], "subjects": ["task/*", "deployment/other"] });
    socket.subscribe("some", json!({ "feed": { "after": from, "filter": filter } }), None).await;
    for text in ["one", "two"] {
        client.post("/api/v1/tasks?wait=10", &echo(text)).await.of(200);
    }
    client.put("/api/v1/deployments/echo/configuration", &json!({ "configuration": { "greeting": "hi" } })).await;
    client.post("/api/v1/tasks?wait=10", &echo("three")).await.of(200);
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(socket.next().await["data"].clone());
    }
    for event in &said {
        assert_eq!(event["type"], "task.completed", "{event}");
    }

    let query = "types=task.completed,deployment.*&subjects=task/*,deployment/other";
    let page = client.get(&format!("/api/v1/feed?after={from}&{query}")).await.of(200);
    assert_eq!(page["items"], json!(said));
    // A page goes on behind what was looked at, also where nothing of it was wanted.
    let none = client.get(&format!("/api/v1/feed?after={from}&types=nothing.like.it")).await.of(200);
    assert_eq!(none["items"], json!([]));
    assert_eq!(none["next"], json!(end_of_feed(&client).await.to_string()));
    client.get("/api/v1/feed?types=a*b").await.problem(400, "request.invalid");
    client.get("/api/v1/feed?types=").await.problem(400, "request.invalid");
}

#[tokio::test]
async fn s15_the_feed_goes_on_where_a_socket_was_without_a_gap_and_without_a_repetition() {
    let host = host().await;
    let client = host.client();
    let mut seen: Vec<u64> = Vec::new();
    let mut resume: Option<String> = None;
    for round in 0..4 {
        let mut socket = Socket::open(&client).await;
        socket.subscribe("feed", json!({ "feed": {} }), resume.as_deref()).await;
        client.post("/api/v1/tasks?wait=10", &echo(&round.to_string())).await.of(200);
        // It goes away in the middle of what there is.
        for _ in 0..2 {
            let said = socket.next().await;
            seen.push(said["data"]["seq"].as_u64().unwrap());
            resume = Some(said["position"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(seen, (1..=8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_swap_is_followed_and_what_is_followed_beside_it_goes_on() {
    let host = host().await;
    let client = host.client();
    let mut socket = Socket::open(&client).await;
    let from = end_of_feed(&client).await;
    socket.subscribe("feed", json!({ "feed": { "after": from, "filter": { "types": ["deployment.*"] } } }), None).await;
    let policy = json!({ "canary": { "steps": [{ "weight": 50, "min_calls": 1_000 }], "max_seconds": 600 } });
    let request = json!({ "version": "2.0.0", "policy": policy });
    let swap = client.post("/api/v1/deployments/echo/swap", &request).await.of(202)["id"].clone();
    socket.subscribe("swap", json!({ "swap": { "agent": "echo", "swap": swap } }), None).await;
    let mut said = socket.until(|said| said["data"]["state"]["phase"] == "canary").await;
    client.post("/api/v1/deployments/echo/rollback", &json!(null)).await.of(200);
    said.extend(socket.until_end("swap").await);
    let last = *named(&said, "swap", "swap").last().unwrap();
    assert_eq!((&last["id"], &last["state"]["phase"]), (&swap, &json!("ended")));
    let begun = said.iter().find(|said| said["id"] == "feed");
    let begun = match begun {
        Some(begun) => begun.clone(),
        None => socket.until(|said| said["id"] == "feed").await.pop().unwrap(),
    };
    assert_eq!(begun["data"]["subject"], "deployment/echo");
}

#[tokio::test]
async fn who_ends_a_subscription_hears_no_more_of_it_and_may_use_its_id_again() {
    let host = host_that_counts().await;
    let client = host.client();
    let mut socket = Socket::open(&client).await;
    socket.say(&json!({ "type": "run", "id": "long", "task": long_nights(1, 60_000) })).await;
    socket.until(|said| said["event"] == "progress").await;
    socket.say(&json!({ "type": "unsubscribe", "id": "long" })).await;
    socket.until(|said| *said == json!({ "type": "unsubscribed", "id": "long" })).await;
    let from = end_of_feed(&client).await;
    socket.subscribe("long", json!({ "feed": { "after": from } }), None).await;
    client.run("sleeper", "nights", json!({ "key": "k", "nights": 1, "ms": 1 })).await.of(200);
    let said: Value = socket.next().await;
    assert_eq!((said["id"].as_str(), said["event"].as_str()), (Some("long"), Some("event")));
}
