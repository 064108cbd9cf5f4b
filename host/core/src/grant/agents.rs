//! A grant of the capability `agents`: which skills of other agents may be asked for. The same field
//! stands in a manifest, which asks, and in an operator's grant, which gives.
//!
//! | field | grammar | default |
//! |---|---|---|
//! | `ask` | see [`AskPattern`] | must be there |
//!
//! Empty means that no agent may be asked.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::lines::{self, Line};
use crate::ask::AskPattern;
use crate::limits;

/// Skills of other agents that may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentGrant {
    /// The agent and the skill, `AGENT/SKILL`; each is one name, or all that begin as it does before a
    /// `*` at its end.
    #[schema(value_type = String)]
    pub ask: AskPattern,
}

impl AgentGrant {
    /// Whether the grant is about a skill of an agent.
    pub fn admits(&self, agent: &str, skill: &str) -> bool {
        self.ask.admits(agent, skill)
    }
}

impl fmt::Display for AgentGrant {
    /// One line, as an operator reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "agents {}: may be asked", self.ask)
    }
}

impl Line for AgentGrant {
    fn intersect(&self, other: &Self) -> Option<Self> {
        self.ask.intersect(&other.ask).map(|ask| Self { ask })
    }

    fn covers(&self, other: &Self) -> bool {
        self.ask.covers(&other.ask)
    }
}

/// Reads a bounded list of skills. A pattern may stand in it more than once.
///
/// # Errors
/// Those of the deserialiser, naming the item.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AgentGrant>, D::Error> {
    lines::read(deserializer, limits::ASK_GRANTS_MAX)
}
