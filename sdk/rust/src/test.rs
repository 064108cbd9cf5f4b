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

pub(crate) mod agents;
pub(crate) mod approvals;
pub(crate) mod artifacts;
mod events;
mod files;
mod host;
pub(crate) mod http;
pub(crate) mod locks;
mod secrets;
pub(crate) mod state;
pub(crate) mod timers;
pub(crate) mod world;

use serde_json::Value;

pub use artifacts::Left;
pub use events::Published;
pub use host::Host;
pub use http::{Address, Answer, Sent};
pub use world::{Record, Report};

use crate::conversation::{self, About, Message, Suggestion};
use crate::{Agent, Conversation, Failure, Migrate};

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

/// Says something to an agent as the host would: through JSON text, on an agent made for the call.
///
/// # Errors
///
/// What the agent answers in place of an answer.
pub fn converse<A: Conversation>(message: &Message) -> Result<conversation::Answer, Failure> {
    let answer = A::default().converse(conversation::read(&serde_json::to_string(message)?)?)?;
    conversation::read(&serde_json::to_string(&answer)?)
}

/// Asks an agent what could be said next, in the same way.
///
/// # Errors
///
/// What the agent answers in place of that.
pub fn suggest<A: Conversation>(about: &About) -> Result<Vec<Suggestion>, Failure> {
    A::default().suggest(conversation::read(&serde_json::to_string(about)?)?)
}

/// Returns an agent's profile, as `troupe build` gets it.
pub fn profile<A: Agent>() -> Value {
    A::profile()
}
