//! Trying another release on what a task did.

use serde_json::{Value, json};
use troupe_tests::command::{command_on, ended};
use troupe_tests::server::Server;
use troupe_tests::{Client, Host, guests};

use crate::{PROGRAM, empty_host, host};

async fn replay(client: &Client, task: &Value, release: &str) -> Value {
    let path = format!("/api/v1/tasks/{}/replay", task["id"].as_str().unwrap());
    client.post(&path, &json!({ "release": release })).await.of(200)
}

/// A host on which `fetch` 1.0.0 has traded, and 2.0.0 is published, which trades otherwise.
/// The service is gone.
async fn traded() -> (Host, Value, u16) {
    let server = Server::start().await;
    let port = server.port();
    let host = empty_host().await;
    let client = host.client();
    let capabilities = |methods: Value, state: Value| {
        let service = json!({
            "id": "service", "scheme": "http", "host": "127.0.0.1", "port": port, "methods": methods, "path_prefix": "/v1/",
        });
        json!({ "state": state, "http": [service] })
    };
    let both = capabilities(json!(["GET", "POST"]), json!({}));
    client.publish(guests().fetch.asking(both.clone()).archive("1.0.0")).await.of(201);
    client.publish(guests().fetch_2.asking(both.clone()).archive("2.0.0")).await.of(201);
    client.publish(guests().fetch.asking(both.clone()).marked(3).archive("1.0.1")).await.of(201);
    client.publish(guests().fetch.asking(capabilities(json!(["GET"]), json!({}))).archive("1.1.0")).await.of(201);
    client.swap("fetch", "1.0.0").await.of(200);
    let granted = capabilities(json!(["GET", "POST"]), json!({ "bytes": 1 << 20, "keys": 100 }));
    client.put("/api/v1/deployments/fetch/grants", &json!({ "grants": granted })).await.of(200);
    let task = client.run("fetch", "trade", json!({ "authority": format!("127.0.0.1:{port}") })).await.of(200);
    assert_eq!((&task["status"], server.requests().len()), (&json!("completed"), 3), "{task:#}");
    (host, task, port)
}

fn calls(replay: &Value, port: u16) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |call: &Value| {
        let line = [&call["call"], &call["repeated"], &call["change"], &call["answered_from"]].map(text).join(" | ");
        line.replace(&port.to_string(), "[port]")
    };
    replay["calls"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn a_release_that_does_the_same_is_identical_and_does_nothing() {
    let (host, task, port) = traded().await;
    let client = host.client();
    let again = replay(&client, &task, "1.0.1").await;
    assert_eq!((&again["identical"], again.get("difference")), (&json!(true), None), "{again:#}");
    assert_eq!((&again["candidate"]["version"], &again["release"]["version"]), (&json!("1.0.1"), &json!("1.0.0")));
    assert!(calls(&again, port).iter().all(|call| call.ends_with("| same | - | record")), "{again:#}");
    let (then, now) = (&again["cost"]["recorded"], &again["cost"]["candidate"]);
    for what in ["host_calls", "http_requests", "http_bytes_sent", "http_bytes_received"] {
        assert!(then[what] == now[what] && now[what].as_u64().unwrap() > 0, "{what}: {then} {now}");
    }
    // Its own release is a candidate like any other.
    assert_eq!(replay(&client, &task, "fetch@1.0.0").await["identical"], true);
}

#[tokio::test]
async fn a_release_that_does_something_else_is_told_call_by_call_and_nothing_of_it_is_performed() {
    let (host, task, port) = traded().await;
    let again = replay(&host.client(), &task, "2.0.0").await;
    insta::assert_snapshot!(calls(&again, port).join("\n"), @r"
    http GET http://127.0.0.1:[port]/v1/stock?of=nails&at=home | same | - | record
    http POST http://127.0.0.1:[port]/v1/orders | changed | other body | nothing
    state.set ordered | changed | other arguments | picture
    state.get ordered | same | - | picture
    http GET http://127.0.0.1:[port]/v1/receipt | missing | - | -
    http GET http://127.0.0.1:[port]/v1/price | new | - | nothing
    ");
    assert_eq!(again["identical"], false);
    let differences: Vec<&Value> = again["differences"].as_array().unwrap().iter().map(|one| &one["path"]).collect();
    assert!(!differences.is_empty(), "{again:#}");
    insta::assert_snapshot!(again["replayed"]["output"].to_string().replace(&port.to_string(), "[port]"), @r#"["replay.unmatched: http GET http://127.0.0.1:[port]/v1/price is not on record, so nobody knows its answer","GET /v1/stock?of=nails&at=home HTTP/1.1","replay.unmatched: http POST http://127.0.0.1:[port]/v1/orders is not on record, and a release that is tried changes nothing","2"]"#);
    assert_eq!(again["cost"]["candidate"]["http_requests"], 3);
    // What it wrote, it wrote in the picture alone.
    let kept = host.client().get("/api/v1/deployments/fetch").await.of(200);
    assert_eq!(kept["serving"], "1.0.0");
    let own = host.client().post(&format!("/api/v1/tasks/{}/replay", task["id"].as_str().unwrap()), &Value::Null).await;
    assert_eq!(own.of(200)["identical"], true);
}

#[tokio::test]
async fn a_release_that_may_less_is_denied_what_it_would_be() {
    let (host, task, port) = traded().await;
    let again = replay(&host.client(), &task, "1.1.0").await;
    assert_eq!(again["identical"], false);
    let calls = calls(&again, port);
    assert!(calls.iter().any(|call| call.contains("POST") && call.ends_with("| grants")), "{calls:#?}");
    assert!(calls.iter().any(|call| call.contains("/v1/stock") && call.contains("| same |")), "{calls:#?}");
}

#[tokio::test]
async fn the_outputs_of_two_releases_are_held_against_each_other_place_by_place() {
    let host = host().await;
    let client = host.client();
    let task = client.run("echo", "version", json!({})).await.of(200);
    let again = replay(&client, &task, "2.0.0").await;
    assert_eq!(again["differences"], json!([{ "path": "/version", "recorded": "1.0.0", "replayed": "2.0.0" }]));
    assert_eq!((&again["identical"], &again["difference"]), (&json!(false), &json!("the output is another one")));
    let slept = client.run("echo", "sleep", json!({ "ms": 2_000 })).await.of(200);
    let asked = std::time::Instant::now();
    let again = replay(&client, &slept, "2.0.0").await;
    assert_eq!(again["differences"], json!([{ "path": "/version", "recorded": "1.0.0", "replayed": "2.0.0" }]));
    assert!(asked.elapsed().as_millis() < 2_000, "time that passed then need not pass again");
}

#[tokio::test]
async fn the_command_shows_what_differs_as_tables_and_exits_with_one() {
    let host = host().await;
    let task = host.client().run("echo", "version", json!({})).await.of(200);
    let id = task["id"].as_str().unwrap();
    let run = |release: &'static str| {
        let child = command_on(PROGRAM, &host, &["replay", id, "--release", release]).spawn().unwrap();
        async { ended(child).await }
    };
    let said = run("echo@2.0.0").await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let (shown, _) = said.out.split_once("\nWHAT IT TOOK").unwrap();
    insta::assert_snapshot!(shown, @r#"
    different: the output is another one; on 1.0.0 then and on 2.0.0 now

    OUTPUT AT  THEN     NOW
    /version   "1.0.0"  "2.0.0"
    "#);
    assert_eq!(run("1.0.0").await.code, Some(0));
    let unknown = run("9.9.9").await;
    assert!(unknown.bad().contains("there is no release echo@9.9.9"), "{unknown:?}");
    let other = run("counter@1.0.0").await;
    assert!(other.bad().contains("name another release of that agent"), "{other:?}");
}
