//! Taking without end.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::json;
use troupe_tests::guests;
use troupe_tests::guests::packed;

use super::ask;
use crate::host;

/// The hostile guest's own time, by its manifest.
const TIME: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_loop_ends_at_its_deadline() {
    let mut host = host().await;
    let started = Instant::now();
    let answer = host.client().run("hostile", "spin", json!({})).await;
    let took = started.elapsed();
    assert_snapshot!(answer.failure("limit.deadline")["message"].as_str().unwrap(), @"the agent did not end within its 2000 ms; give the task a longer timeout");
    assert!((TIME..TIME + Duration::from_secs(2)).contains(&took), "{took:?}");
    ask(&mut host, "environment", json!({})).await.output();
}

#[tokio::test]
async fn many_loops_at_once_leave_room_for_others() {
    let host = host().await;
    let client = host.client();
    let loops = futures::future::join_all((0..8).map(|_| client.run("hostile", "spin", json!({}))));
    let (loops, good) = tokio::join!(loops, client.run("echo", "version", json!({})));
    assert_eq!(good.output(), json!({ "version": "1.0.0" }));
    for answer in loops {
        answer.failure("limit.deadline");
    }
}

#[tokio::test]
async fn memory_without_end_meets_the_limit_of_the_manifest() {
    let mut host = host().await;
    let answer = ask(&mut host, "grow", json!({})).await;
    assert_snapshot!(answer.failure("limit.memory")["message"].as_str().unwrap(), @"the agent needed more memory than its limit of 64 MiB");
}

#[tokio::test]
async fn a_guest_that_minds_refusals_gets_nearly_all_its_memory() {
    let mut host = host().await;
    let taken = ask(&mut host, "grow_gently", json!({})).await.output()["bytes"].as_u64().unwrap();
    assert!((48 << 20..64 << 20).contains(&taken), "{taken}");
}

#[tokio::test]
async fn recursion_without_end_uses_up_the_guests_stack_alone() {
    let mut host = host().await;
    let answer = ask(&mut host, "recurse", json!({})).await;
    assert_snapshot!(answer.failure("guest.stack")["message"].as_str().unwrap(), @"the agent used up its stack of 512 KiB");
}

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
async fn host_calls_without_end_are_counted() {
    let mut host = host().await;
    let request = json!({ "agent": "hostile", "skill": "host_calls", "timeout_ms": 60_000 });
    let answer = host.client().post("/api/v1/tasks?wait=60", &request).await;
    assert_snapshot!(answer.failure("limit.host_calls")["message"].as_str().unwrap(), @"the agent made more than 1000000 host calls in one invocation");
    ask(&mut host, "environment", json!({})).await.output();
}

#[tokio::test]
async fn handles_that_are_never_given_back_are_counted() {
    let mut host = host().await;
    let answer = ask(&mut host, "handles", json!({})).await;
    assert_snapshot!(answer.failure("limit.handles")["message"].as_str().unwrap(), @"the agent held more than 10000 handles");
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
async fn an_answer_may_be_large_but_not_larger_than_the_limit() {
    let mut host = host().await;
    let small = ask(&mut host, "huge_output", json!({ "bytes": 1 << 20 })).await.output();
    assert_eq!(small.as_str().unwrap().len(), 1 << 20);
    let mut modest = guests().hostile.release("1.1.0");
    modest.manifest.limits.output_bytes = Some(64 << 10);
    host.client().publish(packed(&modest)).await.of(201);
    host.client().swap("hostile", "1.1.0").await.of(200);
    let large = ask(&mut host, "huge_output", json!({ "bytes": 64 << 10 })).await;
    assert_snapshot!(large.failure("limit.transfer")["message"].as_str().unwrap(), @"the agent's output has 65538 bytes; it may have 65536");
    // What does not fit into the guest's own memory never becomes an answer.
    let huge = ask(&mut host, "huge_output", json!({ "bytes": 30 << 20 })).await;
    huge.failure("limit.memory");
}

#[tokio::test]
async fn details_of_a_failure_may_be_large_but_not_larger_than_the_limit() {
    let mut host = host().await;
    let small = ask(&mut host, "huge_details", json!({ "bytes": 1024 })).await.failure("guest.failed");
    assert_eq!(small["details"]["text"].as_str().unwrap().len(), 1024);
    let large = ask(&mut host, "huge_details", json!({ "bytes": 4 << 20 })).await.failure("guest.failed");
    assert_eq!(large["details"], json!({ "omitted": true, "details_bytes": (4 << 20) + r#"{"text":""}"#.len() }));
}

#[tokio::test]
async fn a_write_to_standard_output_is_no_larger_than_it_was_allowed_to_be() {
    let mut host = host().await;
    let answer = ask(&mut host, "print_at_once", json!({ "bytes": 16 << 20 })).await;
    assert_snapshot!(answer.failure("limit.transfer")["message"].as_str().unwrap(), @"the agent printed 16777216 bytes in one write; `check-write` allows 64 KiB");
    ask(&mut host, "print_at_once", json!({ "bytes": 64 << 10 })).await.output();
}

#[tokio::test]
async fn random_bytes_are_given_in_pieces_of_a_bounded_size() {
    let mut host = host().await;
    let good = ask(&mut host, "random", json!({ "bytes": 64 * 1024 })).await.output();
    assert_eq!(good["ok"], true);
    // A guest's sizes are 32 bits; this is the largest.
    let huge = ask(&mut host, "random", json!({ "bytes": u32::MAX })).await;
    assert_snapshot!(huge.failure("limit.transfer")["message"].as_str().unwrap(), @"the agent asked for more than 64 KiB of random bytes in one call");
    // A refusal that the guest got over explains nothing that comes later.
    let later = ask(&mut host, "random_after_refusal", json!({ "bytes": 100 << 10 })).await;
    assert_snapshot!(later.failure("limit.transfer")["message"].as_str().unwrap(), @"the agent asked for more than 64 KiB of random bytes in one call");
}
