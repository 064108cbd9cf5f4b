//! `/api/v1/deployments/{agent}/swap` and `…/swaps`: making another release serve, at once or
//! by steps, and watching it.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use troupe_core::view::{CanaryRequest, Page, Problem, SwapTo, SwapView, Swapped};
use troupe_core::{Code, Error, SwapId};
use troupe_runtime::Begun;
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;
use crate::rest::streams::{self, LastEventId};
use crate::told;

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    /// Wait up to this many seconds until it is known what came of the swap; at most 300.
    wait: Option<u64>,
}

/// Which swaps to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those older than this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Makes a release serve, deploying the agent if it is not yet. By a policy with a canary or a
/// watch, the agent's standing one where the request has none, it goes about it by steps, and answers with the swap; so it does if state is brought to
/// another form for the release.
#[utoipa::path(post, path = "/api/v1/deployments/{agent}/swap", tag = "deployments", operation_id = "begin_swap",
    params(("agent" = String, Path, description = "The agent's name"), Wait),
    request_body = SwapTo,
    responses(
        (status = 200, description = "It serves; with `wait`, the swap once it is decided", body = Swapped),
        (status = 202, description = "It goes on; see `Location`", body = SwapView),
        (status = "default", body = Problem)))]
pub(crate) async fn swap(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Query(wait): Query<Wait>,
    Json(request): Json<SwapTo>,
) -> Answer<Response> {
    let mut view = match doors.runtime.begin_swap_to(&caller, &agent, request).await? {
        Begun::Done(swapped) => return Ok(axum::Json(swapped).into_response()),
        Begun::Going(view) => *view,
    };
    if let Some(seconds) = wait.wait {
        view = doors.runtime.wait_for_swap(&caller, &agent, view.id, Duration::from_secs(seconds)).await?;
    }
    Ok(begun(view))
}

/// The answer of a swap that was begun: where it is followed, and whether it is known what came of it.
fn begun(view: SwapView) -> Response {
    let status = if view.state.outcome.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let location = HeaderValue::from_str(&format!("/api/v1/deployments/{}/swaps/{}", view.agent, view.id));
    let headers: http::HeaderMap = location.into_iter().map(|location| (LOCATION, location)).collect();
    (status, headers, axum::Json(view)).into_response()
}

/// Lists the swaps of an agent, newest first.
#[utoipa::path(get, path = "/api/v1/deployments/{agent}/swaps", tag = "deployments", operation_id = "swaps",
    params(("agent" = String, Path, description = "The agent's name"), Which),
    responses((status = 200, body = Page<SwapView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<SwapView>>> {
    let after = which.after.map(|after| after.parse::<SwapId>()).transpose().map_err(|_| {
        Error::new(Code::RequestInvalid, "`after` is not the id of a swap; take it from `next` of the page before")
    })?;
    Ok(axum::Json(doors.runtime.swaps(&caller, &agent, after, which.limit).await?))
}

/// Returns one swap; with `wait`, once it is known what came of it or the time is over.
#[utoipa::path(get, path = "/api/v1/deployments/{agent}/swaps/{swap}", tag = "deployments", operation_id = "swap",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("swap" = String, Path, description = "The swap's id"), Wait),
    responses((status = 200, body = SwapView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, swap)): Path<(String, String)>,
    Query(wait): Query<Wait>,
) -> Answer<axum::Json<SwapView>> {
    let swap: SwapId = swap.parse()?;
    Ok(axum::Json(match wait.wait {
        Some(seconds) => doors.runtime.wait_for_swap(&caller, &agent, swap, Duration::from_secs(seconds)).await?,
        None => doors.runtime.swap_view(&caller, &agent, swap).await?,
    }))
}

/// Streams a swap: `swap` with its state now, whenever it changes and as more is seen of its
/// releases, until its end; each is the whole swap. The last event is `end`, with its `reason`:
/// `done`; `host_stopping`; `refused` if the caller's key is revoked or has expired, or its tenant
/// is disabled. With `Last-Event-ID` what was told by that event is not told again.
#[utoipa::path(get, path = "/api/v1/deployments/{agent}/swaps/{swap}/events", tag = "deployments", operation_id = "swap_events",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("swap" = String, Path, description = "The swap's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was read, or `resume` of the `end`")),
    responses(
        (status = 200, description = "Events; the data of `end` is a `StreamEnd`", content_type = "text/event-stream", body = String),
        (status = 204, description = "The event named by `Last-Event-ID` told the swap's end: nothing more comes"),
        (status = "default", body = Problem)))]
pub(crate) async fn events(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, swap)): Path<(String, String)>,
    LastEventId(after): LastEventId,
) -> Answer<Response> {
    let events = doors.runtime.watch_swap(&caller, &agent, swap.parse()?, after.as_deref()).await?;
    Ok(streams::rest(events.is_over(), told::swap(events)))
}

/// Gives the candidate a greater weight, by hand: from then on an operator decides what is
/// next.
#[utoipa::path(post, path = "/api/v1/deployments/{agent}/canary", tag = "deployments", operation_id = "canary",
    params(("agent" = String, Path, description = "The agent's name")),
    request_body = CanaryRequest,
    responses((status = 200, body = SwapView), (status = "default", body = Problem)))]
pub(crate) async fn canary(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Json(request): Json<CanaryRequest>,
) -> Answer<axum::Json<SwapView>> {
    Ok(axum::Json(doors.runtime.set_canary(&caller, &agent, request.weight).await?))
}

/// Lets the candidate serve, or ends the watch of one that does.
#[utoipa::path(post, path = "/api/v1/deployments/{agent}/promote", tag = "deployments", operation_id = "promote",
    params(("agent" = String, Path, description = "The agent's name")),
    responses((status = 200, body = SwapView), (status = "default", body = Problem)))]
pub(crate) async fn promote(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
) -> Answer<axum::Json<SwapView>> {
    Ok(axum::Json(doors.runtime.promote(&caller, &agent).await?))
}

/// Takes back what the swap that is under way has done, or makes the release serve that served
/// before the last swap; answers with the swap that did it. The events of the swap at `Location` tell how calls on
/// the release that no longer serves come to their ends.
#[utoipa::path(post, path = "/api/v1/deployments/{agent}/rollback", tag = "deployments", operation_id = "rollback",
    params(("agent" = String, Path, description = "The agent's name"), Wait),
    responses(
        (status = 200, body = SwapView),
        (status = 202, description = "It goes on; see `Location`", body = SwapView),
        (status = "default", body = Problem)))]
pub(crate) async fn rollback(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    Query(wait): Query<Wait>,
) -> Answer<Response> {
    let mut view = match doors.runtime.rollback(&caller, &agent).await? {
        Begun::Going(view) => *view,
        Begun::Done(swapped) => doors.runtime.begun(&caller, swapped.swap).await?,
    };
    if let Some(seconds) = wait.wait
        && view.state.outcome.is_none()
    {
        view = doors.runtime.wait_for_swap(&caller, &agent, view.id, Duration::from_secs(seconds)).await?;
    }
    Ok(begun(view))
}

/// Ends a swap: the release that served before serves.
#[utoipa::path(post, path = "/api/v1/deployments/{agent}/swaps/{swap}/abort", tag = "deployments", operation_id = "abort_swap",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("swap" = String, Path, description = "The swap's id")),
    responses((status = 200, body = SwapView), (status = "default", body = Problem)))]
pub(crate) async fn abort(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, swap)): Path<(String, String)>,
) -> Answer<axum::Json<SwapView>> {
    Ok(axum::Json(doors.runtime.abort_swap(&caller, &agent, swap.parse()?).await?))
}
