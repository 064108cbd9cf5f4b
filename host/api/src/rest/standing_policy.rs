//! `/api/v1/deployments/{agent}/policy`: how an agent is swapped when whoever asks for it does not say
//! how.

use axum::extract::State;
use troupe_core::view::{Problem, StandingPolicy, SwapPolicy};

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path};
use crate::problem::Answer;

/// Returns the standing policy; without one all calls go to a release at once.
#[utoipa::path(get, path = "/api/v1/deployments/{agent}/policy", tag = "deployments", operation_id = "standing_policy",
    params(("agent" = String, Path, description = "The agent's name")),
    responses((status = 200, body = StandingPolicy), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
) -> Answer<axum::Json<StandingPolicy>> {
    Ok(axum::Json(doors.runtime.standing_policy(&caller, &agent).await?))
}

/// Sets the standing policy, in place of the one there was.
#[utoipa::path(put, path = "/api/v1/deployments/{agent}/policy", tag = "deployments", operation_id = "set_standing_policy",
    params(("agent" = String, Path, description = "The agent's name")),
    request_body = SwapPolicy,
    responses((status = 200, body = StandingPolicy), (status = "default", body = Problem)))]
pub(crate) async fn put(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Json(policy): Json<SwapPolicy>,
) -> Answer<axum::Json<StandingPolicy>> {
    Ok(axum::Json(doors.runtime.set_standing_policy(&caller, &agent, Some(policy)).await?))
}

/// Takes the standing policy away.
#[utoipa::path(delete, path = "/api/v1/deployments/{agent}/policy", tag = "deployments", operation_id = "remove_standing_policy",
    params(("agent" = String, Path, description = "The agent's name")),
    responses((status = 200, body = StandingPolicy), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
) -> Answer<axum::Json<StandingPolicy>> {
    Ok(axum::Json(doors.runtime.set_standing_policy(&caller, &agent, None).await?))
}
