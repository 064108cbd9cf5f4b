//! Which events an agent answers to.
//!
//! A pattern names topics, which are types of `CloudEvents` (see [`troupe_core::event`]): segments of
//! letters, digits, `_` and `-` between full stops, with `*` for any one and `>` at the end for all that
//! follow. One that begins with a wildcard would take events of everybody in the tenant and is refused;
//! who wants that subscribes.
//!
//! A trigger names the skill that handles its events. Without one it says what the agent is about, and
//! nothing is routed by it.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use troupe_core::{EventInput, SkillName, TopicPattern, limits};

use troupe_core::list::{self, Keyed};

/// An event pattern that starts a skill of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The pattern of topics, such as `com.example.instance.*`.
    #[serde(deserialize_with = "event")]
    pub event: TopicPattern,
    /// The skill that handles them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<SkillName>,
    /// What the skill is given.
    #[serde(default, skip_serializing_if = "EventInput::is_default")]
    pub input: EventInput,
}

impl Keyed for Trigger {
    fn key(&self) -> &str {
        self.event.as_str()
    }
}

fn event<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TopicPattern, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse::<TopicPattern>() {
        Ok(pattern) if pattern.head().is_some() => Ok(pattern),
        _ => Err(D::Error::custom(format_args!(
            "`{text}` is not an event type such as `com.example.instance.started`, or a pattern of them such as \
             `com.example.instance.*` or `com.example.>`, at most {} bytes long",
            limits::TOPIC_BYTES_MAX
        ))),
    }
}

/// Reads the triggers of a manifest.
pub(crate) fn strict<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Trigger>, D::Error> {
    list::read(deserializer, limits::TRIGGERS_MAX, |_: &Trigger| Ok(()))
}

/// A trigger that may carry fields of a later version.
#[derive(Deserialize)]
struct Lenient {
    #[serde(deserialize_with = "event")]
    event: TopicPattern,
    skill: Option<SkillName>,
    #[serde(default)]
    input: EventInput,
}

impl Keyed for Lenient {
    fn key(&self) -> &str {
        self.event.as_str()
    }
}

/// Reads the triggers of a profile, ignoring fields this version does not know.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Trigger>, D::Error> {
    let read = list::read(deserializer, limits::TRIGGERS_MAX, |_: &Lenient| Ok(()))?;
    Ok(read.into_iter().map(|Lenient { event, skill, input }| Trigger { event, skill, input }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_begins_with_a_word() {
        let read = |event: &str| serde_json::from_value::<Trigger>(serde_json::json!({ "event": event }));
        for good in ["com.example.instance.started", "com.example.*", "com.>", "a.*.b", "deploy", "a_b.c-d"] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in ["", "*", ">", "*.a", ".*", "a.", ".a", "a..b", "a.b*", "a b", "ä.b", &"a".repeat(256)] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
