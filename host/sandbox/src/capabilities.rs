//! One file for each interface of the contract that an agent imports.

pub(crate) mod agents;
pub(crate) mod approvals;
mod artifacts;
mod awaits;
mod clocks;
mod events;
mod files;
pub(crate) mod http;
mod invocation;
pub(crate) mod locks;
mod log;
mod progress;
mod refusal;
mod secrets;
mod state;

pub(crate) use progress::ProgressMeter;
