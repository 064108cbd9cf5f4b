//! How an agent is swapped when whoever asks for it does not say how.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::command::run_on;
use troupe_tests::{Client, redacted};

use super::{canary, feed, host_with_trials, over, reaches, swap_of};
use crate::{PROGRAM, host};

const POLICY: &str = "/api/v1/deployments/trial/policy";

async fn serving(client: &Client) -> Value {
    client.get("/api/v1/deployments/trial").await.of(200)["serving"].clone()
}

#[tokio::test]
async fn a_swap_of_which_nobody_says_how_goes_by_the_standing_policy() {
    let mut host = host_with_trials(&[("2.0.0", json!({})), ("3.0.0", json!({})), ("4.0.0", json!({}))]).await;
    let client = host.client();
    assert_eq!(client.get(POLICY).await.of(200), json!({ "agent": "trial" }));
    let policy = json!({ "canary": canary(&[50], 1_000_000), "keep_previous_seconds": 60 });
    let set = client.put(POLICY, &policy).await.of(200);
    assert_eq!((&set["policy"]["canary"]["steps"], &set["by"]), (&policy["canary"]["steps"], &json!("owner")));
    // It is kept over restarts.
    host.stop().await;
    host.start().await;
    let client = host.client();
    assert_eq!(client.get(POLICY).await.of(200), set);

    let begun = client.post("/api/v1/deployments/trial/swap", &json!({ "version": "2.0.0" })).await.of(202);
    assert_eq!(begun["policy"], set["policy"]);
    let id = begun["id"].as_str().unwrap();
    reaches(&client, "trial", id, "canary").await;
    assert_eq!(serving(&client).await, "1.0.0");
    // What is under way goes on as it began.
    client.put(POLICY, &json!({ "watch": { "seconds": 1 } })).await.of(200);
    assert_eq!(swap_of(&client, "trial", id).await["policy"], set["policy"]);
    client.post("/api/v1/deployments/trial/promote", &json!({})).await.of(200);
    over(&client, "trial", id).await;

    // Who says how is taken at that word; who goes back and who asks for what serves wait for nothing.
    client.put(POLICY, &policy).await.of(200);
    let at_once = json!({ "version": "3.0.0", "policy": {} });
    client.post("/api/v1/deployments/trial/swap", &at_once).await.of(200);
    client.swap("trial", "3.0.0").await.of(200);
    let back = client.post("/api/v1/deployments/trial/rollback", &json!({})).await.of(200);
    assert_eq!((&back["state"]["outcome"], serving(&client).await), (&json!("promoted"), json!("2.0.0")));
    assert_eq!(client.delete(POLICY).await.of(200), json!({ "agent": "trial" }));
    client.swap("trial", "4.0.0").await.of(200);
    assert_eq!(serving(&client).await, "4.0.0");

    let told = feed(&client).await.into_iter().filter(|event| event["type"] == "deployment.policy");
    let told: Vec<bool> = told.map(|event| event["data"]["policy"].is_object()).collect();
    assert_eq!(told, [true, true, true, false]);
    let audit = client.get("/api/v1/audit?kind=swap_policy").await.of(200);
    assert_eq!(audit["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_policy_that_no_swap_could_follow_and_one_of_an_agent_that_is_not_there_are_refused() {
    let host = host_with_trials(&[]).await;
    let client = host.client();
    let before = client.get(POLICY).await.of(200);
    for wrong in [json!({ "canary": { "steps": [] } }), json!({ "watch": [] }), json!({ "wach": {} }), json!([])] {
        client.put(POLICY, &wrong).await.problem(400, "request.invalid");
    }
    assert_eq!(client.get(POLICY).await.of(200), before);
    let absent = "/api/v1/deployments/absent/policy";
    client.get(absent).await.problem(404, "deployment.not_found");
    client.put(absent, &json!({ "watch": { "seconds": 1 } })).await.problem(404, "deployment.not_found");
    let reader = client.with_key("default", &["read"]).await;
    reader.get(POLICY).await.of(200);
    reader.put(POLICY, &json!({ "watch": { "seconds": 1 } })).await.problem(403, "auth.scope");
    reader.delete(POLICY).await.problem(403, "auth.scope");
}

#[tokio::test]
async fn an_operator_says_it_once_and_goes_past_it_by_a_word() {
    let host = host().await;
    let mut told = String::new();
    for command in [
        &["policy", "echo"][..],
        &["policy", "echo", "set"],
        &["policy", "echo", "set", "--rehearse", "--canary", "5,25", "--watch", "60s", "--hold", "--drain", "5s"],
        &["policy", "echo", "set", "--policy", r#"{"watch":{"seconds":1}}"#],
        &["swap", "echo@2.0.0"],
        &["swap", "echo@1.0.0", "--at-once"],
        &["policy", "echo", "remove"],
        &["policy", "absent", "set", "--watch", "5s"],
    ] {
        let said = run_on(PROGRAM, &host, command).await;
        let followed =
            said.err.lines().map(str::trim).filter(|line| !line.contains("checks") && !line.contains("warming"));
        let followed: Vec<&str> = followed.collect();
        told.push_str(&format!("$ troupe {}\n{}{}\n", command.join(" "), said.out, followed.join("\n")));
    }
    assert_snapshot!(redacted(&told).replace("troupe-under-test", "troupe"));
}
