//! A call ends on the release it began on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use troupe_tests::events::Raw;
use troupe_tests::server::Server;
use troupe_tests::{Answer, Client, Host, guests};

use crate::rest::tasks::{cancel, fill};
use crate::{host, host_that_sends, may_send};

/// A host with a third release of `echo`.
async fn host_with_three() -> Host {
    let host = host().await;
    host.client().publish(guests().echo_2.archive("3.0.0")).await.of(201);
    host
}

/// Begins a call that takes a while, and returns its id once it runs.
async fn start_sleeping(client: &Client) -> String {
    let task = client.submit("echo", "sleep", json!({ "ms": 1_500 })).await;
    client.runs(&task).await;
    task
}

/// Waits until so many invocations run.
async fn runs(client: &Client, count: usize) {
    let running = format!("troupe_invocations_running {count}\n");
    while !client.get("/metrics").await.text.contains(&running) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Asks for a task and waits for its end, in one request.
fn awaited(client: &Client, task: Value) -> JoinHandle<Answer> {
    let client = client.clone();
    tokio::spawn(async move { client.post("/api/v1/tasks?wait=60", &task).await })
}

/// Makes a version serve, and gives the one before it a second to drain.
async fn swap_with_a_short_drain(client: &Client, agent: &str, version: &str) {
    let policy = json!({ "version": version, "policy": { "drain": { "mode": "wait", "seconds": 1 } } });
    client.post(&format!("/api/v1/deployments/{agent}/swap"), &policy).await.of(200);
}

#[tokio::test]
async fn a_call_that_runs_during_a_swap_ends_on_the_old_release() {
    let host = host().await;
    let client = host.client();
    let running = start_sleeping(&client).await;
    client.swap("echo", "2.0.0").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.output(), json!({ "version": "2.0.0" }));
    let ended = client.ended(&running).await;
    assert_eq!(ended["output"], json!({ "ms": 1_500, "version": "1.0.0" }));
    assert_eq!((&ended["release"]["version"], &ended["release"]["epoch"]), (&json!("1.0.0"), &json!(1)));
}

#[tokio::test]
async fn grants_change_at_once_while_a_swap_waits_for_what_drains() {
    let host = host_with_three().await;
    let client = host.client();
    // What is not kept is not suspended, and so keeps its route.
    let sleep = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 9_000 }, "durability": "none" });
    let sleeper = awaited(&client, sleep);
    runs(&client, 1).await;
    client.swap("echo", "2.0.0").await.of(200);
    let third = tokio::spawn({
        let client = client.clone();
        async move { client.swap("echo", "3.0.0").await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let granted = client.put("/api/v1/deployments/echo/grants", &json!({ "grants": {} })).await.of(200);
    assert_eq!(granted["epoch"], 3);
    assert!(!third.is_finished() && !sleeper.is_finished());
    assert_eq!(third.await.unwrap().of(200)["deployment"]["epoch"], 4);
    assert_eq!(sleeper.await.unwrap().output()["version"], "1.0.0");
}

#[tokio::test]
async fn a_third_release_waits_until_the_oldest_has_drained() {
    let host = host_with_three().await;
    let client = host.client();
    let running = start_sleeping(&client).await;
    client.swap("echo", "2.0.0").await.of(200);
    let swapped = client.swap("echo", "3.0.0").await.of(200);
    assert_eq!((&swapped["deployment"]["epoch"], &swapped["expired"]), (&json!(3), &json!(0)));
    // The swap has waited, so what ran on the first release has ended.
    let ended = client.get(&format!("/api/v1/tasks/{running}")).await.of(200);
    assert_eq!(ended["status"], "completed", "{ended:#}");
}

#[tokio::test]
async fn a_swap_that_is_refused_waits_for_nothing_and_ends_nothing() {
    let host = host().await;
    let client = host.client();
    let running = start_sleeping(&client).await;
    client.swap("echo", "2.0.0").await.of(200);
    let asked = Instant::now();
    let late = json!({ "version": "1.0.0", "epoch": 1 });
    client.post("/api/v1/deployments/echo/swap", &late).await.problem(409, "swap.conflict");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(client.ended(&running).await["status"], "completed");
}

#[tokio::test]
async fn a_call_that_waits_for_room_runs_on_the_release_that_serves_then() {
    let host = host().await;
    let client = host.client();
    let sleepers = fill(&client).await;
    let task = json!({ "agent": "echo", "skill": "version" });
    let waiting = {
        let (client, task) = (client.clone(), task.clone());
        tokio::spawn(async move { client.post("/api/v1/tasks?wait=30", &task).await })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    client.swap("echo", "2.0.0").await.of(200);
    cancel(&client, &sleepers[0]).await.of(200);
    assert_eq!(waiting.await.unwrap().output(), json!({ "version": "2.0.0" }));
}

#[tokio::test]
async fn going_back_to_a_release_that_drains_waits_for_nothing() {
    let host = host().await;
    let client = host.client();
    let running = start_sleeping(&client).await;
    client.swap("echo", "2.0.0").await.of(200);
    let asked = Instant::now();
    client.swap("echo", "1.0.0").await.of(200);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(client.ended(&running).await["release"]["epoch"], 1);
}

#[tokio::test]
async fn a_drain_has_a_deadline_after_which_what_still_runs_begins_anew_or_ends_with_a_code() {
    let host = host().await;
    let client = host.client();
    // What is kept and has written nothing begins anew on the release that serves.
    let task = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 8_000 }, "timeout_ms": 600_000 });
    let kept = client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned();
    client.runs(&kept).await;
    let fleeting = json!({
        "agent": "echo", "skill": "sleep", "input": { "ms": 60_000 }, "timeout_ms": 600_000, "durability": "none",
    });
    let answer = awaited(&client, fleeting);
    runs(&client, 2).await;
    let policy = json!({ "version": "2.0.0", "policy": { "drain": { "mode": "wait", "seconds": 2 } } });
    let asked = Instant::now();
    let swapped = client.post("/api/v1/deployments/echo/swap", &policy).await.of(200);
    assert_eq!(swapped["expired"], 0);
    let failure = answer.await.unwrap().failure("swap.drained");
    assert_eq!(failure["retryable"], true);
    let waited = Duration::from_secs(2)..Duration::from_secs(4);
    assert!(waited.contains(&asked.elapsed()), "{:?}", asked.elapsed());
    let ended = client.ended(&kept).await;
    assert_eq!(ended["output"], json!({ "ms": 8_000, "version": "2.0.0" }), "{ended:#}");
    assert_eq!((&ended["attempt"], &ended["release"]["epoch"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn an_awaited_call_that_outlasts_its_drain_is_answered_within_its_request_by_the_new_release() {
    let host = host().await;
    let client = host.client();
    // Nothing of it is on disk until it is given up.
    let task = json!({ "agent": "echo", "skill": "sleep", "input": { "ms": 4_000 }, "timeout_ms": 600_000 });
    let answer = awaited(&client, task);
    runs(&client, 1).await;
    assert_eq!(client.get("/api/v1/tasks").await.of(200)["items"], json!([]));
    swap_with_a_short_drain(&client, "echo", "2.0.0").await;
    let answer = answer.await.unwrap();
    assert_eq!(answer.output(), json!({ "ms": 4_000, "version": "2.0.0" }));
    let task = answer.json();
    assert_eq!((&task["attempt"], &task["release"]["epoch"]), (&json!(2), &json!(2)), "{task:#}");
    assert_eq!(client.get("/api/v1/tasks").await.of(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_stream_of_an_awaited_call_that_outlasts_its_drain_goes_on_to_its_end_on_the_new_release() {
    let host = host().await;
    let client = host.client();
    let task = json!({
        "agent": "echo", "skill": "sleep", "input": { "ms": 4_000 }, "timeout_ms": 600_000, "idempotency_key": "once",
    });
    let answer = awaited(&client, task);
    runs(&client, 1).await;
    let id = client.get("/api/v1/tasks").await.of(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let mut stream = Raw::open(&client, &format!("/api/v1/tasks/{id}/events"), None).await;
    stream.until(|events| events.iter().any(|event| event.data["status"] == "running")).await;
    swap_with_a_short_drain(&client, "echo", "2.0.0").await;
    let task = answer.await.unwrap().of(200);
    let events = stream.ended().await;
    let (last, events) = events.split_last().unwrap();
    assert_eq!((last.name.as_str(), &last.data["reason"]), ("end", &json!("done")));
    let told = events.iter().filter(|event| event.name == "task").map(|event| {
        let task = &event.data;
        format!("{} {} {}", task["status"], task["attempt"], task["release"]["version"]).replace('"', "")
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told, ["running 1 1.0.0", "pending 1 null", "running 2 2.0.0", "completed 2 2.0.0"]);
    assert_eq!(events.last().unwrap().data, task);
    assert_eq!(task["output"], json!({ "ms": 4_000, "version": "2.0.0" }));
}

#[tokio::test]
async fn s8_a_write_outside_that_a_drain_cuts_off_is_in_doubt_and_not_repeated() {
    let server = Server::silent().await;
    let host = host_that_sends(&server).await;
    let client = host.client();
    client.publish(guests().fetch.marked(77_004).asking(may_send(&server)).archive("2.0.0")).await.of(201);
    let request = |path: &str| {
        let authority = format!("127.0.0.1:{}", server.port());
        json!({ "method": "POST", "scheme": "http", "authority": authority, "path": path })
    };
    let task = |path: &str| {
        let input = json!({ "requests": [request(path)] });
        json!({ "agent": "fetch", "skill": "one_by_one", "input": input, "timeout_ms": 600_000 })
    };
    let answer = awaited(&client, task("/awaited"));
    let accepted = client.post("/api/v1/tasks", &task("/accepted")).await.of(202)["id"].as_str().unwrap().to_owned();
    tokio::time::timeout(Duration::from_secs(20), server.came(2)).await.unwrap();
    swap_with_a_short_drain(&client, "fetch", "2.0.0").await;
    let both = [("/awaited", answer.await.unwrap().of(200)), ("/accepted", client.ended(&accepted).await)];
    for (path, task) in both {
        let failure = &task["failure"];
        assert_eq!((&task["status"], &failure["code"]), (&json!("in_doubt"), &json!("in_doubt")), "{task:#}");
        assert_eq!((&task["attempt"], &task["release"]["version"]), (&json!(1), &json!("1.0.0")), "{task:#}");
        let call = format!("http POST http://127.0.0.1:{}{path}", server.port());
        let details = &failure["details"];
        assert_eq!((&details["call"], &details["ended_by"]), (&json!(call), &json!("swap.drained")), "{task:#}");
        // What may have happened is not for a machine to ask for again.
        assert_eq!(failure["retryable"], false, "{task:#}");
    }
    // The new release sends what it is asked, and nothing of that.
    server.answer();
    assert_eq!(client.post("/api/v1/tasks?wait=30", &task("/after")).await.output(), json!([200]));
    let mut came: Vec<String> =
        server.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    came.sort_unstable();
    assert_eq!(came, ["POST /accepted HTTP/1.1", "POST /after HTTP/1.1", "POST /awaited HTTP/1.1"]);
}

#[tokio::test]
async fn a_further_swap_may_end_what_drains_to_make_room() {
    let host = host_with_three().await;
    let client = host.client();
    let task = json!({
        "agent": "echo", "skill": "sleep", "input": { "ms": 60_000 }, "timeout_ms": 600_000, "durability": "none",
    });
    let hung = awaited(&client, task);
    runs(&client, 1).await;
    client.swap("echo", "2.0.0").await.of(200);
    let policy = json!({ "version": "3.0.0", "policy": { "drain": { "mode": "expire" } } });
    let swapped = client.post("/api/v1/deployments/echo/swap", &policy).await.of(200);
    assert_eq!(swapped["expired"], 1);
    hung.await.unwrap().failure("swap.drained");
}
