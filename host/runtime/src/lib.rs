//! The runtime: everything a door may ask for, and the only way to it.
//!
//! *Holds:* publishing, deployments and their routes, swapping, tasks and their
//! invocations; the sandbox's ports implemented over the store.
//! *Never holds:* HTTP, SQL, wasmtime, terminals. Every public entry takes a
//! [`Caller`](troupe_core::Caller), so that no door can skip authorisation.
//! *Start at:* [`Runtime`], then `tasks.rs` for the life of a task and `deploy.rs` for
//! the life of a route.
//! *Tested by:* `tests/suites/`, through the API and the command line.

pub mod admission;
mod agents;
mod audit;
mod blocking;
mod components;
mod deploy;
mod feed;
mod grants;
mod journals;
mod keyring;
mod keys;
mod publish;
mod quarantine;
mod rehearsal;
mod replay;
mod route;
mod routes;
mod runtime;
mod state;
mod tasks;
mod tenants;

pub use audit::AuditQuery;
pub use deploy::GrantPolicy;
pub use route::Drain;
pub use runtime::{Runtime, RuntimeConfig};
pub use tasks::{Submitted, TaskEvent, TaskEvents, TaskQuery};
pub use troupe_store::JournalLimits;
