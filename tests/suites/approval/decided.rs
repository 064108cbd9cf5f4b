//! Deciding about releases, and what holds of a decision.

use insta::assert_snapshot;
use serde_json::{Value, json};
use troupe_tests::guests;

use super::{begin, diff, reaches, reject, reworded, swap_of, told, waiting};
use crate::host;

/// Another description of another skill.
const OTHER: (&str, &str) =
    ("Ends without success, in the way that is asked for.", "Ends without success, in the way that was asked for");

#[tokio::test]
async fn a_rejected_release_is_refused_until_somebody_approves_of_it() {
    let host = host().await;
    let client = host.client();
    client.publish(reworded().archive("1.0.1")).await.of(201);
    let id = begin(&client, "echo", "1.0.1").await;
    reaches(&client, "echo", &id, "awaiting_approval").await;
    let rejected = reject(&client, "echo", "1.0.1", "why does it reply?").await;
    assert_eq!(rejected["status"], "rejected");
    let swap = reaches(&client, "echo", &id, "ended").await;
    assert_eq!(
        (&swap["state"]["outcome"], &swap["state"]["reason"]),
        (&json!("rejected"), &json!({ "code": "release.rejected", "message": "why does it reply?" }))
    );
    let refused = client.swap("echo", "1.0.1").await.problem(409, "release.rejected");
    assert_snapshot!(refused["detail"].as_str().unwrap(), @"owner rejected echo@1.0.1: why does it reply?; `troupe release approve echo@1.0.1` lets it serve all the same");
    let again = begin(&client, "echo", "1.0.1").await;
    let swap = reaches(&client, "echo", &again, "ended").await;
    assert_eq!(
        (&swap["state"]["outcome"], &swap["state"]["reason"]["code"]),
        (&json!("refused"), &json!("release.rejected"))
    );
    assert_eq!(client.publish(reworded().archive("1.0.1")).await.of(200)["status"], "rejected");
    client.approve("echo", "1.0.1").await.of(200);
    client.swap("echo", "1.0.1").await.of(200);
    let (events, _) = told(&client, "echo@1.0.1").await;
    let all = ["release.published", "release.pending_approval", "release.rejected", "release.approved"];
    assert_eq!(events, all);
    // What serves may be rejected, too: it goes on, and is not swapped in again.
    reject(&client, "echo", "1.0.1", "on second thoughts").await;
    client.run("echo", "version", json!({})).await.output();
    client.swap("echo", "1.0.1").await.problem(409, "release.rejected");
    let path = "/api/v1/agents/echo/releases/1.0.1/reject";
    client.post(path, &json!({ "reason": " " })).await.problem(400, "request.invalid");
}

#[tokio::test]
async fn a_swap_that_waits_for_approval_goes_on_after_a_restart() {
    let mut host = host().await;
    host.client().publish(reworded().archive("1.0.1")).await.of(201);
    let id = begin(&host.client(), "echo", "1.0.1").await;
    let before = reaches(&host.client(), "echo", &id, "awaiting_approval").await;
    host.kill().await;
    host.start().await;
    let client = host.client();
    let after = swap_of(&client, "echo", &id).await;
    assert_eq!((&after["state"], waiting(&client).await), (&before["state"], vec!["1.0.1".to_owned()]));
    // The decision is on disk when it is answered, whatever becomes of the host.
    client.approve("echo", "1.0.1").await.of(200);
    host.kill().await;
    host.start().await;
    let swap = reaches(&host.client(), "echo", &id, "ended").await;
    assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
}

#[tokio::test]
async fn a_swap_that_waits_for_approval_can_be_aborted() {
    let host = host().await;
    let client = host.client();
    client.publish(reworded().archive("1.0.1")).await.of(201);
    let id = begin(&client, "echo", "1.0.1").await;
    reaches(&client, "echo", &id, "awaiting_approval").await;
    let aborted = client.post(&format!("/api/v1/deployments/echo/swaps/{id}/abort"), &Value::Null).await.of(200);
    assert_eq!(aborted["state"]["outcome"], "aborted");
    client.swap("echo", "2.0.0").await.of(200);
}

#[tokio::test]
async fn what_was_approved_over_one_release_is_not_over_another() {
    let host = host().await;
    let client = host.client();
    client.publish(reworded().archive("1.0.2")).await.of(201);
    let looked_at = diff(&client, "echo", "1.0.2").await["delta"].clone();
    client.approve("echo", "1.0.2").await.of(200);
    client.publish(guests().echo.saying(OTHER.0, OTHER.1).archive("1.0.1")).await.of(201);
    client.approve("echo", "1.0.1").await.of(200);
    // The same words under another version are the same difference.
    client.swap("echo", "2.0.0").await.of(200);
    assert_eq!(diff(&client, "echo", "1.0.2").await["status"], "approved");
    // Other words are another.
    client.swap("echo", "1.0.1").await.of(200);
    client.swap("echo", "1.0.2").await.problem(409, "release.pending_approval");
    assert_eq!(waiting(&client).await, ["1.0.2"]);
    let path = "/api/v1/agents/echo/releases/1.0.2/approve";
    let stale = client.post(path, &json!({ "delta": looked_at })).await.problem(409, "swap.conflict");
    let now = stale["details"]["delta"].clone();
    client.post(path, &json!({ "delta": now, "reason": "read it" })).await.of(200);
    client.swap("echo", "1.0.2").await.of(200);
}

#[tokio::test]
async fn whoever_approves_says_what_was_looked_at_and_is_told_what_there_is_if_not() {
    let host = host().await;
    let client = host.client();
    client.publish(reworded().archive("1.0.1")).await.of(201);
    let path = "/api/v1/agents/echo/releases/1.0.1/approve";
    let problem = client.post(path, &json!({})).await.problem(409, "swap.conflict");
    assert_eq!(problem["details"]["delta"], diff(&client, "echo", "1.0.1").await["delta"]);
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"say which difference of echo@1.0.1 from what serves was looked at: as `delta`, which `troupe release diff echo@1.0.1` tells with the difference");
    assert_eq!(waiting(&client).await, ["1.0.1"]);
}

#[tokio::test]
async fn going_back_to_a_release_that_served_before_wants_no_approval() {
    let host = host().await;
    let client = host.client();
    client.publish(reworded().archive("1.0.1")).await.of(201);
    client.approve("echo", "1.0.1").await.of(200);
    client.swap("echo", "1.0.1").await.of(200);
    client.post("/api/v1/deployments/echo/rollback", &Value::Null).await.of(200);
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200)["serving"], "1.0.0");
}

#[tokio::test]
async fn a_release_that_breaks_its_callers_is_refused_unless_that_is_approved_of() {
    let host = host().await;
    let client = host.client();
    let published = client.publish(guests().counter.called("echo").archive("3.0.0")).await.of(201);
    assert_eq!(published["status"], "incompatible");
    let before = client.get("/api/v1/deployments/echo").await.of(200);
    let refused = client.swap("echo", "3.0.0").await.problem(409, "swap.incompatible");
    assert_snapshot!(refused["detail"].as_str().unwrap(), @"echo@3.0.0 does not keep what echo@1.0.0 promises its callers: skill `echo`: it is gone; `troupe release diff echo@3.0.0` shows all of it, and `troupe release approve echo@3.0.0 --breaking` lets it serve all the same");
    assert_eq!(refused["details"]["breaks"][0], json!({ "skill": "echo", "at": "", "says": "it is gone" }));
    assert_eq!(client.get("/api/v1/deployments/echo").await.of(200), before);
    let id = begin(&client, "echo", "3.0.0").await;
    let swap = reaches(&client, "echo", &id, "ended").await;
    assert_eq!(swap["state"]["reason"]["code"], "swap.incompatible", "{swap:#}");
    client.approve("echo", "3.0.0").await.problem(409, "swap.incompatible");
    client.approve_with("echo", "3.0.0", json!({ "breaking": true })).await.of(200);
    client.swap("echo", "3.0.0").await.of(200);
}

#[tokio::test]
async fn who_publishes_and_swaps_does_not_approve_by_that() {
    let host = host().await;
    let client = host.client();
    client.publish(reworded().archive("1.0.1")).await.of(201);
    let operator = client.with_key("default", &["read", "run", "operate"]).await;
    operator.approve("echo", "1.0.1").await.problem(403, "auth.scope");
    let path = "/api/v1/agents/echo/releases/1.0.1/reject";
    operator.post(path, &json!({ "reason": "no" })).await.problem(403, "auth.scope");
    operator.swap("echo", "1.0.1").await.problem(409, "release.pending_approval");
    assert_eq!(diff(&operator, "echo", "1.0.1").await["status"], "pending_approval");
    let reviewer = client.with_key("default", &["approve"]).await;
    reviewer.get("/api/v1/approvals").await.problem(403, "auth.scope");
    reviewer.approve("echo", "1.0.1").await.of(200);
    operator.swap("echo", "1.0.1").await.of(200);
    // Nobody of another tenant sees or decides any of it.
    client.make_tenant("acme").await;
    let stranger = client.with_key("acme", &["read", "approve"]).await;
    stranger.approve("echo", "1.0.1").await.problem(404, "release.not_found");
    let theirs = stranger.get("/api/v1/approvals").await.of(200);
    assert_eq!(theirs["items"], json!([]));
}

#[tokio::test]
async fn swaps_at_once_of_a_release_that_waits_make_one_approval() {
    let host = host().await;
    let client = host.client();
    client.publish(reworded().archive("1.0.1")).await.of(201);
    let answers = futures::future::join_all((0..8).map(|_| client.swap("echo", "1.0.1"))).await;
    for answer in &answers {
        answer.problem(409, "release.pending_approval");
    }
    assert_eq!(waiting(&client).await, ["1.0.1"]);
    for wrong in ["status=open", "after=nothing"] {
        let answer = client.get(&format!("/api/v1/approvals?{wrong}")).await;
        assert!([400, 404].contains(&answer.status), "{}", answer.text);
    }
}
