//! The manifest: what an author says about an agent, in `agent.toml`.
//!
//! ```toml
//! name = "aws"
//! version = "1.2.0"
//! summary = "Looks after AWS accounts"
//! goals = ["Answer what runs where"]        # at most 20
//!
//! [configuration]                            # defaults; an operator may override them
//! region = "eu-central-1"
//!
//! [[triggers]]
//! event = "com.example.instance.*"
//!
//! [state]                                    # the layout of what the agent keeps
//! version = 2
//! reads = "1..=2"
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
//! ```
//!
//! `name`, `version` and `summary` must be there, the rest may be left out. A field
//! nobody knows is refused rather than ignored, since a misspelt limit would be no limit.
//! Inside a release the same fields stand as canonical JSON.

mod capabilities;
mod configuration;
mod limits;
mod read;
mod state;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};
use troupe_core::limits::{MANIFEST_BYTES_MAX, MANIFEST_DOCUMENT_BYTES_MAX};
use troupe_core::{AgentName, Code, Error, ReleaseRef, Result};

pub use capabilities::{Capabilities, FilesRequest, LockRequest, StateRequest};
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
    /// The events the agent answers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "trigger::strict")]
    pub triggers: Vec<Trigger>,
    /// The default configuration.
    #[serde(default, skip_serializing_if = "Map::is_empty", deserialize_with = "configuration::read")]
    pub configuration: Map<String, Value>,
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

    /// Names the release this manifest belongs to.
    pub fn release(&self) -> ReleaseRef {
        ReleaseRef { agent: self.name.clone(), version: self.version.clone() }
    }
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
