//! What several tests ask with.

use std::time::SystemTime;

use serde_json::{Value, json};
use troupe_agent_security::Security;
use troupe_sdk::test::{Host, perform};

/// What time it is.
pub const NOW: &str = "2026-01-01T00:00:00Z";

/// What time it is.
pub fn now() -> SystemTime {
    NOW.parse::<jiff::Timestamp>().unwrap().into()
}

/// A host with nothing configured.
pub fn host() -> Host {
    Host::start().at(now()).configuration(json!({}))
}

/// A security group with SSH open to the world.
pub fn open_group(id: &str) -> Value {
    json!({ "id": id, "type": "aws.ec2.security-group", "region": "eu-west-1", "account": "111122223333", "name": "web",
        "attributes": { "description": "web servers", "egress": [],
            "ingress": [{ "protocol": "tcp", "from_port": 22, "to_port": 22, "cidrs": ["0.0.0.0/0"] }] } })
}

/// Checks one document.
pub fn check(name: &str, text: &str) -> Value {
    let _host = host();
    perform::<Security>("check", json!({ "documents": [{ "name": name, "text": text }], "inline_max": 500 })).unwrap()
}

/// The findings of an answer: rule, resource, line.
pub fn found(answer: &Value) -> Vec<(String, String, u64)> {
    let row = |one: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&one["rule"]), text(&one["resource"]["id"]), one["place"]["line"].as_u64().unwrap_or_default())
    };
    answer["findings"].as_array().unwrap().iter().map(row).collect()
}

/// Whether a rule failed at a resource.
pub fn has(answer: &Value, rule: &str, id: &str) -> bool {
    found(answer).iter().any(|(its, resource, _)| its == rule && resource == id)
}

/// The codes of the problems of an answer, each with its service.
pub fn codes(answer: &Value) -> Vec<(&str, &str)> {
    let rows = answer["problems"].as_array().unwrap();
    rows.iter().map(|one| (one["code"].as_str().unwrap(), one["service"].as_str().unwrap())).collect()
}
