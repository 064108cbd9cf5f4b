//! What an agent gets by with. Less than the host would give is a promise to the
//! operator; more than the host's maximum is refused, so that a limit never silently
//! becomes another.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use troupe_core::limits;

use crate::units::{BYTES, TIME};

/// The limits an author sets; what is absent is the host's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentLimits {
    /// Linear memory of one invocation, in bytes; `memory = "64 MiB"`.
    #[serde(rename = "memory", default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "memory", serialize_with = "bytes")]
    pub memory_bytes: Option<u64>,
    /// Time of one invocation, in milliseconds; `time = "60s"`.
    #[serde(rename = "time", default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "time", serialize_with = "milliseconds")]
    pub time_ms: Option<u64>,
    /// One skill's output, in bytes of JSON text; `output = "16 MiB"`.
    #[serde(rename = "output", default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "output", serialize_with = "bytes")]
    pub output_bytes: Option<u64>,
}

fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    BYTES.read(deserializer, "memory", limits::GUEST_MEMORY_BYTES_MAX as u64).map(Some)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let max = u64::try_from(limits::INVOCATION_TIME_MAX.as_millis()).unwrap_or(u64::MAX);
    TIME.read(deserializer, "time", max).map(Some)
}

fn output<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    BYTES.read(deserializer, "output", limits::OUTPUT_BYTES_MAX as u64).map(Some)
}

fn bytes<S: Serializer>(amount: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    amount.map(|amount| BYTES.print(amount)).serialize(serializer)
}

fn milliseconds<S: Serializer>(amount: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    amount.map(|amount| TIME.print(amount)).serialize(serializer)
}
