//! A database that somebody has written to: `troupe audit verify` tells.

use std::path::PathBuf;

use insta::assert_snapshot;
use serde_json::json;
use troupe_tests::Host;
use troupe_tests::command::{Said, run_on};
use troupe_tests::redacted;

use super::{allowed, denied, sending};
use crate::PROGRAM;

async fn verify(host: &Host, more: &[&str]) -> Said {
    run_on(PROGRAM, host, &[&["audit", "verify"], more].concat()).await
}

fn database(host: &Host) -> PathBuf {
    host.data_dir().join("troupe.db")
}

/// Writes `new` over every `old` in the database, as somebody may who has its file.
fn write_over(host: &Host, old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let mut bytes = std::fs::read(database(host)).unwrap();
    let places: Vec<usize> =
        bytes.windows(old.len()).enumerate().filter(|(_, window)| *window == old).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "it is not there");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
    std::fs::write(database(host), bytes).unwrap();
}

#[tokio::test]
async fn a_record_that_was_changed_in_the_file_is_told_with_its_number() {
    let (_server, mut host) = sending().await;
    host.client().run("fetch", "one_by_one", json!({ "requests": [denied()] })).await.of(200);
    verify(&host, &[]).await.good();
    host.stop().await;
    write_over(
        &host,
        br#"{"call":"http","host":"https://elsewhere.example"}"#,
        br#"{"call":"http","host":"https://innocuous.example"}"#,
    );
    host.start().await;
    let said = verify(&host, &[]).await;
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert_snapshot!(redacted(&said.out), @"
    the audit of default is BROKEN: record 5 was changed: what it says does not give its hash
    journals  0 match, 0 differ, 0 dropped, 0 redacted
    head      4:[digest]
    ");
    // The host goes on; what it decides from now on is recorded behind the break.
    host.client().run("fetch", "one_by_one", json!({ "requests": [denied()] })).await.of(200);
    assert_eq!(verify(&host, &[]).await.code, Some(1));
}

#[tokio::test]
async fn a_journal_that_was_changed_in_the_file_is_told_by_its_digest() {
    let (server, mut host) = sending().await;
    let requests = json!([allowed(&server), denied()]);
    host.client().run("fetch", "one_by_one", json!({ "requests": requests })).await.of(200);
    host.client().run("fetch", "one_by_one", json!({ "requests": [denied()] })).await.of(200);
    assert!(verify(&host, &[]).await.good().contains("2 match, 0 differ"));
    host.stop().await;
    // The input of the task names the path, too; a journal is MessagePack.
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port());
    write_over(&host, url("/private").as_bytes(), url("/innocen").as_bytes());
    host.start().await;
    let said = verify(&host, &[]).await;
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert_snapshot!(redacted(&said.out), @"
    the chain of default is whole, and a journal is NOT what it says: 6 records
    journals  1 match, 1 differ, 0 dropped, 0 redacted
      record 5: task [id], attempt 1: its journal is not what it was when the task ended
    head      6:[digest]
    ");
}

#[tokio::test]
async fn a_database_that_was_set_back_is_told_by_a_head_that_was_noted_and_by_nothing_else() {
    let (_server, mut host) = sending().await;
    host.stop().await;
    let before = std::fs::read(database(&host)).unwrap();
    host.start().await;
    for _ in 0..2 {
        host.client().run("fetch", "one_by_one", json!({ "requests": [denied()] })).await.of(200);
    }
    let head = run_on(PROGRAM, &host, &["audit", "head"]).await.good().trim().to_owned();
    host.stop().await;
    std::fs::write(database(&host), before).unwrap();
    host.start().await;
    verify(&host, &[]).await.good();
    let said = verify(&host, &["--head", &head]).await;
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert_snapshot!(redacted(&said.out), @"
    the audit of default is BROKEN: record 5 is missing: the chain ends at record 4
    journals  0 match, 0 differ, 0 dropped, 0 redacted
    head      4:[digest]
    ");
    // One that has grown again to that length is another chain.
    host.client().run("fetch", "one_by_one", json!({ "requests": [denied()] })).await.of(200);
    host.client().run("fetch", "one_by_one", json!({ "requests": [denied()] })).await.of(200);
    let said = verify(&host, &["--head", &head]).await;
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert_snapshot!(redacted(&said.out), @"
    the audit of default is BROKEN: record 6 is another than the one that was noted
    journals  1 match, 0 differ, 0 dropped, 0 redacted
    head      6:[digest]
    ");
}

#[tokio::test]
async fn a_host_that_is_killed_while_it_decides_leaves_a_whole_chain() {
    let (_server, mut host) = sending().await;
    for _ in 0..5 {
        let client = host.client();
        let asking = tokio::spawn(async move {
            loop {
                let task = json!({ "agent": "fetch", "skill": "one_by_one", "input": { "requests": [denied()] } });
                let request = client.request(reqwest::Method::POST, "/api/v1/tasks?wait=10").json(&task);
                if client.try_send(request).await.is_err() {
                    return;
                }
            }
        });
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        host.kill().await;
        asking.await.unwrap();
        host.start().await;
        verify(&host, &[]).await.good();
    }
}
