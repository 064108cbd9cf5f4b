//! What a folder of `tests/cases` says: its `case.toml`, read strictly.
//!
//! Anybody may write one, so what is wrong with it is told by file and key. Names in braces stand for what is known
//! when the case runs: where its services listen, the directory that was made for it, a secret.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use troupe_core::TenantId;
use troupe_package::Capabilities;

/// The file of a case.
pub const FILE: &str = "case.toml";

/// What stands for what in a case.
#[derive(Debug, Clone)]
pub struct Words {
    /// `{port}`: the port of the service.
    pub port: u16,
    /// `{elsewhere}`: the port of another service, of which no grant should speak.
    pub elsewhere: u16,
    /// `{machine}`: a directory of the machine.
    pub machine: String,
    /// `{canary}`: a text that nobody may be shown.
    pub canary: String,
}

/// A denied case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is tried, and what comes of it, in a sentence.
    pub about: String,
    /// The agent, one of `tests/guests`.
    pub agent: String,
    /// What its manifest asks for; what it is granted, if not said.
    pub asks: Option<Capabilities>,
    /// What its operator grants, as a manifest writes it.
    #[serde(default)]
    pub grants: Capabilities,
    /// What there is on the machine.
    #[serde(default)]
    pub machine: Machine,
    /// What the operator keeps, and where it may go.
    #[serde(default)]
    pub secrets: BTreeMap<String, Bound>,
    /// Tokens that the host acts with, each as `bearer:NAME`, and where they may go.
    #[serde(default)]
    pub credentials: BTreeMap<String, Bound>,
    /// What is asked before, and must go well.
    #[serde(default)]
    pub before: Vec<Ask>,
    /// What is denied.
    pub ask: Ask,
    /// How.
    pub expect: Expect,
}

/// A request to the agent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The skill.
    pub skill: String,
    /// Its input.
    #[serde(default = "no_input")]
    pub input: Value,
}

fn no_input() -> Value {
    Value::Object(Map::new())
}

/// Files in the directory that is made for the case.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Where granted directories are; the host keeps those that are not named here.
    #[serde(default)]
    pub places: BTreeMap<String, String>,
    /// Files and what they hold.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Symbolic links and where they lead.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
}

/// Where a secret or a token may go: to the service, and there to these paths.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// What the paths begin with.
    pub path_prefix: String,
}

/// How a case ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The code of the refusal.
    pub code: String,
    /// A part of its message.
    pub message: String,
    /// The requests that came to the services all the same, as `METHOD TARGET`, in their order.
    #[serde(default)]
    pub sent: Vec<String>,
}

/// Reads a folder's case.
///
/// # Errors
/// What is wrong with it, naming file and key.
pub fn read(folder: &Path, words: &Words) -> Result<Case, String> {
    let file = folder.join(FILE);
    let shown = format!("{}/{FILE}", folder.file_name().unwrap_or_default().to_string_lossy());
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.parse::<TenantId>().map_err(|error| format!("the folder `{name}` cannot be called so: {}", error.message))?;
    let mut value: Value = toml::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
    fill(&mut value, words);
    let case: Case = serde_path_to_error::deserialize(value).map_err(|error| {
        let key = error.path().to_string();
        format!("{shown}: `{key}`: {}", error.inner())
    })?;
    if let Some(name) = case.credentials.keys().find(|name| !name.starts_with("bearer:")) {
        return Err(format!("{shown}: `credentials.{name}`: a case has credentials of the kind `bearer:NAME` alone"));
    }
    let is_granted = |place: &String| case.grants.files.iter().any(|directory| directory.name == *place);
    match case.machine.places.keys().find(|place| !is_granted(place)) {
        Some(place) => Err(format!("{shown}: `machine.places.{place}`: no directory of this name is granted")),
        None => Ok(case),
    }
}

/// Puts what is known in the place of words in braces. A text that is a port alone becomes a number.
fn fill(value: &mut Value, words: &Words) {
    match value {
        Value::String(text) if text == "{port}" => *value = words.port.into(),
        Value::String(text) => {
            *text = text
                .replace("{service}", &format!("127.0.0.1:{}", words.port))
                .replace("{elsewhere}", &format!("127.0.0.1:{}", words.elsewhere))
                .replace("{port}", &words.port.to_string())
                .replace("{machine}", &words.machine)
                .replace("{canary}", &words.canary);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, words)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, words)),
        _ => {}
    }
}
