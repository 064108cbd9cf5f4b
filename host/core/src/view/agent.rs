//! Agents and their releases as clients see them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{QuarantineView, ReleaseView};
use crate::Effect;

/// An agent in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentSummary {
    /// The name.
    pub name: String,
    /// One sentence on what it does.
    pub summary: String,
    /// The version that serves, if it is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub serving: Option<semver::Version>,
    /// The highest version published.
    #[schema(value_type = String)]
    pub newest: semver::Version,
    /// The skills' names.
    pub skills: Vec<String>,
    /// That the release that serves is quarantined, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineView>,
}

/// A skill with all a caller needs to call it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SkillView {
    /// The name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// How far it reaches.
    pub effect: Effect,
    /// JSON Schema (2020-12) of the input.
    pub input: Value,
    /// JSON Schema (2020-12) of the output.
    pub output: Value,
}

/// An agent with the skills of its serving, else its newest, release.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub summary: AgentSummary,
    /// What it is for.
    pub goals: Vec<String>,
    /// The release that `skills` describes.
    pub release: ReleaseView,
    /// The skills.
    pub skill_details: Vec<SkillView>,
}
