//! How far an action reaches.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The effect class of a skill or of a call: how much it may change. The order is the
/// order of the variants, so `a <= b` reads "a reaches no further than b".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Changes nothing, the agent's own state included.
    Read,
    /// Changes something that can be changed back. What says nothing of itself is this.
    #[default]
    Write,
    /// Deletes, or changes something for good.
    Destructive,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
        })
    }
}
