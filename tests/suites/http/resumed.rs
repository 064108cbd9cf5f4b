//! A host that dies in the middle of a task goes on with it: what was sent is not sent
//! again, and what an agent can tell to be the same is.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Host, guests};

use crate::{host_that_sends, may_send};

fn request(server: &Server, path: &str, headers: Value) -> Value {
    let authority = format!("127.0.0.1:{}", server.port());
    json!({ "method": "POST", "scheme": "http", "authority": authority, "path": path, "headers": headers })
}

fn lines(requests: &[String]) -> Vec<&str> {
    requests.iter().map(|request| request.lines().next().unwrap()).collect()
}

#[tokio::test]
async fn writes_before_the_end_of_the_host_are_not_repeated() {
    let server = Server::start().await;
    let mut host = host_that_sends(&server).await;
    let requests = [request(&server, "/first", json!([])), request(&server, "/second", json!([]))];
    let input = json!({ "requests": requests, "pause_ms": 3_000 });
    let task = host.client().submit("fetch", "one_by_one", input).await;
    tokio::time::timeout(Duration::from_secs(20), server.came(1)).await.unwrap();
    // The answer is on its way into the journal.
    tokio::time::sleep(Duration::from_millis(500)).await;
    host.kill().await;
    host.start().await;
    let ended = host.client().ended(&task).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(1)), "{ended:#}");
    assert_eq!(ended["output"], json!([200, 200]));
    assert_eq!(lines(&server.requests()), ["POST /first HTTP/1.1", "POST /second HTTP/1.1"]);
    let replay = host.client().post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn a_write_with_a_token_is_sent_again_with_the_same_token() {
    let server = Server::silent().await;
    let mut host = host_that_sends(&server).await;
    let headers = json!([["troupe-idempotency", "idempotency-key"]]);
    let input = json!({ "requests": [request(&server, "/order", headers)] });
    let task = host.client().submit("fetch", "one_by_one", input).await;
    tokio::time::timeout(Duration::from_secs(20), server.came(1)).await.unwrap();
    host.kill().await;
    server.answer();
    host.start().await;
    let ended = host.client().ended(&task).await;
    assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!([200])), "{ended:#}");
    let requests = server.requests();
    let token = |request: &String| {
        let line = request.lines().find(|line| line.to_ascii_lowercase().starts_with("idempotency-key: "));
        line.map(ToOwned::to_owned).unwrap()
    };
    assert_eq!(requests.len(), 2);
    assert_eq!(token(&requests[0]), token(&requests[1]));
}

#[tokio::test]
async fn a_task_goes_on_with_the_release_it_began_on() {
    let server = Server::start().await;
    let mut host = host_that_sends(&server).await;
    let requests = [request(&server, "/first", json!([])), request(&server, "/second", json!([]))];
    let task = host.client().submit("fetch", "one_by_one", json!({ "requests": requests, "pause_ms": 4_000 })).await;
    tokio::time::timeout(Duration::from_secs(20), server.came(1)).await.unwrap();
    let client = host.client();
    client.publish(guests().fetch.marked(7).asking(may_send(&server)).archive("2.0.0")).await.of(201);
    client.swap("fetch", "2.0.0").await.of(200);
    host.kill().await;
    host.start().await;
    let ended = host.client().ended(&task).await;
    assert_eq!((&ended["status"], &ended["release"]["version"]), (&json!("completed"), &json!("1.0.0")), "{ended:#}");
    assert_eq!(lines(&server.requests()).len(), 2);
    let after = host.client().run("fetch", "one_by_one", json!({ "requests": [] })).await.of(200);
    assert_eq!(after["release"]["version"], "2.0.0");
}

/// Asks for more than is kept of one answer, then for more answers than wait for a commit, so
/// that the journal holds them; then writes, if it shall. The host is killed after that.
async fn killed_after_a_long_answer(server: &Server, host: &mut Host, writes: bool) -> Value {
    let get = |count: usize| {
        let authority = format!("127.0.0.1:{}", server.port());
        json!({ "method": "GET", "scheme": "http", "authority": authority, "path": format!("/bytes/{count}") })
    };
    let mut requests = vec![get(2_000_000)];
    requests.extend((0..6).map(|_| get(1_000_000)));
    if writes {
        requests.push(request(server, "/order", json!([])));
    }
    let count = requests.len();
    let task = host.client().submit("fetch", "one_by_one", json!({ "requests": requests, "pause_ms": 700 })).await;
    tokio::time::timeout(Duration::from_secs(30), server.came(count)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    host.kill().await;
    host.start().await;
    host.client().ended(&task).await
}

#[tokio::test]
async fn a_task_with_an_answer_too_long_to_keep_starts_over_if_it_has_written_nothing() {
    let server = Server::start().await;
    let mut host = host_that_sends(&server).await;
    let ended = killed_after_a_long_answer(&server, &mut host, false).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(2)), "{ended:#}");
    assert_eq!(server.requests().len(), 14);
}

#[tokio::test]
async fn a_task_with_an_answer_too_long_to_keep_is_in_doubt_once_it_has_written() {
    let server = Server::start().await;
    let mut host = host_that_sends(&server).await;
    let ended = killed_after_a_long_answer(&server, &mut host, true).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("in_doubt"), &json!(1)), "{ended:#}");
    let message = ended["failure"]["message"].as_str().unwrap();
    assert!(message.contains("was too long to be kept"), "{message}");
    assert_eq!(server.requests().len(), 8, "nothing is asked again");
}
