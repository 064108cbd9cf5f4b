//! `kill -9`, a swap meanwhile, and what the host keeps where.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::{Client, guests, seed};

use super::Base;
use crate::rest::tasks::sleeper::submit;

fn nights(nights: u64, ms: u64) -> Value {
    json!({ "agent": "sleeper", "skill": "nights", "input": { "key": "n", "nights": nights, "ms": ms } })
}

/// What a task counted to on its evenings.
fn counts(task: &Value) -> Vec<u64> {
    assert_eq!(task["status"], "completed", "{task:#}");
    task["output"].as_array().unwrap().iter().map(|morning| morning["count"].as_u64().unwrap()).collect()
}

async fn replays(client: &Client, task: &str) {
    let replay = client.post(&format!("/api/v1/tasks/{task}/replay"), &Value::Null).await.of(200);
    assert_eq!(replay["identical"], true, "{replay:#}");
}

#[tokio::test]
async fn a_host_that_dies_goes_on_from_its_database_on_the_release_that_each_task_began_on() {
    let Some(base) = Base::new() else { return };
    let mut host = base.host_that_counts().await;
    let task = submit(&host.client(), &nights(2, 8_000)).await;
    host.client().becomes(&task, "suspended").await;
    host.dies().await;
    let client = host.client();
    client.publish(guests().sleeper.marked(2).archive("2.0.0")).await.of(201);
    client.swap("sleeper", "2.0.0").await.of(200);
    host.kill().await;
    host.start().await;
    let client = host.client();
    let ended = client.ended(&task).await;
    assert_eq!((counts(&ended), &ended["attempt"]), (vec![1, 2], &json!(1)));
    assert_eq!(ended["release"]["version"], "1.0.0", "{ended:#}");
    replays(&client, &task).await;
    let now = client.run("sleeper", "race", json!({ "ms": [] })).await;
    assert!(now.header("troupe-release").unwrap().starts_with("sleeper@2.0.0; "), "{now:?}");
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let numbers: Vec<_> =
        feed["items"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
    assert!(!host.data_dir().join("troupe.db").exists(), "all of it is on the server");
    assert_eq!(base.ask(&format!("select status from tasks where id = '{task}'")), "completed");
    assert!(host.stop().await.success());
    assert_eq!(base.ask("select count(*) from pg_stat_activity where application_name like 'troupe %' and datname = current_database()"), "0");
}

#[tokio::test]
async fn tasks_that_were_accepted_before_a_host_died_are_all_carried_out_and_none_twice() {
    let Some(base) = Base::new() else { return };
    let mut host = base.host_that_counts().await;
    let mut tasks = Vec::new();
    // On a busy machine the first of them may be under way at each kill, and one is not taken up
    // again without end.
    let kills = seed::kills().min(usize::try_from(limits::TASK_INTERRUPTIONS_MAX - 1).unwrap());
    for _ in 0..kills {
        let client = host.client();
        for _ in 0..8 {
            tasks.push(submit(&client, &nights(2, 20)).await);
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        host.kill().await;
        host.start().await;
    }
    let client = host.client();
    let mut seen = BTreeSet::new();
    for task in &tasks {
        let ended = client.ended(task).await;
        for count in counts(&ended) {
            assert!(seen.insert(count), "two evenings counted to {count}");
        }
    }
    assert!(seen.into_iter().eq(1..=2 * tasks.len() as u64), "an evening is missing");
}
