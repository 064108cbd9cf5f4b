//! A guest that takes locks to keep others out, or to fill what the host keeps of them.

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_tests::oracle::{Good, Oracle};
use troupe_tests::seed;

use crate::locks::{deploy, grants};

fn good() -> Good {
    Good { agent: "locker", skill: "in_turn", input: json!({ "names": [] }), output: json!([]) }
}

#[tokio::test]
async fn locks_that_are_taken_without_end_are_bounded_and_none_is_left() {
    let host = crate::host().await;
    deploy(&host.client().fresh(), &grants()).await;
    let mut oracle = Oracle::watch_with(&host, good()).await;
    let ask = async |client: &troupe_tests::Client, skill: &str, input: Value| {
        let task = client.submit("locker", skill, input).await;
        client.becomes(&task, "completed").await["output"].clone()
    };
    // Each is two commits to disk.
    let count = 150 * seed::floods();
    let client = oracle.client().clone();
    // One after the other, of one name and of many: each is given back before the next.
    for same in [true, false] {
        let many = ask(&client, "many", json!({ "prefix": "res/a", "count": count, "same": same })).await;
        assert_eq!((&many["given"], &many["rising"]), (&json!(count), &json!(true)), "{many:#}");
    }
    let many = ask(&client, "many", json!({ "prefix": "res/b", "count": count, "keep": true })).await;
    assert_eq!((&many["given"], &many["why"]["code"]), (&json!(limits::LOCKS_PER_TASK_MAX), &json!("limit.locks")));
    oracle.decides("limit.locks");
    for name in ["other", "res", "*", "res/*"] {
        let told = ask(&client, "hold", json!({ "name": name, "policy": "preempt" })).await;
        let code = told["got"]["code"].as_str().unwrap().to_owned();
        // What is no name is no decision.
        if code == "denied.capability" {
            oracle.decides(&code);
        } else {
            assert_eq!(code, "invalid");
        }
    }
    assert_eq!(client.get("/api/v1/locks").await.of(200)["items"], json!([]));
    oracle.holds().await;
}

#[tokio::test]
async fn a_lock_of_one_tenant_keeps_nobody_of_another_out_and_tells_nothing() {
    let host = crate::host().await;
    let owner = host.client().fresh();
    deploy(&owner, &grants()).await;
    crate::locks::hold(&owner, "res/secret-name", 60_000, json!({ "priority": "critical" })).await;
    owner.make_tenant("acme").await;
    let client = owner.with_key("acme", &["read", "run", "operate", "audit"]).await.fresh();
    deploy(&client, &grants()).await;
    let oracle = Oracle::watch_of(&host, client, good()).await;
    let client = oracle.client();
    let names = json!({ "names": ["res/secret-name", "res/other"], "ms": 1 });
    let told = client.run("locker", "in_turn", names).await.output();
    assert_eq!((&told[0]["value"], &told[1]["value"]), (&json!(1), &json!(2)), "its own names, and its own numbers");
    for question in ["/api/v1/locks", "/api/v1/feed?limit=500"] {
        let answer = client.get(question).await;
        assert!(!answer.text.contains("secret-name"), "{}", answer.text);
    }
    client.get("/api/v1/locks/res%2Fsecret-name").await.problem(404, "lock.not_found");
    client.post("/api/v1/locks/res%2Fsecret-name/release", &Value::Null).await.problem(404, "lock.not_found");
    oracle.holds().await;
}
