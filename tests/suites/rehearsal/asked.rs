//! Who may ask for a rehearsal, and for which.

use serde_json::json;
use troupe_tests::guests;

use super::rehearse;
use crate::host;

const PATH: &str = "/api/v1/deployments/echo/rehearse";

#[tokio::test]
async fn a_rehearsal_takes_two_scopes_and_a_token() {
    let host = host().await;
    let client = host.client();
    let request = json!({ "version": "2.0.0" });
    client.with_token(None).post(PATH, &request).await.problem(401, "auth.missing");
    for scopes in [&["operate"], &["read"]] {
        let key = client.with_key("default", scopes).await;
        key.post(PATH, &request).await.problem(403, "auth.scope");
    }
    let key = client.with_key("default", &["read", "operate"]).await;
    key.post(PATH, &request).await.of(200);
}

#[tokio::test]
async fn what_cannot_be_rehearsed_is_refused_with_a_code() {
    let host = host().await;
    let client = host.client();
    client.post(PATH, &json!({ "version": "9.9.9" })).await.problem(404, "release.not_found");
    client
        .post("/api/v1/deployments/nobody/rehearse", &json!({ "version": "1.0.0" }))
        .await
        .problem(404, "deployment.not_found");
    client
        .post("/api/v1/deployments/A%2f/rehearse", &json!({ "version": "1.0.0" }))
        .await
        .problem(400, "request.invalid");
    client.post(PATH, &json!({ "version": "2.0.0", "skill": "sing" })).await.problem(404, "skill.not_found");
    for wrong in [
        json!({}),
        json!({ "version": "two" }),
        json!({ "version": "2.0.0", "last": 0 }),
        json!({ "version": "2.0.0", "last": 10_001 }),
        json!({ "version": "2.0.0", "timeout_ms": 0 }),
        json!({ "version": "2.0.0", "timeout_ms": 600_001 }),
        json!({ "version": "2.0.0", "policy": 1 }),
    ] {
        client.post(PATH, &wrong).await.problem(400, "request.invalid");
    }
}

#[tokio::test]
async fn a_tenant_rehearses_on_what_it_was_asked_itself() {
    let host = host().await;
    let owner = host.client();
    owner.run("echo", "version", json!({})).await.output();
    owner.make_tenant("acme").await;
    let acme = owner.with_key("acme", &["read", "run", "operate"]).await;
    acme.post(PATH, &json!({ "version": "2.0.0" })).await.problem(404, "deployment.not_found");
    acme.publish(guests().echo.archive("1.0.0")).await.of(201);
    acme.publish(guests().echo_2.archive("2.0.0")).await.of(201);
    acme.swap("echo", "1.0.0").await.of(200);
    let report = rehearse(&acme, "echo", json!({ "version": "2.0.0" })).await;
    assert_eq!((&report["result"], &report["left_out"]), (&json!("not_rehearsed"), &json!([])), "{report:#}");
    assert_eq!(rehearse(&owner, "echo", json!({ "version": "2.0.0" })).await["rehearsed"], 1);
}
