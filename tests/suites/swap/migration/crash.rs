//! A host that dies while state is migrated: before or after, never between.

use std::time::Duration;

use serde_json::json;
use troupe_tests::{Host, seed};

use super::{NAMES, goes, host_with_sums, keeper, kept, migrating, spaces, values, with_sums};
use crate::empty_host;
use crate::faults::instant;
use crate::postgres::Base;
use crate::swap::{over, reaches};

#[tokio::test]
async fn i117_a_host_that_dies_while_state_is_migrated_serves_the_old_release_on_the_same_bytes() {
    let (mut host, instance) = host_with_sums().await;
    let client = host.client();
    let before = kept(&client, &instance).await;
    // That of the deployment is over and that of the instance under way.
    let guest = keeper(2, "good", 2_000);
    let id = migrating(&client, &guest, "2.0.0", &json!({ "watch": { "seconds": 1 } })).await;
    reaches(&client, "keeper", &id, "migrating").await;
    tokio::time::sleep(Duration::from_millis(3_000)).await;
    host.kill().await;
    assert_eq!(spaces(&host, 2).await.len(), 2, "it was killed before there was a copy");
    host.comes_back().await;
    let client = host.client();
    assert_eq!(kept(&client, &instance).await, before);
    let swap = over(&client, "keeper", &id).await;
    let state = &swap["state"];
    assert_eq!((&state["outcome"], &state["reason"]["code"]), (&json!("refused"), &json!("unavailable.host")));
    assert_eq!(state["reason"]["message"], "the host stopped while state was migrated; swap again");
    assert_eq!(client.get("/api/v1/deployments/keeper").await.of(200)["serving"], "1.0.0");
    goes(&mut host, 2, 1).await;
}

#[tokio::test]
async fn i117_a_migration_that_is_killed_at_any_instant_has_happened_or_has_not() {
    killed_while_it_migrates(empty_host().await, seed::kills()).await;
}

#[tokio::test]
async fn i117_a_migration_that_is_killed_at_any_instant_has_happened_or_has_not_on_postgres() {
    let Some(base) = Base::new() else { return };
    killed_while_it_migrates(base.started().await, seed::kills_on_postgres()).await;
}

async fn killed_while_it_migrates(host: Host, kills: usize) {
    let (mut host, instance) = with_sums(host).await;
    let mut random = seed::seeded("migration");
    let mut outcomes = Vec::new();
    for kill in 0..kills {
        let client = host.client();
        let before = kept(&client, &instance).await;
        let is_first = values(&before[0])[0].0 == "a";
        let guest = keeper(if is_first { 2 } else { 1 }, "good", 100);
        let policy = json!({ "drain": { "mode": "expire", "seconds": 1 } });
        let id = migrating(&client, &guest, &format!("2.{kill}.0"), &policy).await;
        tokio::time::sleep(instant(&mut random, Duration::from_secs(1))).await;
        host.dies().await;
        let client = host.client();
        // What was not at it yet goes on by itself.
        let swap = over(&client, "keeper", &id).await;
        let (after, outcome) = (kept(&client, &instance).await, swap["state"]["outcome"].clone());
        if outcome == "promoted" {
            for space in &after {
                let names: Vec<&str> = values(space).iter().map(|(key, _)| key.trim_end_matches('/')).collect();
                assert_eq!(names, NAMES, "{swap:#}");
                assert!(values(space).iter().all(|(key, _)| key.ends_with('/') == is_first), "{space:#}");
            }
        } else {
            assert_eq!(after, before, "{swap:#}");
        }
        outcomes.push(outcome);
    }
    println!("after {} kills: {outcomes:?}", outcomes.len());
}
