//! The REST API, one folder for each resource.

mod agents;
mod deployments;
mod doors;
mod keys;
pub mod tasks;
mod tenants;
