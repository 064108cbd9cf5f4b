//! What an agent asks of the host. What it does not ask for it never gets; what it asks
//! for it gets only where an operator grants it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use troupe_core::grant::{
    self, Access, AgentGrant, ApprovalsGrant, ArtifactsGrant, EventGrant, FilesGrant, HttpGrant, LockGrant, Place,
    SecretGrant, StateGrant,
};
use troupe_core::list::{self, Keyed};
use troupe_core::{Grants, LockPattern, Result, limits};

use super::read;
use crate::units::{BYTES, TIME};

/// The capabilities an agent asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// Durable keys; absent = not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateRequest>,
    /// Outgoing HTTP, one entry for each service.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "grant::read_http_list")]
    pub http: Vec<HttpGrant>,
    /// Secrets to be placed in requests, one entry for each place.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "grant::read_secret_list")]
    pub secrets: Vec<SecretGrant>,
    /// Directories, one entry for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "read_files")]
    pub files: Vec<FilesRequest>,
    /// Locks, one entry for each pattern.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "read_locks")]
    pub locks: Vec<LockRequest>,
    /// Skills of other agents, one entry for each pattern.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "grant::read_agent_list")]
    pub agents: Vec<AgentGrant>,
    /// Asking people to approve; absent = not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<ApprovalsGrant>,
    /// Topics under which it publishes, one entry for each pattern.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "grant::read_event_list")]
    pub events: Vec<EventGrant>,
    /// What a task leaves beside its output; absent = not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<ArtifactsRequest>,
}

/// A file that holds nothing but capabilities.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Excerpt {
    capabilities: Capabilities,
}

impl Capabilities {
    /// Reads an excerpt of an `agent.toml`: the tables under `capabilities` and nothing else,
    /// as an operator writes down what shall be granted.
    ///
    /// # Errors
    /// [`ManifestInvalid`](troupe_core::Code::ManifestInvalid), naming line and field.
    pub fn parse(toml: &str) -> Result<Self> {
        read::from_toml::<Excerpt>("a file of grants,", toml).map(|excerpt| excerpt.capabilities)
    }

    /// Returns what is asked for as grants, to be intersected with an operator's.
    pub fn grants(&self) -> Grants {
        Grants {
            state: self.state.map(StateRequest::grant),
            http: self.http.clone(),
            secrets: self.secrets.clone(),
            files: self.files.iter().map(FilesRequest::grant).collect(),
            locks: self.locks.iter().map(LockRequest::grant).collect(),
            agents: self.agents.clone(),
            approvals: self.approvals,
            events: self.events.clone(),
            artifacts: self.artifacts.map(ArtifactsRequest::grant),
        }
    }
}

/// What an agent leaves beside the output of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactsRequest {
    /// The artefacts of one task together, in bytes; `bytes = "1 GiB"`.
    #[serde(
        default = "default_artifact_bytes",
        deserialize_with = "read_artifact_bytes",
        serialize_with = "write_bytes"
    )]
    pub bytes: u64,
    /// How many artefacts one task may have.
    #[serde(default = "default_artifacts", deserialize_with = "grant::read_artifact_count")]
    pub count: u32,
}

impl ArtifactsRequest {
    const fn grant(self) -> ArtifactsGrant {
        let Self { bytes, count } = self;
        ArtifactsGrant { bytes, count }
    }
}

/// A directory that an agent asks for. Where it is, the operator says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesRequest {
    /// What the agent calls it.
    #[serde(deserialize_with = "grant::read_directory_name")]
    pub name: String,
    /// What it does there.
    #[serde(default)]
    pub access: Access,
    /// Its files together, in bytes; `bytes = "16 MiB"`.
    #[serde(default = "default_file_bytes", deserialize_with = "read_file_bytes", serialize_with = "write_bytes")]
    pub bytes: u64,
    /// How many files and directories.
    #[serde(default = "default_files", deserialize_with = "read_file_count")]
    pub files: u64,
}

impl FilesRequest {
    fn grant(&self) -> FilesGrant {
        let Self { name, access, bytes, files } = self.clone();
        FilesGrant { name, access, bytes, files, path: Place::Anywhere }
    }
}

impl Keyed for FilesRequest {
    fn key(&self) -> &str {
        &self.name
    }
}

/// Locks that an agent asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockRequest {
    /// Their names: one, or all that begin as it does before a `*` at its end.
    pub name: LockPattern,
    /// The longest lease, in milliseconds; `lease = "60s"`.
    #[serde(default = "default_lease", deserialize_with = "read_lease", serialize_with = "write_lease")]
    pub lease: u64,
    /// Whether it takes locks from holders of a lower priority.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preempt: bool,
}

impl LockRequest {
    fn grant(&self) -> LockGrant {
        let Self { name, lease: lease_ms, preempt } = self.clone();
        LockGrant { name, lease_ms, preempt }
    }
}

impl Keyed for LockRequest {
    fn key(&self) -> &str {
        self.name.as_str()
    }
}

/// How much durable state an agent asks for: in each of its key spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRequest {
    /// Keys and values together, in bytes; `bytes = "16 MiB"`.
    #[serde(default = "default_bytes", deserialize_with = "read_bytes", serialize_with = "write_bytes")]
    pub bytes: u64,
    /// How many keys.
    #[serde(default = "default_keys", deserialize_with = "read_keys")]
    pub keys: u64,
    /// Whether each instance shall have a key space of its own beside the deployment's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub instances: bool,
}

impl StateRequest {
    const fn grant(self) -> StateGrant {
        let Self { bytes, keys, instances } = self;
        StateGrant { bytes, keys, instances }
    }
}

impl Default for StateRequest {
    fn default() -> Self {
        Self { bytes: default_bytes(), keys: default_keys(), instances: false }
    }
}

const fn default_bytes() -> u64 {
    limits::STATE_BYTES_DEFAULT
}

const fn default_keys() -> u64 {
    limits::STATE_KEYS_MAX
}

fn read_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    BYTES.read(deserializer, "state", limits::STATE_BYTES_MAX)
}

fn write_bytes<S: Serializer>(amount: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BYTES.print(*amount))
}

fn read_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    read_count(deserializer, "keys", limits::STATE_KEYS_MAX)
}

fn read_files<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FilesRequest>, D::Error> {
    list::read(deserializer, limits::FILES_DIRECTORIES_MAX, |_: &FilesRequest| Ok(()))
}

fn read_locks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LockRequest>, D::Error> {
    list::read(deserializer, limits::LOCK_GRANTS_MAX, |_: &LockRequest| Ok(()))
}

const fn default_lease() -> u64 {
    limits::LOCK_LEASE_DEFAULT.as_secs() * 1_000
}

fn read_lease<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let ms = TIME.read(deserializer, "a lease", limits::LOCK_LEASE_MAX.as_secs() * 1_000)?;
    let least = limits::LOCK_LEASE_MIN.as_secs() * 1_000;
    if ms >= least {
        Ok(ms)
    } else {
        Err(D::Error::custom(format_args!("a lease of {} is less than {}", TIME.print(ms), TIME.print(least))))
    }
}

fn write_lease<S: Serializer>(ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&TIME.print(*ms))
}

const fn default_file_bytes() -> u64 {
    limits::FILES_BYTES_DEFAULT
}

const fn default_files() -> u64 {
    limits::FILES_DEFAULT
}

fn read_file_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    BYTES.read(deserializer, "a directory", limits::FILES_BYTES_MAX)
}

fn read_file_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    read_count(deserializer, "files", limits::FILES_MAX)
}

const fn default_artifact_bytes() -> u64 {
    limits::ARTIFACTS_BYTES_DEFAULT
}

const fn default_artifacts() -> u32 {
    limits::ARTIFACTS_DEFAULT
}

fn read_artifact_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    BYTES.read(deserializer, "the artefacts of a task", limits::ARTIFACTS_BYTES_MAX)
}

fn read_count<'de, D: Deserializer<'de>>(deserializer: D, what: &str, most: u64) -> Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        count if (1..=most).contains(&count) => Ok(count),
        count => {
            Err(D::Error::custom(format_args!("{count} {what} is not between 1 and the host's maximum of {most}")))
        }
    }
}
