//! One agent asking another: which skills it may ask, how it asks, and what comes of that.
//!
//! What is asked for is a task like any other, a *child* of the task that asked. It is of the same
//! tenant and principal, and of the same *root*: the task at the top that nobody's agent asked for.
//!
//! | pattern | skills |
//! |---|---|
//! | `billing/invoice` | that one |
//! | `billing/*` | every skill of that agent; `billing/in*`: those whose name begins so |
//! | `billing-*/invoice` | that skill of every agent whose name begins so |
//! | `*/*` | every skill of every agent |

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::view::{BudgetSpent, TaskFailure, TaskStatus};
use crate::{AgentName, Code, Effect, Error, Result, SkillName, TaskId, limits};

/// Skills of agents: a pattern of each name, with a `/` between them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AskPattern {
    agent: String,
    skill: String,
}

impl AskPattern {
    /// Whether the pattern names a skill of an agent.
    pub fn admits(&self, agent: &str, skill: &str) -> bool {
        covers(&self.agent, agent) && covers(&self.skill, skill)
    }

    /// Whether the pattern names any skill of an agent.
    pub fn admits_agent(&self, agent: &str) -> bool {
        covers(&self.agent, agent)
    }

    /// Whether the pattern names all that `other` does.
    pub fn covers(&self, other: &Self) -> bool {
        covers(&self.agent, &other.agent) && covers(&self.skill, &other.skill)
    }

    /// Returns what both name; none if that is nothing.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        Some(Self { agent: narrower(&self.agent, &other.agent)?, skill: narrower(&self.skill, &other.skill)? })
    }
}

/// Whether one pattern of a name has all that another has; a name is one that has itself.
fn covers(wide: &str, narrow: &str) -> bool {
    match wide.strip_suffix('*') {
        Some(stem) => narrow.strip_suffix('*').unwrap_or(narrow).starts_with(stem),
        None => wide == narrow,
    }
}

fn narrower(one: &str, two: &str) -> Option<String> {
    if covers(one, two) { Some(two.to_owned()) } else { covers(two, one).then(|| one.to_owned()) }
}

impl FromStr for AskPattern {
    type Err = Error;

    /// # Errors
    /// [`Code::ManifestInvalid`] if the text is none.
    fn from_str(text: &str) -> Result<Self> {
        // What a name may go on with after a stem is one more character.
        let whole = |part: &str| part.strip_suffix('*').map_or_else(|| part.to_owned(), |stem| format!("{stem}x"));
        let parts = text.split_once('/').filter(|(agent, skill)| {
            whole(agent).parse::<AgentName>().is_ok() && whole(skill).parse::<SkillName>().is_ok()
        });
        parts.map(|(agent, skill)| Self { agent: agent.to_owned(), skill: skill.to_owned() }).ok_or_else(|| {
            let message = format!(
                "`{}` names no skills of agents; write such as `billing/invoice`, or `billing/*`",
                crate::shown(text)
            );
            Error::new(Code::ManifestInvalid, message)
        })
    }
}

impl TryFrom<String> for AskPattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<AskPattern> for String {
    fn from(pattern: AskPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for AskPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.agent, self.skill)
    }
}

/// How a skill is asked for: a document, so that it can grow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AskOptions {
    /// Higher runs first; that of the task that asks when absent.
    pub priority: Option<i32>,
    /// How long one attempt may run, in milliseconds; as the skill's release says when absent. Never
    /// longer than what is left of the time of the task that asks.
    pub timeout_ms: Option<u64>,
    /// How long it may take in all, in milliseconds; what is left of the time of the task that asks
    /// when absent, and at most.
    pub lifetime_ms: Option<u64>,
    /// Under the same key the same request of the same task, in whichever attempt, is one child.
    pub idempotency_key: Option<String>,
    /// Whether it goes on when the task that asked ends.
    pub outlives: bool,
}

impl AskOptions {
    /// Checks what can be told without knowing the skill.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] with the bounds.
    pub fn check(&self) -> Result<()> {
        let most = limits::IDEMPOTENCY_KEY_BYTES_MAX;
        match &self.idempotency_key {
            Some(key) if !(1..=most).contains(&key.len()) => {
                Err(Error::new(Code::RequestInvalid, format!("an idempotency key is 1 to {most} bytes")))
            }
            _ => Ok(()),
        }
    }
}

/// What made a task that an agent asked for, or that handles an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The task whose agent asked for it; none of one that handles an event.
    pub by: Option<TaskId>,
    /// The event that it handles, by its position.
    pub event: Option<u64>,
    /// The task at the top of all that led to it, which no agent asked for and no agent's event led to; itself
    /// when absent.
    pub root: Option<TaskId>,
    /// How many tasks and events are above it, one after the other.
    pub hops: u32,
    /// Whether it goes on when the task that asked ends.
    pub outlives: bool,
    /// The key under which the task that asked asks for it again, in whichever attempt.
    pub key: Option<String>,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskOutcome {
    /// The task that was made, or found under its key.
    Made(TaskId),
    /// There is no such agent, or none of its releases serves, or it has no such skill.
    NotThere,
    /// The skill reaches further than the one that asks says of itself.
    Above {
        /// How far the skill reaches.
        effect: Effect,
        /// How far the one that asks does.
        ceiling: Effect,
    },
    /// The input or an option is not acceptable.
    Invalid(String),
    /// The agent takes no work at the moment, or there is no room.
    Unavailable(String),
    /// Too many tasks are above it.
    Hops,
    /// The task at the top has as many descendants as it may.
    Descendants,
    /// The budget of the task at the top is used up.
    Budget(BudgetSpent),
}

/// How a child stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// The task.
    pub task: TaskId,
    /// Its agent.
    pub agent: AgentName,
    /// Its skill.
    pub skill: SkillName,
    /// Where it is in its life.
    pub status: TaskStatus,
    /// Its output, as JSON, where it has one.
    pub output: Option<String>,
    /// Why it did not complete.
    pub failure: Option<TaskFailure>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> AskPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_names_all_that_begins_so_in_its_own_part_alone() {
        assert!(pattern("billing/*").admits("billing", "invoice") && pattern("*/*").admits("a", "b"));
        assert!(!pattern("billing/*").admits("billing-eu", "invoice") && !pattern("b*/x").admits("billing", "y"));
        for (wide, narrow, covers) in [
            ("*/*", "a/b", true),
            ("a/*", "a/b*", true),
            ("a/b*", "a/*", false),
            ("a/b", "a/b", true),
            ("a*/b", "a/b", true),
            ("a/b", "a*/b", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), covers, "{wide} {narrow}");
        }
        assert_eq!(pattern("a/*").intersect(&pattern("*/b")), Some(pattern("a/b")));
        assert_eq!(pattern("a/*").intersect(&pattern("b/*")), None);
        for text in ["", "a", "/", "a/", "/b", "a/b/c", "a*b/c", "A/b", "a/b c", "**/a", "a/**"] {
            assert_eq!(text.parse::<AskPattern>().unwrap_err().code, Code::ManifestInvalid, "{text}");
        }
        for text in ["*/*", "a/*", "a-*/b_*", "a/B"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn options_are_read_by_their_names_alone_and_have_defaults() {
        let read = |text: &str| serde_json::from_str::<AskOptions>(text);
        assert_eq!(read("{}").unwrap(), AskOptions::default());
        assert!(read(r#"{"outlives":true,"priority":-1}"#).unwrap().outlives);
        assert!(read(r#"{"principal":"owner"}"#).is_err() && read(r#"{"tenant":"other"}"#).is_err());
        let keyed = |key: String| AskOptions { idempotency_key: Some(key), ..AskOptions::default() }.check();
        assert!(keyed("a".to_owned()).is_ok());
        assert!(keyed(String::new()).is_err() && keyed("a".repeat(10_000)).is_err());
    }
}
