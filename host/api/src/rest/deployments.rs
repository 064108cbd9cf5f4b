//! `/api/v1/deployments`: get, configure, lift a quarantine.

use axum::extract::State;
use troupe_core::view::{ConfigureRequest, DeploymentView, Page, Problem};

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path};
use crate::problem::Answer;

/// Lists the tenant's deployments by agent.
#[utoipa::path(get, path = "/api/v1/deployments", tag = "deployments", operation_id = "deployments",
    responses((status = 200, body = Page<DeploymentView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
) -> Answer<axum::Json<Page<DeploymentView>>> {
    let items = doors.runtime.deployments(&caller).await?;
    Ok(axum::Json(Page { items, next: None }))
}

/// Returns one deployment.
#[utoipa::path(get, path = "/api/v1/deployments/{agent}", tag = "deployments", operation_id = "deployment",
    params(("agent" = String, Path, description = "The agent's name")),
    responses((status = 200, body = DeploymentView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
) -> Answer<axum::Json<DeploymentView>> {
    Ok(axum::Json(doors.runtime.deployment(&caller, &agent).await?))
}

/// Replaces a deployment's configuration.
#[utoipa::path(put, path = "/api/v1/deployments/{agent}/configuration", tag = "deployments", operation_id = "configure",
    params(("agent" = String, Path, description = "The agent's name")),
    request_body = ConfigureRequest,
    responses((status = 200, body = DeploymentView), (status = "default", body = Problem)))]
pub(crate) async fn configure(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Json(request): Json<ConfigureRequest>,
) -> Answer<axum::Json<DeploymentView>> {
    Ok(axum::Json(doors.runtime.configure(&caller, &agent, request).await?))
}

/// Ends the quarantine of a deployment's release, if there is one.
#[utoipa::path(post, path = "/api/v1/deployments/{agent}/quarantine/lift", tag = "deployments", operation_id = "lift_quarantine",
    params(("agent" = String, Path, description = "The agent's name")),
    responses((status = 200, body = DeploymentView), (status = "default", body = Problem)))]
pub(crate) async fn lift_quarantine(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
) -> Answer<axum::Json<DeploymentView>> {
    Ok(axum::Json(doors.runtime.lift_quarantine(&caller, &agent).await?))
}
