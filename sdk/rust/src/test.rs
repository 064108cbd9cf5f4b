//! A host for unit tests: capabilities in memory, and what the agent said.
//!
//! Each thread has its own, so tests do not meet. [`Host::start`] clears it, sets the
//! facts of the invocation, and reads afterwards what was stored, logged and reported:
//!
//! ```
//! use serde_json::json;
//! use troupe_sdk::prelude::*;
//! use troupe_sdk::test::{self, Host};
//!
//! #[derive(Default)]
//! struct Counter;
//!
//! #[troupe_sdk::agent]
//! impl Counter {
//!     /// Counts the tenant's calls.
//!     #[skill]
//!     fn count(&self) -> Result<u64, Failure> {
//!         log::info!("called", tenant = invocation::tenant());
//!         state::update_json("calls", |calls: Option<u64>| Ok(calls.unwrap_or(0) + 1))
//!     }
//! }
//!
//! let host = Host::start().tenant("acme").stored("calls", "41");
//! assert_eq!(test::perform::<Counter>("count", json!({})), Ok(json!(42)));
//! assert_eq!(host.value("calls").as_deref(), Some(&b"42"[..]));
//! assert_eq!(host.records()[0].field("tenant"), Some("acme"));
//! ```
//!
//! HTTP is scripted: [`Host::respond`] and its like say what the agent gets, and
//! [`Host::sent`] what it sent. Time is the host's own: it stands still until the agent
//! waits, and then moves at once to what it waits for.
//!
//! It keeps the promises of `wit/`, but knows no grants and no limits; [`Host::state_fails`]
//! shows how an agent takes a refusal.

mod files;
mod host;
pub(crate) mod http;
pub(crate) mod locks;
mod secrets;
pub(crate) mod state;
pub(crate) mod timers;
pub(crate) mod world;

use serde_json::Value;

pub use host::Host;
pub use http::{Address, Answer, Sent};
pub use world::{Record, Report};

use crate::{Agent, Failure, Migrate};

/// Calls a skill as the host would: through JSON text, on an agent made for the call.
///
/// # Errors
///
/// What the skill answers, and [`Failure::Failed`] if its output is not JSON.
pub fn perform<A: Agent>(skill: &str, input: Value) -> Result<Value, Failure> {
    let output = A::default().perform(skill, &input.to_string())?;
    Ok(serde_json::from_str(&output)?)
}

/// Has an agent bring the stored keys to its form, as the host would: those of the instance if
/// [`Host::instance`] names one, else those of the deployment.
///
/// # Errors
///
/// What keeps it from doing so.
pub fn migrate<A: Migrate>(from: u32) -> Result<(), Failure> {
    A::default().migrate(from)
}

/// Returns an agent's profile, as `troupe build` gets it.
pub fn profile<A: Agent>() -> Value {
    A::profile()
}
