//! What a line allows in a minute lasts across invocations, releases and grants.

use serde_json::{Value, json};
use troupe_tests::server::Server;
use troupe_tests::{Host, guests};

use crate::empty_host;

fn line(server: &Server, id: &str, methods: &[&str]) -> Value {
    json!({ "id": id, "scheme": "http", "host": "127.0.0.1", "port": server.port(), "methods": methods })
}

fn ask(server: &Server, method: &str) -> Value {
    json!({
        "method": method, "scheme": "http", "authority": format!("127.0.0.1:{}", server.port()), "path": "/",
        "headers": [["troupe-explain", "true"]],
    })
}

/// Sends one request; tells its status, or the code of why there is none.
async fn sent(host: &Host, request: Value) -> String {
    let output = host.client().run("fetch", "fetch", json!({ "requests": [request] })).await.output();
    let answer = &output["answers"][0];
    let code = |said: &Value| said.as_str().and_then(|said| said.split(':').next()).map(ToOwned::to_owned);
    code(&answer["sentence"]).unwrap_or_else(|| answer["status"].to_string())
}

#[tokio::test]
async fn a_manifest_that_splits_its_lines_and_a_swap_have_no_more_than_the_operator_granted() {
    let server = Server::start().await;
    let host = empty_host().await;
    let client = host.client();
    let split = json!({ "http": [line(&server, "a", &["GET"]), line(&server, "b", &["POST"])] });
    for version in ["1.0.0", "2.0.0"] {
        client
            .publish(guests().fetch.marked(version.len() as u32).asking(split.clone()).archive(version))
            .await
            .of(201);
    }
    client.swap("fetch", "1.0.0").await.of(200);
    let mut granted = line(&server, "service", &["GET", "POST"]);
    granted["budget"] = json!({ "requests_per_minute": 3, "concurrent": 2 });
    client.put("/api/v1/deployments/fetch/grants", &json!({ "grants": { "http": [granted] } })).await.of(200);
    let shown = client.get("/api/v1/deployments/fetch/grants").await.of(200);
    assert_eq!(shown["effective"]["http"][1]["budget"]["requests_per_minute"], 3, "{shown:#}");

    for (method, came) in [("GET", "200"), ("POST", "200"), ("POST", "200"), ("GET", "limit.budget")] {
        assert_eq!(sent(&host, ask(&server, method)).await, came);
    }
    client.swap("fetch", "2.0.0").await.of(200);
    assert_eq!(sent(&host, ask(&server, "GET")).await, "limit.budget");
    assert_eq!(server.requests().len(), 3);
    let metrics = client.get("/metrics").await.text;
    assert!(metrics.contains("troupe_http_over_budget_total{agent=\"fetch\"} 2"), "{metrics}");
    assert!(metrics.contains("troupe_http_requests_total{agent=\"fetch\"} 3"), "{metrics}");
}

#[tokio::test]
async fn a_line_that_asks_for_more_than_is_granted_is_told_as_wider() {
    let server = Server::start().await;
    let host = empty_host().await;
    let client = host.client();
    let with = |budget: Value, redirects: u8, retries: u8| {
        let mut line = line(&server, "service", &["GET"]);
        line["budget"] = budget;
        line["redirects"] = redirects.into();
        line["retries"] = retries.into();
        json!({ "http": [line] })
    };
    let asked = with(json!({ "requests_per_minute": 60, "bytes_per_minute": 1 << 20 }), 2, 3);
    client.publish(guests().fetch.asking(asked).archive("1.0.0")).await.of(201);
    client.swap("fetch", "1.0.0").await.of(200);
    let granted = with(json!({ "requests_per_minute": 10 }), 0, 3);
    client.put("/api/v1/deployments/fetch/grants", &json!({ "grants": granted })).await.of(200);
    let shown = client.get("/api/v1/deployments/fetch/grants").await.of(200);
    let line = &shown["lines"][0];
    assert_eq!(line["standing"], "part", "{line:#}");
    let text = line["in_force"].as_str().unwrap().replace(&server.port().to_string(), "[port]");
    insta::assert_snapshot!(text, @"http service: GET http://127.0.0.1:[port]/*, at most 10 requests a minute and 1 MiB a minute, tried again up to 3 times");
    let diff = client.post("/api/v1/deployments/fetch/grants/diff", &json!({})).await.of(200);
    assert_eq!((&diff["wider"], &diff["narrower"]), (&json!(true), &json!(false)), "{diff:#}");
}
