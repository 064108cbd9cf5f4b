//! `DELETE /api/v1/deployments/{agent}` and `DELETE /api/v1/agents/{agent}`: an agent out of service, and gone.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::view::{AgentDeleted, Problem, StateAfter, Undeployed};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Path, Query};
use crate::problem::Answer;

/// How an agent is undeployed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct How {
    /// What becomes of its state: `keep`, unless `remove` is said.
    #[param(inline)]
    #[serde(default)]
    state: StateAfter,
    /// How long what runs may go on, in seconds: 30 when absent, at most 3600.
    drain_seconds: Option<u64>,
    /// Only if the deployment is at this epoch.
    epoch: Option<u64>,
}

/// What becomes of the state of an agent that is deleted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Left {
    /// `keep`, for whoever publishes an agent of this name, unless `remove` is said.
    #[param(inline)]
    #[serde(default)]
    state: StateAfter,
}

/// Removes a deployment: nothing of the agent begins any more, and what runs drains. Refused while
/// other agents are granted to ask it. Of one that was removed before, its state, if that was kept.
#[utoipa::path(delete, path = "/api/v1/deployments/{agent}", tag = "deployments", operation_id = "undeploy",
    params(("agent" = String, Path, description = "The agent's name"), How),
    responses((status = 200, body = Undeployed), (status = "default", body = Problem)))]
pub(crate) async fn undeploy(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Query(how): Query<How>,
) -> Answer<axum::Json<Undeployed>> {
    let How { state, drain_seconds, epoch } = how;
    Ok(axum::Json(doors.runtime.undeploy(&caller, &agent, state, drain_seconds, epoch).await?))
}

/// Deletes an agent that is not deployed: all its releases, its channels, and the schedules and
/// subscriptions that ask it.
#[utoipa::path(delete, path = "/api/v1/agents/{agent}", tag = "agents", operation_id = "delete_agent",
    params(("agent" = String, Path, description = "The agent's name"), Left),
    responses((status = 200, body = AgentDeleted), (status = "default", body = Problem)))]
pub(crate) async fn delete_agent(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Query(left): Query<Left>,
) -> Answer<axum::Json<AgentDeleted>> {
    Ok(axum::Json(doors.runtime.delete_agent(&caller, &agent, left.state).await?))
}
