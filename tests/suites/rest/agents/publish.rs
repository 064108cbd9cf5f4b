//! Publishing a release.

use insta::assert_snapshot;
use serde_json::json;
use troupe_tests::{guests, redacted_json};

use crate::empty_host;

#[tokio::test]
async fn a_release_is_created_once_and_then_found() {
    let host = empty_host().await;
    let archive = guests().echo.archive("1.0.0");
    let created = host.client().publish(archive.clone()).await.of(201);
    assert_snapshot!(redacted_json(&created), @r#"
    {
      "agent": "echo",
      "version": "1.0.0",
      "digest": "[digest]",
      "component": "[digest]",
      "published_at": "[time]",
      "status": "published"
    }
    "#);
    let found = host.client().publish(archive).await.of(200);
    assert_eq!(found, created);
}

#[tokio::test]
async fn a_published_release_does_not_serve_before_a_swap() {
    let host = empty_host().await;
    host.client().publish(guests().echo.archive("1.0.0")).await.of(201);
    host.client().get("/api/v1/deployments/echo").await.problem(404, "deployment.not_found");
    let problem = host.client().run("echo", "version", json!({})).await.problem(404, "deployment.not_found");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"agent `echo` is not deployed; `troupe swap echo@VERSION` deploys a release");
    let lift = "/api/v1/deployments/echo/quarantine/lift";
    host.client().post(lift, &json!({})).await.problem(404, "deployment.not_found");
    host.client().swap("echo", "1.0.0").await.of(200);
    assert_eq!(host.client().run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
}

#[tokio::test]
async fn the_same_release_published_by_many_at_once_is_one_release() {
    let host = empty_host().await;
    let client = host.client();
    let archive = guests().counter.archive("1.0.0");
    let answers = futures::future::join_all((0..8).map(|_| client.publish(archive.clone()))).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let found = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((created, found), (1, 7), "{answers:#?}");
    let versions = client.get("/api/v1/agents/counter/versions").await.of(200);
    assert_eq!(versions["items"].as_array().unwrap().len(), 1);
}
