//! `kill -9` while an agent asks and waits.

use serde_json::json;

use super::{children, host, id, output, replays, wanted};

#[tokio::test]
async fn what_was_asked_for_is_done_once_however_often_the_host_dies() {
    let mut host = host().await;
    let client = host.client();
    let counts = ["a", "b"].map(|key| wanted("count", json!({ "ms": 9_000, "key": key }), json!({})));
    let task = client.submit("asker", "ask", json!({ "ask": counts, "then": "wait" })).await;
    let before = children(&client, &task, 2).await;
    // Once while all of them run, once while whoever asked is suspended.
    for status in ["running", "suspended"] {
        host.client().becomes(&task, status).await;
        host.kill().await;
        host.start().await;
    }
    let client = host.client();
    let answers = output(&client, &task).await;
    assert!(answers["told"].as_array().unwrap().iter().all(|told| told["value"] == 1), "{answers:#}");
    let after = children(&client, &task, 2).await;
    let ids = |tasks: &[serde_json::Value]| tasks.iter().map(|task| id(task).to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&before), ids(&after));
    replays(&client, &task).await;
}
