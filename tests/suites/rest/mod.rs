//! The REST API, one folder for each resource.

mod agents;
mod deployments;
mod doors;
pub mod groups;
pub(crate) mod instances;
mod keys;
mod runtime;
pub mod schedules;
mod sessions;
pub mod tasks;
pub mod templates;
mod tenants;
