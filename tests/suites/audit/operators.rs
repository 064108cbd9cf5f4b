//! What operators decide, and what the host decides about what they give it.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::{guests, redacted};

use super::{id, records};
use crate::{empty_host, host};

/// Each record on a line.
fn lines(records: &[Value]) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |record: &Value| {
        format!(
            "{} {} {} {} {} {}\n",
            record["seq"],
            text(&record["kind"]),
            text(&record["code"]),
            text(&record["principal"]),
            text(&record["version"]),
            record["details"]
        )
    };
    redacted(&records.iter().map(line).collect::<String>())
}

#[tokio::test]
async fn every_change_that_an_operator_makes_is_recorded_with_who_made_it() {
    // Built before anything is asked, since a connection does not stay open for that long.
    let counter = &guests().counter;
    let host = empty_host().await;
    let client = host.client();
    let key = client.post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["operate", "run"] })).await.of(201);
    let operator = client.with_token(key["token"].as_str());
    operator.publish(counter.archive("1.0.0")).await.of(201);
    operator.publish(counter.archive("1.0.0")).await.of(200);
    operator.publish(counter.marked(1).archive("1.0.0")).await.problem(409, "artifact.immutable");
    operator.publish(b"no archive".to_vec()).await.problem(422, "artifact.malformed");
    operator.swap("counter", "1.0.0").await.of(200);
    let path = "/api/v1/deployments/counter";
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    operator.put(&format!("{path}/grants"), &grants).await.of(200);
    let task = operator.run("counter", "increment", json!({ "key": "a" })).await.of(200);
    let redact = format!("/api/v1/tasks/{}/journal/redact", id(&task));
    operator.post(&redact, &json!({ "documents": true })).await.of(200);
    operator.put(&format!("{path}/grants"), &json!({ "grants": {} })).await.of(200);
    // What is refused before anything was decided is in no audit.
    client.with_token(Some("troupe_wrong")).get("/api/v1/agents").await.problem(401, "auth.invalid");
    operator.get("/api/v1/keys").await.problem(403, "auth.scope");
    client.post(&format!("/api/v1/keys/{}/revoke", key["id"].as_str().unwrap()), &json!({})).await.of(200);
    let records = records(&client).await;
    // A component has another length with each toolchain.
    let bytes = format!("\"bytes\":{}", records[3]["details"]["bytes"]);
    assert_snapshot!(lines(&records).replace(&bytes, "\"bytes\":[all]"), @r#"
    1 tenant_created - - - {}
    2 key_created - owner - {"key":"[id]","name":"ci","scopes":"run operate"}
    3 published - key/[id] 1.0.0 {"component":"[digest]","keys":["[digest]"]}
    4 publish_refused artifact.immutable key/[id] 1.0.0 {"archive":"[digest]","bytes":[all]}
    5 publish_refused artifact.malformed key/[id] - {"archive":"[digest]","bytes":10}
    6 swap - key/[id] 1.0.0 {"epoch":1,"swap":"[id]"}
    7 grants - key/[id] 1.0.0 {"epoch":2,"revision":1,"wider":["state"]}
    8 redacted - key/[id] - {"documents":true}
    9 grants - key/[id] 1.0.0 {"epoch":3,"narrower":["state"],"revision":2}
    10 key_revoked - owner - {"key":"[id]","name":"ci"}
    "#);
}

#[tokio::test]
async fn a_quarantine_and_its_end_are_recorded() {
    let host = host().await;
    let client = host.client();
    let before = records(&client).await.len();
    while client.run("hostile", "trap", json!({})).await.status != 503 {}
    client.post("/api/v1/deployments/hostile/quarantine/lift", &json!({})).await.of(200);
    let mut told: Vec<Value> = records(&client).await.split_off(before);
    told.retain(|record| record["kind"] != "ended");
    let told =
        told.iter().map(|record| json!([record["kind"], record["principal"], record["agent"], record["details"]]));
    let expected =
        [json!(["quarantined", null, "hostile", { "seconds": 5 }]), json!(["lifted", "owner", "hostile", {}])];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn each_tenant_has_a_chain_of_its_own_which_the_owner_can_read_even_when_it_is_disabled() {
    let host = empty_host().await;
    let owner = host.client();
    owner.make_tenant("acme").await;
    let auditor = owner.with_key("acme", &["audit"]).await;
    owner.post("/api/v1/keys", &json!({ "name": "ci", "scopes": ["read"] })).await.of(201);
    let kinds = |records: Vec<Value>| {
        records.iter().map(|record| format!("{} {}", record["seq"], record["kind"])).collect::<Vec<_>>().join(", ")
    };
    assert_snapshot!(kinds(records(&auditor).await), @r#"1 "tenant_created", 2 "key_created""#);
    assert_snapshot!(kinds(records(&owner).await), @r#"1 "tenant_created", 2 "key_created""#);
    auditor.get("/api/v1/audit?tenant=default").await.problem(403, "auth.scope");
    auditor.get("/api/v1/tasks").await.problem(403, "auth.scope");
    owner.post("/api/v1/tenants/acme/disable", &json!({})).await.of(200);
    auditor.get("/api/v1/audit").await.problem(403, "tenant.disabled");
    let page = owner.get("/api/v1/audit?tenant=acme").await.of(200);
    assert_snapshot!(kinds(page["items"].as_array().unwrap().clone()), @r#"1 "tenant_created", 2 "key_created", 3 "tenant_disabled""#);
    owner.get("/api/v1/audit?tenant=nobody").await.problem(404, "tenant.not_found");
}
