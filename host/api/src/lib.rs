//! The doors: how people and programs reach the runtime over the network.
//!
//! *Holds:* HTTP: authentication of requests, limits of the doors, one file for each
//! resource, the OpenAPI document, gRPC and its contract, TLS, the server.
//! *Never holds:* rules. A handler parses, calls one entry of the runtime and prints; no
//! other crate knows axum.
//! *Start at:* [`router`], then `rest/tasks.rs`.
//! *Tested by:* `tests/suites/{rest,ws,streams,grpc}/`.

mod auth;
mod beyond;
mod body;
mod crowd;
pub mod grpc;
mod guard;
mod metrics;
mod openapi;
mod peer;
mod problem;
mod rest;
mod server;
mod subscriptions;
mod tls;
mod told;
mod ws;

pub use auth::Tokens;
pub use metrics::{Metrics, install_metrics};
pub use openapi::openapi;
pub use server::{Server, Stopper};
pub use tls::Tls;

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
///
/// # Errors
/// [`troupe_core::Code::Internal`] if what was built in is not as it should be.
pub fn router(doors: Doors) -> troupe_core::Result<axum::Router> {
    let (routes, _) = openapi::routes().split_for_parts();
    // A page for people, and none of the API.
    let page = axum::routing::get(rest::approval_page::show).post(rest::approval_page::decide);
    let routes = routes.route("/approve", page);
    let routes = routes.route(peer::PATH, axum::routing::get(peer::blob));
    let routes = routes.route(peer::ARTIFACTS, axum::routing::get(peer::artifact));
    let grpc = grpc::routes(&doors)?;
    Ok(guard::around(routes, grpc, &doors).with_state(doors))
}
