//! Listing tasks.

use serde_json::{Value, json};

use crate::host;

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_and_miss_nothing() {
    let host = host().await;
    let mut all = Vec::new();
    for number in 0..7 {
        let task = host.client().run("echo", "echo", json!({ "text": number.to_string() })).await.of(200);
        all.insert(0, task["id"].as_str().unwrap().to_owned());
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/tasks?limit=3".to_owned());
    loop {
        let page = host.client().get(&path).await.of(200);
        assert!(ids(&page).len() <= 3);
        seen.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/tasks?limit=3&after={next}");
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_list_can_be_of_one_agent_and_one_status() {
    let host = host().await;
    let good = host.client().run("echo", "version", json!({})).await.of(200)["id"].clone();
    let bad = host.client().run("echo", "fail", json!({ "kind": "failed" })).await.of(200)["id"].clone();
    let other = host.client().run("hostile", "environment", json!({})).await.of(200)["id"].clone();
    let list = async |query: &str| ids(&host.client().get(&format!("/api/v1/tasks?{query}")).await.of(200));
    assert_eq!(list("agent=echo").await, [bad.as_str().unwrap(), good.as_str().unwrap()]);
    assert_eq!(list("status=failed").await, [bad.as_str().unwrap()]);
    assert_eq!(list("agent=hostile&status=completed").await, [other.as_str().unwrap()]);
    assert_eq!(list("agent=counter").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_query_nobody_knows_is_refused() {
    let host = host().await;
    for query in ["colour=red", "status=asleep", "limit=many", "after=junk"] {
        host.client().get(&format!("/api/v1/tasks?{query}")).await.problem(400, "request.invalid");
    }
}
