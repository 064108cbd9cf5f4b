//! What agents that look at estates in the cloud say to each other and to people.
//!
//! *Holds:* one form of a [`Resource`] and of a [`Finding`] for all clouds, the rows for what could not be
//! checked ([`Problem`]), how two scans differ ([`diff`]), whether a policy lets everybody in ([`policy`]), what a bill comes to ([`cost`]), how a million of either is gathered within a
//! budget of memory ([`collect`]), and the forms in which people read them ([`output`]).
//! *Never holds:* a request to a cloud, a clock, randomness, a file, a rule: what time it is, and where
//! bytes go, are arguments.
//! *Start at:* `README.md` for the forms and the recipe of the fingerprint, then [`Resource`] and [`Finding`].
//! *Tested by:* the tests beside the code and `plugins/estate/tests`, natively.

pub mod class;
pub mod collect;
pub mod cost;
pub mod diff;
mod entry;
pub mod finding;
mod fingerprint;
mod money;
pub mod output;
pub mod policy;
mod problem;
mod provider;
mod resource;
mod scan;
pub mod statistics;
pub mod time;
mod truth;
mod types;

pub use class::Class;
pub use entry::Entry;
pub use finding::{Evidence, Finding, Framework, Place, Severity, Status, Suppression};
pub use fingerprint::Fingerprint;
pub use money::{Amount, Money};
pub use problem::{EVERY_SERVICE, PROBLEM_RESOURCES_MAX, Problem, ProblemKind, settle};
pub use provider::Provider;
pub use resource::{GLOBAL, Key, Reference, Relation, Resource, Word};
pub use scan::{Area, Scan, Why, WhyKind};
pub use truth::Truth;
pub use types::{class_of, service_of};
