//! The lines of a set of grants, each at an address, so that an operator can give one, take
//! one away, and be told of one.
//!
//! | address | line |
//! |---|---|
//! | `state` | the durable keys of the deployment, and of its instances |
//! | `http/ID` | the services under that id; where an id repeats, all of them |
//! | `files/NAME` | the directory of that name |
//! | `secrets/NAME` | the places where that secret may be placed |
//! | `locks/PATTERN` | the locks of those names |
//! | `agents/AGENT/SKILL` | the skills of other agents that the pattern names |
//! | `approvals` | asking people to approve |
//! | `artifacts` | what a task leaves beside its output |
//! | `events/PATTERN` | the topics that the pattern names |

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::Grants;
use crate::{Code, Error, Result, shown};

/// The address of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GrantKey {
    /// The durable keys of the deployment, and of its instances.
    State,
    /// The services under an id.
    Http(String),
    /// A directory.
    Files(String),
    /// The places of a secret.
    Secrets(String),
    /// The locks of a pattern.
    Locks(String),
    /// The skills of a pattern.
    Agents(String),
    /// Asking people to approve.
    Approvals,
    /// The topics of a pattern.
    Events(String),
    /// What a task leaves beside its output.
    Artifacts,
}

impl fmt::Display for GrantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State => f.write_str("state"),
            Self::Http(id) => write!(f, "http/{id}"),
            Self::Files(name) => write!(f, "files/{name}"),
            Self::Secrets(name) => write!(f, "secrets/{name}"),
            Self::Locks(pattern) => write!(f, "locks/{pattern}"),
            Self::Agents(pattern) => write!(f, "agents/{pattern}"),
            Self::Approvals => f.write_str("approvals"),
            Self::Events(pattern) => write!(f, "events/{pattern}"),
            Self::Artifacts => f.write_str("artifacts"),
        }
    }
}

impl FromStr for GrantKey {
    type Err = Error;

    /// # Errors
    /// [`Code::RequestInvalid`] telling what an address looks like.
    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('/') {
            None if text == "state" => Ok(Self::State),
            None if text == "approvals" => Ok(Self::Approvals),
            None if text == "artifacts" => Ok(Self::Artifacts),
            Some(("http", id)) if !id.is_empty() => Ok(Self::Http(id.to_owned())),
            Some(("files", name)) if !name.is_empty() => Ok(Self::Files(name.to_owned())),
            Some(("secrets", name)) if !name.is_empty() => Ok(Self::Secrets(name.to_owned())),
            Some(("locks", pattern)) if !pattern.is_empty() => Ok(Self::Locks(pattern.to_owned())),
            Some(("agents", pattern)) if !pattern.is_empty() => Ok(Self::Agents(pattern.to_owned())),
            Some(("events", pattern)) if !pattern.is_empty() => Ok(Self::Events(pattern.to_owned())),
            _ => {
                let message = format!("`{}` is not the address of a grant, such as `state` or `http/ID`", shown(text));
                Err(Error::new(Code::RequestInvalid, message))
            }
        }
    }
}

impl Serialize for GrantKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GrantKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Grants {
    /// Returns the addresses, each once, in the order of the lines.
    pub fn keys(&self) -> Vec<GrantKey> {
        let mut keys: Vec<GrantKey> = self.state.iter().map(|_| GrantKey::State).collect();
        keys.extend(self.http.iter().map(|grant| GrantKey::Http(grant.id.clone())));
        keys.extend(self.files.iter().map(|grant| GrantKey::Files(grant.name.clone())));
        keys.extend(self.secrets.iter().map(|grant| GrantKey::Secrets(grant.name.clone())));
        keys.extend(self.locks.iter().map(|grant| GrantKey::Locks(grant.name.to_string())));
        keys.extend(self.agents.iter().map(|grant| GrantKey::Agents(grant.ask.to_string())));
        keys.extend(self.approvals.iter().map(|_| GrantKey::Approvals));
        keys.extend(self.events.iter().map(|grant| GrantKey::Events(grant.publish.to_string())));
        keys.extend(self.artifacts.iter().map(|_| GrantKey::Artifacts));
        let mut seen = std::collections::HashSet::new();
        keys.retain(|key| seen.insert(key.clone()));
        keys
    }

    /// Returns what stands at one address.
    #[must_use]
    pub fn only(&self, key: &GrantKey) -> Self {
        self.filtered(|found| found == key)
    }

    /// Returns everything but what stands at one address.
    #[must_use]
    pub fn without(&self, key: &GrantKey) -> Self {
        self.filtered(|found| found != key)
    }

    /// Returns `self` with the lines of `other`, which stand in place of those at the same
    /// addresses.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let replaced = other.keys();
        let mut all = self.filtered(|key| !replaced.contains(key));
        all.state = other.state.or(all.state);
        all.approvals = other.approvals.or(all.approvals);
        all.artifacts = other.artifacts.or(all.artifacts);
        all.http.extend(other.http.iter().cloned());
        all.files.extend(other.files.iter().cloned());
        all.secrets.extend(other.secrets.iter().cloned());
        all.locks.extend(other.locks.iter().cloned());
        all.agents.extend(other.agents.iter().cloned());
        all.events.extend(other.events.iter().cloned());
        all
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn filtered(&self, keep: impl Fn(&GrantKey) -> bool) -> Self {
        let http = |grant: &&super::HttpGrant| keep(&GrantKey::Http(grant.id.clone()));
        let files = |grant: &&super::FilesGrant| keep(&GrantKey::Files(grant.name.clone()));
        let secret = |grant: &&super::SecretGrant| keep(&GrantKey::Secrets(grant.name.clone()));
        let locks = |grant: &&super::LockGrant| keep(&GrantKey::Locks(grant.name.to_string()));
        let agents = |grant: &&super::AgentGrant| keep(&GrantKey::Agents(grant.ask.to_string()));
        let events = |grant: &&super::EventGrant| keep(&GrantKey::Events(grant.publish.to_string()));
        Self {
            state: self.state.filter(|_| keep(&GrantKey::State)),
            http: self.http.iter().filter(http).cloned().collect(),
            files: self.files.iter().filter(files).cloned().collect(),
            secrets: self.secrets.iter().filter(secret).cloned().collect(),
            locks: self.locks.iter().filter(locks).cloned().collect(),
            agents: self.agents.iter().filter(agents).cloned().collect(),
            approvals: self.approvals.filter(|_| keep(&GrantKey::Approvals)),
            events: self.events.iter().filter(events).cloned().collect(),
            artifacts: self.artifacts.filter(|_| keep(&GrantKey::Artifacts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_nobody_knows_is_refused_with_an_example() {
        for wrong in ["", "http", "http/", "State", "everything", "state/x"] {
            let error = wrong.parse::<GrantKey>().unwrap_err();
            assert!(error.message.ends_with("is not the address of a grant, such as `state` or `http/ID`"), "{error}");
        }
    }
}
