//! `/api/v1/agents/{agent}/channels`: list, move, remove.

use axum::extract::State;
use troupe_core::view::{ChannelRequest, ChannelView, Page, Problem};

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path};
use crate::problem::Answer;

/// Lists an agent's channels by name.
#[utoipa::path(get, path = "/api/v1/agents/{agent}/channels", tag = "agents", operation_id = "channels",
    params(("agent" = String, Path, description = "The agent's name")),
    responses((status = 200, body = Page<ChannelView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
) -> Answer<axum::Json<Page<ChannelView>>> {
    let items = doors.runtime.channels(&caller, &agent).await?;
    Ok(axum::Json(Page { items, next: None }))
}

/// Moves a channel to a version, making it if it is not there. Nothing that serves changes. A
/// lower version than the one it names is refused unless the request says so.
#[utoipa::path(put, path = "/api/v1/agents/{agent}/channels/{channel}", tag = "agents", operation_id = "set_channel",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("channel" = String, Path, description = "The channel's name, such as `stable`")),
    request_body = ChannelRequest,
    responses((status = 200, body = ChannelView), (status = "default", body = Problem)))]
pub(crate) async fn set(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, channel)): Path<(String, String)>,
    Json(request): Json<ChannelRequest>,
) -> Answer<axum::Json<ChannelView>> {
    Ok(axum::Json(doors.runtime.move_channel(&caller, &agent, &channel, request).await?))
}

/// Removes a channel; answers with it as it was. What it named is remembered, so that it does
/// not fall when it is made again.
#[utoipa::path(delete, path = "/api/v1/agents/{agent}/channels/{channel}", tag = "agents", operation_id = "remove_channel",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("channel" = String, Path, description = "The channel's name")),
    responses((status = 200, body = ChannelView), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, channel)): Path<(String, String)>,
) -> Answer<axum::Json<ChannelView>> {
    Ok(axum::Json(doors.runtime.remove_channel(&caller, &agent, &channel).await?))
}
