//! Which events an agent answers to.
//!
//! A pattern names `CloudEvents` types: segments of letters, digits, `_` and `-` between
//! full stops. Its last segment may be `*`, for every type that begins with what stands
//! before it. A pattern of `*` alone would take every event of the tenant and is refused.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use troupe_core::limits;

use troupe_core::list::{self, Keyed};

/// Longest pattern, in characters; `CloudEvents` types are reverse DNS names.
const EVENT_LENGTH_MAX: usize = 253;

/// An event pattern that starts an agent's event handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The pattern of `CloudEvents` types, such as `com.example.instance.*`.
    #[serde(deserialize_with = "event")]
    pub event: String,
}

impl Keyed for Trigger {
    fn key(&self) -> &str {
        &self.event
    }
}

fn event<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let stem = text.strip_suffix(".*").unwrap_or(&text);
    let segment = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if text.len() <= EVENT_LENGTH_MAX && stem.split('.').all(segment) {
        return Ok(text);
    }
    Err(D::Error::custom(format_args!(
        "`{text}` is not an event type such as `com.example.instance.started` or `com.example.instance.*`, \
         at most {EVENT_LENGTH_MAX} characters long"
    )))
}

/// Reads the triggers of a manifest.
pub(crate) fn strict<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Trigger>, D::Error> {
    list::read(deserializer, limits::TRIGGERS_MAX, |_: &Trigger| Ok(()))
}

/// A trigger that may carry fields of a later version.
#[derive(Deserialize)]
struct Lenient {
    #[serde(deserialize_with = "event")]
    event: String,
}

impl Keyed for Lenient {
    fn key(&self) -> &str {
        &self.event
    }
}

/// Reads the triggers of a profile, ignoring fields this version does not know.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Trigger>, D::Error> {
    let read = list::read(deserializer, limits::TRIGGERS_MAX, |_: &Lenient| Ok(()))?;
    Ok(read.into_iter().map(|trigger| Trigger { event: trigger.event }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_type_or_ends_in_a_star() {
        let read = |event: &str| serde_json::from_value::<Trigger>(serde_json::json!({ "event": event }));
        for good in ["com.example.instance.started", "com.example.*", "deploy", "a_b.c-d"] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in ["", "*", ".*", "a.", ".a", "a..b", "a.*.b", "a.b*", "a b", "ä.b", &"a".repeat(254)] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
