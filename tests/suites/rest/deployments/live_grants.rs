//! A change of grants reaches what runs: what is taken away is denied at the next call,
//! what is added waits for the next invocation.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Client, Guest, Host, guests};

use crate::{empty_host, host_acting_at, host_that_sends, may_send, may_send_plainly};

const GRANTS: &str = "/api/v1/deployments/fetch/grants";

/// Longest until something has happened that is under way.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between the two requests of [`begin`], and two calls of any capability: what a change has to come in time.
const PAUSE_MS: u64 = 2_000;

fn request(server: &Server, path: &str) -> Value {
    let authority = format!("127.0.0.1:{}", server.port());
    json!({ "scheme": "http", "authority": authority, "path": path })
}

/// Begins a task that sends one request, waits, and sends the other; returns its id once the
/// first was sent.
async fn begin(host: &Host, first: (&Server, &str), second: (&Server, &str)) -> String {
    let requests = [request(first.0, first.1), request(second.0, second.1)];
    let input = json!({ "requests": requests, "pause_ms": PAUSE_MS });
    let before = first.0.requests().len();
    let task = host.client().submit("fetch", "one_by_one", input).await;
    tokio::time::timeout(PATIENCE, first.0.came(before + 1)).await.unwrap();
    task
}

async fn grant(client: &Client, grants: Value) {
    client.put(GRANTS, &json!({ "grants": grants })).await.of(200);
}

/// What the journal says of the last call of a task.
async fn last_answer(client: &Client, task: &str) -> String {
    let journal = client.get(&format!("/api/v1/tasks/{task}/journal")).await.of(200);
    journal["calls"].as_array().unwrap().last().unwrap()["answer"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_grant_that_is_taken_away_cuts_the_next_call_of_what_runs() {
    let server = Server::start().await;
    let host = host_that_sends(&server).await;
    let task = begin(&host, (&server, "/first"), (&server, "/second")).await;
    grant(&host.client(), json!({})).await;
    let ended = host.client().ended(&task).await;
    assert_eq!(ended["output"], json!([200, 0]), "{ended:#}");
    assert_eq!(server.requests().len(), 1);
    let answer = last_answer(&host.client(), &task).await;
    assert!(answer.starts_with("denied.capability: no grant of `http` leads to http://127.0.0.1"), "{answer}");
    // Its journal is answered again without asking whether it may.
    let replay = host.client().post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn a_grant_that_is_taken_away_and_given_back_is_for_what_begins_later() {
    let server = Server::start().await;
    let host = host_that_sends(&server).await;
    let task = begin(&host, (&server, "/first"), (&server, "/second")).await;
    grant(&host.client(), json!({})).await;
    grant(&host.client(), may_send(&server)).await;
    assert_eq!(host.client().ended(&task).await["output"], json!([200, 0]));
}

#[tokio::test]
async fn a_grant_that_is_taken_away_cuts_what_runs_on_a_release_that_drains() {
    let server = Server::start().await;
    let host = host_that_sends(&server).await;
    let client = host.client();
    client.publish(guests().fetch.asking(may_send(&server)).archive("1.0.1")).await.of(201);
    let task = begin(&host, (&server, "/first"), (&server, "/second")).await;
    client.swap("fetch", "1.0.1").await.of(200);
    grant(&client, json!({})).await;
    let ended = client.ended(&task).await;
    assert_eq!((&ended["output"], &ended["release"]["version"]), (&json!([200, 0]), &json!("1.0.0")), "{ended:#}");
}

#[tokio::test]
async fn a_narrower_grant_cuts_what_is_not_in_it_and_leaves_the_rest() {
    let server = Server::start().await;
    let host = host_that_sends(&server).await;
    let mut narrower = may_send(&server);
    narrower["http"][0]["path_prefix"] = json!("/kept/");
    let kept = begin(&host, (&server, "/kept/first"), (&server, "/kept/second")).await;
    let cut = begin(&host, (&server, "/kept/third"), (&server, "/else")).await;
    grant(&host.client(), narrower).await;
    assert_eq!(host.client().ended(&kept).await["output"], json!([200, 200]));
    assert_eq!(host.client().ended(&cut).await["output"], json!([200, 0]));
}

#[tokio::test]
async fn a_grant_that_is_added_is_for_what_begins_later() {
    let (granted, other) = (Server::start().await, Server::start().await);
    let mut both = may_send(&granted);
    let mut second = may_send_plainly(&other)["http"][0].clone();
    second["id"] = json!("other");
    both["http"].as_array_mut().unwrap().push(second);
    let host = host_acting_at(&granted).await;
    let client = host.client();
    client.publish(guests().fetch.asking(both.clone()).archive("1.0.0")).await.of(201);
    client.swap("fetch", "1.0.0").await.of(200);
    grant(&client, may_send(&granted)).await;
    let task = begin(&host, (&granted, "/first"), (&other, "/second")).await;
    grant(&client, both).await;
    assert_eq!(client.ended(&task).await["output"], json!([200, 0]));
    let later = begin(&host, (&granted, "/first"), (&other, "/second")).await;
    assert_eq!(client.ended(&later).await["output"], json!([200, 200]));
}

/// Deploys a guest, which is granted `grants`; returns where its grants are changed.
async fn deploy(client: &Client, guest: &Guest, grants: Value) -> String {
    let name = guest.manifest.name.to_string();
    client.publish(guest.archive("1.0.0")).await.of(201);
    client.swap(&name, "1.0.0").await.of(200);
    let path = format!("/api/v1/deployments/{name}/grants");
    client.put(&path, &json!({ "grants": grants })).await.of(200);
    path
}

#[tokio::test]
async fn a_grant_of_state_that_is_taken_away_cuts_the_next_call_of_what_runs() {
    let host = empty_host().await;
    let client = host.client();
    let grants = json!({ "state": { "bytes": 1 << 20, "keys": 10 } });
    let path = deploy(&client, &guests().sleeper, grants.clone()).await;
    let nights = |nights: u64, ms: u64| json!({ "key": "n", "nights": nights, "ms": ms });
    let from = host.said().len();
    let task = client.submit("sleeper", "nights", nights(2, PAUSE_MS)).await;
    // It has counted an evening when it says so.
    host.says(from, |said| said.contains("good night")).await;
    client.put(&path, &json!({ "grants": {} })).await.of(200);
    assert_eq!(client.ended(&task).await["status"], "failed");
    let answer = last_answer(&client, &task).await;
    assert!(answer.starts_with("`state.get` was denied: "), "{answer}");
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null));
    // What it had counted is there, and nothing else.
    client.put(&path, &json!({ "grants": grants })).await.of(200);
    assert_eq!(client.run("sleeper", "nights", nights(1, 0)).await.output()[0]["count"], 2);
}

#[tokio::test]
async fn a_grant_of_files_that_is_taken_away_cuts_the_next_call_of_what_runs() {
    let host = empty_host().await;
    let client = host.client();
    let path = deploy(&client, &guests().files, json!({ "files": [{ "name": "work", "access": "read-write" }] })).await;
    let input = json!({ "directory": "work", "files": 2, "bytes": 1, "pause_ms": PAUSE_MS });
    let task = client.submit("files", "fill", input).await;
    let own = host.data_dir().join("files/default/files/work");
    let written = async {
        while !own.join("0").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, written).await.unwrap();
    client.put(&path, &json!({ "grants": {} })).await.of(200);
    let output = client.ended(&task).await["output"].clone();
    assert_eq!((&output["written"], &output["why"]["code"]), (&json!(1), &json!("denied.capability")), "{output:#}");
    assert!(!own.join("1").exists());
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null));
}
