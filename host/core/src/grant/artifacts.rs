//! A grant of the capability `artifacts`: what one task may leave beside its output. The same fields stand in an
//! operator's grant, which gives, and in a manifest, which asks and writes bytes with a unit.
//!
//! | field | grammar | default |
//! |---|---|---|
//! | `bytes` | bytes of the artefacts of one task together, 1 to 16 GiB | 256 MiB |
//! | `count` | artefacts of one task, 1 to 100 | 10 |

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::ToSchema;

use crate::limits;

/// Leaving artefacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactsGrant {
    /// Bytes of the artefacts of one task together, at most.
    #[serde(default = "some_bytes", deserialize_with = "bytes")]
    pub bytes: u64,
    /// How many artefacts one task may have.
    #[serde(default = "some", deserialize_with = "count")]
    pub count: u32,
}

impl Default for ArtifactsGrant {
    fn default() -> Self {
        Self { bytes: some_bytes(), count: some() }
    }
}

impl ArtifactsGrant {
    pub(super) fn intersect(self, other: Self) -> Self {
        Self { bytes: self.bytes.min(other.bytes), count: self.count.min(other.count) }
    }

    pub(super) const fn is_wider_than(self, other: Self) -> bool {
        self.bytes > other.bytes || self.count > other.count
    }
}

impl fmt::Display for ArtifactsGrant {
    /// One line, as an operator reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "artifacts: up to {} in {} of each task", limits::bytes(self.bytes), self.count)
    }
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let most = limits::ARTIFACTS_BYTES_MAX;
    match u64::deserialize(deserializer)? {
        bytes if (1..=most).contains(&bytes) => Ok(bytes),
        bytes => Err(D::Error::custom(format_args!("`bytes` is 1 to {most}; this one is {bytes}"))),
    }
}

/// Reads how many artefacts a task may have.
///
/// # Errors
/// Those of the deserialiser, naming the bounds.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let most = limits::ARTIFACTS_MAX;
    match u32::deserialize(deserializer)? {
        count if (1..=most).contains(&count) => Ok(count),
        count => Err(D::Error::custom(format_args!("`count` is 1 to {most}; this one is {count}"))),
    }
}

const fn some_bytes() -> u64 {
    limits::ARTIFACTS_BYTES_DEFAULT
}

const fn some() -> u32 {
    limits::ARTIFACTS_DEFAULT
}
