//! The doors: how people and programs reach the runtime over the network.
//!
//! *Holds:* HTTP: authentication of requests, limits of the doors, one file for each
//! resource, the OpenAPI document, the server.
//! *Never holds:* rules. A handler parses, calls one entry of the runtime and prints; no
//! other crate knows axum.
//! *Start at:* [`router`], then `rest/tasks.rs`.
//! *Tested by:* `tests/suites/rest/`.

mod auth;
mod body;
mod crowd;
mod guard;
mod metrics;
mod openapi;
mod problem;
mod rest;
mod server;
mod told;
mod ws;

pub use auth::Tokens;
pub use metrics::install_metrics;
pub use openapi::openapi;
pub use server::{Server, Stopper};

use std::sync::Arc;

use troupe_runtime::Runtime;

/// What every handler has at hand.
#[derive(Debug, Clone)]
pub struct Doors {
    /// The runtime.
    pub runtime: Runtime,
    /// Who may come in.
    pub tokens: Arc<Tokens>,
    /// Host names that requests may address, besides those of the loopback interface.
    pub hosts: Arc<[String]>,
    /// Prints the metrics.
    pub metrics: metrics::Metrics,
}

/// Every route, with its limits and guards.
pub fn router(doors: Doors) -> axum::Router {
    let (routes, _) = openapi::routes().split_for_parts();
    guard::around(routes, &doors).with_state(doors)
}
