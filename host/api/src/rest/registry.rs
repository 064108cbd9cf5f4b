//! `/api/v1/registry`: releases from OCI registries, and to them.

use axum::extract::State;
use http::StatusCode;
use troupe_core::Error;
use troupe_core::view::{Problem, PublishedView, PullRequest, PushRequest, PushedView};

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::Json;
use crate::problem::Answer;

/// Fetches a release from a registry and publishes it; of a channel, the one that its document
/// there names, and the channel names it here, too.
#[utoipa::path(post, path = "/api/v1/registry/pull", tag = "agents", operation_id = "pull", request_body = PullRequest,
    responses(
        (status = 201, description = "Published", body = PublishedView),
        (status = 200, description = "Published before, with the same bytes", body = PublishedView),
        (status = "default", body = Problem)))]
pub(crate) async fn pull(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Json(request): Json<PullRequest>,
) -> Answer<(StatusCode, axum::Json<PublishedView>)> {
    // To its end also when the client goes away: what is refused is on record.
    let pulling = tokio::spawn(async move { doors.runtime.pull_release(&caller, &request).await });
    let (release, is_new) = pulling.await.map_err(Error::internal)??;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, axum::Json(release)))
}

/// Sends a published release to a registry.
#[utoipa::path(post, path = "/api/v1/registry/push", tag = "agents", operation_id = "push", request_body = PushRequest,
    responses((status = 200, body = PushedView), (status = "default", body = Problem)))]
pub(crate) async fn push(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Json(request): Json<PushRequest>,
) -> Answer<axum::Json<PushedView>> {
    let release = request.release.parse()?;
    // To its end, as a pull.
    let pushing =
        tokio::spawn(async move { doors.runtime.push_release(&caller, &release, request.image.as_deref()).await });
    Ok(axum::Json(pushing.await.map_err(Error::internal)??))
}
