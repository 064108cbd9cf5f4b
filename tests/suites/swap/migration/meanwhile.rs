//! What becomes of calls and tasks while state is migrated.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};

use super::{add, host_with_sums, keeper, migrating};
use crate::swap::{over, reaches};

/// A policy by which what runs has so long to end.
fn drain(seconds: u64) -> Value {
    json!({ "drain": { "mode": "wait", "seconds": seconds }, "watch": { "seconds": 1 } })
}

#[tokio::test]
async fn s8_calls_that_come_while_state_is_migrated_wait_and_each_counts_once() {
    let (host, _) = host_with_sums().await;
    let client = host.client();
    let load = tokio::spawn({
        let client = client.clone();
        async move {
            let until = Instant::now() + Duration::from_secs(6);
            let calls = futures::stream::iter(0..).take_while(|_| std::future::ready(Instant::now() < until));
            let call = |_: u64| client.run("keeper", "add", json!({ "name": "load", "by": 1 }));
            calls.map(call).buffer_unordered(6).collect::<Vec<_>>().await
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let id = migrating(&client, &keeper(2, "good", 700), "2.0.0", &drain(10)).await;
    let swap = over(&client, "keeper", &id).await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
    let answers: Vec<Value> = load.await.unwrap().iter().map(troupe_tests::Answer::output).collect();
    let mut sums: Vec<(u64, u64)> =
        answers.iter().map(|answer| (answer["sum"].as_u64().unwrap(), answer["form"].as_u64().unwrap())).collect();
    sums.sort_unstable();
    let counted: Vec<u64> = sums.iter().map(|(sum, _)| *sum).collect();
    assert_eq!(counted, (1..=answers.len() as u64).collect::<Vec<_>>(), "a call counts not at all, or twice");
    let forms: Vec<u64> = sums.iter().map(|(_, form)| *form).collect();
    assert!(forms.is_sorted() && forms.first() == Some(&1) && forms.last() == Some(&2), "{forms:?}");
}

#[tokio::test]
async fn s8_what_waits_too_long_is_told_when_to_come_again_or_is_kept_and_neighbours_are_served() {
    let (host, instance) = host_with_sums().await;
    let client = host.client();
    client.publish(troupe_tests::guests().echo.archive("1.0.0")).await.of(201);
    client.swap("echo", "1.0.0").await.of(200);
    let id = migrating(&client, &keeper(2, "good", 2_000), "2.0.0", &drain(10)).await;
    reaches(&client, "keeper", &id, "migrating").await;
    let task = |skill: &str, input: Value| json!({ "agent": "keeper", "skill": skill, "input": input });
    // Of this nothing would be kept.
    let mut fleeting = task("dump", json!({}));
    fleeting["durability"] = json!("none");
    let refused = client.post("/api/v1/tasks?wait=1", &fleeting).await;
    let problem = refused.problem(503, "swap.migrating");
    assert_eq!((refused.header("retry-after"), &problem["retryable"]), (Some("5"), &json!(true)));
    let awaited = client.post("/api/v1/tasks?wait=1", &task("add", json!({ "name": "a", "by": 1 }))).await.of(202);
    assert_eq!(awaited["status"], "pending");
    let mut queued = task("add", json!({ "name": "a", "by": 10, "instance": true }));
    queued["instance"] = json!(instance);
    let queued = client.post("/api/v1/tasks", &queued).await.of(202);
    let echoed = client.run("echo", "version", json!({})).await.output();
    assert_eq!(echoed, json!({ "version": "1.0.0" }));
    assert_eq!(crate::swap::swap_of(&client, "keeper", &id).await["state"]["phase"], "migrating");
    assert_eq!(over(&client, "keeper", &id).await["state"]["outcome"], "promoted");
    for (task, sum) in [(awaited, 2), (queued, 20)] {
        let ended = client.ended(task["id"].as_str().unwrap()).await;
        assert_eq!(ended["output"], json!({ "sum": sum, "form": 2 }), "{ended:#}");
        assert_eq!((&ended["attempt"], &ended["release"]["version"]), (&json!(1), &json!("2.0.0")));
    }
}

#[tokio::test]
async fn s8_what_does_not_end_in_its_time_begins_anew_on_the_new_release_or_ends_with_a_retryable_code() {
    let (host, _) = host_with_sums().await;
    let client = host.client();
    let innocent = client.submit("keeper", "rest", json!({ "ms": 4_000 })).await;
    let writer = client.submit("keeper", "rest", json!({ "ms": 4_000, "name": "w" })).await;
    client.runs(&innocent).await;
    client.runs(&writer).await;
    let asked = Instant::now();
    let id = migrating(&client, &keeper(2, "good", 0), "2.0.0", &drain(1)).await;
    assert_eq!(over(&client, "keeper", &id).await["state"]["outcome"], "promoted");
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    let ended = client.ended(&writer).await;
    assert_eq!((&ended["status"], &ended["failure"]["code"]), (&json!("failed"), &json!("swap.drained")), "{ended:#}");
    assert_eq!(ended["failure"]["retryable"], true);
    let ended = client.ended(&innocent).await;
    assert_eq!((&ended["output"], &ended["attempt"]), (&json!(2), &json!(2)), "{ended:#}");
    // What the writer had written is there, in the new form.
    assert_eq!(add(&client, "w", 0).await, json!({ "sum": 1, "form": 2 }));
}

#[tokio::test]
async fn s8_a_suspended_task_begins_anew_on_the_new_release_or_ends_in_doubt_and_a_failed_migration_spares_it() {
    let (host, _) = host_with_sums().await;
    let client = host.client();
    let rest = async |input: Value| {
        let task = json!({ "agent": "keeper", "skill": "rest", "input": input, "lifetime_ms": 3_600_000 });
        let task = client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned();
        client.becomes(&task, "suspended").await;
        task
    };
    let innocent = rest(json!({ "ms": 1_800_000 })).await;
    let writer = rest(json!({ "ms": 1_800_000, "name": "w" })).await;
    let id = migrating(&client, &keeper(2, "traps", 0), "2.0.0", &drain(10)).await;
    assert_eq!(over(&client, "keeper", &id).await["state"]["outcome"], "refused");
    for task in [&innocent, &writer] {
        let spared = client.get(&format!("/api/v1/tasks/{task}")).await.of(200);
        assert_eq!((&spared["status"], &spared["attempt"]), (&json!("suspended"), &json!(1)), "{spared:#}");
    }
    let id = migrating(&client, &keeper(2, "good", 0), "2.1.0", &drain(10)).await;
    assert_eq!(over(&client, "keeper", &id).await["state"]["outcome"], "promoted");
    let ended = client.becomes(&writer, "in_doubt").await;
    let failure = &ended["failure"];
    assert_eq!(failure["code"], "in_doubt");
    assert_eq!(
        failure["message"],
        "state of keeper was brought to another form after state.compare-and-set w had taken effect, so the task cannot go \
         on; check what is left to do before it is asked for again"
    );
    let again = client.becomes(&innocent, "suspended").await;
    assert_eq!((&again["attempt"], &again["release"]["version"]), (&json!(2), &json!("2.1.0")), "{again:#}");
    client.post(&format!("/api/v1/tasks/{innocent}/cancel"), &Value::Null).await.of(200);
}
