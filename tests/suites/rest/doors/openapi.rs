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
    for (path, methods) in document["paths"].as_object().unwrap() {
        if methods.get("get").is_some() && !path.contains("{task}") && !path.contains("{key}") {
            let filled = path.replace("{agent}", "echo").replace("{tenant}", "default");
            let answer = host.client().get(&filled).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        }
    }
}
