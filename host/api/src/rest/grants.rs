//! `/api/v1/deployments/{agent}/grants`: both keys of a deployment, and what they open.

use axum::extract::State;
use troupe_core::view::{
    Authority, DeploymentView, DiffRequest, ExplainRequest, Explanation, GrantChange, GrantRequest, GrantsDiff,
    GrantsView, Problem,
};

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path};
use crate::problem::Answer;

/// Returns what the manifest asks for, what the operator grants, and what is in force.
#[utoipa::path(get, path = "/api/v1/deployments/{agent}/grants", tag = "deployments", operation_id = "grants",
    params(("agent" = String, Path, description = "The agent's name")),
    responses((status = 200, body = GrantsView), (status = "default", body = Problem)))]
pub(crate) async fn grants(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
) -> Answer<axum::Json<GrantsView>> {
    Ok(axum::Json(doors.runtime.grants(&caller, &agent).await?))
}

/// Replaces what the operator grants a deployment.
#[utoipa::path(put, path = "/api/v1/deployments/{agent}/grants", tag = "deployments", operation_id = "grant",
    params(("agent" = String, Path, description = "The agent's name")),
    request_body = GrantRequest,
    responses((status = 200, body = DeploymentView), (status = "default", body = Problem)))]
pub(crate) async fn grant(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Json(request): Json<GrantRequest>,
) -> Answer<axum::Json<DeploymentView>> {
    Ok(axum::Json(doors.runtime.grant(&caller, &agent, request).await?))
}

/// Grants and takes away lines, and leaves the others as they are.
#[utoipa::path(patch, path = "/api/v1/deployments/{agent}/grants", tag = "deployments", operation_id = "change_grants",
    params(("agent" = String, Path, description = "The agent's name")),
    request_body = GrantChange,
    responses((status = 200, body = GrantsView), (status = "default", body = Problem)))]
pub(crate) async fn change_grants(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Json(change): Json<GrantChange>,
) -> Answer<axum::Json<GrantsView>> {
    Ok(axum::Json(doors.runtime.change_grants(&caller, &agent, change).await?))
}

/// Compares what is in force with a release's wishes, or with what might be granted.
#[utoipa::path(post, path = "/api/v1/deployments/{agent}/grants/diff", tag = "deployments", operation_id = "diff_grants",
    params(("agent" = String, Path, description = "The agent's name")),
    request_body = DiffRequest,
    responses((status = 200, body = GrantsDiff), (status = "default", body = Problem)))]
pub(crate) async fn diff_grants(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Json(request): Json<DiffRequest>,
) -> Answer<axum::Json<GrantsDiff>> {
    Ok(axum::Json(doors.runtime.diff_grants(&caller, &agent, request).await?))
}

/// Tells everything that the agent may do, and which lines of which key say so.
#[utoipa::path(get, path = "/api/v1/deployments/{agent}/grants/explain", tag = "deployments", operation_id = "authority",
    params(("agent" = String, Path, description = "The agent's name")),
    responses((status = 200, body = Authority), (status = "default", body = Problem)))]
pub(crate) async fn authority(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
) -> Answer<axum::Json<Authority>> {
    Ok(axum::Json(doors.runtime.authority(&caller, &agent).await?))
}

/// Says what the gate would say to a call, and which lines of which key say so.
#[utoipa::path(post, path = "/api/v1/deployments/{agent}/grants/explain", tag = "deployments", operation_id = "explain_grants",
    params(("agent" = String, Path, description = "The agent's name")),
    request_body = ExplainRequest,
    responses((status = 200, body = Explanation), (status = "default", body = Problem)))]
pub(crate) async fn explain(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Json(request): Json<ExplainRequest>,
) -> Answer<axum::Json<Explanation>> {
    Ok(axum::Json(doors.runtime.explain(&caller, &agent, request).await?))
}
