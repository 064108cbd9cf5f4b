//! `/api/v1/agents/{agent}/releases/{version}/diff`, `…/approve`, `…/reject` and
//! `/api/v1/approvals`: what of a release somebody has to approve of, and deciding about it.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::view::{ApprovalView, ApproveRequest, Page, Problem, RejectRequest, ReleaseDiff};
use troupe_core::{Code, Error, Result, shown};
use troupe_runtime::ApprovalQuery;
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Maybe, Path, Query};
use crate::problem::Answer;

/// Which approvals to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those with this status: `pending`, `approved`, `rejected` or `superseded`.
    status: Option<String>,
    /// Those of this agent.
    agent: Option<String>,
    /// Those older than this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Which page of a difference.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    /// Begin after so many texts and hints: `next` of the page before.
    after: Option<usize>,
}

/// Tells how a release differs from the one that serves, as far as somebody has to approve of
/// it: what it breaks, what it widens, what a model reads otherwise, and hints at texts. Of the latter
/// two, 200 each on a page.
#[utoipa::path(get, path = "/api/v1/agents/{agent}/releases/{version}/diff", tag = "agents", operation_id = "diff_release",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version of the release"), After),
    responses((status = 200, body = ReleaseDiff), (status = "default", body = Problem)))]
pub(crate) async fn diff(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, text)): Path<(String, String)>,
    Query(After { after }): Query<After>,
) -> Answer<axum::Json<ReleaseDiff>> {
    let (version, after) = (version(&agent, &text)?, after.unwrap_or_default());
    Ok(axum::Json(doors.runtime.release_diff(&caller, &agent, &version, after).await?))
}

/// Approves of a release over exactly the difference from what serves that was looked at, which
/// `delta` names. A swap that waits for that goes on.
#[utoipa::path(post, path = "/api/v1/agents/{agent}/releases/{version}/approve", tag = "agents", operation_id = "approve_release",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version of the release")),
    request_body = Option<ApproveRequest>,
    responses((status = 200, body = ReleaseDiff), (status = "default", body = Problem)))]
pub(crate) async fn approve(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, text)): Path<(String, String)>,
    Maybe(request): Maybe<ApproveRequest>,
) -> Answer<axum::Json<ReleaseDiff>> {
    let version = version(&agent, &text)?;
    Ok(axum::Json(doors.runtime.approve_release(&caller, &agent, &version, request.unwrap_or_default()).await?))
}

/// Rejects a release: it is refused until somebody approves of it. A swap that waits for
/// approval of it ends.
#[utoipa::path(post, path = "/api/v1/agents/{agent}/releases/{version}/reject", tag = "agents", operation_id = "reject_release",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version of the release")),
    request_body = RejectRequest,
    responses((status = 200, body = ReleaseDiff), (status = "default", body = Problem)))]
pub(crate) async fn reject(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, text)): Path<(String, String)>,
    Json(request): Json<RejectRequest>,
) -> Answer<axum::Json<ReleaseDiff>> {
    let version = version(&agent, &text)?;
    Ok(axum::Json(doors.runtime.reject_release(&caller, &agent, &version, request).await?))
}

/// Lists approvals, newest first.
#[utoipa::path(get, path = "/api/v1/approvals", tag = "agents", operation_id = "approvals", params(Which),
    responses((status = 200, body = Page<ApprovalView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<ApprovalView>>> {
    let Which { status, agent, after, limit } = which;
    let query = ApprovalQuery { status, agent, after, limit };
    Ok(axum::Json(doors.runtime.approvals(&caller, query).await?))
}

/// What is no version names no release.
fn version(agent: &str, text: &str) -> Result<semver::Version> {
    text.parse().map_err(|_| {
        let (agent, text) = (shown(agent), shown(text));
        let message = format!("there is no release {agent}@{text}; `troupe agents {agent}` lists its versions");
        Error::new(Code::ReleaseNotFound, message)
    })
}
