//! Releases that do something else than the one before: each is found, and named in words.

use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Client, Host};

use super::{capabilities, clerk, count, publish, publish_asking, quoted, rehearse, stopped};

/// A host on which the clerk has quoted and ordered, and how many requests the service has
/// heard by then.
pub(super) async fn worked(quotes: u64) -> (Host, Server, Client, usize) {
    let (host, server) = clerk().await;
    let client = host.client();
    quoted(&client, 0..quotes).await;
    for number in 0..6 {
        client.run("clerk", "order", json!({ "number": number })).await.output();
    }
    client.run("clerk", "stock", json!({})).await.failure("guest.failed");
    let heard = server.requests().len();
    assert_eq!(heard as u64, quotes + 6);
    (host, server, client, heard)
}

fn says(report: &Value, kind: &str, port: u16) -> Vec<String> {
    let of_kind = report["groups"].as_array().unwrap().iter().filter(|group| group["kind"] == kind);
    of_kind.map(|group| group["says"].as_str().unwrap().replace(&port.to_string(), "[port]")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_does_the_same_is_identical_and_has_no_effect() {
    let (_host, server, client, heard) = worked(40).await;
    publish(&client, &server, "1.0.1", "plain").await;
    let report = rehearse(&client, "clerk", json!({ "version": "1.0.1" })).await;
    assert_eq!((&report["result"], &report["rehearsed"]), (&json!("identical"), &json!(47)), "{report:#}");
    assert_eq!((report["identical"].clone(), report["groups"].clone()), (json!(47), json!([])));
    assert_eq!(stopped(&report), (false, String::new()));
    let cost = &report["cost"];
    assert_eq!(cost["invocations"], 47);
    for what in ["host_calls", "http_requests", "http_bytes"] {
        assert_eq!(cost["serving"][what], cost["candidate"][what], "{what}");
    }
    assert_eq!(server.requests().len(), heard, "a rehearsal sends nothing");
    let next = client.run("clerk", "order", json!({ "number": 9 })).await.output();
    assert_eq!(next, json!({ "count": 7 }), "nor does it count");
    let tasks = client.get("/api/v1/tasks?limit=100").await.of(200);
    assert_eq!(tasks["items"].as_array().unwrap().len(), 48, "nor is it a task");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_is_wrong_for_two_in_a_hundred_is_found() {
    let (_host, server, client, heard) = worked(300).await;
    publish(&client, &server, "1.1.0", "wrong").await;
    let report = rehearse(&client, "clerk", json!({ "version": "1.1.0", "skill": "quote" })).await;
    assert_eq!((&report["rehearsed"], &report["different"]), (&json!(300), &json!(6)), "{report:#}");
    let group = &report["groups"][0];
    assert_eq!((&group["at"], &group["invocations"]), (&json!("/price"), &json!(6)));
    assert_eq!(group["tasks"].as_array().unwrap().len(), 5);
    let (stopped, why) = stopped(&report);
    assert!(
        stopped && why.starts_with("it answers otherwise in 6 of 300 invocations (2 %), and may in 1 %: /price is "),
        "{why}"
    );
    // One of the tasks, whole.
    let path = format!("/api/v1/tasks/{}/replay", group["tasks"][0].as_str().unwrap());
    let whole = client.post(&path, &json!({ "release": "1.1.0" })).await.of(200);
    assert_eq!(whole["differences"][0]["path"], "/price");
    assert_eq!(server.requests().len(), heard);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_that_call_otherwise_are_told_by_what_they_call_and_nothing_of_it_is_performed() {
    let (_host, server, client, heard) = worked(12).await;
    let tried = async |version: &str, habit: &str| {
        publish(&client, &server, version, habit).await;
        rehearse(&client, "clerk", json!({ "version": version, "skill": "quote" })).await
    };
    let stranger = tried("1.1.0", "stranger").await;
    assert_eq!(stranger["new_hosts"], json!(["prices.example.com"]));
    assert_eq!(count(&stranger, "new_read"), 12);
    assert_eq!(
        stopped(&stranger),
        (true, "it calls prices.example.com, which no recorded invocation called".to_owned())
    );

    let eager = tried("1.2.0", "eager").await;
    assert_eq!((count(&eager, "new_write"), count(&eager, "answer")), (12, 0));
    assert_eq!(
        says(&eager, "new_write", server.port()),
        ["http POST http://127.0.0.1:[port]/v1/orders is not on record"]
    );
    let (is_stopped, why) = stopped(&eager);
    assert!(is_stopped && why.starts_with("it makes calls that change something and are new, in 12 of 12"), "{why}");

    let curious = tried("1.3.0", "curious").await;
    assert_eq!((count(&curious, "new_read"), &curious["new_hosts"]), (12, &json!([])));
    assert_eq!(stopped(&curious), (false, String::new()), "the default policy lets it read more");

    let forgetful = tried("1.4.0", "forgetful").await;
    assert_eq!((count(&forgetful, "missing_call"), count(&forgetful, "answer")), (12, 12));
    let missing: Vec<&Value> =
        forgetful["groups"].as_array().unwrap().iter().filter(|group| group["kind"] == "missing_call").collect();
    assert_eq!(missing.len(), 1, "calls with an id in their path are alike: {missing:#?}");

    let asked = capabilities(&server, &["GET"], json!({}));
    publish_asking(&client, &asked, "1.5.0", "plain").await;
    let less = rehearse(&client, "clerk", json!({ "version": "1.5.0" })).await;
    assert_eq!((count(&less, "denied"), &less["different"]), (6, &json!(6)), "{less:#}");
    assert!(stopped(&less).1.starts_with("it answers otherwise in 6 of 19"), "{less:#}");
    assert!(stopped(&less).1.contains("it makes calls that its grants do not allow, in 6 of 19"), "{less:#}");
    assert_eq!(server.requests().len(), heard);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_that_take_more_or_trap_are_told_by_how_much_and_how() {
    let (_host, server, client, _) = worked(60).await;
    let tried = async |version: &str, habit: &str| {
        publish(&client, &server, version, habit).await;
        rehearse(&client, "clerk", json!({ "version": version })).await
    };
    let greedy = tried("1.1.0", "greedy").await;
    assert_eq!(greedy["result"], "identical", "it answers as before: {greedy:#}");
    let (is_stopped, why) = stopped(&greedy);
    assert!(is_stopped && why.starts_with("its peak memory is ") && why.contains("invocations of `quote`"), "{why}");
    let peak = |side: &str| greedy["cost"][side]["memory_bytes_peak"]["max"].as_u64().unwrap();
    assert!(peak("candidate") >= 3 * peak("serving"), "{greedy:#}");

    let slow = tried("1.2.0", "slow").await;
    assert_eq!(slow["result"], "identical", "it answers as before: {slow:#}");
    let (is_stopped, why) = stopped(&slow);
    assert!(is_stopped && why.starts_with("its processor time is ") && why.contains("invocations of `quote`"), "{why}");

    let trapping = tried("1.3.0", "trapping").await;
    assert_eq!((count(&trapping, "trap"), &trapping["different"]), (60, &json!(60)), "{trapping:#}");
    let (is_stopped, why) = stopped(&trapping);
    assert!(
        is_stopped && why.starts_with("it traps in 60 of 67 invocations (89.6 %): guest.trap: the agent trapped"),
        "{why}"
    );
    assert_eq!(
        client.run("clerk", "quote", json!({ "number": 1 })).await.output()["price"],
        101,
        "the agent is not quarantined"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_serving_release_does_otherwise_too_is_not_held_against_the_candidate() {
    let (_host, server, client, _) = worked(51).await;
    publish(&client, &server, "1.1.0", "wrong").await;
    publish(&client, &server, "1.1.1", "wrong").await;
    publish(&client, &server, "1.1.2", "plain").await;
    client.swap("clerk", "1.1.0").await.of(200);
    let same = rehearse(&client, "clerk", json!({ "version": "1.1.1" })).await;
    assert_eq!((&same["result"], &same["serving_different"]), (&json!("identical"), &json!(2)), "{same:#}");
    let as_recorded = rehearse(&client, "clerk", json!({ "version": "1.1.2" })).await;
    assert_eq!((&as_recorded["result"], &as_recorded["serving_different"]), (&json!("identical"), &json!(2)));
}
