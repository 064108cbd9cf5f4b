//! `/api/v1/tasks/{task}/artifacts`: what a task has left beside its output.
//!
//! *The attack:* an agent leaves a page, and a browser that fetches it runs it as one of this host. *The rule:* an
//! artefact is always something to save, under its own name, and of no other type than the agent said. *The
//! default:* the same for every type.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::header::{HeaderMap, X_CONTENT_TYPE_OPTIONS};
use http::{Method, StatusCode};
use troupe_core::TaskId;
use troupe_core::view::{ArtifactsView, Problem};
use troupe_runtime::ArtifactPieces;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::Path;
use crate::problem::Answer;

/// Lists what a task has left beside its output, in the order in which it was finished.
#[utoipa::path(get, path = "/api/v1/tasks/{task}/artifacts", tag = "tasks", operation_id = "task_artifacts",
    params(("task" = String, Path, description = "The task's id")),
    responses((status = 200, body = ArtifactsView), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
) -> Answer<axum::Json<ArtifactsView>> {
    Ok(axum::Json(doors.runtime.artifacts(&caller, task.parse()?).await?))
}

/// Returns the bytes of one of them, under the media type that its agent has said. `ETag` is its digest. A body that
/// is shorter than `Content-Length` broke off and is none.
#[utoipa::path(get, path = "/api/v1/tasks/{task}/artifacts/{artifact}", tag = "tasks", operation_id = "task_artifact",
    params(
        ("task" = String, Path, description = "The task's id"),
        ("artifact" = String, Path, description = "The artefact's name")),
    responses(
        (status = 200, description = "The artefact", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "It is what `If-None-Match` names"),
        (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((task, artifact)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let task: TaskId = task.parse()?;
    let found = doors.runtime.artifact(&caller, task, &artifact).await?;
    let artifact = found.view();
    let tag = format!("\"{}\"", artifact.digest);
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if known.split(',').any(|known| known.trim() == tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let headers = [
        (CONTENT_TYPE, artifact.media_type.to_string()),
        (CONTENT_LENGTH, artifact.size.to_string()),
        // The name has no character that would have to be escaped.
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", artifact.name)),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "private, no-cache".to_owned()),
        (ETAG, tag),
    ];
    // Who asks for the head alone has nothing brought here from another host.
    let body = if method == Method::HEAD { Body::empty() } else { body(found.pieces().await?) };
    Ok((headers, body).into_response())
}

/// A body of these pieces, which breaks off where they do.
pub(crate) fn body(pieces: ArtifactPieces) -> Body {
    Body::from_stream(stream::unfold(pieces, |mut pieces| async { Some((pieces.recv().await?, pieces)) }))
}
