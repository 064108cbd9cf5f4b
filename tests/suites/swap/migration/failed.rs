//! Migrations that come to nothing: the release before serves, and finds what it has left.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{NAMES, add, goes, host_with_sums, keeper, kept, migrating};
use crate::swap::{over, reaches, swap_of};

#[tokio::test]
async fn s9_a_migration_that_traps_hangs_refuses_or_wants_too_much_leaves_the_same_bytes_and_says_why() {
    let (mut host, instance) = host_with_sums().await;
    let client = host.client();
    let before = kept(&client, &instance).await;
    let did_not = "did not bring the state of";
    for (number, (way, code, whose, why)) in [
        ("traps", "guest.trap", "the deployment", "the agent trapped"),
        ("refuses", "guest.failed", "the deployment", "these sums are not to be moved"),
        ("hangs", "limit.deadline", "the deployment", "took longer than the 1500 ms"),
        ("traps_at_instances", "guest.trap", &format!("instance {instance}"), "the agent trapped"),
        ("reaches", "denied.capability", "the deployment", "no grant of `http`"),
        ("overflows", "guest.failed", "the deployment", "state is full"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut guest = keeper(2, way, 0);
        guest.manifest.limits.time_ms = Some(1_500);
        let version = format!("2.{number}.0");
        let policy = json!({ "drain": { "mode": "wait", "seconds": 5 } });
        let id = migrating(&client, &guest, &version, &policy).await;
        let swap = over(&client, "keeper", &id).await;
        let state = &swap["state"];
        assert_eq!((&state["outcome"], &swap["epoch"]), (&json!("refused"), &Value::Null), "{way}: {swap:#}");
        assert_eq!(state["reason"]["code"], code, "{way}: {swap:#}");
        let said = state["reason"]["message"].as_str().unwrap();
        let begins = format!("keeper@{version} {did_not} {whose} from version 1: ");
        assert!(said.starts_with(&begins) && said.contains(why), "{way}: {said}");
        assert_eq!(kept(&client, &instance).await, before, "{way}");
        let deployment = client.get("/api/v1/deployments/keeper").await.of(200);
        assert_eq!((&deployment["serving"], &deployment["epoch"]), (&json!("1.0.0"), &json!(2)), "{way}");
    }
    assert_eq!(add(&client, NAMES[0], 1).await, json!({ "sum": 2, "form": 1 }));
    goes(&mut host, 2, 1).await;
    // What failed stands in nobody's way.
    let client = host.client();
    let id = migrating(&client, &keeper(2, "good", 0), "2.9.0", &json!({ "watch": { "seconds": 1 } })).await;
    assert_eq!(over(&client, "keeper", &id).await["state"]["outcome"], "promoted");
    assert_eq!(add(&client, NAMES[0], 1).await, json!({ "sum": 3, "form": 2 }));
}

#[tokio::test]
async fn s9_an_operator_ends_a_migration_and_the_release_before_serves_at_once() {
    let (mut host, instance) = host_with_sums().await;
    let client = host.client();
    let before = kept(&client, &instance).await;
    let guest = keeper(2, "good", 20_000);
    let id = migrating(&client, &guest, "2.0.0", &json!({ "drain": { "mode": "expire", "seconds": 1 } })).await;
    reaches(&client, "keeper", &id, "migrating").await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { add(&client, "late", 1).await }
    });
    let begun = |said: &str| said.matches("INFO migrating tenant").count();
    host.says(0, |said| begun(said) == 1).await;
    client.post("/api/v1/deployments/keeper/promote", &Value::Null).await.problem(409, "swap.conflict");
    // What it may do can be changed meanwhile, and another swap has to wait.
    client.put("/api/v1/deployments/keeper/grants", &super::grants()).await.of(200);
    client.swap("keeper", "1.0.0").await.problem(409, "swap.conflict");
    let asked = Instant::now();
    let rolled = client.post("/api/v1/deployments/keeper/rollback", &Value::Null).await.of(200);
    assert_eq!((&rolled["id"], &rolled["state"]["outcome"]), (&json!(id), &json!("aborted")));
    assert_eq!(begun(&host.said()), 1, "what was refused made the migration begin anew");
    assert_eq!(waiting.await.unwrap(), json!({ "sum": 1, "form": 1 }));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    client.run("keeper", "add", json!({ "name": "late", "by": -1 })).await.output();
    let after = kept(&client, &instance).await;
    let left: Vec<_> = after[0].as_array().unwrap().iter().filter(|kept| kept["key"] != "late").collect();
    assert_eq!(left, before[0].as_array().unwrap().iter().collect::<Vec<_>>());
    assert_eq!(after[1], before[1]);
    assert_eq!(swap_of(&client, "keeper", &id).await["state"]["phase"], "ended");
    goes(&mut host, 2, 1).await;
}
