//! Templates of agents as clients write and see them, and agents that are made of one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{NewSignature, PublishedView};
use crate::{AgentName, Digest, TemplateName, Timestamp};

/// A definition of agents over a component that they share, with parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The version of the form of this document, 1.
    pub template: u32,
    /// Its name.
    #[schema(value_type = String)]
    pub name: TemplateName,
    /// Its version, by semantic versioning; what it says never changes.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// One line on what its agents do, 1 to 200 characters.
    pub summary: String,
    /// The release whose component its agents share: `aws@1.2.0`; `aws@stable`, which the channel names
    /// when an agent is made; or `aws`, the newest then.
    pub component: String,
    /// What is said when an agent is made: a JSON Schema of an object, whose `properties` are the
    /// parameters, some with a `default`. Nothing secret: what is made of them is shown.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
    /// What its agents say in place of that release, field by field as in `agent.toml`; `${name}` in a text
    /// stands for a parameter, and `$${` for `${`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub agent: Map<String, Value>,
}

/// A template that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplateView {
    /// What it says.
    #[serde(flatten)]
    pub template: Template,
    /// Who imported it.
    pub principal: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub imported_at: Timestamp,
}

/// The versions of a template that is kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TemplateSummary {
    /// Its name.
    #[schema(value_type = String)]
    pub name: TemplateName,
    /// What its agents do, by the highest version.
    pub summary: String,
    /// The release whose component they share, by the highest version.
    pub component: String,
    /// Its versions, highest first.
    #[schema(value_type = Vec<String>)]
    pub versions: Vec<semver::Version>,
    /// Who imported the highest.
    pub principal: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub imported_at: Timestamp,
}

/// An agent to make of a template.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// The agent's name.
    #[schema(value_type = String)]
    pub name: AgentName,
    /// The version of the release that is made; that of the template when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub version: Option<semver::Version>,
    /// A template that is kept: `explorer@1.0.0`, or `explorer`, its highest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// A template that is not kept, in place of `template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Template>,
    /// The parameters.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
    /// Signatures of the release, whose digest is known from trying it (`dry_run`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<NewSignature>,
}

/// An agent that was made of a template, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewAgentView {
    /// The agent's name.
    pub agent: String,
    /// The version of its release.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// The digest of its release.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The template it is made of.
    pub template: String,
    /// The release whose component it shares.
    pub component: String,
    /// What its manifest says: what the template fills in, and what stays of that release.
    #[schema(value_type = Object)]
    pub manifest: Value,
    /// The release as it is published; absent where it was only tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedView>,
}
