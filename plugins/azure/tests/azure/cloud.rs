//! A cloud to look at: what it answers to each path.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use troupe_agent_azure::Azure;
use troupe_package::Manifest;
use troupe_sdk::Failure;
use troupe_sdk::test::{self, Answer, Host, Sent};

pub const S1: &str = "11111111-2222-3333-4444-555555555555";
pub const S2: &str = "66666666-7777-8888-9999-000000000000";
pub const GRAPH: &str = "/providers/microsoft.resourcegraph/resources";

/// What one request asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The path in small letters, `/subscriptions/S1` and `/subscriptions/S2` for the two above.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// The body, or null.
    pub body: Value,
}

/// Checks that `agent.toml` asks for the request, as one that only reads.
fn assert_granted(sent: &Sent) -> &str {
    static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| Manifest::parse(include_str!("../../agent.toml")).unwrap());
    let rest = sent.url.strip_prefix("https://").expect("https");
    let (host, target) = rest.split_at(rest.find('/').expect("a path"));
    let path = target.split('?').next().unwrap_or_default();
    let granted = MANIFEST.capabilities.http.iter().any(|grant| {
        grant.leads_to(true, host, 443)
            && grant.admits_path(path)
            && grant.admits_method(&sent.method)
            && grant.effect_of(&sent.method).to_string() == "read"
            && grant.credential.as_deref() == sent.headers.get("troupe-credential")
    });
    assert!(granted, "agent.toml does not ask for {} {} as a read", sent.method, sent.url);
    assert!(sent.headers.iter().all(|(name, _)| name != "authorization"), "the host adds the token");
    target
}

pub fn read(sent: &Sent) -> Asked {
    let target = assert_granted(sent);
    let (path, query) = target.split_once('?').expect("a query");
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query: BTreeMap<String, String> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let version = query.get("api-version").or_else(|| query.get("page")).expect("a version");
    assert!(version.len() >= 10 || query.contains_key("page"), "{version}");
    let path = path.to_ascii_lowercase().replace(S1, "S1").replace(S2, "S2");
    Asked { path, query, body: serde_json::from_slice(&sent.body).unwrap_or_default() }
}

/// A cloud that answers what `script` does, that there is the subscription S1, and otherwise that there is nothing.
pub fn cloud(mut script: impl FnMut(&Asked) -> Option<Answer> + 'static) -> Host {
    Host::start().configuration(json!({})).respond_by(move |sent| {
        let asked = read(sent);
        Some(script(&asked).unwrap_or_else(|| nothing(&asked).after(Duration::from_millis(10))))
    })
}

fn nothing(asked: &Asked) -> Answer {
    match asked.path.as_str() {
        "/subscriptions" => list(&[subscription(S1)]),
        "/subscriptions/S1" => Answer::json(200, subscription(S1)),
        "/subscriptions/S2" => Answer::json(200, subscription(S2)),
        GRAPH => graph(&[], None),
        _ => list(&[]),
    }
}

pub fn subscription(id: &str) -> Value {
    json!({ "id": format!("/subscriptions/{id}"), "subscriptionId": id, "displayName": "Work", "state": "Enabled",
            "tenantId": "t" })
}

/// A list of Resource Manager.
pub fn list(rows: &[Value]) -> Answer {
    Answer::json(200, json!({ "value": rows }))
}

/// A page of Resource Graph.
pub fn graph(rows: &[Value], token: Option<&str>) -> Answer {
    let mut page = json!({ "totalRecords": rows.len(), "count": rows.len(), "data": rows, "resultTruncated": "false" });
    if let Some(token) = token {
        page["totalRecords"] = json!(rows.len() * 2);
        page["$skipToken"] = json!(token);
    }
    Answer::json(200, page)
}

/// An error in Azure's form.
pub fn error(status: u16, code: &str) -> Answer {
    Answer::json(status, json!({ "error": { "code": code, "message": "told" } }))
}

/// An object of S1.
pub fn object(kind: &str, name: &str, properties: Value) -> Value {
    json!({
        "id": format!("/subscriptions/{S1}/resourceGroups/web/providers/{kind}/{name}"), "name": name, "type": kind,
        "location": "West Europe", "tags": { "team": "data" }, "properties": properties,
    })
}

pub fn inventory(input: Value) -> Value {
    test::perform::<Azure>("inventory", input).expect("an inventory")
}

pub fn savings(input: Value) -> Value {
    test::perform::<Azure>("savings", input).expect("savings")
}

pub fn refusal(input: Value) -> Failure {
    test::perform::<Azure>("inventory", input).expect_err("a failure")
}

/// The resource whose id ends so.
pub fn resource<'a>(inventory: &'a Value, id: &str) -> &'a Value {
    let resources = inventory["resources"].as_array().expect("resources");
    let named = |resource: &&Value| resource["id"].as_str().is_some_and(|told| told.ends_with(id));
    resources.iter().find(named).unwrap_or_else(|| panic!("no {id} in {inventory:#}"))
}

/// The relations of a resource: kind, and the target without what is the same in all.
pub fn relations(resource: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let relations = resource["relations"].as_array().expect("relations");
    let short = |target: String| target.rsplit("/providers/").next().unwrap_or_default().to_owned();
    relations.iter().map(|one| (text(&one["kind"]), short(text(&one["target"])))).collect()
}
