//! `/api/v1/agents/{agent}/channels/{channel}/document`: what the registry says of a channel.

use axum::extract::State;
use troupe_core::Error;
use troupe_core::view::{ChannelDocumentView, ChannelPush, DraftRequest, DraftView, Problem};

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Maybe, Path};
use crate::problem::Answer;

/// Returns the document of a channel in the host's registry, and whether this host goes by it.
#[utoipa::path(get, path = "/api/v1/agents/{agent}/channels/{channel}/document", tag = "agents", operation_id = "channel_document",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("channel" = String, Path, description = "The channel's name")),
    responses((status = 200, body = ChannelDocumentView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, channel)): Path<(String, String)>,
) -> Answer<axum::Json<ChannelDocumentView>> {
    Ok(axum::Json(doors.runtime.document(&caller, &agent, &channel).await?))
}

/// Returns the next document of a channel as it stands here, to be signed. Nothing is kept of it.
#[utoipa::path(post, path = "/api/v1/agents/{agent}/channels/{channel}/document/draft", tag = "agents", operation_id = "draft_channel_document",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("channel" = String, Path, description = "The channel's name")),
    request_body = Option<DraftRequest>,
    responses((status = 200, body = DraftView), (status = "default", body = Problem)))]
pub(crate) async fn draft(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, channel)): Path<(String, String)>,
    Maybe(request): Maybe<DraftRequest>,
) -> Answer<axum::Json<DraftView>> {
    Ok(axum::Json(doors.runtime.draft_document(&caller, &agent, &channel, request.unwrap_or_default()).await?))
}

/// Sends a signed document of a channel to the host's registry, after the release that it names;
/// of the one that is there, signatures are added.
#[utoipa::path(put, path = "/api/v1/agents/{agent}/channels/{channel}/document", tag = "agents", operation_id = "put_channel_document",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("channel" = String, Path, description = "The channel's name")),
    request_body = ChannelPush,
    responses((status = 200, body = ChannelDocumentView), (status = "default", body = Problem)))]
pub(crate) async fn put(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, channel)): Path<(String, String)>,
    Json(request): Json<ChannelPush>,
) -> Answer<axum::Json<ChannelDocumentView>> {
    // To its end also when the client goes away: what is sent is remembered.
    let pushing = tokio::spawn(async move { doors.runtime.push_document(&caller, &agent, &channel, request).await });
    Ok(axum::Json(pushing.await.map_err(Error::internal)??))
}
