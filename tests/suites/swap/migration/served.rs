//! A migration that goes well, and the releases that need none.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::command::run_on;
use troupe_tests::guests;

use super::{add, goes, host_with_sums, keeper, kept, migrating, values};
use crate::PROGRAM;
use crate::swap::{begin, canary, over};

#[tokio::test]
async fn s8_a_release_of_another_form_serves_on_a_migrated_copy_and_the_one_before_is_retired_with_that() {
    let (mut host, instance) = host_with_sums().await;
    let client = host.client();
    let before = kept(&client, &instance).await;
    assert_eq!(values(&before[0]), [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")]);
    // It is neither tried nor watched, whatever the policy says.
    let policy = json!({ "canary": canary(&[50], 1), "watch": { "seconds": 600 } });
    let id = migrating(&client, &keeper(2, "good", 0), "2.0.0", &policy).await;
    let swap = over(&client, "keeper", &id).await;
    assert_eq!((&swap["state"]["outcome"], &swap["state"]["migrates"]), (&json!("promoted"), &json!(true)), "{swap:#}");
    let deployment = client.get("/api/v1/deployments/keeper").await.of(200);
    assert_eq!((&deployment["serving"], &deployment["epoch"]), (&json!("2.0.0"), &json!(3)));
    let phases: Vec<String> = client.get("/api/v1/feed?limit=500&after=0").await.of(200)["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["subject"] == format!("swap/{id}"))
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(phases, ["swap.verifying", "swap.warming", "swap.migrating", "swap.ended"]);
    let page = client.get("/api/v1/audit?kind=swap_step").await.of(200);
    let steps = page["items"].as_array().unwrap().iter().map(|record| &record["details"]);
    let steps: Vec<Value> = steps.map(|step| json!([step["swap"], step["from"], step["to"]])).collect();
    let step = |from: &str, to: &str| json!([id, from, to]);
    assert_eq!(steps, [step("verifying", "warming"), step("warming", "migrating")]);
    let after = kept(&client, &instance).await;
    assert_eq!(values(&after[0])[..2], [("a/", r#"{"sum":1}"#), ("b/", r#"{"sum":2}"#)]);
    assert_eq!(values(&after[1])[..2], [("a/", r#"{"sum":10}"#), ("b/", r#"{"sum":20}"#)]);
    let highest = |kept: &Value| kept.as_array().unwrap().iter().map(|k| k["revision"].as_u64()).max().unwrap();
    assert!(highest(&after[0]) > highest(&before[0]), "a revision comes a second time");
    assert_eq!(add(&client, "a", 1).await, json!({ "sum": 2, "form": 2 }));
    // Going back would be to what it cannot read.
    let problem = client.post("/api/v1/deployments/keeper/rollback", &Value::Null).await.problem(409, "swap.state");
    assert!(problem["detail"].as_str().unwrap().contains("keeper@1.0.0 reads state"), "{problem:#}");
    goes(&mut host, 1, 2).await;
    // A release that migrates the other way leads there and is one like any other.
    let client = host.client();
    let policy = json!({ "drain": { "mode": "wait", "seconds": 5 } });
    let back = migrating(&client, &keeper(1, "good", 0), "3.0.0", &policy).await;
    assert_eq!(over(&client, "keeper", &back).await["state"]["outcome"], "promoted");
    let expected = [("a", "2"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")];
    assert_eq!(values(&kept(&client, &instance).await[0]), expected);
    goes(&mut host, 2, 3).await;
}

#[tokio::test]
async fn a_release_that_reads_both_forms_needs_no_migration_and_one_that_does_neither_is_refused() {
    let host = crate::host().await;
    let client = host.client();
    let counter = &guests().counter;
    client.publish(counter.keeping(2, "2..=2").archive("2.0.0")).await.of(201);
    client.publish(counter.keeping(2, "1..=2").archive("2.1.0")).await.of(201);
    client.publish(counter.keeping(3, "2..=3").archive("3.0.0")).await.of(201);
    let problem = client.swap("counter", "2.0.0").await.problem(409, "swap.state");
    assert_eq!(
        problem["detail"],
        "counter@2.0.0 reads state of `state.version` 2..=2, and the release that serves writes 1; publish a release that \
         reads both, or one that exports `lifecycle` and migrates"
    );
    // Not beside the release before, nor if that could not serve again.
    for policy in [json!({ "canary": canary(&[50], 1) }), json!({ "watch": { "seconds": 600 } })] {
        let id = begin(&client, "counter", "2.1.0", &policy).await;
        let swap = over(&client, "counter", &id).await;
        let state = &swap["state"];
        assert_eq!((&state["outcome"], &state["reason"]["code"]), (&json!("refused"), &json!("swap.state")));
        assert!(state["reason"]["message"].as_str().unwrap().contains("swap it in without `canary`"), "{swap:#}");
    }
    assert_eq!(client.swap("counter", "2.1.0").await.of(200)["deployment"]["serving"], "2.1.0");
    client.swap("counter", "1.0.0").await.problem(409, "swap.state");
    client.post("/api/v1/deployments/counter/rollback", &Value::Null).await.problem(409, "swap.state");
}

#[tokio::test]
async fn forms_that_are_beside_each_other_are_to_be_read_by_whatever_serves_next() {
    let mut host = crate::host().await;
    let client = host.client();
    let counter = &guests().counter;
    for (version, form, reads) in
        [("2.1.0", 2, "1..=2"), ("2.2.0", 2, "2..=2"), ("3.0.0", 3, "2..=3"), ("3.1.0", 3, "1..=3")]
    {
        client.publish(counter.keeping(form, reads).archive(version)).await.of(201);
    }
    client.swap("counter", "2.1.0").await.of(200);
    // It writes what the release that serves writes, and yet there are keys that 1.0.0 has left.
    let problem = client.swap("counter", "2.2.0").await.problem(409, "swap.state");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"counter@2.2.0 reads state of `state.version` 2..=2, and releases that have served left 1..=2 beside each other; publish a release that reads all of them, which may then migrate them to another");
    assert_eq!(problem["details"]["state"], "1..=2");
    let id = begin(&client, "counter", "2.2.0", &json!({ "canary": canary(&[50], 1) })).await;
    let swap = over(&client, "counter", &id).await;
    assert_eq!(
        (&swap["state"]["outcome"], &swap["state"]["reason"]["code"]),
        (&json!("refused"), &json!("swap.state"))
    );
    client.swap("counter", "3.0.0").await.problem(409, "swap.state");
    // It is on disk, and known when the host starts again.
    host.stop().await;
    host.start().await;
    let client = host.client();
    for version in ["2.2.0", "3.0.0"] {
        client.swap("counter", version).await.problem(409, "swap.state");
    }
    client.swap("counter", "3.1.0").await.of(200);
    assert_eq!(client.get("/api/v1/deployments/counter").await.of(200)["serving"], "3.1.0");
    // Going back would be to what reads two of the three.
    client.post("/api/v1/deployments/counter/rollback", &Value::Null).await.problem(409, "swap.state");
}

#[tokio::test]
async fn a_release_of_the_same_form_that_could_migrate_does_not() {
    let (host, instance) = host_with_sums().await;
    let client = host.client();
    let before = kept(&client, &instance).await;
    client.publish(keeper(1, "traps", 0).archive("1.1.0")).await.of(201);
    client.swap("keeper", "1.1.0").await.of(200);
    assert_eq!(kept(&client, &instance).await, before);
    // A first release finds nothing to migrate.
    client.publish(guests().counter.keeping(7, "7..=7").archive("7.0.0")).await.of(201);
    client.swap("counter", "7.0.0").await.of(200);
}

#[tokio::test]
async fn the_command_line_follows_a_migration_to_its_end() {
    let (host, _) = host_with_sums().await;
    let client = host.client();
    client.publish(keeper(2, "good", 0).archive("2.0.0")).await.of(201);
    client.publish(keeper(1, "refuses", 0).archive("3.0.0")).await.of(201);
    let said = run_on(PROGRAM, &host, &["swap", "keeper@2.0.0"]).await;
    assert_eq!(said.good().trim(), "keeper@2.0.0 serves; epoch 3");
    let said = run_on(PROGRAM, &host, &["swap", "keeper@3.0.0"]).await;
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert_eq!(
        said.out.trim(),
        "keeper@3.0.0 does not serve: refused, since keeper@3.0.0 did not bring the state of the deployment from version 2: \
         these sums are not to be moved [guest.failed]"
    );
}
