//! Seeing and revoking keys.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::redacted_json;

use crate::empty_host;

#[tokio::test]
async fn a_caller_learns_who_it_is() {
    let host = empty_host().await;
    let owner = host.client().get("/api/v1/whoami").await.of(200);
    assert_eq!(
        owner,
        json!({
            "tenant": "default", "principal": "owner",
            "scopes": ["read", "run", "operate", "approve", "audit", "admin", "metrics", "machine", "owner"],
        })
    );
    host.client().make_tenant("acme").await;
    let key = host.client().with_key("acme", &["run", "read"]).await;
    assert_snapshot!(redacted_json(&key.get("/api/v1/whoami").await.of(200)), @r#"
    {
      "tenant": "acme",
      "principal": "key/[id]",
      "scopes": [
        "read",
        "run"
      ]
    }
    "#);
}

#[tokio::test]
async fn keys_are_listed_by_pages_newest_first() {
    let host = empty_host().await;
    let client = host.client();
    for name in ["a", "b", "c"] {
        client.post("/api/v1/keys", &json!({ "name": name, "scopes": ["read"] })).await.of(201);
    }
    let first = client.get("/api/v1/keys?limit=2").await.of(200);
    let names = |page: &Value| -> Vec<Value> {
        page["items"].as_array().unwrap().iter().map(|key| key["name"].clone()).collect()
    };
    assert_eq!(names(&first), ["c", "b"]);
    let rest = client.get(&format!("/api/v1/keys?limit=2&after={}", first["next"].as_str().unwrap())).await.of(200);
    assert_eq!((names(&rest), rest.get("next")), (vec![json!("a")], None));
    client.get("/api/v1/keys?after=x").await.problem(400, "request.invalid");
}

#[tokio::test]
async fn a_key_says_which_agents_it_is_bound_to() {
    let host = empty_host().await;
    let client = host.client();
    let (bound, key) = client.with_bound_key(&["read", "admin"], &["gcp", "aws*", "gcp"]).await;
    let free = client.post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["read"] })).await.of(201);
    let page = client.get("/api/v1/keys").await.of(200);
    let agents =
        [&key, &page["items"][1], &bound.get("/api/v1/whoami").await.of(200)].map(|told| told["agents"].clone());
    assert_eq!(agents, [0; 3].map(|_| json!(["aws*", "gcp"])));
    assert_eq!((free.get("agents"), page["items"][0].get("agents")), (None, None));
    // It gives no keys, and sees none.
    bound.get("/api/v1/keys").await.problem(403, "auth.scope");
}

#[tokio::test]
async fn a_key_says_when_it_was_used() {
    let host = empty_host().await;
    let client = host.client();
    let made = client.post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["read"] })).await.of(201);
    let path = format!("/api/v1/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.of(200).get("used_at"), None);
    client.with_token(made["token"].as_str()).get("/api/v1/agents").await.of(200);
    // It is noted after the answer.
    while client.get(&path).await.of(200).get("used_at").is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn revoking_is_for_good_and_may_be_asked_for_twice() {
    let host = empty_host().await;
    let client = host.client();
    let made = client.post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["read"] })).await.of(201);
    let path = format!("/api/v1/keys/{}", made["id"].as_str().unwrap());
    let once = client.post(&format!("{path}/revoke"), &json!({})).await.of(200);
    let twice = client.post(&format!("{path}/revoke"), &json!({})).await.of(200);
    assert_eq!(once, twice);
    assert_eq!(client.get(&path).await.of(200), once);
    let other = "/api/v1/keys/0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
    client.get(other).await.problem(404, "key.not_found");
    client.post(&format!("{other}/revoke"), &json!({})).await.problem(404, "key.not_found");
    client.get("/api/v1/keys/x").await.problem(404, "key.not_found");
}

#[tokio::test]
async fn a_key_may_revoke_itself_and_what_it_gave_stays() {
    let host = empty_host().await;
    let made = host.client().post("/api/v1/keys", &json!({ "name": "a", "scopes": ["admin"] })).await.of(201);
    let admin = host.client().with_token(made["token"].as_str());
    let given = admin.post("/api/v1/keys", &json!({ "name": "b", "scopes": ["admin"] })).await.of(201);
    admin.post(&format!("/api/v1/keys/{}/revoke", made["id"].as_str().unwrap()), &json!({})).await.of(200);
    admin.get("/api/v1/keys").await.problem(401, "auth.invalid");
    host.client().with_token(given["token"].as_str()).get("/api/v1/keys").await.of(200);
}
