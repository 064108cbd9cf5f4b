//! What is asked for: for whom, how deep, how many, and how the answer comes.

use serde_json::{Value, json};
use troupe_core::limits;

use super::{children, ends, host, id, output, replays, told, wanted};

#[tokio::test]
async fn an_answer_comes_back_for_whoever_asked_first_and_the_tree_is_shown() {
    let host = host().await;
    let owner = host.client();
    let client = owner.with_key("default", &["read", "run"]).await;
    let input = json!({ "ask": [wanted("nap", json!({ "ms": 10 }), json!({}))], "then": "wait" });
    let task = client.submit("asker", "ask", input).await;
    let answers = output(&client, &task).await;
    let [child] = &children(&client, &task, 1).await[..] else { panic!() };
    let principal = client.get(&format!("/api/v1/tasks/{task}")).await.of(200)["principal"].clone();
    assert_eq!((&child["principal"], &child["output"]), (&principal, &principal));
    assert_eq!(answers["told"][0]["value"], principal, "the guest that was asked is told the same user");
    assert_eq!((&child["caused_by"], &child["root"], &answers["tasks"][0]), (&json!(task), &json!(task), &child["id"]));
    assert!(child["lifetime_ms"].as_u64().unwrap() <= 120_000, "{child:#}");
    let below = client.get(&format!("/api/v1/tasks?root={task}")).await.of(200);
    assert_eq!(below["items"], json!([child]));
    replays(&client, &task).await;
    let tried = client.post(&format!("/api/v1/tasks/{task}/replay"), &json!({ "release": "1.0.0" })).await.of(200);
    assert_eq!(tried["identical"], true, "{tried:#}");
    assert_eq!(children(&client, &task, 1).await.len(), 1, "a release that is tried asks nobody");
}

#[tokio::test]
async fn who_waits_for_long_is_suspended_and_goes_on_with_the_answer() {
    let host = host().await;
    let client = host.client();
    let naps = [7_500, 9_000].map(|ms| wanted("nap", json!({ "ms": ms }), json!({})));
    let task = client.submit("asker", "ask", json!({ "ask": naps, "then": "wait" })).await;
    client.becomes(&task, "suspended").await;
    let answers = output(&client, &task).await;
    assert!(answers["told"].as_array().unwrap().iter().all(|told| told["value"] == "owner"), "{answers:#}");
    assert_eq!(children(&client, &task, 2).await.len(), 2);
    replays(&client, &task).await;
}

#[tokio::test]
async fn how_a_task_failed_is_told_and_an_input_that_does_not_fit_asks_for_nothing() {
    let host = host().await;
    let client = host.client();
    let failed = told(&client, wanted("fail", json!({}), json!({}))).await;
    assert_eq!((&failed["code"], &failed["details"]["status"]), (&json!("ended"), &json!("failed")), "{failed:#}");
    assert_eq!(failed["details"]["code"], "guest.failed");
    assert_eq!(failed["details"]["details"]["why"], "told");
    let wrong = told(&client, wanted("nap", json!({ "ms": "long" }), json!({}))).await;
    assert_eq!(wrong["code"], "invalid", "{wrong:#}");
    assert!(wrong["error"].as_str().unwrap().contains("/ms"), "{wrong:#}");
    let long = told(&client, wanted("nap", json!({}), json!({ "timeout_ms": 100_000_000 }))).await;
    assert_eq!(long["code"], "invalid", "{long:#}");
    let slow = told(&client, wanted("nap", json!({ "ms": 60_000 }), json!({ "timeout_ms": 500 }))).await;
    assert_eq!(slow["details"]["code"], "limit.deadline", "{slow:#}");
}

#[tokio::test]
async fn f68_agents_that_ask_each_other_round_and_round_stop_at_a_depth() {
    let host = host().await;
    let client = host.client();
    let task = client.submit("asker", "chain", json!({})).await;
    let chain = output(&client, &task).await;
    assert_eq!(chain["below"], limits::TASK_HOPS_MAX, "{chain:#}");
    assert!(chain.to_string().contains("limit.hops"), "{chain:#}");
    let below = client.get(&format!("/api/v1/tasks?root={task}&limit=500")).await.of(200);
    assert_eq!(below["items"].as_array().unwrap().len(), limits::TASK_HOPS_MAX as usize);
}

#[tokio::test]
async fn a_task_has_as_many_below_it_as_it_may_and_a_key_is_one_of_them() {
    let host = host().await;
    let client = host.client();
    let keyed = |key: &str, ms: u64| wanted("nap", json!({ "ms": ms }), json!({ "key": key }));
    let input = json!({ "ask": [keyed("a", 1), keyed("a", 1), keyed("b", 1), keyed("a", 2)], "then": "wait" });
    let task = client.submit("asker", "ask", input).await;
    let answers = output(&client, &task).await;
    let tasks = answers["tasks"].as_array().unwrap();
    assert!(tasks[0] == tasks[1] && tasks[0] != tasks[2], "{answers:#}");
    assert_eq!(answers["told"][3]["code"], "invalid", "another request under the same key: {answers:#}");
    children(&client, &task, 2).await;
    let listed = json!({ "ask": [wanted("nap", json!({}), json!({ "outlives": true }))] });
    let listed = client.run("asker", "children", listed).await.output();
    assert!(listed[0].as_str().unwrap().starts_with("asker/nap "), "{listed:#}");
}

#[tokio::test]
async fn descendants_are_bounded_for_each_task_at_the_top() {
    let host = host().await;
    let client = host.client();
    // The queue is short of them: what naps ends at once, and who asks is told where there is no room.
    let task = client.submit("asker", "many", json!({ "count": limits::TASK_DESCENDANTS_MAX + 10 })).await;
    let many = ends(&client, &task).await["output"].clone();
    let code = many["why"]["code"].as_str().unwrap_or_default();
    assert!(["limit.descendants", "unavailable"].contains(&code), "{many:#}");
    if code == "limit.descendants" {
        assert_eq!(many["below"], limits::TASK_DESCENDANTS_MAX);
    }
}

#[tokio::test]
async fn a_budget_of_the_task_at_the_top_bounds_all_below_it() {
    let host = host().await;
    let client = host.client();
    let asked = async |budget: Value, skill: &str, input: Value| {
        let task = json!({ "agent": "asker", "skill": skill, "input": input, "budget": budget });
        client.post("/api/v1/tasks", &task).await.of(202)["id"].as_str().unwrap().to_owned()
    };
    let task = asked(json!({ "tasks": 4 }), "many", json!({ "count": 10 })).await;
    let ended = ends(&client, &task).await;
    assert_eq!(ended["budget"], json!({ "tasks": 4 }));
    assert_eq!((&ended["output"]["below"], &ended["output"]["why"]["code"]), (&json!(4), &json!("limit.budget")));
    // It is inherited: whoever is asked asks no more than is left either.
    let task = asked(json!({ "tasks": 3 }), "chain", json!({})).await;
    let chain = output(&client, &task).await;
    assert_eq!(chain["below"], 3, "{chain:#}");
    assert!(chain.to_string().contains("limit.budget"), "{chain:#}");
    let nobody = asked(json!({ "tasks": 0 }), "many", json!({ "count": 1 })).await;
    assert_eq!(ends(&client, &nobody).await["output"]["below"], 0);
    // A bound on what others use asks nothing of one that has some of it left.
    let rich = json!({ "compute_ms": 600_000, "sent_bytes": 1_000_000, "received_bytes": 1_000_000 });
    let task = asked(rich, "many", json!({ "count": 3 })).await;
    assert_eq!(ends(&client, &task).await["output"]["below"], 3);
    for none in [json!({}), json!({ "compute_ms": 0 }), json!({ "money": 1 })] {
        let task = json!({ "agent": "asker", "skill": "nap", "budget": none });
        client.post("/api/v1/tasks", &task).await.problem(400, "request.invalid");
    }
    let arguments = ["run", "asker", "many", "--input", r#"{"count":9}"#, "--budget", "tasks=2,compute_ms=60000"];
    let said = troupe_tests::command::run_on(crate::PROGRAM, &host, &arguments).await;
    assert!(said.good().contains("limit.budget"), "{said:#?}");
}

#[tokio::test]
async fn a_task_that_somebody_else_asked_for_is_no_child() {
    let host = host().await;
    let client = host.client();
    let other = client.run("asker", "nap", json!({})).await.of(200);
    let found = client.run("asker", "find", json!({ "task": id(&other) })).await.output();
    let none = client.run("asker", "find", json!({ "task": "nobody" })).await.output();
    assert_eq!((&found["code"], &found["error"]), (&json!("invalid"), &none["error"]), "{found:#}");
    assert_eq!(client.get(&format!("/api/v1/tasks?caused_by={}", id(&other))).await.of(200)["items"], json!([]));
    client.get("/api/v1/tasks?caused_by=x").await.problem(404, "task.not_found");
    let nobody: Value = client.get("/api/v1/tasks?root=0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b").await.of(200);
    assert_eq!(nobody["items"], json!([]));
}
