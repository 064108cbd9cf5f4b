//! Taking without end.

use insta::assert_snapshot;
use serde_json::json;

use super::ask;
use crate::host;

#[tokio::test]
async fn a_trap_ends_the_task_alone() {
    let mut host = host().await;
    let answer = ask(&mut host, "trap", json!({})).await;
    assert_snapshot!(answer.failure("guest.trap")["message"].as_str().unwrap(), @"the agent trapped: wasm trap: wasm `unreachable` instruction executed");
}

#[tokio::test]
async fn a_panic_is_a_trap_and_its_message_is_logged() {
    let mut host = host().await;
    let pid = host.pid();
    host.client().run("hostile", "panic", json!({})).await.failure("guest.trap");
    host.client().run("hostile", "environment", json!({})).await.output();
    assert!(host.is_alive() && host.pid() == pid);
    assert!(host.said().contains("a hostile panic"));
}

#[tokio::test]
async fn headers_that_the_host_holds_for_the_guest_are_counted_wherever_they_are_kept() {
    let mut host = host().await;
    let answer = ask(&mut host, "hoard_answers", json!({})).await;
    assert_snapshot!(answer.failure("limit.transfer")["message"].as_str().unwrap(), @"the agent holds more than 32 MiB of headers and addresses of requests and answers");
    let told = ask(&mut host, "hoard_trailers", json!({})).await.output();
    assert_snapshot!(told["text"].as_str().unwrap(), @r#"ErrorCode::InternalError(Some("trailers of a request are not sent; leave them out"))"#);
}

#[tokio::test]
async fn details_of_a_failure_may_be_large_but_not_larger_than_the_limit() {
    let mut host = host().await;
    let small = ask(&mut host, "huge_details", json!({ "bytes": 1024 })).await.failure("guest.failed");
    assert_eq!(small["details"]["text"].as_str().unwrap().len(), 1024);
    let large = ask(&mut host, "huge_details", json!({ "bytes": 4 << 20 })).await.failure("guest.failed");
    assert_eq!(large["details"], json!({ "omitted": true, "details_bytes": (4 << 20) + r#"{"text":""}"#.len() }));
}
