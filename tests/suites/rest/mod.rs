//! The REST API, one folder for each resource.

mod agents;
mod deployments;
mod doors;
pub mod tasks;
