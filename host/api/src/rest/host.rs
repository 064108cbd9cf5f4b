//! Health, metrics and the description of the API.

use std::sync::LazyLock;

use axum::extract::State;
use troupe_core::Scope;
use troupe_core::view::Problem;
use utoipa::openapi::OpenApi;

use crate::Doors;
use crate::auth::Authenticated;
use crate::problem::Answer;

/// Says that the process lives. Needs no token.
#[utoipa::path(get, path = "/healthz", tag = "host", operation_id = "healthz", security(()),
    responses((status = 200, description = "It lives", body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Says whether the host takes work: not while it stops, while its database is away or its memory is nearly used
/// up, or once others may have taken over from it. Needs no token.
#[utoipa::path(get, path = "/readyz", tag = "host", operation_id = "readyz", security(()),
    responses((status = 200, description = "It takes work", body = String), (status = 503, body = Problem)))]
pub(crate) async fn readyz(State(doors): State<Doors>) -> Answer<&'static str> {
    doors.runtime.ready()?;
    Ok("ready\n")
}

/// Prints metrics of every tenant in the Prometheus text format. Needs the scope `metrics`.
#[utoipa::path(get, path = "/metrics", tag = "host", operation_id = "metrics",
    responses((status = 200, description = "Metrics", body = String), (status = "default", body = Problem)))]
pub(crate) async fn metrics(State(doors): State<Doors>, Authenticated(caller): Authenticated) -> Answer<String> {
    caller.require(Scope::Metrics)?;
    Ok(doors.metrics.print())
}

/// The document, made once.
static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(crate::openapi);

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "host", operation_id = "openapi", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn openapi() -> axum::Json<&'static OpenApi> {
    axum::Json(&DOCUMENT)
}
