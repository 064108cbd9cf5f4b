//! `/api/v1/templates`: definitions of agents over components that they share, and agents made of them.

use reqwest::Method;
use serde_json::{Value, json};
use troupe_tests::{Answer, Client, guests};

use crate::host;

/// A template over the component of `echo`, which offers two of its skills.
const EXPLORER: &str = r#"
template: 1
name: explorer
version: 1.0.0
summary: Greets as it was told, and says who asked
component: echo@1.0.0
parameters:
  type: object
  properties:
    greeting: { type: string, minLength: 2, default: good day }
    repeat: { type: integer, maximum: 5 }
  required: [repeat]
agent:
  summary: Says ${greeting}
  skills: [who, sh*]
  configuration:
    greeting: ${greeting}
    repeat: ${repeat}
"#;

pub fn explorer() -> Value {
    json!({
        "template": 1, "name": "explorer", "version": "1.0.0", "summary": "Greets as it was told, and says who asked",
        "component": "echo@1.0.0",
        "parameters": {
            "type": "object",
            "properties": {
                "greeting": { "type": "string", "minLength": 2, "default": "good day" },
                "repeat": { "type": "integer", "maximum": 5 },
            },
            "required": ["repeat"],
        },
        "agent": {
            "summary": "Says ${greeting}", "skills": ["who", "sh*"],
            "configuration": { "greeting": "${greeting}", "repeat": "${repeat}" },
        },
    })
}

async fn send_yaml(client: &Client, path: &str, text: &str) -> Answer {
    let request = client.request(Method::POST, path).header("content-type", "application/yaml; charset=utf-8");
    client.send(request.body(text.to_owned())).await
}

async fn import(client: &Client, template: &Value) -> Answer {
    client.post("/api/v1/templates", template).await
}

async fn yaml_of(client: &Client, path: &str) -> String {
    let answer = client.send(client.request(Method::GET, path).header("accept", "application/yaml")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/yaml")));
    answer.text.clone()
}

fn agent(name: &str, parameters: Value) -> Value {
    json!({ "name": name, "template": "explorer", "parameters": parameters })
}

#[tokio::test]
async fn an_agent_is_made_of_a_template_and_offers_what_it_says() {
    let host = host().await;
    let client = host.client();
    let imported = send_yaml(&client, "/api/v1/templates", EXPLORER).await.of(201);
    assert_eq!((&imported["principal"], &imported["agent"]), (&json!("owner"), &explorer()["agent"]));
    let asked = agent("greeter", json!({ "repeat": 2 }));
    let tried = client.post("/api/v1/agents?dry_run=true", &asked).await.of(200);
    assert!(tried.get("published").is_none());
    client.get("/api/v1/agents/greeter").await.problem(404, "agent.not_found");
    client.post("/api/v1/agents", &asked).await.problem(422, "artifact.signature");
    let made = client.create_agent(&asked).await.of(201);
    assert_eq!((&made["digest"], &made["component"]), (&tried["digest"], &json!("echo@1.0.0")));
    assert_eq!((&made["version"], &made["template"]), (&json!("1.0.0"), &json!("explorer@1.0.0")));
    assert_eq!(made["published"]["status"], "published", "{made:#}");
    client.create_agent(&asked).await.of(200);

    let shown = client.get("/api/v1/agents/greeter").await.of(200);
    assert_eq!(shown["skills"], json!(["who", "shout"]), "{shown:#}");
    assert_eq!(shown["summary"], "Says good day");
    client.swap("greeter", "1.0.0").await.of(200);
    let facts = client.run("greeter", "who", json!({})).await.output();
    assert_eq!(facts["configuration"], json!({ "greeting": "good day", "repeat": 2 }));
    let hidden = json!({ "agent": "greeter", "skill": "echo", "input": { "text": "x" } });
    client.post("/api/v1/tasks", &hidden).await.problem(404, "skill.not_found");
    // A restart finds the same.
    let mut host = host;
    host.kill().await;
    host.start().await;
    let client = host.client();
    assert_eq!(client.run("greeter", "who", json!({})).await.output()["configuration"]["repeat"], 2);
    client.post("/api/v1/tasks", &hidden).await.problem(404, "skill.not_found");
    // The component is there once.
    let echo = client.run("echo", "who", json!({})).await.output();
    assert_eq!(echo["configuration"]["greeting"], "hello");
}

#[tokio::test]
async fn offering_fewer_skills_breaks_who_asks_for_the_others() {
    let host = host().await;
    let client = host.client();
    let definition = |version: &str, skills: Value| {
        let mut definition = explorer();
        definition["version"] = json!(version);
        definition["agent"]["skills"] = skills;
        json!({ "name": "greeter", "definition": definition, "parameters": { "repeat": 1 } })
    };
    client.create_agent(&definition("1.0.0", json!(["who", "shout"]))).await.of(201);
    client.swap("greeter", "1.0.0").await.of(200);
    let fewer = client.create_agent(&definition("1.1.0", json!(["who"]))).await.of(201);
    assert_eq!(fewer["published"]["status"], "incompatible", "{fewer:#}");
    let more = client.create_agent(&definition("1.2.0", json!(["*"]))).await.of(201);
    assert_eq!(more["published"]["status"], "pending_approval", "skills that write need somebody's approval: {more:#}");
    let none = client.create_agent(&definition("1.3.0", json!(["who", "fly"]))).await;
    let problem = none.problem(422, "manifest.invalid");
    assert_eq!(problem["detail"], "`skills` names `fly`, and the component has no such skill");
    // Whoever wants the hidden skills back has the same release as any.
    let events = json!({ "event": "test.greet", "skill": "echo" });
    let mut triggered = definition("1.4.0", json!(["who"]));
    triggered["definition"]["agent"]["triggers"] = json!([events]);
    client.post("/api/v1/agents", &triggered).await.problem(422, "manifest.invalid");
}

#[tokio::test]
async fn templates_go_out_and_in_again_as_yaml_and_as_json() {
    let host = host().await;
    let client = host.client();
    import(&client, &explorer()).await.of(201);
    let text = yaml_of(&client, "/api/v1/templates/explorer/export").await;
    let again = send_yaml(&client, "/api/v1/templates", &text).await.of(200);
    assert_eq!(again["agent"], explorer()["agent"]);
    assert_eq!(client.get("/api/v1/templates/explorer/export").await.of(200), explorer());
    // An agent that is there goes out as a template and is made again of it, byte for byte.
    let exported = client.get("/api/v1/agents/echo/export").await.of(200);
    assert_eq!((&exported["component"], &exported["name"]), (&json!("echo@2.0.0"), &json!("echo")));
    let release = client.get("/api/v1/agents/echo/versions/1.0.0").await.of(200);
    let text = yaml_of(&client, "/api/v1/agents/echo/export?version=1.0.0").await;
    let same = format!("name: echo\ndefinition:\n  {}\n", text.trim_end().replace('\n', "\n  "));
    let same = send_yaml(&client, "/api/v1/agents", &same).await.of(200);
    assert_eq!(same["digest"], release["digest"]);
}

#[tokio::test]
async fn versions_of_a_template_stay_what_they_are() {
    let host = host().await;
    let client = host.client();
    for version in ["1.9.0", "1.10.0"] {
        let mut template = explorer();
        template["version"] = json!(version);
        template["summary"] = json!(version);
        import(&client, &template).await.of(201);
        template["summary"] = json!("other");
        import(&client, &template).await.problem(409, "template.immutable");
    }
    let mut another = explorer();
    another["name"] = json!("another");
    import(&client, &another).await.of(201);
    let page = client.get("/api/v1/templates?limit=1").await.of(200);
    assert_eq!((&page["items"][0]["name"], &page["next"]), (&json!("another"), &json!("another")));
    let page = client.get("/api/v1/templates?after=another").await.of(200);
    assert_eq!(page["items"][0]["versions"], json!(["1.10.0", "1.9.0"]));
    assert_eq!(client.get("/api/v1/templates/explorer").await.of(200)["summary"], "1.10.0");
    let asked = json!({ "name": "old", "template": "explorer@1.9.0", "parameters": { "repeat": 1 } });
    let made = client.create_agent(&asked).await.of(201);
    assert_eq!(made["version"], "1.9.0");
    let remove = |path: &str| client.send(client.request(Method::DELETE, path));
    assert_eq!(remove("/api/v1/templates/explorer/versions/1.10.0").await.of(200)["summary"], "1.10.0");
    remove("/api/v1/templates/explorer/versions/1.10.0").await.problem(404, "template.not_found");
    assert_eq!(client.get("/api/v1/templates/explorer").await.of(200)["summary"], "1.9.0");
    client.get("/api/v1/agents/old").await.of(200);
    let audit = client.get("/api/v1/audit?kind=template").await.of(200);
    assert_eq!(audit["items"].as_array().unwrap().len(), 4, "{audit:#}");
    let feed = client.get("/api/v1/feed?limit=500").await.of(200);
    let told = feed["items"].as_array().unwrap().iter().filter(|event| event["subject"] == "template/explorer");
    let told: Vec<_> = told.map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(told, ["template.imported", "template.imported", "template.removed"]);
}

#[tokio::test]
async fn what_is_no_template_or_does_not_fit_is_refused_by_name() {
    let host = host().await;
    let client = host.client();
    import(&client, &explorer()).await.of(201);
    let mut broken = explorer();
    broken["agent"]["summary"] = json!("${nobody}");
    import(&client, &broken).await.problem(400, "template.invalid");
    let mut broken = explorer();
    broken["component"] = json!("echo@");
    import(&client, &broken).await.problem(400, "template.invalid");
    let mut broken = explorer();
    broken["parameters"]["properties"]["repeat"]["type"] = json!("number of some kind");
    import(&client, &broken).await.problem(400, "template.invalid");
    let problem = client.post("/api/v1/agents", &agent("greeter", json!({ "repeat": 9 }))).await;
    let problem = problem.problem(400, "template.invalid");
    assert!(problem["detail"].as_str().unwrap().contains("repeat"), "{problem:#}");
    client.post("/api/v1/agents", &agent("greeter", json!({}))).await.problem(400, "template.invalid");
    client
        .post("/api/v1/agents", &agent("greeter", json!({ "repeat": 1, "greting": "x" })))
        .await
        .problem(400, "template.invalid");
    client.post("/api/v1/agents", &json!({ "name": "greeter" })).await.problem(400, "request.invalid");
    client
        .post("/api/v1/agents", &json!({ "name": "greeter", "template": "nobody" }))
        .await
        .problem(404, "template.not_found");
    client
        .post("/api/v1/agents", &json!({ "name": "greeter", "template": "explorer@7.0.0" }))
        .await
        .problem(404, "template.not_found");
    for (component, code) in
        [("nobody", "agent.not_found"), ("echo@9.9.9", "release.not_found"), ("echo@night", "channel.not_found")]
    {
        let mut definition = explorer();
        definition["component"] = json!(component);
        let asked = json!({ "name": "greeter", "definition": definition, "parameters": { "repeat": 1 } });
        client.post("/api/v1/agents", &asked).await.problem(404, code);
    }
    // As YAML as well: places are named, nothing is guessed, and little stays little.
    let twice =
        send_yaml(&client, "/api/v1/templates", "template: 1\ntemplate: 1\n").await.problem(400, "request.invalid");
    assert!(twice["detail"].as_str().unwrap().starts_with("the YAML cannot be read: "), "{twice:#}");
    let wrong = send_yaml(&client, "/api/v1/templates", &EXPLORER.replace("version: 1.0.0", "version: 1.0")).await;
    assert!(wrong.problem(400, "request.invalid")["detail"].as_str().unwrap().contains("at `version`"));
    let laughs = (1..40)
        .fold("a0: &a0 [x, x]\n".to_owned(), |text, n| format!("{text}a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1));
    send_yaml(&client, "/api/v1/templates", &laughs).await.problem(400, "request.invalid");
    send_yaml(&client, "/api/v1/templates", &"- ".repeat(100_000)).await.problem(400, "request.invalid");
    send_yaml(&client, "/api/v1/templates", &"x".repeat(300_000)).await.problem(413, "limit.request");
    let plain = client.request(Method::POST, "/api/v1/templates").header("content-type", "text/plain").body(EXPLORER);
    client.send(plain).await.problem(415, "request.media_type");
    // A release that was yanked is shared by nobody new.
    client.post("/api/v1/agents/echo/versions/1.0.0/yank", &json!({ "reason": "broken" })).await.of(200);
    client.post("/api/v1/agents", &agent("greeter", json!({ "repeat": 1 }))).await.problem(409, "release.yanked");
}

#[tokio::test]
async fn who_may_only_read_imports_and_makes_nothing() {
    let host = host().await;
    let client = host.client();
    import(&client, &explorer()).await.of(201);
    let reader = client.with_key("default", &["read"]).await;
    reader.get("/api/v1/templates/explorer").await.of(200);
    reader.get("/api/v1/agents/echo/export").await.of(200);
    import(&reader, &explorer()).await.problem(403, "auth.scope");
    let remove = reader.request(Method::DELETE, "/api/v1/templates/explorer/versions/1.0.0");
    reader.send(remove).await.problem(403, "auth.scope");
    let asked = agent("greeter", json!({ "repeat": 1 }));
    reader.post("/api/v1/agents?dry_run=true", &asked).await.problem(403, "auth.scope");
    reader.post("/api/v1/agents", &asked).await.problem(403, "auth.scope");
}

#[tokio::test]
async fn a_template_follows_a_channel_or_the_newest() {
    let host = host().await;
    let client = host.client();
    client.publish(guests().echo.marked(1).archive("2.1.0")).await.of(201);
    client.put("/api/v1/agents/echo/channels/stable", &json!({ "version": "1.0.0" })).await.of(200);
    for (component, wanted) in [("echo@stable", "echo@1.0.0"), ("echo", "echo@2.1.0")] {
        let mut definition = explorer();
        definition["component"] = json!(component);
        let asked = json!({ "name": "greeter", "definition": definition, "parameters": { "repeat": 1 } });
        assert_eq!(client.post("/api/v1/agents?dry_run=true", &asked).await.of(200)["component"], wanted);
    }
}
