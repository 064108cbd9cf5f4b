//! Killed while groups go on: each comes to its end, each task of it is made once, and nothing that its
//! tasks do is lost or happens twice.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_tests::{Client, seed};

use super::{instant, kill_after};
use crate::rest::groups::{count, counted, create, ended, failing, host_that_counts, of, step, step_with};

/// How long after the first request the host dies, at most.
const WINDOW: Duration = Duration::from_millis(400);

/// How often a group is killed.
const DEATHS: usize = 3;

/// A number that each item adds to its key.
const DELTA: u64 = 7;

/// A group of a chain, and of a step for each of these keys, whose names no other group has. What it did
/// is undone if it fails.
fn group(round: usize, keys: &[String], fails: bool) -> Value {
    let name = |step: &str| format!("{step}-{round}");
    let counted = |at: &str, needs: &[&str]| {
        let step = counted(
            &name(at),
            &needs.iter().map(|need| name(need)).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>(),
        );
        let undo = json!({ "task": { "agent": "counter", "skill": "increment", "input": { "key": name(&format!("undo-{at}")) } } });
        step_with(step, json!({ "compensate": undo }))
    };
    let each = step_with(
        step(&name("each"), "counter", "add", json!({ "delta": DELTA })),
        json!({ "for_each": { "from": name("list"), "at": "/keys", "to": "/key" }, "needs": [name("c")] }),
    );
    let list =
        step(&name("list"), "counter", "list", json!({ "prefix": format!("item-{round}-"), "limit": keys.len() }));
    let mut steps =
        vec![counted("a", &[]), counted("b", &["a"]), counted("c", &["b"]), list, each, counted("d", &["each"])];
    if fails {
        steps.push(failing(&name("fails"), &[&name("d")]));
    }
    json!({ "idempotency_key": name("group"), "steps": steps })
}

/// How many tasks of a group there are, by step and item.
async fn tasks_of(client: &Client, id: &str) -> Vec<String> {
    let mut members = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/api/v1/tasks?limit=500{after}")).await.of(200);
        let items = page["items"].as_array().unwrap();
        let of_group = items.iter().map(|task| &task["group"]).filter(|member| member["group"] == id);
        members.extend(of_group.map(ToString::to_string));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return members,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_makes_each_of_its_tasks_once_whenever_the_host_dies() {
    let mut host = host_that_counts().await;
    let mut random = seed::seeded("group");
    for round in 0..seed::kills() {
        let keys: Vec<String> = (0..5).map(|item| format!("item-{round}-{item}")).collect();
        for key in &keys {
            host.client().run("counter", "increment", json!({ "key": key })).await.output();
        }
        let fails = round % 2 == 1;
        let asked = group(round, &keys, fails);
        let id = create(&host.client(), &asked).await.of(202)["id"].as_str().unwrap().to_owned();
        for _ in 0..DEATHS {
            let after = instant(&mut random, WINDOW);
            kill_after(&mut host, after).await;
        }
        let client = host.client();
        assert_eq!(create(&client, &asked).await.of(200)["id"], json!(id));
        let ended = ended(&client, &id).await;
        assert_eq!(ended["status"], if fails { "failed" } else { "completed" }, "{ended:#}");
        for step in ["a", "b", "c", "d"] {
            assert_eq!(count(&client, &format!("{step}-{round}")).await, 1, "{step}");
            assert_eq!(count(&client, &format!("undo-{step}-{round}")).await, u64::from(fails), "undo-{step}");
        }
        for key in &keys {
            assert_eq!(count(&client, key).await, 1 + DELTA, "{key}");
        }
        assert_eq!(of(&ended, &format!("each-{round}"))["items"]["completed"], 5);
        let mut members = tasks_of(&client, &id).await;
        members.sort();
        let all = members.len();
        members.dedup();
        assert_eq!((members.len(), all), if fails { (15, 15) } else { (10, 10) }, "{members:#?}");
    }
}
