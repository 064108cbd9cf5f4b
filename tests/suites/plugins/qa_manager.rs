//! `qa-manager`, a template over `runner`.

use serde_json::{Value, json};

use super::{host, import, listed, make};

#[tokio::test]
async fn checks_tell_what_is_new_fixed_and_still_failing_and_publish_it() {
    let host = host("runner").await;
    let client = host.client();
    import(&client, "runner", "qa-manager").await;
    let checks = json!([
        { "name": "echo-answers", "agent": "echo", "skill": "echo", "input": { "text": "hello" },
          "expect": [{ "at": "/text", "matches": "h*o" }, { "within_ms": 60_000 }] },
        { "name": "echo-refuses", "agent": "echo", "skill": "echo", "fails_with": "input.invalid" },
        { "name": "counted", "agent": "counter", "skill": "get", "input": { "key": "a" },
          "expect": [{ "at": "/value", "present": true }] },
    ]);
    let may = json!([{ "ask": "echo/*" }, { "ask": "counter/get", "effect": "read" }]);
    let grants = json!({
        "agents": [{ "ask": "*/*" }], "events": [{ "publish": "qa.*" }], "state": { "bytes": 1 << 20, "keys": 100 },
    });
    make(&client, "nightly", "qa-manager", json!({ "may": may, "checks": checks }), grants).await;
    let shown = client.get("/api/v1/agents/nightly").await.of(200);
    assert_eq!(shown["skills"], json!(["check", "results"]));
    let check = async || client.run("nightly", "check", json!({ "suite": "all" })).await.output();
    let first = check().await;
    let (newly, other) = (&first["newly_failing"], &first["results"]);
    assert_eq!((newly, &first["not_published"]), (&json!(["counted"]), &Value::Null), "{other:#}");
    assert_eq!(check().await["still_failing"], json!(["counted"]));
    client.run("counter", "increment", json!({ "key": "a" })).await.output();
    let fixed = check().await;
    assert_eq!((&fixed["fixed"], &fixed["passed"], &fixed["run"]), (&json!(["counted"]), &json!(true), &json!(3)));
    let failed = listed(&client, "/api/v1/events?topic=qa.failed").await;
    let recovered = listed(&client, "/api/v1/events?topic=qa.recovered").await;
    assert_eq!((failed.len(), recovered.len()), (1, 1));
    let event = client.get(&format!("/api/v1/events/{}", failed[0]["position"])).await.of(200);
    assert_eq!(event["event"]["data"]["check"], "counted", "{event:#}");
    let results = client.run("nightly", "results", json!({ "suite": "all" })).await.output();
    assert_eq!(results["checks"]["counted"], json!({ "passed": true, "since_run": 3 }));
    // It performs no plans.
    let plan = json!({ "agent": "nightly", "skill": "execute", "input": { "steps": [] } });
    client.post("/api/v1/tasks", &plan).await.problem(404, "skill.not_found");
}
