//! How the health of an agent's instances is checked.
//!
//! A check is a call of a skill of the agent's own that changes nothing and needs to be told nothing, so that
//! whoever looks into an agent finds there what its host asks it. It is good if the skill answers.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use troupe_core::{SkillName, limits};

use crate::units::TIME;

/// Which skill says whether an instance is healthy, and how often it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// The skill, of effect class `read`; it takes an empty object.
    pub skill: SkillName,
    /// The time between two checks, in milliseconds; `every = "30s"`.
    #[serde(rename = "every", default = "every_default", deserialize_with = "every", serialize_with = "milliseconds")]
    pub every_ms: u64,
    /// How long a check may take, in milliseconds; `timeout = "5s"`.
    #[serde(rename = "timeout", default = "timeout_default")]
    #[serde(deserialize_with = "timeout", serialize_with = "milliseconds")]
    pub timeout_ms: u64,
    /// How many checks in a row fail before the instance is in error.
    #[serde(default = "failures_default", deserialize_with = "failures")]
    pub failures: u32,
}

fn in_milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn every_default() -> u64 {
    in_milliseconds(limits::HEALTH_EVERY_DEFAULT)
}

fn timeout_default() -> u64 {
    in_milliseconds(limits::HEALTH_TIMEOUT_DEFAULT)
}

const fn failures_default() -> u32 {
    limits::HEALTH_FAILURES_DEFAULT
}

fn every<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let least = in_milliseconds(limits::HEALTH_EVERY_MIN);
    let every = TIME.read(deserializer, "every", in_milliseconds(limits::HEALTH_EVERY_MAX))?;
    if every < least {
        return Err(D::Error::custom(format_args!(
            "every {} is more often than the host checks; the least is {}",
            TIME.print(every),
            TIME.print(least),
        )));
    }
    Ok(every)
}

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    TIME.read(deserializer, "timeout", in_milliseconds(limits::HEALTH_TIMEOUT_MAX))
}

fn failures<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let failures = u32::deserialize(deserializer)?;
    if !(1..=limits::HEALTH_FAILURES_MAX).contains(&failures) {
        let most = limits::HEALTH_FAILURES_MAX;
        return Err(D::Error::custom(format_args!("failures is 1 to {most}")));
    }
    Ok(failures)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn milliseconds<S: Serializer>(amount: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    TIME.print(*amount).serialize(serializer)
}
