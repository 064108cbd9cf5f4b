//! A project to look at: the answer to each request, by host and path.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use troupe_agent_gcp::Gcp;
use troupe_package::Manifest;
use troupe_sdk::Failure;
use troupe_sdk::test::{self, Answer, Host, Sent};

pub const PROJECT: &str = "acme-prod";

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| Manifest::parse(include_str!("../../agent.toml")).unwrap());

/// What one request asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// `compute` of `compute.googleapis.com`.
    pub service: String,
    /// The path, its escapes undone.
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub body: Value,
}

impl Asked {
    pub fn is(&self, service: &str, path: &str) -> bool {
        self.service == service && self.path == path
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }
}

/// Reads a request as Google would, once the host would have let it through.
pub fn read(sent: &Sent) -> Asked {
    assert_eq!(sent.headers.get("troupe-credential"), Some("gcp:default"), "{}", sent.url);
    assert!(sent.headers.iter().all(|(name, _)| name != "authorization"), "the host mints the token");
    let rest = sent.url.strip_prefix("https://").expect("https");
    let (host, target) = rest.split_at(rest.find('/').expect("a path"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let granted =
        MANIFEST.capabilities.http.iter().any(|grant| {
            grant.leads_to(true, host, 443) && grant.admits_path(path) && grant.admits_method(&sent.method)
        });
    assert!(granted, "agent.toml does not ask for {} {host}{path}", sent.method);
    let unescape = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    Asked {
        method: sent.method.clone(),
        service: host.strip_suffix(".googleapis.com").expect("Google's").to_owned(),
        path: unescape(path),
        query: pairs.map(|(name, value)| (unescape(name), unescape(value))).collect(),
        body: serde_json::from_slice(&sent.body).unwrap_or_default(),
    }
}

/// A project that answers what `script` does, and otherwise that there is nothing.
pub fn cloud(mut script: impl FnMut(&Asked) -> Option<Answer> + 'static) -> Host {
    Host::start().configuration(json!({ "projects": [PROJECT] })).respond_by(move |sent| {
        let asked = read(sent);
        let nothing = || nothing(&asked).after(Duration::from_millis(5));
        Some(script(&asked).unwrap_or_else(nothing))
    })
}

/// What an empty project answers.
fn nothing(asked: &Asked) -> Answer {
    let project = format!("/v1/projects/{PROJECT}");
    if asked.is("cloudresourcemanager", &project) {
        return Answer::json(200, json!({ "projectId": PROJECT, "projectNumber": "12", "name": "Acme" }));
    }
    if asked.service == "appengine" {
        return error(404, "NOT_FOUND", None, "there is no application");
    }
    Answer::json(200, json!({}))
}

/// An error in the form of Google's services of today.
pub fn error(status: u16, word: &str, reason: Option<&str>, message: &str) -> Answer {
    let details = reason.map(|reason| {
        json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com" }])
    });
    let error = json!({ "code": status, "message": message, "status": word, "details": details });
    Answer::json(status, json!({ "error": error }))
}

pub fn inventory(input: Value) -> Value {
    test::perform::<Gcp>("inventory", input).expect("an inventory")
}

pub fn perform(skill: &str, input: Value) -> Value {
    test::perform::<Gcp>(skill, input).unwrap_or_else(|failure| panic!("{skill}: {failure}"))
}

pub fn refusal(skill: &str, input: Value) -> Failure {
    test::perform::<Gcp>(skill, input).expect_err("a failure")
}

/// The resource of this id.
pub fn resource<'a>(inventory: &'a Value, id: &str) -> &'a Value {
    let resources = inventory["resources"].as_array().expect("resources");
    resources.iter().find(|resource| resource["id"] == id).unwrap_or_else(|| panic!("no {id} in {inventory:#}"))
}

/// The types and ids of what was found.
pub fn found(inventory: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    inventory["resources"].as_array().unwrap().iter().map(|one| (text(&one["type"]), text(&one["id"]))).collect()
}
