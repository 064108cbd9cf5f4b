//! Finding agents, and paging through releases.

use serde_json::{Value, json};
use troupe_tests::{Client, guests};

use crate::{empty_host, host};

async fn found(client: &Client, words: &str) -> Vec<String> {
    let page = client.send(client.request(reqwest::Method::GET, "/api/v1/agents").query(&[("search", words)])).await;
    let name = |agent: &Value| agent["name"].as_str().unwrap().to_owned();
    page.of(200)["items"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn agents_are_found_by_what_they_say_of_themselves_best_first() {
    let host = host().await;
    let client = host.client();
    assert_eq!(found(&client, "echo").await, ["echo"]);
    assert_eq!(found(&client, "ECH").await, ["echo"]);
    assert_eq!(found(&client, "increment").await, ["counter"]);
    assert_eq!(found(&client, "keeps numbers").await, ["counter"]);
    // A goal, and words from different places.
    assert_eq!(found(&client, "happens once compare").await, ["counter"]);
    assert_eq!(found(&client, "sleep").await, ["echo", "hostile"]);
    assert!(found(&client, "echo increment").await.is_empty());
    assert!(found(&client, "%").await.is_empty());
    assert!(found(&client, "_x' or 1=1").await.is_empty());
    let all = found(&client, "e").await;
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(client.get("/api/v1/agents?search=e&limit=1").await.of(200)["items"].as_array().unwrap().len(), 1);
    let long = "x".repeat(201);
    for wrong in ["", "%20", "a+b+c+d+e+f+g+h+i", long.as_str()] {
        client.get(&format!("/api/v1/agents?search={wrong}")).await.problem(400, "request.invalid");
    }
    client.make_tenant("acme").await;
    let acme = client.with_key("acme", &["read"]).await;
    assert!(found(&acme, "echo").await.is_empty());
}

#[tokio::test]
async fn releases_are_listed_page_by_page_from_the_highest() {
    let host = empty_host().await;
    let client = host.client();
    for version in ["1.9.0", "1.10.0", "1.10.0-dev.9", "1.10.0-dev.10", "0.1.0"] {
        client.publish(guests().echo.archive(version)).await.of(201);
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/agents/echo/versions?limit=2".to_owned());
    loop {
        let page = client.get(&path).await.of(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|release| release["version"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/agents/echo/versions?limit=2&after={next}");
    }
    assert_eq!(seen, ["1.10.0", "1.10.0-dev.10", "1.10.0-dev.9", "1.9.0", "0.1.0"]);
    client.get("/api/v1/agents/echo/versions?after=one").await.problem(400, "request.invalid");
    client.get("/api/v1/agents/echo/versions/one").await.problem(404, "release.not_found");
    assert_eq!(client.get("/api/v1/agents/echo/versions").await.of(200)["next"], json!(null));
}
