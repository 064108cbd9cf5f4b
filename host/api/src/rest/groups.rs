//! `/api/v1/task-groups`: tasks that need one another.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use troupe_core::view::{GroupStatus, GroupSummary, GroupView, NewGroup, Page, Problem, RetryGroup};
use troupe_core::{Code, Error, GroupId, limits};
use troupe_runtime::{CreatedGroup, GroupQuery};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Maybe, Path, Query};
use crate::problem::Answer;
use crate::rest::streams::{self, LastEventId};
use crate::told;

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    /// Wait up to this many seconds for the group to end; at most 300.
    wait: Option<u64>,
}

impl Wait {
    fn duration(&self) -> Option<Duration> {
        self.wait.map(|seconds| Duration::from_secs(seconds).min(limits::WAIT_MAX))
    }
}

/// Which groups to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those in one status.
    #[param(inline)]
    status: Option<GroupStatus>,
    /// Those older than this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Asks for a group of tasks. With `wait`, the answer is the group that has ended if it does in time,
/// and the group as it then stands otherwise.
#[utoipa::path(post, path = "/api/v1/task-groups", tag = "task-groups", operation_id = "create_group", params(Wait),
    request_body = NewGroup,
    responses(
        (status = 200, description = "The group has ended, or an earlier request made it", body = GroupView),
        (status = 202, description = "Accepted; see `Location`", body = GroupView),
        (status = "default", body = Problem)))]
pub(crate) async fn create(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(wait): Query<Wait>,
    Json(request): Json<NewGroup>,
) -> Answer<Response> {
    Ok(made(doors.runtime.create_group(&caller, request, wait.duration()).await?))
}

/// Asks for what a group asked for that failed or was cancelled once more: as a new group of the same document, on the
/// releases that serve now, which names this one as `retry_of`. All its steps begin anew.
#[utoipa::path(post, path = "/api/v1/task-groups/{group}/retry", tag = "task-groups", operation_id = "retry_group",
    params(("group" = String, Path, description = "The group's id"), Wait),
    request_body = Option<RetryGroup>,
    responses(
        (status = 200, description = "The new group has ended, or an earlier request made it", body = GroupView),
        (status = 202, description = "Accepted; see `Location`", body = GroupView),
        (status = "default", body = Problem)))]
pub(crate) async fn retry(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(group): Path<String>,
    Query(wait): Query<Wait>,
    Maybe(request): Maybe<RetryGroup>,
) -> Answer<Response> {
    let request = request.unwrap_or_default();
    Ok(made(doors.runtime.retry_group(&caller, group.parse()?, request, wait.duration()).await?))
}

/// The answer to whoever asked for a group.
fn made(created: CreatedGroup) -> Response {
    let location = HeaderValue::from_str(&format!("/api/v1/task-groups/{}", created.group.summary.id));
    let headers: HeaderMap = location.into_iter().map(|location| (LOCATION, location)).collect();
    let done = created.group.summary.status.is_final() || !created.is_new;
    let status = if done { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, headers, axum::Json(created.group)).into_response()
}

/// Lists groups, newest first.
#[utoipa::path(get, path = "/api/v1/task-groups", tag = "task-groups", operation_id = "groups", params(Which),
    responses((status = 200, body = Page<GroupSummary>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<GroupSummary>>> {
    let after = which.after.map(|after| after.parse::<GroupId>()).transpose().map_err(|_| {
        Error::new(Code::RequestInvalid, "`after` is not the id of a group; take it from `next` of the page before")
    })?;
    let query = GroupQuery { status: which.status, after, limit: which.limit };
    Ok(axum::Json(doors.runtime.groups(&caller, query).await?))
}

/// Returns one group, with its steps and their outputs; with `wait`, when it has ended or the time is over.
#[utoipa::path(get, path = "/api/v1/task-groups/{group}", tag = "task-groups", operation_id = "group",
    params(("group" = String, Path, description = "The group's id"), Wait),
    responses((status = 200, body = GroupView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(group): Path<String>,
    Query(wait): Query<Wait>,
) -> Answer<axum::Json<GroupView>> {
    let group: GroupId = group.parse()?;
    Ok(axum::Json(match wait.duration().filter(|wait| !wait.is_zero()) {
        Some(wait) => doors.runtime.wait_for_group(&caller, group, wait).await?,
        None => doors.runtime.group(&caller, group).await?,
    }))
}

/// Cancels a group: nothing of it begins any more, what runs is cancelled, and what it did is undone.
#[utoipa::path(post, path = "/api/v1/task-groups/{group}/cancel", tag = "task-groups", operation_id = "cancel_group",
    params(("group" = String, Path, description = "The group's id")),
    responses((status = 200, body = GroupView), (status = "default", body = Problem)))]
pub(crate) async fn cancel(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(group): Path<String>,
) -> Answer<axum::Json<GroupView>> {
    Ok(axum::Json(doors.runtime.cancel_group(&caller, group.parse()?).await?))
}

/// Forgets what the tasks of a group that has ended were asked and answered, and their journals. What is left says
/// which tasks were made, when, and how they ended.
#[utoipa::path(post, path = "/api/v1/task-groups/{group}/redact", tag = "task-groups", operation_id = "redact_group",
    params(("group" = String, Path, description = "The group's id")),
    responses((status = 200, body = GroupView), (status = "default", body = Problem)))]
pub(crate) async fn redact(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(group): Path<String>,
) -> Answer<axum::Json<GroupView>> {
    Ok(axum::Json(doors.runtime.redact_group(&caller, group.parse()?).await?))
}

/// Streams a group: `group` with its state now and whenever it changes, whole but for outputs and the
/// tasks of a step that makes them of an array; `progress` with how far a task of it is, of 64 that run
/// at most. The last event is `end`, with its `reason`: `done`; `host_stopping`; `unavailable`;
/// `refused` if the caller's key is revoked or has expired, or its tenant is disabled. With
/// `Last-Event-ID` a state that was told by that event is not told again.
#[utoipa::path(get, path = "/api/v1/task-groups/{group}/events", tag = "task-groups", operation_id = "group_events",
    params(
        ("group" = String, Path, description = "The group's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was read, or `resume` of the `end`")),
    responses(
        (status = 200, description = "Events; the data of `progress` is a `GroupReport`, that of `end` a `StreamEnd`", content_type = "text/event-stream", body = String),
        (status = 204, description = "The event named by `Last-Event-ID` told the group's end: nothing more comes"),
        (status = "default", body = Problem)))]
pub(crate) async fn events(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(group): Path<String>,
    LastEventId(after): LastEventId,
) -> Answer<Response> {
    let events = doors.runtime.watch_group(&caller, group.parse()?, after.as_deref()).await?;
    Ok(streams::rest(events.is_over(), told::group(events)))
}
