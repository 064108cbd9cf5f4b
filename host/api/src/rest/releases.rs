//! `/api/v1/agents/{agent}/versions` and `/api/v1/releases`: releases after their publish.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::view::{CollectRequest, Collected, DeprecateRequest, Page, Problem, ReleaseView, YankRequest};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Maybe, Path, Query};
use crate::problem::Answer;

/// Which releases to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those with a version below this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Lists an agent's releases, highest version first, with the channels that name them and what
/// is said of them.
#[utoipa::path(get, path = "/api/v1/agents/{agent}/versions", tag = "agents", operation_id = "versions",
    params(("agent" = String, Path, description = "The agent's name"), Which),
    responses((status = 200, body = Page<ReleaseView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<ReleaseView>>> {
    Ok(axum::Json(doors.runtime.versions_page(&caller, &agent, which.after.as_deref(), which.limit).await?))
}

/// Returns one release.
#[utoipa::path(get, path = "/api/v1/agents/{agent}/versions/{version}", tag = "agents", operation_id = "version",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version")),
    responses((status = 200, body = ReleaseView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, version)): Path<(String, String)>,
) -> Answer<axum::Json<ReleaseView>> {
    Ok(axum::Json(doors.runtime.version(&caller, &agent, &version).await?))
}

/// Deletes a release that nothing needs; answers with it as it was. Its version is never
/// published with other bytes, and its blobs go with the next collection.
#[utoipa::path(delete, path = "/api/v1/agents/{agent}/versions/{version}", tag = "agents", operation_id = "delete_version",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version")),
    responses((status = 200, body = ReleaseView), (status = "default", body = Problem)))]
pub(crate) async fn delete(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, version)): Path<(String, String)>,
) -> Answer<axum::Json<ReleaseView>> {
    Ok(axum::Json(doors.runtime.delete_release(&caller, &agent, &version).await?))
}

/// Says that a release should not be used any more. It can be.
#[utoipa::path(post, path = "/api/v1/agents/{agent}/versions/{version}/deprecate", tag = "agents", operation_id = "deprecate_version",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version")),
    request_body = DeprecateRequest,
    responses((status = 200, body = ReleaseView), (status = "default", body = Problem)))]
pub(crate) async fn deprecate(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, version)): Path<(String, String)>,
    Json(request): Json<DeprecateRequest>,
) -> Answer<axum::Json<ReleaseView>> {
    Ok(axum::Json(doors.runtime.deprecate(&caller, &agent, &version, &request.message).await?))
}

/// Takes a deprecation back.
#[utoipa::path(post, path = "/api/v1/agents/{agent}/versions/{version}/undeprecate", tag = "agents", operation_id = "undeprecate_version",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version")),
    responses((status = 200, body = ReleaseView), (status = "default", body = Problem)))]
pub(crate) async fn undeprecate(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, version)): Path<(String, String)>,
) -> Answer<axum::Json<ReleaseView>> {
    Ok(axum::Json(doors.runtime.undeprecate(&caller, &agent, &version).await?))
}

/// Keeps everything from beginning to use a release. What serves goes on.
#[utoipa::path(post, path = "/api/v1/agents/{agent}/versions/{version}/yank", tag = "agents", operation_id = "yank_version",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version")),
    request_body = Option<YankRequest>,
    responses((status = 200, body = ReleaseView), (status = "default", body = Problem)))]
pub(crate) async fn yank(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, version)): Path<(String, String)>,
    Maybe(request): Maybe<YankRequest>,
) -> Answer<axum::Json<ReleaseView>> {
    let YankRequest { reason } = request.unwrap_or_default();
    Ok(axum::Json(doors.runtime.yank(&caller, &agent, &version, reason).await?))
}

/// Takes a yank back.
#[utoipa::path(post, path = "/api/v1/agents/{agent}/versions/{version}/unyank", tag = "agents", operation_id = "unyank_version",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version")),
    responses((status = 200, body = ReleaseView), (status = "default", body = Problem)))]
pub(crate) async fn unyank(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, version)): Path<(String, String)>,
) -> Answer<axum::Json<ReleaseView>> {
    Ok(axum::Json(doors.runtime.unyank(&caller, &agent, &version).await?))
}

/// Deletes builds of `troupe dev` that are not kept any longer and removes what no release of any
/// tenant needs, or tells what that would be; for the owner of the host, who need not ask: it
/// happens every few minutes.
#[utoipa::path(post, path = "/api/v1/releases/gc", tag = "host", operation_id = "collect_releases",
    request_body = Option<CollectRequest>,
    responses((status = 200, body = Collected), (status = "default", body = Problem)))]
pub(crate) async fn collect(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Maybe(request): Maybe<CollectRequest>,
) -> Answer<axum::Json<Collected>> {
    Ok(axum::Json(doors.runtime.collect(&caller, request.unwrap_or_default()).await?))
}
