//! `/api/v1/sessions`: conversations of a user with agents.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use troupe_core::view::{
    ContextPatch, InstanceView, NewInstance, NewSession, Page, Problem, SessionExport, SessionStatus, SessionView,
    Suggestions,
};
use troupe_core::{Code, Error, SessionId};
use troupe_runtime::SessionQuery;
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;
use crate::rest::streams::{self, LastEventId};
use crate::told;

/// Which sessions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those in one status.
    #[param(inline)]
    status: Option<SessionStatus>,
    /// Those of everybody, for operators; else one's own.
    #[serde(default)]
    all: bool,
    /// Those older than this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Starts a session. It ends when it is unused for `idle_ms`, at the latest after `lifetime_ms`.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "sessions", operation_id = "start_session",
    request_body = NewSession,
    responses((status = 201, body = SessionView), (status = "default", body = Problem)))]
pub(crate) async fn start(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Json(request): Json<NewSession>,
) -> Answer<(StatusCode, axum::Json<SessionView>)> {
    Ok((StatusCode::CREATED, axum::Json(doors.runtime.start_session(&caller, request).await?)))
}

/// Lists sessions, newest first.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", operation_id = "sessions", params(Which),
    responses((status = 200, body = Page<SessionView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<SessionView>>> {
    let after = which.after.map(|after| after.parse::<SessionId>()).transpose().map_err(|_| {
        let message = "`after` is not the id of a session; take it from `next` of the page before";
        Error::new(Code::RequestInvalid, message)
    })?;
    let query = SessionQuery { status: which.status, all: which.all, after, limit: which.limit };
    Ok(axum::Json(doors.runtime.sessions(&caller, query).await?))
}

/// Returns one session.
#[utoipa::path(get, path = "/api/v1/sessions/{session}", tag = "sessions", operation_id = "session",
    params(("session" = String, Path, description = "The session's id")),
    responses((status = 200, body = SessionView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(session): Path<String>,
) -> Answer<axum::Json<SessionView>> {
    Ok(axum::Json(doors.runtime.session(&caller, session.parse()?).await?))
}

/// Changes what a session is about, by a merge patch (RFC 7396).
#[utoipa::path(patch, path = "/api/v1/sessions/{session}/context", tag = "sessions", operation_id = "change_context",
    params(("session" = String, Path, description = "The session's id")),
    request_body = ContextPatch,
    responses((status = 200, body = SessionView), (status = "default", body = Problem)))]
pub(crate) async fn context(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(session): Path<String>,
    Json(request): Json<ContextPatch>,
) -> Answer<axum::Json<SessionView>> {
    Ok(axum::Json(doors.runtime.change_context(&caller, session.parse()?, request).await?))
}

/// Ends a session: its instances are stopped, and it takes no more messages.
#[utoipa::path(post, path = "/api/v1/sessions/{session}/end", tag = "sessions", operation_id = "end_session",
    params(("session" = String, Path, description = "The session's id")),
    responses((status = 200, body = SessionView), (status = "default", body = Problem)))]
pub(crate) async fn end(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(session): Path<String>,
) -> Answer<axum::Json<SessionView>> {
    Ok(axum::Json(doors.runtime.end_session(&caller, session.parse()?).await?))
}

/// Returns a session as one document: the session, its instances, its messages and their replies.
#[utoipa::path(get, path = "/api/v1/sessions/{session}/export", tag = "sessions", operation_id = "export_session",
    params(("session" = String, Path, description = "The session's id")),
    responses((status = 200, body = SessionExport), (status = "default", body = Problem)))]
pub(crate) async fn export(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(session): Path<String>,
) -> Answer<axum::Json<SessionExport>> {
    Ok(axum::Json(doors.runtime.export_session(&caller, session.parse()?).await?))
}

/// Has an agent join a session, as an instance of its own that is stopped when the session ends. With a
/// name it may be asked again: the same name gives the same instance of the session until that is
/// stopped.
#[utoipa::path(post, path = "/api/v1/sessions/{session}/instances", tag = "sessions", operation_id = "join_session",
    params(("session" = String, Path, description = "The session's id")),
    request_body = NewInstance,
    responses(
        (status = 200, description = "The session has one of this name", body = InstanceView),
        (status = 201, description = "Joined", body = InstanceView),
        (status = "default", body = Problem)))]
pub(crate) async fn join(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(session): Path<String>,
    Json(request): Json<NewInstance>,
) -> Answer<(StatusCode, axum::Json<InstanceView>)> {
    let (instance, is_new) = doors.runtime.join_session(&caller, session.parse()?, request).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(instance)))
}

/// Lists the instances of a session, oldest first.
#[utoipa::path(get, path = "/api/v1/sessions/{session}/instances", tag = "sessions", operation_id = "session_instances",
    params(("session" = String, Path, description = "The session's id")),
    responses((status = 200, body = Page<InstanceView>), (status = "default", body = Problem)))]
pub(crate) async fn instances(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(session): Path<String>,
) -> Answer<axum::Json<Page<InstanceView>>> {
    let items = doors.runtime.session_instances(&caller, session.parse()?).await?;
    Ok(axum::Json(Page { items, next: None }))
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    /// Those after this number of the feed; 0 when absent.
    #[serde(default)]
    after: u64,
}

/// Streams what happens in a session as it happens: `event` with a `FeedEvent`, whose type is
/// `session.started`, `session.message`, `session.answered`, `session.context` or `session.ended`. Its
/// number in the feed is the `id`, and none is told twice or left out for whoever comes back with
/// `Last-Event-ID`. The last event is `end`, with its `reason`: `done` once the session has ended and all
/// is answered; `host_stopping`; `refused`; `unavailable`. Who has been told everything gets 204.
#[utoipa::path(get, path = "/api/v1/sessions/{session}/events", tag = "sessions", operation_id = "session_events",
    params(("session" = String, Path, description = "The session's id"), After,
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was read; `after` is passed over")),
    responses(
        (status = 200, description = "Events", body = String, content_type = "text/event-stream"),
        (status = 204, description = "All was told"),
        (status = "default", body = Problem)))]
pub(crate) async fn events(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    LastEventId(read): LastEventId,
    Path(session): Path<String>,
    Query(which): Query<After>,
) -> Answer<Response> {
    let is_back = read.is_some();
    let events = doors.runtime.follow_session(&caller, session.parse()?, which.after, read.as_deref()).await?;
    let is_over = is_back && events.is_over();
    Ok(streams::rest(is_over, told::session(events)))
}

/// Suggests what could be said next, the best first.
#[utoipa::path(get, path = "/api/v1/sessions/{session}/suggestions", tag = "sessions", operation_id = "suggestions",
    params(("session" = String, Path, description = "The session's id")),
    responses((status = 200, body = Suggestions), (status = "default", body = Problem)))]
pub(crate) async fn suggestions(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(session): Path<String>,
) -> Answer<axum::Json<Suggestions>> {
    Ok(axum::Json(doors.runtime.suggestions(&caller, session.parse()?).await?))
}
