//! Looking for what an agent should not see, and saying what it should not say.

use serde_json::json;

use super::ask;
use crate::host;

#[tokio::test]
async fn two_invocations_see_different_randomness() {
    let mut host = host().await;
    let first = ask(&mut host, "random", json!({ "bytes": 16 })).await.output();
    let second = ask(&mut host, "random", json!({ "bytes": 16 })).await.output();
    assert_eq!(first["text"].as_str().unwrap().len(), 32);
    assert_ne!(first, second);
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
