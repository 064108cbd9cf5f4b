//! The templates that come with the agent.

use reqwest::Method;
use serde_json::json;
use troupe_tests::root;

use super::{STRANGER, agent_host_at};

#[tokio::test]
async fn the_template_that_comes_with_the_agent_makes_one() {
    // Nothing is asked of AWS.
    let mut host = agent_host_at("http://127.0.0.1:9", STRANGER);
    host.start().await;
    let client = host.client();
    let text = std::fs::read_to_string(root().join("plugins/aws/templates/explorer.yaml")).unwrap();
    let request = client.request(Method::POST, "/api/v1/templates").header("content-type", "application/yaml");
    client.send(request.body(text)).await.of(201);
    let regions = json!({ "regions": ["eu-central-1", "us-gov-west-1"], "purpose": "the platform team" });
    let asked = json!({ "name": "eu-explorer", "template": "explorer", "parameters": regions });
    let made = client.create_agent(&asked).await.of(201);
    assert_eq!(made["manifest"]["configuration"]["regions"], regions["regions"]);
    let shown = client.get("/api/v1/agents/eu-explorer").await.of(200);
    assert_eq!(shown["summary"], "Answers the platform team what there is in an AWS account");
    assert_eq!(shown["skills"], json!(["inventory"]));
    client.swap("eu-explorer", made["version"].as_str().unwrap()).await.of(200);
    let wrong = json!({ "name": "eu-explorer", "template": "explorer", "parameters": { "regions": ["mars"] } });
    client.post("/api/v1/agents", &wrong).await.problem(400, "template.invalid");
}
