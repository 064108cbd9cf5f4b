//! How a capability call ends when it does not succeed.

use std::fmt;

use crate::{Problem, Unavailable};

/// A limit that was met.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limit {
    /// The stable code of the limit, such as `limit.storage`.
    pub code: String,
    /// The most that is allowed, in the unit the message names.
    pub maximum: u64,
    /// One sentence for a person.
    pub message: String,
}

/// How a capability call ends when it does not succeed. `?` makes it a
/// [`Failure`](crate::Failure).
#[derive(Debug, Clone, PartialEq)]
pub enum CapabilityError {
    /// The grants of this deployment do not allow the call.
    Denied(Problem),
    /// The task was cancelled: only what gives something back is still done.
    Cancelled(Problem),
    /// The call would pass a limit.
    Limit(Limit),
    /// The call's argument is not acceptable.
    Invalid(Problem),
    /// Another write came first: the revision found, or none if the key is absent.
    Conflict(Option<u64>),
    /// The host could not serve the call; trying again may help.
    Unavailable(Unavailable),
}

impl fmt::Display for CapabilityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(problem) | Self::Cancelled(problem) | Self::Invalid(problem) => f.write_str(&problem.message),
            Self::Limit(limit) => f.write_str(&limit.message),
            Self::Conflict(Some(revision)) => write!(f, "another write came first: the key is at revision {revision}"),
            Self::Conflict(None) => f.write_str("another write came first: the key is absent"),
            Self::Unavailable(unavailable) => f.write_str(&unavailable.message),
        }
    }
}

impl std::error::Error for CapabilityError {}
