//! Names that people give: tenants, agents, skills, and a release of an agent.
//!
//! Tenant, agent and channel names are 1 to 63 characters: lower-case ASCII letters, digits and
//! single hyphens between them, beginning with a letter. They are safe in a path, a
//! subject, an OCI repository name and a DNS label. No version begins with a letter, so what
//! stands after the `@` of a release is a version or a channel and never both.
//! A skill name is 1 to 64 characters: letters, digits, `_` and `-`, beginning with a
//! letter (what tool names may be in the Model Context Protocol). Tasks in which an agent's own conversation
//! is called have a name that no author can give.
//! An instance's name is 1 to 128 characters: ASCII letters, digits, `.`, `_`, `-`, `:` and
//! `@`, beginning with a letter. Programs make it of what they call a user or a conversation,
//! and no id begins with a letter, so neither is mistaken for the other.
//! The name of a lock is 1 to 200 bytes: parts of ASCII letters, digits, `.`, `_`, `-`, `:` and `@`,
//! with `/` between them; no part is empty, `.` or `..`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Code, Error, limits};

const LABEL_LENGTH_MAX: usize = 63;
const SKILL_LENGTH_MAX: usize = 64;
const INSTANCE_LENGTH_MAX: usize = 128;

fn is_label(text: &str) -> bool {
    text.len() <= LABEL_LENGTH_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_skill(text: &str) -> bool {
    is_own_skill(text) || SkillName::CONVERSATION.contains(&text)
}

/// What an author may call a skill.
fn is_own_skill(text: &str) -> bool {
    text.len() <= SKILL_LENGTH_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn is_instance(text: &str) -> bool {
    text.len() <= INSTANCE_LENGTH_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:@".contains(&b))
}

/// A path of parts, none of which leads up or nowhere.
fn is_lock(text: &str) -> bool {
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..") && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:@".contains(&b))
    };
    text.len() <= limits::LOCK_NAME_BYTES_MAX && text.split('/').all(is_part)
}

/// A path of labels, no deeper than groups stand in groups.
fn is_step(text: &str) -> bool {
    text.split('/').count() <= limits::GROUP_DEPTH_MAX && text.split('/').all(is_label)
}

/// For a text that is checked when it is parsed: documents have it as text, and people read it so.
macro_rules! as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = $crate::Error;

            fn try_from(text: String) -> std::result::Result<Self, $crate::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use as_text;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $valid:ident, $message:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                if $valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Error::new(Code::NameInvalid, $message))
                }
            }
        }

        as_text!($name);
    };
}

name!(
    /// A tenant: the isolation boundary, part of every key and row.
    TenantId,
    is_label,
    "a tenant name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter"
);
name!(
    /// An agent of a tenant.
    AgentName,
    is_label,
    "an agent name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter"
);
name!(
    /// A skill of an agent.
    SkillName,
    is_skill,
    "a skill name is 1 to 64 letters, digits, `_` and `-`, beginning with a letter"
);
impl SkillName {
    /// What tasks in which an agent answers a message in its own words are for.
    pub const CONVERSE: &str = "@converse";
    /// What calls in which an agent says what could be said next are for.
    pub const SUGGEST: &str = "@suggest";

    /// Both.
    pub const CONVERSATION: [&str; 2] = [Self::CONVERSE, Self::SUGGEST];

    /// Whether it names no skill, but a call of the agent's own conversation.
    pub fn is_conversation(&self) -> bool {
        !is_own_skill(&self.0)
    }
}

name!(
    /// What whoever started an instance of an agent calls it.
    InstanceName,
    is_instance,
    "an instance's name is 1 to 128 letters, digits, `.`, `_`, `-`, `:` and `@`, beginning with a letter"
);

name!(
    /// What a lock is on: what agents of one tenant agree to call it.
    LockName,
    is_lock,
    "the name of a lock is 1 to 200 letters, digits, `.`, `_`, `-`, `:` and `@`, in parts with a `/` between them"
);

name!(
    /// What people call an API key. Several may share it, as when one replaces another.
    KeyName,
    is_label,
    "a key's name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter"
);

name!(
    /// What people call a schedule.
    ScheduleName,
    is_label,
    "a schedule's name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter"
);

name!(
    /// What people call a template of agents.
    TemplateName,
    is_label,
    "a template's name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter"
);

name!(
    /// What people call a subscription to events.
    SubscriptionName,
    is_label,
    "a subscription's name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter"
);

name!(
    /// A step of a task group; one of a group within it stands behind the names of those around it.
    StepName,
    is_step,
    "a step's name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter"
);

name!(
    /// A movable name for a release of an agent.
    ChannelName,
    is_label,
    "a channel's name is 1 to 63 lower-case letters, digits and single hyphens, beginning with a letter"
);

impl StepName {
    /// What it is called in its own group.
    pub fn own(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The step of this name in the group that this step is.
    ///
    /// # Errors
    /// [`Code::NameInvalid`] for what is no name of a step.
    pub fn within(&self, own: &str) -> Result<Self, Error> {
        format!("{}/{own}", self.0).parse()
    }
}

impl Default for TenantId {
    /// The tenant of a host that has not been told of any other.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl ChannelName {
    /// The channel that `troupe dev` publishes to.
    pub fn dev() -> Self {
        Self("dev".to_owned())
    }
}

/// A release of an agent by name and version, written `NAME@VERSION`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseRef {
    /// The agent.
    pub agent: AgentName,
    /// The version, by semantic versioning 2.0.0.
    pub version: semver::Version,
}

impl fmt::Display for ReleaseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.agent, self.version)
    }
}

impl FromStr for ReleaseRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::new(Code::NameInvalid, "a release is written `NAME@VERSION`, for example `aws@1.2.0`");
        let (agent, version) = text.split_once('@').ok_or_else(bad)?;
        Ok(Self { agent: agent.parse()?, version: version.parse().map_err(|_| bad())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_could_mislead_are_refused() {
        for good in ["aws", "a", "aws-2", &"a".repeat(63)] {
            assert!(good.parse::<AgentName>().is_ok(), "{good}");
        }
        for bad in ["", "Aws", "2aws", "-a", "a-", "a--b", "a.b", "../x", "a b", "ä", "a\0", &"a".repeat(64)] {
            assert_eq!(bad.parse::<AgentName>().unwrap_err().code, Code::NameInvalid, "{bad}");
        }
    }

    #[test]
    fn an_instance_is_named_as_programs_name_things_and_never_like_an_id() {
        for good in ["a", "user:42", "U024BE7LH", "anna@example.com", "a.b_c-d", &"a".repeat(128)] {
            assert!(good.parse::<InstanceName>().is_ok(), "{good}");
        }
        let id = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b";
        for bad in ["", id, "42", ":a", "a b", "a/b", "ä", "a\n", "a\0", &"a".repeat(129)] {
            assert_eq!(bad.parse::<InstanceName>().unwrap_err().code, Code::NameInvalid, "{bad}");
        }
    }

    #[test]
    fn a_release_is_name_at_version() {
        let release: ReleaseRef = "aws@1.2.0-dev.3".parse().unwrap();
        assert_eq!(release.to_string(), "aws@1.2.0-dev.3");
        for bad in ["aws", "aws@", "aws@1", "@1.0.0", "aws@1.0.0@2"] {
            assert!(bad.parse::<ReleaseRef>().is_err(), "{bad}");
        }
    }
}
