//! Killed while tasks run: every task that was accepted ends, and no effect is lost or
//! happens twice.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::{Client, Host, seed};

use super::{instant, kill_after};
use crate::host;

/// How long after the first request the host dies, at most.
const WINDOW: Duration = Duration::from_millis(400);

/// Asks for a skill; the id if the host accepted it before it died.
async fn accepted(client: &Client, agent: &str, skill: &str, input: Value) -> Option<String> {
    let task = json!({ "agent": agent, "skill": skill, "input": input });
    let answer = client.try_send(client.request(reqwest::Method::POST, "/api/v1/tasks").json(&task)).await.ok()?;
    Some(answer.of(202)["id"].as_str().unwrap().to_owned())
}

/// Sends requests one after another until the host is gone; the ids it accepted.
async fn flood(client: Client, agent: &str, skill: &str, input: Value) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(id) = accepted(&client, agent, skill, input.clone()).await {
        ids.push(id);
    }
    ids
}

/// Each task at its end.
async fn ends(host: &Host, ids: &[String]) -> Vec<Value> {
    let client = host.client();
    let tasks = join_all(ids.iter().map(|id| client.ended(id))).await;
    for task in &tasks {
        let status = task["status"].as_str().unwrap();
        assert!(["completed", "failed", "in_doubt"].contains(&status), "an accepted task has not ended: {task:#}");
    }
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_were_accepted_end_after_a_kill() {
    let mut host = host().await;
    let mut random = seed::seeded("task");
    let (mut all, mut again) = (0, 0);
    for _ in 0..seed::kills() {
        let after = instant(&mut random, WINDOW);
        let client = host.client();
        let floods = (0..4).map(|number| {
            let (client, ms) = (client.clone(), 20 * number);
            tokio::spawn(async move { flood(client, "echo", "sleep", json!({ "ms": ms })).await })
        });
        let floods: Vec<_> = floods.collect();
        kill_after(&mut host, after).await;
        let ids: Vec<String> = join_all(floods).await.into_iter().flat_map(Result::unwrap).collect();
        let tasks = ends(&host, &ids).await;
        assert!(tasks.iter().all(|task| task["status"] == "completed"), "{tasks:#?}");
        again += tasks.iter().filter(|task| task["attempt"] != 1).count();
        all += tasks.len();
    }
    println!("{all} tasks accepted, {again} of them begun anew after a kill");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_tasks_happen_once_whenever_the_host_dies() {
    let mut host = host().await;
    let all = json!({ "grants": { "state": { "bytes": 16 << 20, "keys": 1000 } } });
    host.client().put("/api/v1/deployments/counter/grants", &all).await.of(200);
    let mut random = seed::seeded("task that writes");
    let mut completed = 0;
    for _ in 0..seed::kills() {
        let after = instant(&mut random, WINDOW);
        let client = host.client();
        let floods: Vec<_> = (0..2)
            .map(|_| tokio::spawn(flood(client.clone(), "counter", "increment", json!({ "key": "n" }))))
            .collect();
        kill_after(&mut host, after).await;
        let ids: Vec<String> = join_all(floods).await.into_iter().flat_map(Result::unwrap).collect();
        ends(&host, &ids).await;
        let every = every_task(&host).await;
        completed = every.iter().filter(|task| task["status"] == "completed").count();
        // So many at once want the same key that some give up; those have written nothing.
        let gave_up = every.iter().filter(|task| task["failure"]["code"] == "guest.unavailable").count();
        assert_eq!(completed + gave_up, every.len(), "{every:#?}");
        let found = host.client().run("counter", "get", json!({ "key": "n" })).await.output();
        let count: usize = found["value"].as_str().map_or(0, |count| count.parse().unwrap());
        assert_eq!(count, completed, "every task that completed has written, once");
    }
    println!("{completed} increments completed, each counted once");
}

/// Every increment on record, also those whose acceptance the client never saw.
async fn every_task(host: &Host) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = host.client().get(&format!("/api/v1/tasks?agent=counter&limit=500{after}")).await.of(200);
        let items = page["items"].as_array().unwrap();
        let unfinished: Vec<String> = items
            .iter()
            .filter(|task| ["pending", "running"].contains(&task["status"].as_str().unwrap()))
            .map(|task| task["id"].as_str().unwrap().to_owned())
            .collect();
        if !unfinished.is_empty() {
            ends(host, &unfinished).await;
            continue;
        }
        all.extend(items.iter().filter(|task| task["skill"] == "increment").cloned());
        let Some(next) = page["next"].as_str() else { return all };
        after = format!("&after={next}");
    }
}

#[tokio::test]
async fn a_task_whose_host_dies_each_time_is_taken_up_no_more_which_is_on_record() {
    let mut host = host().await;
    let spin = json!({ "agent": "hostile", "skill": "spin", "timeout_ms": 300_000 });
    let task = host.client().post("/api/v1/tasks", &spin).await.of(202)["id"].as_str().unwrap().to_owned();
    for _ in 0..limits::TASK_INTERRUPTIONS_MAX {
        host.client().runs(&task).await;
        host.dies().await;
    }
    let client = host.client();
    let ended = client.ended(&task).await;
    assert_eq!(
        (&ended["status"], &ended["failure"]["code"]),
        (&json!("failed"), &json!("limit.attempts")),
        "{ended:#}"
    );
    let records = client.get("/api/v1/audit?kind=ended&limit=500").await.of(200);
    let of_task: Vec<&Value> =
        records["items"].as_array().unwrap().iter().filter(|record| record["task"] == *task).collect();
    assert_eq!(of_task.len(), 1, "{records:#}");
    assert_eq!(of_task[0]["code"], "limit.attempts");
    // Asked for once more it is another task, which may run.
    client.run("hostile", "environment", json!({})).await.output();
}
