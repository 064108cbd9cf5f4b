//! The manifest: what an author says about an agent, in `agent.toml`.
//!
//! ```toml
//! name = "aws"
//! version = "1.2.0"
//! summary = "Looks after AWS accounts"
//! goals = ["Answer what runs where"]        # at most 20
//! skills = ["list_*"]                        # of the component's, those it offers
//!
//! [configuration]                            # defaults; an operator may override them
//! region = "eu-central-1"
//!
//! [[triggers]]
//! event = "com.example.instance.*"
//! skill = "inspect"                          # which handles them
//!
//! [state]                                    # the layout of what the agent keeps
//! version = 2
//! reads = "1..=2"
//!
//! [health]                                   # of each instance; without it none is checked
//! skill = "healthy"                          # reads, and takes an empty input
//! every = "30s"
//! timeout = "5s"                             # for one check
//! failures = 3                               # in a row bring the instance into error
//!
//! [limits]                                   # less than the host's maximum, never more
//! memory = "64 MiB"
//! time = "60s"
//! output = "1 MiB"
//!
//! [capabilities.state]                       # for the deployment
//! bytes = "16 MiB"
//! keys = 1000
//! instances = true                           # and as much for each instance
//!
//! [[capabilities.http]]
//! id = "ec2"
//! host = "ec2.*.amazonaws.com"
//! methods = ["POST"]
//! credential = "aws:default"
//! actions = ["ec2:Describe*"]
//!
//! [[capabilities.http]]
//! id = "stop"
//! host = "compute.googleapis.com"
//! methods = ["POST"]
//! path_prefix = "/compute/v1/projects/*/zones/*/instances/*/stop"   # `*`: any one segment
//! credential = "gcp:default"
//!
//! [[capabilities.secrets]]
//! name = "wiki-token"
//! host = "wiki.example.com"
//!
//! [[capabilities.files]]                     # a directory; where it is, the operator says
//! name = "reports"
//! access = "read-write"                      # or "read"
//! bytes = "16 MiB"
//! files = 1000
//!
//! [[capabilities.locks]]                     # names of locks, which agents of a tenant share
//! name = "orders/*"
//! lease = "60s"                              # at most, at a time
//! preempt = true                             # also from holders of a lower priority
//!
//! [[capabilities.agents]]                    # skills of other agents that it asks for
//! ask = "billing/*"
//!
//! [capabilities.approvals]                   # asking people before it does something
//! open = 10                                  # at most, undecided at once
//! [[capabilities.events]]                    # topics under which it publishes
//! publish = "billing.>"
//!
//! [capabilities.artifacts]                   # what each task leaves beside its output
//! bytes = "1 GiB"                            # together
//! count = 10
//! ```
//!
//! `name`, `version` and `summary` must be there, the rest may be left out. A field
//! nobody knows is refused rather than ignored, since a misspelt limit would be no limit.
//! Inside a release the same fields stand as canonical JSON.

mod capabilities;
mod configuration;
mod health;
mod limits;
mod read;
mod state;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};
use troupe_core::approval::SkillPattern;
use troupe_core::limits::{MANIFEST_BYTES_MAX, MANIFEST_DOCUMENT_BYTES_MAX, SKILLS_MAX};
use troupe_core::{AgentName, Code, Error, ReleaseRef, Result, SkillName};

pub use capabilities::{ArtifactsRequest, Capabilities, FilesRequest, LockRequest, StateRequest};
pub use health::HealthCheck;
pub use limits::AgentLimits;
pub use state::{StateVersion, VersionRange};

use crate::trigger::Trigger;
use crate::{json, text, trigger};

/// Longest version, in characters: it becomes a tag, and OCI tags end there.
const VERSION_LENGTH_MAX: usize = 128;

/// What an author says about an agent: name, version, wishes and limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The agent's name.
    pub name: AgentName,
    /// The version of this release, by semantic versioning 2.0.0.
    #[serde(deserialize_with = "version")]
    pub version: semver::Version,
    /// One line on what the agent does, 1 to 200 characters.
    #[serde(deserialize_with = "text::summary")]
    pub summary: String,
    /// What the agent is for, at most 20 lines of 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "text::goals")]
    pub goals: Vec<String>,
    /// Which skills of the component it offers; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "skills")]
    pub skills: Vec<SkillPattern>,
    /// The events the agent answers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "trigger::strict")]
    pub triggers: Vec<Trigger>,
    /// The default configuration.
    #[serde(default, skip_serializing_if = "Map::is_empty", deserialize_with = "configuration::read")]
    pub configuration: Map<String, Value>,
    /// How the health of its instances is checked; not at all where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthCheck>,
    /// The layout of the agent's state.
    #[serde(default)]
    pub state: StateVersion,
    /// What the agent gets by with, where that is less than the host would give.
    #[serde(default)]
    pub limits: AgentLimits,
    /// What the agent asks of the host.
    #[serde(default)]
    pub capabilities: Capabilities,
}

impl Manifest {
    /// Reads the text of an `agent.toml`.
    ///
    /// # Errors
    /// [`Code::ManifestInvalid`], naming line and field.
    pub fn parse(toml: &str) -> Result<Self> {
        if toml.len() > MANIFEST_BYTES_MAX {
            return Err(Error::new(
                Code::ManifestInvalid,
                format!("agent.toml has {} bytes, the limit is {MANIFEST_BYTES_MAX}", toml.len()),
            ));
        }
        read::from_toml("agent.toml", toml)
    }

    /// Reads the JSON form that a release carries.
    ///
    /// # Errors
    /// [`Code::ManifestInvalid`], naming the field.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        if json.len() > MANIFEST_DOCUMENT_BYTES_MAX {
            return Err(Error::new(
                Code::ManifestInvalid,
                format!("the manifest has {} bytes, the limit is {MANIFEST_DOCUMENT_BYTES_MAX}", json.len()),
            ));
        }
        json::read(json).map_err(|why| Error::new(Code::ManifestInvalid, format!("the manifest is not valid: {why}")))
    }

    /// Writes the canonical JSON form: one text for one manifest.
    pub fn to_json(&self) -> Vec<u8> {
        json::canonical(self)
    }

    /// Whether the agent offers a skill that its component has.
    pub fn offers(&self, skill: &SkillName) -> bool {
        self.skills.is_empty() || self.skills.iter().any(|pattern| pattern.takes(skill))
    }

    /// Names the release this manifest belongs to.
    pub fn release(&self) -> ReleaseRef {
        ReleaseRef { agent: self.name.clone(), version: self.version.clone() }
    }
}

fn skills<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SkillPattern>, D::Error> {
    troupe_core::list::read(deserializer, SKILLS_MAX, |_: &SkillPattern| Ok(()))
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<semver::Version, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > VERSION_LENGTH_MAX {
        return Err(D::Error::custom(format_args!(
            "the version has {} characters, the limit is {VERSION_LENGTH_MAX}",
            text.len()
        )));
    }
    text.parse().map_err(|why| {
        D::Error::custom(format_args!("`{text}` is not a semantic version such as `1.2.0` or `1.3.0-beta.1`: {why}"))
    })
}

#[cfg(test)]
mod tests;
