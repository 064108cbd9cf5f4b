//! The REST API, one folder for each resource.

mod agents;
mod deployments;
mod doors;
pub mod groups;
mod instances;
mod keys;
pub mod schedules;
mod sessions;
pub mod tasks;
mod tenants;
