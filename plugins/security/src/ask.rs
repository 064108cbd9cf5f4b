//! What callers ask for, and what operators configure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use troupe_cloud::source::Inventory;
use troupe_estate::{Area, Finding, Problem, Resource};
use troupe_sdk::prelude::*;

use crate::read::Document;
use crate::suppress::Suppressing;

/// The agent's configuration.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is passed over, why, and until when.
    #[serde(default)]
    pub suppressions: Vec<Suppressing>,
    /// The parameters of rules that have some, by rule: `{"aws.iam.access-key-age": {"max_age_days": 30}}`.
    #[serde(default)]
    pub parameters: BTreeMap<String, Map<String, Value>>,
    /// How many findings are answered inline; more are left as an artefact beside the worst of them.
    #[serde(default = "inline_max")]
    pub inline_max: usize,
}

const fn inline_max() -> usize {
    200
}

/// What is checked, by which rules.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct Asked {
    /// Resources, as an inventory of any cloud answers them.
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// Agents that are asked for their inventory.
    #[serde(default)]
    pub inventories: Vec<Inventory>,
    /// Files in the directory `inventories` that hold resources: artefacts of an inventory, or its answer as JSON.
    #[serde(default)]
    pub files: Vec<String>,
    /// What that inventory could not look at (`errors` of its answer), so that nothing is taken for fixed that
    /// nobody saw.
    #[serde(default, alias = "errors")]
    pub problems: Vec<Problem>,
    /// What that inventory looked at. Without it, only what is told of can be found fixed, and nothing is found
    /// missing.
    #[serde(default)]
    pub areas: Vec<Area>,
    /// Documents.
    #[serde(default)]
    pub documents: Vec<Document>,
    /// Documents in the directory `documents`, by their paths there. Of a directory it is every `json`, `yaml`, `yml`,
    /// `template`, `tfstate` and `tfplan` below it; `.` is all of them.
    #[serde(default)]
    pub document_files: Vec<String>,
    /// The directories among them, which were listed whole when the documents were read.
    #[serde(skip)]
    pub directories: Vec<String>,
    /// The rules to apply, by patterns of their ids such as `aws.s3.*`; all of them if none are named.
    #[serde(default)]
    pub rules: Vec<String>,
    /// More rules, as YAML in the form of the files under `rules`: a security team's own.
    #[serde(default)]
    pub more_rules: Vec<String>,
    /// What is passed over beside what is configured.
    #[serde(default)]
    pub suppressions: Vec<Suppressing>,
    /// Parameters of rules, over those that are configured.
    #[serde(default)]
    pub parameters: BTreeMap<String, Map<String, Value>>,
    /// How many findings are answered inline.
    #[serde(default)]
    pub inline_max: Option<usize>,
}

/// The findings of the last time.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct Previous {
    /// The findings of the last time; the answer then says what became of each.
    #[serde(default)]
    pub previous: Option<Vec<Finding>>,
    /// Files in the directory `inventories` that hold them: artefacts of a check (`findings-00001.jsonl`, …), or its
    /// answer as JSON.
    #[serde(default)]
    pub previous_files: Vec<String>,
}
