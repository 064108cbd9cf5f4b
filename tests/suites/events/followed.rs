//! Events followed as they are published: as a stream, and by the command line.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use troupe_tests::Client;
use troupe_tests::command::{command_on, interrupt};
use troupe_tests::events::{Event, Raw};

use super::{event, get, host, publish, settled, subscribe};
use crate::PROGRAM;

const STREAM: &str = "/api/v1/events/stream";

fn positions(events: &[Event]) -> Vec<u64> {
    let told = events.iter().filter(|event| event.name == "event");
    told.map(|event| {
        let position = event.data["position"].as_u64().unwrap();
        assert_eq!(event.id, position.to_string());
        position
    })
    .collect()
}

async fn next(stream: &mut Raw, count: usize) -> Vec<Event> {
    stream.until(|events| positions(events).len() >= count).await
}

#[tokio::test]
async fn s15_events_are_followed_over_a_restart_without_a_gap_and_without_a_repetition() {
    let mut host = host().await;
    let client = host.client();
    let mut stream = Raw::open(&client, STREAM, None).await;
    let mut published = Vec::new();
    for _ in 0..3 {
        published.push(publish(&client, &event("shop.order", json!({}))).await);
    }
    let seen = next(&mut stream, 3).await;
    assert_eq!(positions(&seen), published);
    // One that has not read them all, and is gone.
    let mut early = Raw::open(&client, STREAM, None).await;
    let read = next(&mut early, 1).await[0].id.clone();
    drop(early);
    let (status, told) = tokio::join!(host.stop(), stream.ended());
    assert!(status.success());
    let end = told.last().unwrap();
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("host_stopping")));
    assert_eq!(end.data["resume"], published[2].to_string());

    host.start().await;
    let client = host.client();
    for _ in 0..2 {
        published.push(publish(&client, &event("shop.order", json!({}))).await);
    }
    for (after, from) in [(end.id.clone(), 3), (read, 1)] {
        let mut stream = Raw::open(&client, STREAM, Some(&after)).await;
        let told = next(&mut stream, published.len() - from).await;
        assert_eq!(positions(&told), published[from..]);
        published.push(publish(&client, &event("shop.order", json!({}))).await);
        let told = next(&mut stream, published.len() - from).await;
        assert_eq!(positions(&told), published[from..]);
    }
}

#[tokio::test]
async fn of_many_events_those_that_fit_are_told_and_as_a_list_shows_them() {
    let host = host().await;
    let client = host.client();
    let some = |count: usize| {
        let topic = |number: usize| if number % 100 == 99 { "rare.one.here" } else { "common.one" };
        let one = |number| event(topic(number), json!({ "number": number }));
        (0..count).map(one).collect::<Vec<Value>>()
    };
    for batch in some(700).chunks(100) {
        let request = client.request(reqwest::Method::POST, "/api/v1/events");
        let request = request.header("content-type", "application/cloudevents-batch+json");
        assert_eq!(client.send(request.body(json!(batch).to_string())).await.status, 202);
    }
    for (topic, count) in [("rare.one.here", 7), ("rare.>", 7), ("*.one.*", 7), ("common.one", 693), (">", 700)] {
        let path = format!("{STREAM}?topic={}", topic.replace('>', "%3E"));
        let mut stream = Raw::open(&client, &path, None).await;
        let told = next(&mut stream, count).await;
        let mut sorted = positions(&told);
        sorted.dedup();
        assert!(sorted.is_sorted() && sorted.len() == count, "{topic}");
    }
    // What does not fit is passed over, also by whoever comes back.
    let mut stream = Raw::open(&client, &format!("{STREAM}?topic=rare.%3E&after=650"), None).await;
    let told = next(&mut stream, 1).await;
    assert_eq!(positions(&told), [700]);
    let listed = client.get("/api/v1/events?topic=rare.%3E&limit=1").await.of(200);
    assert_eq!(told[0].data, listed["items"][0]);
}

#[tokio::test]
async fn what_is_put_off_is_told_once_and_what_is_redacted_says_no_more_than_elsewhere() {
    let host = host().await;
    let client = host.client();
    subscribe(&client, "says", "shop.said", ("echo", "version"), json!({})).await;
    let later = client.post("/api/v1/events?delay_ms=300", &event("shop.said", json!({}))).await.of(202);
    let said = publish(&client, &event("shop.said", json!({ "text": "a secret" }))).await;
    settled(&client, said).await;
    client.post(&format!("/api/v1/events/{said}/redact"), &Value::Null).await.of(200);
    let mut stream = Raw::open(&client, STREAM, None).await;
    let told = next(&mut stream, 2).await;
    let shown = get(&client, said).await;
    assert_eq!((&told[1].data["event"], &told[1].data["redacted"]), (&shown["event"], &shown["redacted"]));
    assert!(told[1].data["event"]["data"].is_null() && told[1].data["redacted"]["by"] == "owner", "{told:#?}");

    // It was told as it stood, and comes once.
    let later = later["position"].as_u64().unwrap();
    let put_off = client.post("/api/v1/events?delay_ms=400", &event("shop.said", json!({}))).await.of(202);
    let told = next(&mut stream, 3).await;
    assert_eq!(told[2].data["state"], "scheduled", "{told:#?}");
    let put_off = put_off["position"].as_u64().unwrap();
    settled(&client, put_off).await;
    let last = publish(&client, &event("shop.other", json!({}))).await;
    let told = next(&mut stream, 4).await;
    assert_eq!(positions(&told), [later, said, put_off, last]);
}

#[tokio::test]
async fn who_may_list_events_follows_them_and_of_another_tenant_nothing() {
    let host = host().await;
    let owner = host.client();
    publish(&owner, &event("a.b", json!({}))).await;
    owner.make_tenant("acme").await;
    let other = owner.with_key("acme", &["read", "run"]).await;
    let theirs = publish(&other, &event("acme.own", json!({}))).await;
    let mut stream = Raw::open(&other, STREAM, None).await;
    let told = next(&mut stream, 1).await;
    assert_eq!((told[0].data["topic"].as_str(), theirs), (Some("acme.own"), 1));
    let (bound, _) = owner.with_bound_key(&["read"], &["counter"]).await;
    assert_eq!(bound.get("/api/v1/events").await.status, 200);
    next(&mut Raw::open(&bound, STREAM, None).await, 1).await;
    let runs: Client = owner.with_key("default", &["run"]).await;
    runs.get(STREAM).await.problem(403, "auth.scope");
    owner.with_token(None).get(STREAM).await.problem(401, "auth.missing");
    assert!(owner.get(&format!("{STREAM}?topic=a.%3E.b")).await.status == 400);
    owner.get(&format!("{STREAM}?after=x")).await.problem(400, "request.invalid");
    owner.get_with(STREAM, "last-event-id", "x").await.problem(400, "request.invalid");
}

#[tokio::test]
async fn the_command_line_follows_events_until_it_is_interrupted() {
    let host = host().await;
    publish(&host.client(), &event("shop.before", json!({}))).await;
    let mut people = command_on(PROGRAM, &host, &["events", "--follow", "--topic", "shop.>"]).spawn().unwrap();
    let all = ["--json", "events", "--follow", "--after", "0"];
    let mut programs = command_on(PROGRAM, &host, &all).spawn().unwrap();
    let mut for_people = BufReader::new(people.stdout.take().unwrap()).lines();
    let mut for_programs = BufReader::new(programs.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&line(&mut for_programs).await).unwrap();
    assert_eq!((&first["position"], &first["topic"]), (&json!(1), &json!("shop.before")));
    // Whoever follows from now on listens once the host says so.
    streams(&host.client(), 2).await;
    publish(&host.client(), &event("bank.order", json!({}))).await;
    publish(&host.client(), &event("shop.order", json!({ "order": 17 }))).await;
    assert_eq!(line(&mut for_people).await, r#"3  shop.order  normal  owner  unhandled  {"order":17}"#);
    publish(&host.client(), &event("shop.paid", json!({ "order": 17 }))).await;
    assert_eq!(line(&mut for_people).await, r#"4  shop.paid  normal  owner  unhandled  {"order":17}"#);
    for position in 2..=4 {
        let told: Value = serde_json::from_str(&line(&mut for_programs).await).unwrap();
        assert_eq!(told["position"], position);
    }
    for mut child in [people, programs] {
        interrupt(&child);
        child.wait().await.unwrap();
    }
    let said = troupe_tests::command::run_on(PROGRAM, &host, &["events", "--follow", "list"]).await;
    assert!(said.bad().contains("go without a further command"), "{said:?}");
}

/// The next line of a command, which comes in time.
async fn line(lines: &mut tokio::io::Lines<BufReader<tokio::process::ChildStdout>>) -> String {
    let line = tokio::time::timeout(super::PATIENCE, lines.next_line()).await.expect("a line in time");
    line.unwrap().expect("a command that goes on")
}

/// Waits until so many streams are open.
async fn streams(client: &Client, count: u64) {
    crate::rest::tasks::sleeper::shows(client, "troupe_streams", count).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
}
