//! Looking for what an agent should not see, and saying what it should not say.

use serde_json::json;
use troupe_core::limits;

use super::ask;
use crate::host;

#[tokio::test]
async fn the_environment_is_empty() {
    let mut host = host().await;
    let seen = ask(&mut host, "environment", json!({})).await.output();
    assert_eq!(seen, json!({ "variables": {}, "arguments": [] }));
}

#[tokio::test]
async fn there_are_no_files() {
    let mut host = host().await;
    let token = host.data_dir().join("token");
    for path in ["/etc/passwd", "/proc/self/environ", "../data/token", ".", "", token.to_str().unwrap()] {
        let opened = ask(&mut host, "open_file", json!({ "path": path })).await.output();
        assert_eq!(opened["ok"], false, "{path}: {opened:#}");
    }
}

#[tokio::test]
async fn there_is_no_network() {
    let mut host = host().await;
    let address = host.client().url.replace("http://", "");
    let failure = ask(&mut host, "connect", json!({ "addr": address })).await.failure("guest.trap");
    assert!(failure["message"].as_str().unwrap().contains("wasi:sockets/"), "{failure:#}");
}

#[tokio::test]
async fn two_invocations_see_different_randomness() {
    let mut host = host().await;
    let first = ask(&mut host, "random", json!({ "bytes": 16 })).await.output();
    let second = ask(&mut host, "random", json!({ "bytes": 16 })).await.output();
    assert_eq!(first["text"].as_str().unwrap().len(), 32);
    assert_ne!(first, second);
}

#[tokio::test]
async fn clocks_stand_still_while_a_guest_computes() {
    let mut host = host().await;
    let clock = ask(&mut host, "clock", json!({})).await.output();
    let ns = |name: &str| clock[name].as_u64().unwrap();
    assert_eq!((ns("computing_monotonic_ns"), ns("computing_wall_ns")), (0, 0), "{clock:#}");
    assert!(ns("sleeping_monotonic_ns") >= 20_000_000, "{clock:#}");
    assert!(ns("now_ms") > 1_700_000_000_000, "{clock:#}");
}

#[tokio::test]
async fn a_flood_of_records_is_bounded_and_the_rest_is_counted() {
    let mut host = host().await;
    let before = host.said().len();
    ask(&mut host, "flood_log", json!({})).await;
    let said = host.said().split_off(before);
    let records = said.lines().filter(|line| line.contains("xxxxxxxx")).count();
    let most = limits::LOG_BURST as usize + 10 * limits::LOG_PER_SECOND as usize;
    assert!((1..=most).contains(&records), "{records} records");
    assert!(said.contains("dropped"), "nothing says that records were dropped");
}

#[tokio::test]
async fn a_flood_of_large_records_is_bounded() {
    let mut host = host().await;
    let before = host.said().len();
    ask(&mut host, "flood_log_bytes", json!({})).await;
    let said = host.said().split_off(before);
    let most = 1024 * (limits::LOG_BURST as usize + 10 * limits::LOG_PER_SECOND as usize);
    assert!(said.contains("yyyyyyyy") && said.len() < most, "{} bytes", said.len());
    assert!(said.contains("dropped"), "nothing says that records were dropped");
}

#[tokio::test]
async fn a_flood_of_lines_is_bounded() {
    let mut host = host().await;
    let before = host.said().len();
    ask(&mut host, "flood_lines", json!({ "bytes": 256 << 10 })).await.output();
    let said = host.said().split_off(before);
    let most = limits::LOG_BURST as usize + 10 * limits::LOG_PER_SECOND as usize;
    assert!(said.lines().count() <= most, "{} lines", said.lines().count());
    assert!(said.contains("dropped"), "nothing says that lines were dropped");
}

#[tokio::test]
async fn a_record_of_a_guest_is_never_a_note_of_the_host() {
    let mut host = host().await;
    let before = host.said().len();
    ask(&mut host, "forge_note", json!({})).await.output();
    let said = host.said().split_off(before);
    let forged = said.lines().find(|line| line.contains("a forged note")).unwrap();
    assert!(forged.contains(r#" by="guest""#) && !forged.contains(r#" by="host""#), "{forged}");
    assert!(!forged.contains(" dropped="), "{forged}");
}

#[tokio::test]
async fn a_skill_that_only_reads_cannot_write_state() {
    let mut host = host().await;
    let all = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 10 } } });
    host.client().put("/api/v1/deployments/hostile/grants", &all).await.of(200);
    let refused = ask(&mut host, "write_state", json!({ "bytes": 1 })).await.output();
    assert_eq!(refused["ok"], false, "{refused}");
    assert!(refused["text"].as_str().unwrap().contains("`state.set` is a call of class write"), "{refused}");
}

#[tokio::test]
async fn a_flood_of_output_is_bounded() {
    let mut host = host().await;
    let before = host.said().len();
    ask(&mut host, "flood_stdout", json!({ "bytes": 64 << 20 })).await;
    let said = host.said().len() - before;
    assert!(said < 64 * 1024, "{said} bytes");
}

#[tokio::test]
async fn what_a_guest_prints_cannot_steer_a_terminal_or_forge_a_record() {
    let mut host = host().await;
    let before = host.said().len();
    ask(&mut host, "stdout", json!({})).await.output();
    let said = host.said().split_off(before);
    assert!(!said.contains('\u{1b}') && !said.contains('\u{7}') && !said.contains('\r'), "{said:?}");
    assert!(said.lines().any(|line| line.contains("no end of line")), "{said}");
    let forged = said.lines().find(|line| line.contains("a record that is none")).unwrap();
    assert!(!forged.starts_with("2026-01-01T00:00:00Z ERROR"), "{forged}");
}
