//! A rehearsal as a step of a swap: a candidate that does otherwise gets no call at all.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::command::{Said, run_on};
use troupe_tests::{Client, redacted};

use super::found::worked;
use super::publish;
use crate::PROGRAM;
use crate::swap::phases;

/// Begins a swap of the clerk with a policy, and waits until it is decided.
async fn swapped(client: &Client, version: &str, policy: Value) -> Value {
    let request = json!({ "version": version, "policy": policy });
    let swap = client.post("/api/v1/deployments/clerk/swap", &request).await.of(202);
    decided(client, swap["id"].as_str().unwrap()).await
}

async fn decided(client: &Client, id: &str) -> Value {
    for _ in 0..3_000 {
        let swap = client.get(&format!("/api/v1/deployments/clerk/swaps/{id}")).await.of(200);
        if !swap["state"]["outcome"].is_null() {
            return swap;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the swap is never decided");
}

/// The versions on which tasks of the clerk ran.
async fn ran_on(client: &Client) -> Vec<String> {
    let tasks = client.get("/api/v1/tasks?agent=clerk&limit=500").await.of(200);
    let mut versions: Vec<String> = tasks["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|task| task["release"]["version"].as_str().map(str::to_owned))
        .collect();
    versions.sort();
    versions.dedup();
    versions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s17_each_kind_of_worse_candidate_is_stopped_by_its_rehearsal_and_serves_nobody() {
    let (_host, server, client, heard) = worked(300).await;
    let epoch = client.get("/api/v1/deployments/clerk").await.of(200)["epoch"].clone();
    let mut reasons = String::new();
    for (version, habit) in
        [("1.1.0", "wrong"), ("1.2.0", "stranger"), ("1.3.0", "greedy"), ("1.4.0", "slow"), ("1.5.0", "trapping")]
    {
        publish(&client, &server, version, habit).await;
        let swap =
            swapped(&client, version, json!({ "rehearse": {}, "canary": { "steps": [{ "weight": 50 }] } })).await;
        let state = &swap["state"];
        assert_eq!((&state["outcome"], &state["phase"]), (&json!("differs"), &json!("ended")), "{swap:#}");
        assert_eq!(state["reason"]["code"], "swap.unhealthy");
        let said = state["reason"]["message"].as_str().unwrap();
        // What it takes differs from run to run, and taking memory takes time, too.
        let said = if habit == "greedy" { said.split("; its processor time").next().unwrap() } else { said };
        let said = if matches!(habit, "greedy" | "slow") { numberless(said) } else { said.to_owned() };
        reasons.push_str(&format!("{habit}: {said}\n"));
        let id = swap["id"].as_str().unwrap();
        assert_eq!(phases(&client, id).await, ["verifying", "rehearsing", "ended"], "{habit}");
        assert_eq!(state["rehearsal"]["total"], 307, "{swap:#}");
        assert_eq!(state["rehearsal"]["verdict"]["passes"], false);
        // What tasks were answered is not kept with the swap.
        assert!(!swap.to_string().contains("/price"), "{swap:#}");
    }
    let route = client.get("/api/v1/deployments/clerk").await.of(200);
    assert_eq!((&route["epoch"], &route["canary"]), (&epoch, &Value::Null));
    assert_eq!(ran_on(&client).await, ["1.0.0"]);
    assert_eq!(server.requests().len(), heard, "nothing was sent for them");
    assert_snapshot!(reasons, @"
    wrong: it answers otherwise in 6 of 307 invocations (2 %), and may in 1 %
    stranger: it calls prices.example.com, which no recorded invocation called
    greedy: its peak memory is N times that of N, and may be N times: N MiB instead of N MiB in N invocations of `quote`
    slow: its processor time is N times that of N, and may be N times: N ms instead of N ms in N invocations of `quote`
    trapping: it traps in 300 of 307 invocations (97.7 %)
    ");
}

/// A text with `N` for each number.
fn numberless(text: &str) -> String {
    let mut out = String::new();
    for part in text.split_inclusive(|character: char| !(character.is_ascii_digit() || character == '.')) {
        let rest = part.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
        if rest.len() < part.len() && part.starts_with(|first: char| first.is_ascii_digit()) {
            out.push('N');
            out.push_str(rest);
        } else {
            out.push_str(part);
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_does_the_same_goes_on_and_what_was_found_is_kept() {
    let (_host, server, client, _) = worked(12).await;
    publish(&client, &server, "1.0.1", "plain").await;
    let swap = swapped(&client, "1.0.1", json!({ "rehearse": { "last": 10 } })).await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
    let found = &swap["state"]["rehearsal"];
    assert_eq!(found["total"], found["identical"], "{swap:#}");
    assert!(found["total"].as_u64() >= Some(10), "{swap:#}");
    assert_eq!(found["verdict"], json!({ "passes": true, "reasons": [] }));
    let told = client.get("/api/v1/audit?kind=rehearsed").await.of(200);
    let record = &told["items"][0];
    assert_eq!((&record["principal"], &record["details"]["begun_by"]), (&Value::Null, &json!("owner")), "{record:#}");
    assert_eq!(
        ["swap", "verdict", "total", "identical"].map(|fact| &record["details"][fact]),
        [&swap["id"], &json!("passes"), &found["total"], &found["total"]]
    );
    assert_eq!(client.run("clerk", "quote", json!({ "number": 1 })).await.of(200)["release"]["version"], "1.0.1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_decides_what_is_only_told_and_what_may_be_otherwise() {
    let (_host, server, client, _) = worked(12).await;
    publish(&client, &server, "1.1.0", "eager").await;
    let told = swapped(&client, "1.1.0", json!({ "rehearse": { "only_tell": true } })).await;
    assert_eq!((&told["state"]["outcome"], &told["state"]["rehearsal"]["unmatched"]), (&json!("promoted"), &json!(12)));
    assert_eq!(told["state"]["rehearsal"]["verdict"]["passes"], false, "it is said nevertheless: {told:#}");
    client.post("/api/v1/deployments/clerk/rollback", &Value::Null).await.of(200);
    let may = json!({ "rehearse": { "may": { "allow_new_writes": true, "cost_factor_max": 100.0 } } });
    let swap = swapped(&client, "1.1.0", may).await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_there_was_nothing_to_repeat_is_said_and_left_to_the_policy() {
    let (host, server) = super::clerk().await;
    let client = host.client();
    publish(&client, &server, "1.0.1", "plain").await;
    publish(&client, &server, "1.0.2", "plain").await;
    let wanted = json!({ "rehearse": { "may": { "allow_not_rehearsed": false } } });
    let swap = swapped(&client, "1.0.1", wanted).await;
    assert_eq!(swap["state"]["outcome"], "not_rehearsed", "{swap:#}");
    assert_eq!(
        swap["state"]["reason"],
        json!({ "code": "swap.undecided", "message": "not rehearsed: there is nothing that it could be tried on" })
    );
    let swap = swapped(&client, "1.0.2", json!({ "rehearse": {} })).await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
    let reasons = &swap["state"]["rehearsal"]["verdict"]["reasons"];
    assert_eq!(reasons, &json!(["not rehearsed: there is nothing that it could be tried on"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_of_a_swap_goes_on_after_a_kill_shows_how_far_it_is_and_is_aborted() {
    let (mut host, server, client, heard) = worked(200).await;
    publish(&client, &server, "1.0.1", "plain").await;
    let request = json!({ "version": "1.0.1", "policy": { "rehearse": {} } });
    let swap = client.post("/api/v1/deployments/clerk/swap", &request).await.of(202);
    let id = swap["id"].as_str().unwrap();
    let path = format!("/api/v1/deployments/clerk/swaps/{id}");
    let mut seen = 0;
    while seen == 0 {
        let swap = client.get(&path).await.of(200);
        assert!(swap["state"]["outcome"].is_null(), "it was over before anybody saw it: {swap:#}");
        seen = swap["state"]["progress"]["done"].as_u64().unwrap_or(0);
    }
    host.kill().await;
    host.start().await;
    let client = host.client();
    let swap = decided(&client, id).await;
    assert_eq!((&swap["state"]["outcome"], &swap["state"]["rehearsal"]["total"]), (&json!("promoted"), &json!(207)));
    assert_eq!(swap["state"]["progress"], Value::Null);

    publish(&client, &server, "1.0.2", "plain").await;
    let request = json!({ "version": "1.0.2", "policy": { "rehearse": {} } });
    let swap = client.post("/api/v1/deployments/clerk/swap", &request).await.of(202);
    let id = swap["id"].as_str().unwrap();
    client.post(&format!("/api/v1/deployments/clerk/swaps/{id}/abort"), &Value::Null).await.of(200);
    assert_eq!(decided(&client, id).await["state"]["outcome"], "aborted");
    assert_eq!(client.get("/api/v1/deployments/clerk").await.of(200)["serving"], "1.0.1");
    assert_eq!(server.requests().len(), heard);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_read_tasks_may_not_have_them_repeated() {
    let (_host, server, client, _) = worked(1).await;
    publish(&client, &server, "1.0.1", "plain").await;
    let operator = client.with_key("default", &["operate"]).await;
    let request = json!({ "version": "1.0.1", "policy": { "rehearse": {} } });
    operator.post("/api/v1/deployments/clerk/swap", &request).await.problem(403, "auth.scope");
}

/// What a command said, without the states that may be over before anybody looks.
fn lines(said: &Said) -> String {
    let all = format!("{}{}", said.err, said.out);
    let is_brief =
        |line: &&str| ["verifying", "warming", "draining"].iter().any(|phase| line.trim().starts_with(phase));
    redacted(&all.lines().filter(|line| !is_brief(line)).collect::<Vec<_>>().join("\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_says_what_was_found() {
    let (host, server, client, _) = worked(20).await;
    publish(&client, &server, "1.1.0", "eager").await;
    let said = run_on(PROGRAM, &host, &["swap", "clerk@1.1.0", "--rehearse=20"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_snapshot!(lines(&said), @"
      rehearsing repeats recorded invocations on it
                 7 of 20 recorded invocations came out the same; 0 otherwise, 0 broke, 13 asked for something new
           ended differs, since it makes calls that change something and are new, in 13 of 20 invocations (65 %) [swap.unhealthy]
    clerk@1.1.0 does not serve: differs, since it makes calls that change something and are new, in 13 of 20 invocations (65 %) [swap.unhealthy]
    ");
    publish(&client, &server, "1.0.1", "plain").await;
    let said = run_on(PROGRAM, &host, &["swap", "clerk@1.0.1", "--rehearse"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_snapshot!(lines(&said), @"
      rehearsing repeats recorded invocations on it
                 27 of 27 recorded invocations came out the same; 0 otherwise, 0 broke, 0 asked for something new
    clerk@1.0.1 serves; epoch 4
    ");
}
