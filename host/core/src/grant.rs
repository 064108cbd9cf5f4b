//! What an agent may do, as data, so that "both keys" and "wider than" are computed
//! and never judged by eye.
//!
//! A capability is open only where two keys turn: the manifest asks for it and the
//! operator grants it. The effective grant is the intersection of both. What neither
//! names is denied. Each line has an address, by which it is given and taken away.

mod agents;
mod algebra;
mod approvals;
mod artifacts;
mod budget;
mod compare;
mod events;
mod files;
mod http;
mod line;
mod lines;
mod locks;
mod machine;
mod path;
mod secrets;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use agents::{AgentGrant, list as read_agent_list};
pub use approvals::ApprovalsGrant;
pub use artifacts::{ArtifactsGrant, count as read_artifact_count};
pub use budget::{HttpBudget, LineBudget};
pub use compare::{Change, compare};
pub use events::{EventGrant, list as read_event_list};
pub use files::{Access, FilesGrant, Place, name as read_directory_name};
pub use http::{HttpGrant, Scheme, is_credential, list as read_http_list, path_prefix as read_path_prefix};
pub use line::GrantKey;
pub use locks::{LockGrant, list as read_lock_list};
pub use path::admits as admits_path;
pub use secrets::{SECRET_NAME, SecretGrant, is_secret_name, list as read_secret_list};

/// A set of grants: what a manifest asks, what an operator gives, or what is in force.
/// The default grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// Durable keys of the deployment, and of its instances where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateGrant>,
    /// Services that may be called over HTTP. Ids may repeat: they are names for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpGrant>,
    /// Secrets that may be placed in requests. Names may repeat, one for each place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretGrant>,
    /// Directories that may be used, each name once.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "files::list")]
    pub files: Vec<FilesGrant>,
    /// Locks that may be taken. Patterns may repeat.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "locks::list")]
    pub locks: Vec<LockGrant>,
    /// Skills of other agents that may be asked for. Patterns may repeat.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "agents::list")]
    pub agents: Vec<AgentGrant>,
    /// Asking people to approve of what is about to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<ApprovalsGrant>,
    /// Topics under which events may be published. Patterns may repeat.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "events::list")]
    pub events: Vec<EventGrant>,
    /// Leaving artefacts beside the output of a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<ArtifactsGrant>,
}

/// A grant of the capability `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateGrant {
    /// Bytes of keys and values together in one key space, at most.
    pub bytes: u64,
    /// Keys in one key space, at most.
    pub keys: u64,
    /// Whether each instance of the agent has a key space of its own, as large as the
    /// deployment's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub instances: bool,
}

impl StateGrant {
    fn intersect(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.min(other.bytes),
            keys: self.keys.min(other.keys),
            instances: self.instances && other.instances,
        }
    }

    const fn is_wider_than(self, other: Self) -> bool {
        self.bytes > other.bytes || self.keys > other.keys || (self.instances && !other.instances)
    }
}

impl fmt::Display for StateGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, keys, instances } = *self;
        let each = if instances { ", and as much for each instance" } else { "" };
        write!(f, "state: up to {} and {keys} keys{each}", crate::limits::bytes(bytes))
    }
}

impl Grants {
    /// Returns what both `self` and `other` allow.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self {
            state: self.state.zip(other.state).map(|(one, two)| one.intersect(two)),
            http: algebra::intersect(&self.http, &other.http),
            secrets: secrets::intersect(&self.secrets, &other.secrets),
            files: files::intersect(&self.files, &other.files),
            locks: lines::intersect(&self.locks, &other.locks),
            agents: lines::intersect(&self.agents, &other.agents),
            approvals: self.approvals.zip(other.approvals).map(|(one, two)| one.intersect(two)),
            events: lines::intersect(&self.events, &other.events),
            artifacts: self.artifacts.zip(other.artifacts).map(|(one, two)| one.intersect(two)),
        }
    }

    /// Whether `self` allows anything that `other` does not.
    pub fn is_wider_than(&self, other: &Self) -> bool {
        let state_is_wider = self.state.is_some_and(|own| other.state.is_none_or(|other| own.is_wider_than(other)));
        let asks = |own: ApprovalsGrant| other.approvals.is_none_or(|other| own.is_wider_than(other));
        let leaves = |own: ArtifactsGrant| other.artifacts.is_none_or(|other| own.is_wider_than(other));
        state_is_wider
            || !algebra::covers(&other.http, &self.http)
            || !secrets::covers(&other.secrets, &self.secrets)
            || !files::covers(&other.files, &self.files)
            || !lines::covers(&other.locks, &self.locks)
            || !lines::covers(&other.agents, &self.agents)
            || self.approvals.is_some_and(asks)
            || !lines::covers(&other.events, &self.events)
            || self.artifacts.is_some_and(leaves)
    }

    /// Returns one line for each capability, as an operator reads it.
    pub fn lines(&self) -> Vec<String> {
        let state = self.state.map(|state| state.to_string());
        let http = self.http.iter().map(ToString::to_string);
        let secrets = self.secrets.iter().map(ToString::to_string);
        let files = self.files.iter().map(ToString::to_string);
        let locks = self.locks.iter().map(ToString::to_string);
        let agents = self.agents.iter().map(ToString::to_string);
        let approvals = self.approvals.map(|approvals| approvals.to_string());
        let events = self.events.iter().map(ToString::to_string);
        let artifacts = self.artifacts.map(|artifacts| artifacts.to_string());
        let within = secrets.chain(files).chain(locks).chain(agents).chain(events).chain(approvals).chain(artifacts);
        state.into_iter().chain(http).chain(within).collect()
    }
}

#[cfg(test)]
mod tests;
