//! The REST API, one folder for each resource.

mod agents;
mod deployments;
mod doors;
pub mod groups;
mod instances;
mod keys;
pub mod schedules;
pub mod tasks;
mod tenants;
