//! What keys that are bound to agents try beyond those is on record, and fills no audit.

use serde_json::{Value, json};
use troupe_tests::socket::Socket;

use super::records;
use crate::host;

/// The refusals on record: the route and how many.
async fn refusals(client: &troupe_tests::Client) -> Vec<(String, u64)> {
    let of =
        |record: &Value| (record["details"]["route"].as_str().unwrap().to_owned(), record["times"].as_u64().unwrap());
    records(client).await.iter().filter(|record| record["kind"] == "access_refused").map(of).collect()
}

#[tokio::test]
async fn what_a_bound_key_tries_is_on_record_once_at_once_and_the_rest_together() {
    let mut host = host().await;
    let client = host.client();
    let (bound, key) = client.with_bound_key(&["read", "run"], &["counter*"]).await;
    let free = client.with_key("default", &["read"]).await;
    for _ in 0..20 {
        bound.run("echo", "version", json!({})).await.problem(403, "auth.scope");
        free.run("echo", "version", json!({})).await.problem(403, "auth.scope");
    }
    bound.get("/api/v1/tasks").await.of(200);
    bound.get("/api/v1/audit").await.problem(403, "auth.scope");
    let mut socket = Socket::open(&bound).await;
    for id in ["a", "b"] {
        let task = json!({ "agent": "echo", "skill": "version" });
        socket.say(&json!({ "type": "run", "id": id, "task": task })).await;
        assert_eq!(socket.next().await["problem"]["code"], "auth.scope");
    }
    let once = |route: &str| (route.to_owned(), 1);
    let (tasks, audit, web_socket) = ("POST /api/v1/tasks", "GET /api/v1/audit", "GET /api/v1/ws");
    assert_eq!(refusals(&client).await, [once(tasks), once(audit), once(web_socket)]);
    let first = records(&client).await.into_iter().find(|record| record["kind"] == "access_refused").unwrap();
    let by = format!("key/{}", key["id"].as_str().unwrap());
    assert_eq!((&first["principal"], &first["code"]), (&json!(by), &json!("auth.scope")));
    // What was counted is not lost with a host that stops.
    host.stop().await;
    host.start().await;
    let mut told = refusals(&host.client()).await.split_off(3);
    told.sort();
    assert_eq!(told, [(web_socket.to_owned(), 1), (tasks.to_owned(), 19)]);
}
