//! A grant of the capability `approvals`: whether an agent may ask people to approve of what it is about to
//! do, and about how much at once. The same field stands in a manifest, which asks, and in an operator's
//! grant, which gives.
//!
//! | field | grammar | default |
//! |---|---|---|
//! | `open` | a number, 1 to 500 | 10 |
//!
//! What may be asked about is not bounded: to ask changes nothing. Who decides, the tenant's policy says.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::ToSchema;

use crate::limits;

/// Asking for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalsGrant {
    /// How many of what the agent asks may be undecided at once, over all its tasks.
    #[serde(default = "some", deserialize_with = "open")]
    pub open: u32,
}

impl ApprovalsGrant {
    pub(super) fn intersect(self, other: Self) -> Self {
        Self { open: self.open.min(other.open) }
    }

    pub(super) const fn is_wider_than(self, other: Self) -> bool {
        self.open > other.open
    }
}

impl fmt::Display for ApprovalsGrant {
    /// One line, as an operator reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "approvals: may be asked for, up to {} undecided at once", self.open)
    }
}

fn open<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let most = limits::APPROVALS_OPEN_PER_AGENT_MAX;
    match u32::deserialize(deserializer)? {
        open if (1..=most).contains(&open) => Ok(open),
        open => Err(D::Error::custom(format_args!("`open` is 1 to {most}; this one is {open}"))),
    }
}

const fn some() -> u32 {
    limits::APPROVALS_OPEN_PER_AGENT_DEFAULT
}
