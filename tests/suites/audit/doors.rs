//! The audit over REST: pages, filters, and who may see it.

use serde_json::{Value, json};

use super::records;
use crate::empty_host;

fn seqs(page: &Value) -> Vec<u64> {
    page["items"].as_array().unwrap().iter().map(|record| record["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn records_come_by_pages_and_the_newest_when_they_are_asked_for() {
    let host = empty_host().await;
    let client = host.client();
    for _ in 0..6 {
        client.post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["read"] })).await.of(201);
    }
    assert_eq!(records(&client).await.len(), 7, "the tenant, and six keys");
    let get = async |query: &str| client.get(&format!("/api/v1/audit?{query}")).await.of(200);
    let first = get("limit=3").await;
    assert_eq!((seqs(&first), &first["next"]), (vec![1, 2, 3], &json!("3")));
    let last = get("limit=3&after=4").await;
    assert_eq!((seqs(&last), last.get("next")), (vec![5, 6, 7], None));
    let newest = get("limit=2&newest=true").await;
    assert_eq!((seqs(&newest), newest.get("next")), (vec![6, 7], None));
    assert_eq!(seqs(&get("kind=tenant_created").await), [1]);
    assert_eq!(seqs(&get("kind=swap").await), [0; 0]);
    assert_eq!(seqs(&get("principal=owner&after=4").await), [5, 6, 7]);
    assert_eq!(seqs(&get("principal=nobody").await), [0; 0]);
    assert_eq!(seqs(&get(&format!("after={}", u64::MAX)).await), [0; 0]);
    let head = client.get("/api/v1/audit/head").await.of(200);
    assert_eq!((&head["seq"], &head["hash"]), (&json!(7), &records(&client).await[6]["hash"]));
}

#[tokio::test]
async fn what_cannot_be_asked_is_told() {
    let host = empty_host().await;
    let client = host.client();
    let problem = client.get("/api/v1/audit?kind=swapp").await.problem(400, "request.invalid");
    assert!(
        problem["detail"].as_str().unwrap().starts_with("there is no kind `swapp` of decisions; there are denied, ")
    );
    client.get("/api/v1/audit?task=x").await.problem(404, "task.not_found");
    client.get("/api/v1/audit?agent=X").await.problem(404, "agent.not_found");
    client.get("/api/v1/audit?before=1").await.problem(400, "request.invalid");
    client.post("/api/v1/audit", &json!({})).await.problem(405, "route.method_not_allowed");
    let task = "/api/v1/audit/journals/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
    client.get(task).await.problem(404, "task.not_found");
    for path in ["/api/v1/audit", "/api/v1/audit/head", task] {
        client.with_token(None).get(path).await.problem(401, "auth.missing");
        let key = client.with_key("default", &["read", "run", "operate", "admin"]).await;
        let problem = key.get(path).await.problem(403, "auth.scope");
        assert!(problem["detail"].as_str().unwrap().contains("`audit`"), "{problem}");
    }
}
