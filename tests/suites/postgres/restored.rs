//! A backup comes back on PostgreSQL, whatever database it was made of.

use serde_json::json;
use troupe_tests::command::{run, run_on};
use troupe_tests::{Host, guests};

use super::Base;
use crate::PROGRAM;
use crate::rest::tasks::sleeper::{host_that_sleeps, submit};

fn evening() -> serde_json::Value {
    json!({ "agent": "sleeper", "skill": "nights", "input": { "key": "n", "nights": 1, "ms": 1 } })
}

/// Restores a backup of one host as another, which is on a database.
async fn restored(file: &str, of: &Host, base: &Base) -> Host {
    let host = base.host();
    let (data_dir, key) = (host.data_dir(), of.data_dir().join("signing.key"));
    let how = ["restore", file, "--data-dir", data_dir.to_str().unwrap(), "--signing-key", key.to_str().unwrap()];
    run(PROGRAM, host.dir(), &[&how[..], &["--database", &base.url()]].concat()).await.good();
    host
}

#[tokio::test]
async fn a_host_moves_from_its_file_to_a_server_and_to_another() {
    let (Some(first), Some(second)) = (Base::new(), Base::new()) else { return };
    let host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"]);
    let mut host = host;
    host.start().await;
    let host = host_that_sleeps(host, &guests().sleeper, json!({ "state": { "bytes": 1 << 20, "keys": 1_000 } })).await;
    let task = submit(&host.client(), &evening()).await;
    let before = host.client().ended(&task).await;
    let file = host.dir().join("saved.tar.zst");
    let file = file.to_str().unwrap();
    run_on(PROGRAM, &host, &["backup", file]).await.good();

    let mut moved = restored(file, &host, &first).await;
    moved.start().await;
    let client = moved.client();
    assert_eq!(client.get(&format!("/api/v1/tasks/{task}")).await.of(200), before);
    let next = submit(&client, &evening()).await;
    assert_eq!(client.ended(&next).await["output"][0]["count"], 2, "its state came along");
    assert!(!moved.data_dir().join("troupe.db").exists(), "all rows are on the server");
    let again = moved.dir().join("again.tar.zst");
    let again = again.to_str().unwrap();
    run_on(PROGRAM, &moved, &["backup", again]).await.good();

    let mut third = restored(again, &moved, &second).await;
    third.start().await;
    let next = submit(&third.client(), &evening()).await;
    assert_eq!(third.client().ended(&next).await["output"][0]["count"], 3);
    let said = run_on(PROGRAM, &third, &["audit", "verify"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");

    // Where something is, nothing is restored.
    let how = ["restore", again, "--data-dir", "elsewhere", "--database", &second.url()];
    let refused = run(PROGRAM, host.dir(), &how).await;
    assert!(refused.bad().contains(" tables already; restore to an empty database [unavailable.store]"), "{refused:?}");
    assert!(!host.dir().join("elsewhere/releases").exists(), "nothing is left of it");
}
