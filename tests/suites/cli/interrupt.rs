//! Ctrl-C while a command waits for a task.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Child;
use troupe_tests::Host;
use troupe_tests::command::{command_on, ended, interrupt, signal};

use super::seen;
use crate::{PROGRAM, host};

const SLEEP: [&str; 5] = ["run", "echo", "sleep", "--input", r#"{"ms":9000}"#];

/// Starts a command that asks for a long sleep, and waits until the task runs.
async fn asked(host: &Host, options: &[&str]) -> (Child, String) {
    let child = command_on(PROGRAM, host, &[options, &SLEEP].concat()).spawn().unwrap();
    loop {
        let running = host.client().get("/api/v1/tasks?status=running").await.of(200);
        if let Some(id) = running["items"][0]["id"].as_str() {
            return (child, id.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn ctrl_c_cancels_the_task() {
    let host = host().await;
    let (child, id) = asked(&host, &[]).await;
    interrupt(&child);
    let said = ended(child).await;
    assert_eq!((said.code, said.out.as_str()), (Some(130), ""));
    assert_snapshot!(seen(&said.err), @"interrupted; task [id] is cancelled");
    assert_eq!(host.client().ended(&id).await["status"], "cancelled");

    let (child, id) = asked(&host, &["--json"]).await;
    interrupt(&child);
    let said = ended(child).await;
    assert_eq!((said.code, said.err.as_str()), (Some(130), ""));
    let task: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&task["id"], &task["status"]), (&json!(id), &json!("cancelled")));
}

/// Stops a host in the middle of everything, and waits until each of its threads stands.
async fn freeze(host: &Host) {
    signal(Some(host.pid()), Signal::STOP);
    let stands = || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", host.pid())).unwrap();
        threads.flatten().all(|thread| {
            std::fs::read_to_string(thread.path().join("status")).is_ok_and(|status| status.contains("State:\tT"))
        })
    };
    while !stands() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process has something of its own to do on SIGINT.
fn listens(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id().unwrap())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (Signal::INT.as_raw() - 1)) != 0
}

#[tokio::test]
async fn ctrl_c_before_the_host_has_taken_the_task_cancels_it_too() {
    let host = host().await;
    freeze(&host).await;
    let child = command_on(PROGRAM, &host, &SLEEP).spawn().unwrap();
    while !listens(&child) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    interrupt(&child);
    tokio::time::sleep(Duration::from_millis(500)).await;
    signal(Some(host.pid()), Signal::CONT);
    let said = ended(child).await;
    assert_eq!(said.code, Some(130), "{said:#?}");
    assert_snapshot!(seen(&said.err), @"interrupted; task [id] is cancelled");
}

#[tokio::test]
async fn a_second_ctrl_c_does_not_wait_for_a_host_that_hangs() {
    let host = host().await;
    for json in [false, true] {
        let (child, _) = asked(&host, if json { &["--json"] } else { &[] }).await;
        freeze(&host).await;
        let started = Instant::now();
        interrupt(&child);
        tokio::time::sleep(Duration::from_millis(500)).await;
        interrupt(&child);
        let said = ended(child).await;
        signal(Some(host.pid()), Signal::CONT);
        assert_eq!(said.code, Some(130), "{said:#?}");
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        if json {
            let problem: Value = serde_json::from_str(&said.out).unwrap();
            assert_eq!(problem["code"], "cancelled");
        } else {
            assert_snapshot!(seen(&said.err), @"error: interrupted; task [id] may still run, see `troupe tasks [id]`: interrupted again [cancelled]");
        }
        // The request to cancel may have arrived all the same, and then the next starts.
        while host.client().get("/api/v1/tasks?status=running").await.of(200)["items"] != json!([]) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
