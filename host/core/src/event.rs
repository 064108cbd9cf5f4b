//! Events: what they are about, who takes which, and which go first.
//!
//! An event is a `CloudEvents` 1.0 message. Its *topic* is its attribute `type`, so there is one
//! word to publish under, to subscribe to and to read in the envelope. A topic is made of segments
//! of ASCII letters, digits, `_` and `-` between full stops; a pattern may have wildcards instead of
//! whole segments, as subjects of NATS do:
//!
//! | pattern | topics |
//! |---|---|
//! | `aws.ec2.started` | that one |
//! | `aws.*.started` | any one segment in the middle |
//! | `aws.>` | all that begin with `aws.` |
//! | `>` | all |
//!
//! *The attack:* a topic with a wildcard, a space or a line break in it becomes a subject, and whoever
//! publishes reaches or hides from subscriptions of others. *The rule:* text becomes a [`Topic`] by this
//! grammar or not at all, and nothing else is matched, kept or carried.

mod draft;
mod publish;

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::as_text;
use crate::{Code, Error, Result, limits, shown};
pub use draft::{EventDraft, SPECVERSION};
pub use publish::{EventOptions, PublishOutcome};

/// What an event is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Topic(String);

/// Topics: one, or all that fit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TopicPattern(String);

/// A segment that stands for itself.
fn is_word(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn is_bounded(text: &str) -> bool {
    text.len() <= limits::TOPIC_BYTES_MAX && text.split('.').count() <= limits::TOPIC_SEGMENTS_MAX
}

impl Topic {
    /// The topic as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first segment.
    pub fn head(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl TopicPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first segment, if each topic that fits has to begin with it.
    pub fn head(&self) -> Option<&str> {
        self.0.split('.').next().filter(|segment| is_word(segment))
    }

    /// Whether a topic fits.
    pub fn admits(&self, topic: &Topic) -> bool {
        let mut segments = topic.as_str().split('.');
        for wanted in self.0.split('.') {
            match (wanted, segments.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(segment)) if wanted == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }

    /// Whether each topic that fits `other` fits this, too.
    pub fn covers(&self, other: &Self) -> bool {
        let mut others = other.0.split('.');
        for own in self.0.split('.') {
            match (own, others.next()) {
                (">", Some(_)) => return true,
                ("*", Some(segment)) if segment != ">" => {}
                (own, Some(segment)) if own == segment => {}
                _ => return false,
            }
        }
        others.next().is_none()
    }

    /// Returns the topics that fit both; none if there is no such topic.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let mut both: Vec<&str> = Vec::new();
        let (mut owns, mut others) = (self.0.split('.'), other.0.split('.'));
        loop {
            match (owns.next(), others.next()) {
                (None, None) => return Some(Self(both.join("."))),
                // The rest of the other, which is one segment at least, as this asks for.
                (Some(">"), Some(segment)) => {
                    both.push(segment);
                    both.extend(others);
                    return Some(Self(both.join(".")));
                }
                (Some(segment), Some(">")) => {
                    both.push(segment);
                    both.extend(owns);
                    return Some(Self(both.join(".")));
                }
                (Some("*"), Some(segment)) => both.push(segment),
                (Some(segment), Some(other)) if other == "*" || segment == other => both.push(segment),
                _ => return None,
            }
        }
    }
}

impl FromStr for Topic {
    type Err = Error;

    /// # Errors
    /// [`Code::EventInvalid`].
    fn from_str(text: &str) -> Result<Self> {
        if is_bounded(text) && text.split('.').all(is_word) {
            return Ok(Self(text.to_owned()));
        }
        let (bytes, segments) = (limits::TOPIC_BYTES_MAX, limits::TOPIC_SEGMENTS_MAX);
        let message = format!(
            "`{}` is no topic; write up to {segments} segments of letters, digits, `_` and `-` with full stops between \
             them, such as `aws.ec2.started`, in at most {bytes} bytes",
            shown(text)
        );
        Err(Error::new(Code::EventInvalid, message))
    }
}

impl FromStr for TopicPattern {
    type Err = Error;

    /// # Errors
    /// [`Code::EventInvalid`].
    fn from_str(text: &str) -> Result<Self> {
        let last = text.split('.').count().saturating_sub(1);
        let fits =
            |(place, segment): (usize, &str)| is_word(segment) || segment == "*" || (segment == ">" && place == last);
        if is_bounded(text) && text.split('.').enumerate().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        let message = format!(
            "`{}` is no pattern of topics; write a topic such as `aws.ec2.started`, with `*` for any one segment and `>` \
             at the end for all that follow",
            shown(text)
        );
        Err(Error::new(Code::EventInvalid, message))
    }
}

as_text!(Topic);
as_text!(TopicPattern);

/// Which events go first where more wait than run.
///
/// A priority is a head start and not a rank for ever: an event goes before all that became ready so
/// much later. So a flood of urgent events holds up the others for a known time, and starves none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventPriority {
    /// When nothing else waits.
    Low,
    /// Where nobody says otherwise.
    #[default]
    Normal,
    /// Before what is usual.
    High,
    /// Before all others.
    Critical,
}

impl EventPriority {
    /// Every priority, the last first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The number in rows.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The priority that a number in rows stands for.
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.number() == number)
    }

    /// How much earlier than it is it counts as ready.
    pub const fn head_start(self) -> Duration {
        match self {
            Self::Low => Duration::ZERO,
            Self::Normal => limits::EVENT_HEAD_START_NORMAL,
            Self::High => limits::EVENT_HEAD_START_HIGH,
            Self::Critical => limits::EVENT_HEAD_START_CRITICAL,
        }
    }

    /// The priority of the task that handles it, among the tasks of its tenant.
    pub const fn of_task(self) -> i32 {
        match self {
            Self::Low | Self::Normal => 0,
            Self::High => 1,
            Self::Critical => 2,
        }
    }
}

impl FromStr for EventPriority {
    type Err = Error;

    /// # Errors
    /// [`Code::EventInvalid`].
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text).ok_or_else(|| {
            let message = format!("`{}` is no priority; write `critical`, `high`, `normal` or `low`", shown(text));
            Error::new(Code::EventInvalid, message)
        })
    }
}

/// What of an event a skill is given as its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventInput {
    /// All of it: the envelope with the data in it.
    #[default]
    Event,
    /// Its data alone, so that a skill that was written for callers takes it.
    Data,
}

impl EventInput {
    /// Whether it is what is given where nobody says otherwise.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> TopicPattern {
        text.parse().unwrap()
    }

    #[test]
    fn f66_no_raw_text_becomes_a_topic() {
        for good in ["a", "aws.ec2.started", "A_b-1.c", &"a".repeat(255), &["x"; 16].join(".")] {
            assert!(good.parse::<Topic>().is_ok(), "{good}");
        }
        let long = ["x"; 17].join(".");
        for bad in ["", ".", "a.", ".a", "a..b", "a.*", "a.>", ">", "*", "a b", "a\n", "a\0", "ä", "a/b", "$SYS", &long]
        {
            assert_eq!(bad.parse::<Topic>().unwrap_err().code, Code::EventInvalid, "{bad}");
        }
    }

    #[test]
    fn wildcards_stand_for_whole_segments() {
        for good in [">", "*", "a.*", "a.>", "*.b.>", "a.*.c", "a"] {
            assert!(good.parse::<TopicPattern>().is_ok(), "{good}");
        }
        for bad in ["", "a.>.b", ">.a", "a*", "a.b*", "a.>>", "a.**", "a b", "a..>"] {
            assert_eq!(bad.parse::<TopicPattern>().unwrap_err().code, Code::EventInvalid, "{bad}");
        }
        let admits = |of: &str, topic: &str| pattern(of).admits(&topic.parse().unwrap());
        for (of, topic) in [(">", "a"), (">", "a.b"), ("*", "a"), ("a.*", "a.b"), ("a.>", "a.b.c"), ("a.*.c", "a.b.c")]
        {
            assert!(admits(of, topic), "{of} {topic}");
        }
        for (of, topic) in [("*", "a.b"), ("a.*", "a"), ("a.*", "a.b.c"), ("a.>", "a"), ("a", "A"), ("a.b", "a.bc")] {
            assert!(!admits(of, topic), "{of} {topic}");
        }
    }

    proptest! {
        #[test]
        fn what_covers_admits_all_that_the_other_does(
            wide in "([ab*]\\.){0,3}[ab*>]", narrow in "([ab*]\\.){0,3}[ab*>]", topic in "([ab]\\.){0,4}[ab]",
        ) {
            let (wide, narrow, topic) = (pattern(&wide), pattern(&narrow), topic.parse::<Topic>().unwrap());
            prop_assert!(wide.covers(&wide));
            prop_assert!(!(wide.covers(&narrow) && narrow.admits(&topic)) || wide.admits(&topic));
            prop_assert!(!wide.admits(&topic) || wide.head().is_none_or(|head| head == topic.head()));
            let both = wide.intersect(&narrow);
            prop_assert_eq!(&both, &narrow.intersect(&wide));
            let admits = both.as_ref().is_some_and(|both| both.admits(&topic));
            prop_assert_eq!(admits, wide.admits(&topic) && narrow.admits(&topic));
            prop_assert!(both.is_none_or(|both| wide.covers(&both) && narrow.covers(&both)
                && both.as_str().parse::<TopicPattern>().is_ok()));
        }
    }

    #[test]
    fn a_priority_is_more_of_a_head_start_than_the_one_below() {
        assert!(EventPriority::ALL.is_sorted_by_key(|priority| priority.head_start()));
        for priority in EventPriority::ALL {
            assert_eq!(priority.as_str().parse::<EventPriority>().unwrap(), priority);
            assert_eq!(EventPriority::of(priority.number()), Some(priority));
        }
    }
}
