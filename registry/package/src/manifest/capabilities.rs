//! What an agent asks of the host. What it does not ask for it never gets; what it asks
//! for it gets only where an operator grants it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use troupe_core::grant::{self, HttpGrant, SecretGrant, StateGrant};
use troupe_core::{Grants, limits};

use crate::units::BYTES;

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
}

impl Capabilities {
    /// Returns what is asked for as grants, to be intersected with an operator's.
    pub fn grants(&self) -> Grants {
        Grants {
            state: self.state.map(|state| StateGrant { bytes: state.bytes, keys: state.keys }),
            http: self.http.clone(),
            secrets: self.secrets.clone(),
        }
    }
}

/// How much durable state an agent asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRequest {
    /// Keys and values together, in bytes; `bytes = "16 MiB"`.
    #[serde(default = "default_bytes", deserialize_with = "read_bytes", serialize_with = "write_bytes")]
    pub bytes: u64,
    /// How many keys.
    #[serde(default = "default_keys", deserialize_with = "read_keys")]
    pub keys: u64,
}

impl Default for StateRequest {
    fn default() -> Self {
        Self { bytes: default_bytes(), keys: default_keys() }
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
    let keys = u64::deserialize(deserializer)?;
    if keys == 0 || keys > limits::STATE_KEYS_MAX {
        return Err(D::Error::custom(format_args!(
            "{keys} keys is not between 1 and the host's maximum of {}",
            limits::STATE_KEYS_MAX
        )));
    }
    Ok(keys)
}
