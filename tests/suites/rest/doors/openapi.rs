//! The description of the API.

use crate::{empty_host, host};

#[tokio::test]
async fn the_document_is_the_one_that_was_reviewed() {
    let host = empty_host().await;
    let document = host.client().with_token(None).get("/api/v1/openapi.json").await.of(200);
    assert_eq!(document["openapi"], "3.1.0");
    insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&document).unwrap());
}

#[tokio::test]
async fn every_path_in_the_document_is_there() {
    let host = host().await;
    let document = host.client().get("/api/v1/openapi.json").await.of(200);
    let instance = host.client().start_instance("echo").await;
    let swaps = host.client().get("/api/v1/deployments/echo/swaps").await.of(200);
    let swap = swaps["items"][0]["id"].as_str().unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        // Tasks, groups, sessions, keys, schedules, locks, events, subscriptions, templates, webhooks, hooks, approvals and, without a registry, documents of channels are
        // not there, a stream does not end, and a socket is asked for in another way.
        let absent = [
            "{task}",
            "{group}",
            "{session}",
            "{key}",
            "{schedule}",
            "{lock}",
            "{channel}",
            "{event}",
            "{approval}",
            "{subscription}",
            "{template}",
            "{webhook}",
            "{hook}",
            "/ws",
            "/events/stream",
            "/events/stream",
        ];
        let is_absent = absent.iter().any(|name| path.contains(name));
        if methods.get("get").is_some() && !is_absent {
            let filled = path.replace("{agent}", "echo").replace("{tenant}", "default").replace("{swap}", swap);
            let filled = filled.replace("{instance}", &instance).replace("{version}", "1.0.0");
            let answer = host.client().get(&filled).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        }
    }
}
