//! What the author of an agent imports.
//!
//! *Holds:* the [`Agent`], [`Migrate`] and [`Conversation`] traits and the attribute that implements them, typed capabilities
//! ([`http`], [`secrets`], [`state`], [`files`], [`locks`], [`agents`], [`approvals`], [`events`], [`artifacts`], [`log`], [`progress`],
//! [`invocation`], [`time`]), [`wait`]ing for several things at once, errors, and a host for unit tests.
//! *Never holds:* anything of the host: the two meet in `wit/` alone.
//! *Start at:* `README.md` for authors; `backend` for how one source serves wasm and tests.
//! *Tested by:* `sdk/rust/tests` natively, and the guests in `tests/guests` on the host.
//!
//! Everything an agent needs stands in the [`prelude`]; `sdk/rust/README.md` is the guide.

mod agent;
pub mod agents;
pub mod approvals;
pub mod artifacts;
mod backend;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
mod capability;
pub mod conversation;
pub mod events;
#[cfg(target_family = "wasm")]
mod export;
mod failure;
pub mod files;
pub mod http;
pub mod invocation;
pub mod locks;
pub mod log;
pub mod progress;
pub mod secrets;
pub mod state;
#[cfg(not(target_family = "wasm"))]
pub mod test;
pub mod time;
pub mod wait;

#[doc(hidden)]
#[path = "expansion.rs"]
pub mod __macro;

pub use agent::{Agent, Conversation, Migrate};
pub use capability::{CapabilityError, Limit};
pub use failure::{Failure, Problem, Unavailable};
pub use troupe_sdk_macros::{agent, converse, migrate, skill, suggest};

/// Everything an agent needs, for `use troupe_sdk::prelude::*`.
pub mod prelude {
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};

    pub use crate::wait::{self, Wait};
    pub use crate::{
        Agent, CapabilityError, Failure, agents, approvals, artifacts, converse, events, files, http, invocation,
        locks, log, migrate, progress, secrets, skill, state, suggest, time,
    };
}

/// The guide's examples, compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Guide;
