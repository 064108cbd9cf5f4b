//! Whom an agent may ask, and what it is told that it may not.

use serde_json::{Value, json};
use troupe_tests::guests;

use super::{deploy, grants, host, told, wanted};

fn of(agent: &str, skill: &str) -> Value {
    json!({ "agent": agent, "skill": skill, "input": {} })
}

/// What was told, without the name that was asked for.
fn said(told: &Value, agent: &str) -> String {
    told.to_string().replace(agent, "AGENT")
}

#[tokio::test]
async fn f70_an_agent_that_may_not_be_asked_is_answered_as_one_that_is_not_there() {
    let host = host().await;
    let client = host.client();
    client.publish(guests().echo.archive("1.0.0")).await.of(201);
    client.swap("echo", "1.0.0").await.of(200);
    let mut narrow = grants();
    narrow["agents"] = json!([{ "ask": "asker/*" }, { "ask": "nobody/*" }]);
    client.put("/api/v1/deployments/asker/grants", &json!({ "grants": narrow })).await.of(200);
    let ungranted = told(&client, of("echo", "version")).await;
    assert_eq!(ungranted["code"], "denied.capability", "{ungranted:#}");
    for (agent, skill) in [("ghost", "version"), ("nobody", "version"), ("ECHO", "version"), ("asker", "version")] {
        let other = told(&client, of(agent, skill)).await;
        assert_eq!(said(&other, agent), said(&ungranted, "echo"), "{agent}");
    }
    let audit = client.get("/api/v1/audit?kind=denied&limit=100").await.of(200);
    assert_eq!(audit["items"].as_array().unwrap().len(), 5, "{audit:#}");
    assert!(!audit.to_string().contains("ghost"), "what a guest wrote is in no record");
}

#[tokio::test]
async fn a_skill_asks_for_none_that_reaches_further_than_itself() {
    let host = host().await;
    let client = host.client();
    let ask = |skill: &str| json!({ "ask": [wanted(skill, json!({}), json!({}))], "then": "wait" });
    let told = client.run("asker", "ask_as_reader", ask("count")).await.output();
    assert_eq!(told["told"][0]["code"], "denied.capability", "{told:#}");
    assert!(told["told"][0]["error"].as_str().unwrap().contains("class write"), "{told:#}");
    let told = client.run("asker", "ask_as_reader", ask("nap")).await.output();
    assert_eq!(told["told"][0]["value"], "owner", "{told:#}");
}

#[tokio::test]
async fn a_grant_is_explained_given_and_taken_away_by_its_line() {
    let host = host().await;
    let client = host.client();
    let explain = async |question: &str| {
        client.post("/api/v1/deployments/asker/grants/explain", &json!({ "question": question })).await.of(200)
    };
    let told = explain("agents ask asker/nap").await;
    assert_eq!((&told["allowed"], &told["operator"]["lines"][0]["line"]), (&json!(true), &json!("agents/*/*")));
    let removed = json!({ "remove": ["agents/*/*"] });
    let change = client.request(reqwest::Method::PATCH, "/api/v1/deployments/asker/grants").json(&removed);
    client.send(change).await.of(200);
    assert_eq!(explain("agents ask asker/nap").await["code"], "denied.capability");
}

#[tokio::test]
async fn a_run_that_keeps_nothing_asks_nobody() {
    let host = host().await;
    let input = json!({ "ask": [wanted("nap", json!({}), json!({}))] });
    let task = json!({ "agent": "asker", "skill": "ask_as_reader", "durability": "none", "input": input });
    host.client().post("/api/v1/tasks?wait=30", &task).await.of(200);
    let listed = host.client().get("/api/v1/tasks").await.of(200);
    assert_eq!(listed["items"], json!([]), "{listed:#}");
}

#[tokio::test]
async fn an_agent_of_another_tenant_is_not_there() {
    let host = host().await;
    let owner = host.client();
    owner.publish(guests().echo.archive("1.0.0")).await.of(201);
    owner.swap("echo", "1.0.0").await.of(200);
    owner.make_tenant("acme").await;
    let other = owner.with_key("acme", &["read", "run", "operate"]).await;
    deploy(&other, &grants()).await;
    let told = super::told(&other, of("echo", "version")).await;
    assert_eq!(told["code"], "denied.capability", "{told:#}");
}
