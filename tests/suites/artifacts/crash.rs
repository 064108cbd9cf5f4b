use std::time::Duration;

use serde_json::json;
use troupe_core::Digest;

use super::{host, on_disk, path, unfinished};

#[tokio::test]
async fn a_kill_while_it_is_written_leaves_all_of_it_once_or_nothing() {
    let mut host = host().await;
    let line = "0123456789abcde\n".repeat(4096);
    let input = json!({ "name": "a.txt", "text": line, "times": 200, "pause_ms": 600, "rest_ms": 600 });
    let task = host.client().submit("scribe", "leave", input).await;
    let digest = Digest::of(line.repeat(200).as_bytes());
    // While it is written, and when it is finished and its task is not.
    for pause in [150, 350, 500, 900] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        host.kill().await;
        let there = on_disk(&host);
        assert!(there.is_empty() || there == [digest.hex()], "{there:?}");
        host.start().await;
    }
    let ended = host.client().ended(&task).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(1)), "{ended:#}");
    assert_eq!(ended["artifacts"].as_array().unwrap().len(), 1, "{ended:#}");
    assert_eq!(ended["artifacts"][0]["digest"], digest.to_string());
    assert_eq!(Digest::of(host.client().get(&path(&ended, "a.txt")).await.text.as_bytes()), digest);
    assert_eq!((on_disk(&host), unfinished(&host)), (vec![digest.hex()], 0));
}

#[tokio::test]
async fn a_task_that_is_suspended_while_it_writes_goes_on_with_what_it_has_written() {
    let host = host().await;
    let client = host.client();
    let input = json!({ "name": "a.txt", "text": "line\n", "times": 10, "pause_ms": 7_000, "rest_ms": 7_000 });
    let task = client.submit("scribe", "leave", input).await;
    client.becomes(&task, "suspended").await;
    assert_eq!(unfinished(&host), 0, "nothing of it is held meanwhile");
    // It wakes, finishes it, and is suspended again.
    loop {
        let seen = client.becomes(&task, "suspended").await;
        if seen["artifacts"][0]["name"] == "a.txt" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ended = client.ended(&task).await;
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(ended["artifacts"].as_array().unwrap().len(), 1, "{ended:#}");
    assert_eq!(client.get(&path(&ended, "a.txt")).await.text, "line\n".repeat(10));
}
