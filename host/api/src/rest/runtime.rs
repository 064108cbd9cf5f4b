//! `/api/v1/runtime`: how a tenant's tasks go, and whether any begin.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::InstanceId;
use troupe_core::view::{Problem, RuntimeState, RuntimeStatus};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::Query;
use crate::problem::Answer;

/// Whose tasks the figures are of.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those of one agent.
    agent: Option<String>,
    /// Those of one instance.
    instance: Option<String>,
}

/// Says how many tasks have not ended, and what became of the newest 10,000, by agent: how many failed, how long
/// they took, how much memory they held and what they cost.
#[utoipa::path(get, path = "/api/v1/runtime/status", tag = "instances", operation_id = "runtime_status",
    params(Which),
    responses((status = 200, body = RuntimeStatus), (status = "default", body = Problem)))]
pub(crate) async fn status(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(Which { agent, instance }): Query<Which>,
) -> Answer<axum::Json<RuntimeStatus>> {
    let instance = instance.map(|id| id.parse::<InstanceId>()).transpose()?;
    Ok(axum::Json(doors.runtime.runtime_status(&caller, agent, instance).await?))
}

/// Has none of the tenant's tasks begin until the runtime is started again. What runs goes on; what is asked is
/// accepted and waits, over a restart of the host too.
#[utoipa::path(post, path = "/api/v1/runtime/stop", tag = "instances", operation_id = "stop_runtime",
    responses((status = 200, body = RuntimeState), (status = "default", body = Problem)))]
pub(crate) async fn stop(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
) -> Answer<axum::Json<RuntimeState>> {
    Ok(axum::Json(doors.runtime.stop_runtime(&caller).await?))
}

/// Has the tenant's tasks begin again: what waits does so in its order.
#[utoipa::path(post, path = "/api/v1/runtime/start", tag = "instances", operation_id = "start_runtime",
    responses((status = 200, body = RuntimeState), (status = "default", body = Problem)))]
pub(crate) async fn start(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
) -> Answer<axum::Json<RuntimeState>> {
    Ok(axum::Json(doors.runtime.start_runtime(&caller).await?))
}
