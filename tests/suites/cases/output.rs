//! D33, D34, D45, D46 and E60: what an agent says, and what it sees of the machine.

use std::time::{Duration, Instant};

use serde_json::json;
use troupe_core::limits;
use troupe_tests::Host;
use troupe_tests::oracle::Oracle;
use troupe_tests::shared::Shared;

use super::{ask, ended, turn};

static HOST: Shared = Shared::new();

/// The most records that an invocation may write which took so long.
const fn records_max(took: Duration) -> usize {
    limits::LOG_BURST as usize + (took.as_secs() as usize + 2) * limits::LOG_PER_SECOND as usize
}

/// What the host has said about the hostile agent since a moment.
fn said(host: &Host, since: usize) -> Vec<String> {
    let said = host.said().split_off(since);
    said.lines().filter(|line| line.contains("hostile")).map(str::to_owned).collect()
}

#[tokio::test]
async fn d33_a_flood_of_records_is_bounded_and_the_rest_is_counted() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    let floods = [
        ("flood_log", json!({}), "xxxxxxxx"),
        ("flood_log_bytes", json!({}), "yyyyyyyy"),
        ("flood_lines", json!({ "bytes": 256 << 10 }), ""),
        ("flood_stdout", json!({ "bytes": 64 << 20 }), "xxxxxxxx"),
    ];
    for (skill, input, mark) in floods {
        let (before, started) = (host.said().len(), Instant::now());
        let task = json!({ "agent": "hostile", "skill": skill, "input": input, "timeout_ms": 60_000 });
        oracle.client().post("/api/v1/tasks?wait=60", &task).await.output();
        let (said, most) = (said(&host, before), records_max(started.elapsed()));
        assert!((1..=most).contains(&said.len()), "{skill}: {} records", said.len());
        let bytes: usize = said.iter().map(String::len).sum();
        // With the names and times that the host writes before each.
        assert!(bytes < 2 * 1024 * most, "{skill}: {bytes} bytes");
        assert!(said.iter().any(|line| line.contains(mark)), "{skill}: nothing of it is told");
        let counted = said.iter().any(|line| line.contains("dropped"));
        assert!(counted, "{skill}: nothing says that something was dropped");
    }
    oracle.holds().await;
}

#[tokio::test]
async fn d34_what_a_guest_says_is_one_record_that_steers_nothing_and_forges_nothing() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    let before = host.said().len();
    ask(&oracle, "stdout", json!({})).await.output();
    ask(&oracle, "forge_note", json!({})).await.output();
    let text = "one\n2026-01-01T00:00:00Z ERROR two\r\x1b[2J \u{202E}three\u{2066} \"}{\"four\":4}";
    ask(&oracle, "print", json!({ "text": text })).await.output();
    let whole = host.said().split_off(before);
    for mark in ['\u{1b}', '\u{7}', '\r', '\u{202E}', '\u{2066}'] {
        assert!(!whole.contains(mark), "{mark:?} is in {whole}");
    }
    let line = |part: &str| {
        let lines: Vec<&str> = whole.lines().filter(|line| line.contains(part)).collect();
        assert!(!lines.is_empty(), "nothing says {part}");
        assert!(lines.iter().all(|line| line.contains("hostile")), "{lines:?}");
        lines[0].to_owned()
    };
    line("no end of line");
    line("a record that is none");
    line("one\\u{a}2026-01-01T00:00:00Z ERROR two");
    // A record of a guest is never a note of the host.
    let forged = line("a forged note");
    assert!(forged.contains(r#" by="guest""#) && !forged.contains(r#" by="host""#), "{forged}");
    assert!(!forged.contains(" dropped="), "{forged}");
    oracle.holds().await;
}

#[tokio::test]
async fn d45_the_environment_and_the_arguments_are_empty() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    let seen = ask(&oracle, "environment", json!({})).await.output();
    assert_eq!(seen, json!({ "variables": {}, "arguments": [] }));
    // Nor is there a file to find them in, by any path.
    let token = host.data_dir().join("token");
    for path in ["/etc/passwd", "/proc/self/environ", "../data/token", ".", "", token.to_str().unwrap()] {
        let opened = ask(&oracle, "open_file", json!({ "path": path })).await.output();
        assert_eq!(opened["ok"], false, "{path}: {opened:#}");
    }
    oracle.holds().await;
}

#[tokio::test]
async fn d46_nothing_finer_than_a_millisecond_is_timed_and_nothing_while_a_guest_computes() {
    let host = turn(&HOST).await;
    let oracle = Oracle::watch(&host).await;
    let clock = ask(&oracle, "clock", json!({})).await.output();
    let ns = |name: &str| clock[name].as_u64().unwrap();
    assert_eq!((ns("computing_monotonic_ns"), ns("computing_wall_ns")), (0, 0), "{clock:#}");
    for slept in ["sleeping_monotonic_ns", "sleeping_wall_ns"] {
        assert!(ns(slept) >= 20_000_000 && ns(slept).is_multiple_of(1_000_000), "{slept}: {clock:#}");
    }
    assert!(ns("now_ms") > 1_700_000_000_000, "{clock:#}");
    oracle.holds().await;
}

#[tokio::test]
async fn e60_a_socket_can_be_named_and_not_called() {
    let host = turn(&HOST).await;
    let mut oracle = Oracle::watch(&host).await;
    let address = host.client().url.replace("http://", "");
    let said = ended(&mut oracle, "connect", json!({ "addr": address }), "guest.trap").await;
    assert!(said.contains("wasi:sockets/"), "{said}");
    oracle.holds().await;
}
