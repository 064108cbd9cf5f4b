//! The runtime: everything a door may ask for, and the only way to it.
//!
//! *Holds:* publishing, trust, the life of releases, deployments and their routes, swapping, instances, sessions, tasks and
//! their invocations; the sandbox's ports implemented over the store.
//! *Never holds:* HTTP, SQL, wasmtime, terminals. Every public entry takes a
//! [`Caller`](troupe_core::Caller), so that no door can skip authorisation.
//! *Start at:* [`Runtime`], then `tasks.rs` for the life of a task and `deploy.rs` for
//! the life of a route.
//! *Tested by:* `tests/suites/`, through the API and the command line.

pub mod admission;
mod agents;
mod approvals;
mod artifacts;
mod attendance;
mod audit;
pub mod backup;
mod beyond;
mod blocking;
mod compared;
mod components;
mod cron;
mod dependents;
mod deploy;
mod events;
mod feed;
mod figures;
mod following;
mod grants;
mod groups;
mod health;
mod hold;
mod hooks;
mod hosts;
mod instances;
mod journals;
mod keyring;
mod keys;
mod locks;
mod pressure;
mod publish;
mod quarantine;
mod redactions;
mod refused;
mod rehearsal;
mod releases;
mod remote;
mod replay;
mod route;
mod routes;
mod runtime;
mod schedules;
mod sessions;
mod state;
mod stopped;
mod streams;
mod swap;
mod task_approvals;
mod tasks;
mod templates;
mod tenants;
mod trust;
mod undeploy;
mod webhooks;

pub use agents::AgentQuery;
pub use approvals::ApprovalQuery;
pub use artifacts::{ArtifactPieces, FoundArtifact};
pub use attendance::Attendance;
pub use audit::AuditQuery;
pub use deploy::GrantPolicy;
pub use events::{BusEvents, BusItem, EventQuery, EventTime, Published, event_of_parts};
pub use feed::{FeedEvents, FeedItem};
pub use following::{Followed, Following};
pub use groups::{CreatedGroup, GroupEvent, GroupEvents, GroupQuery};
pub use hooks::{HookHeaders, OpenHook};
pub use hosts::HostPlace;
pub use instances::InstanceQuery;
pub use locks::LockQuery;
pub use pressure::MemoryPlace;
pub use rehearsal::Rehearsal;
pub use releases::ReleaseLimits;
pub use route::Drain;
pub use runtime::{Runtime, RuntimeConfig};
pub use sessions::{Heeded, MessageEvent, MessageEvents, SessionEvents, SessionQuery};
pub use swap::{Begun, SwapEvent, SwapEvents};
pub use task_approvals::TaskApprovalQuery;
pub use tasks::{Submitted, TaskEvent, TaskEvents, TaskQuery};
pub use troupe_bus::BusAddress;
pub use troupe_store::{JournalLimits, StateLimits};
pub use trust::SignaturePolicy;
pub use webhooks::{WebhookConfig, WebhookKey};
