//! `/api/v1/runtime/instances`: list, start, get, pause, resume, restart, stop.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use troupe_core::view::{InstanceStatus, InstanceView, NewInstance, Page, Problem};
use troupe_core::{Code, Error, InstanceId};
use troupe_runtime::InstanceQuery;
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;

/// Which instances to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those of one agent.
    agent: Option<String>,
    /// Those in one status.
    #[param(inline)]
    status: Option<InstanceStatus>,
    /// Those older than this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Lists instances, newest first; those that are stopped too.
#[utoipa::path(get, path = "/api/v1/runtime/instances", tag = "instances", operation_id = "instances", params(Which),
    responses((status = 200, body = Page<InstanceView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<InstanceView>>> {
    let after = which.after.map(|after| after.parse::<InstanceId>()).transpose().map_err(|_| {
        let message = "`after` is not the id of an instance; take it from `next` of the page before";
        Error::new(Code::RequestInvalid, message)
    })?;
    let query = InstanceQuery { agent: which.agent, status: which.status, after, limit: which.limit };
    Ok(axum::Json(doors.runtime.instances(&caller, query).await?))
}

/// Starts an instance of an agent. With a name it may be asked again: the same name gives the
/// same instance until that is stopped.
#[utoipa::path(post, path = "/api/v1/runtime/instances", tag = "instances", operation_id = "start_instance", request_body = NewInstance,
    responses(
        (status = 200, description = "The agent has one of this name", body = InstanceView),
        (status = 201, description = "Started", body = InstanceView),
        (status = "default", body = Problem)))]
pub(crate) async fn start(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Json(request): Json<NewInstance>,
) -> Answer<(StatusCode, axum::Json<InstanceView>)> {
    let (instance, is_new) = doors.runtime.start_instance(&caller, request).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(instance)))
}

/// Returns one instance.
#[utoipa::path(get, path = "/api/v1/runtime/instances/{instance}", tag = "instances", operation_id = "instance",
    params(("instance" = String, Path, description = "The instance's id")),
    responses((status = 200, body = InstanceView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(instance): Path<String>,
) -> Answer<axum::Json<InstanceView>> {
    Ok(axum::Json(doors.runtime.instance(&caller, instance.parse()?).await?))
}

/// Stops an instance for good: it takes no more tasks. Those it has accepted come to their end,
/// and then its keys are removed.
#[utoipa::path(post, path = "/api/v1/runtime/instances/{instance}/stop", tag = "instances", operation_id = "stop_instance",
    params(("instance" = String, Path, description = "The instance's id")),
    responses((status = 200, body = InstanceView), (status = "default", body = Problem)))]
pub(crate) async fn stop(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(instance): Path<String>,
) -> Answer<axum::Json<InstanceView>> {
    Ok(axum::Json(doors.runtime.stop_instance(&caller, instance.parse()?).await?))
}

/// Pauses an instance: it takes tasks and begins none, so that they stay pending until it is resumed.
/// What runs of it goes on to its end.
#[utoipa::path(post, path = "/api/v1/runtime/instances/{instance}/pause", tag = "instances", operation_id = "pause_instance",
    params(("instance" = String, Path, description = "The instance's id")),
    responses((status = 200, body = InstanceView), (status = "default", body = Problem)))]
pub(crate) async fn pause(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(instance): Path<String>,
) -> Answer<axum::Json<InstanceView>> {
    Ok(axum::Json(doors.runtime.pause_instance(&caller, instance.parse()?).await?))
}

/// Resumes a paused instance: what waits begins, in its order.
#[utoipa::path(post, path = "/api/v1/runtime/instances/{instance}/resume", tag = "instances", operation_id = "resume_instance",
    params(("instance" = String, Path, description = "The instance's id")),
    responses((status = 200, body = InstanceView), (status = "default", body = Problem)))]
pub(crate) async fn resume(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(instance): Path<String>,
) -> Answer<axum::Json<InstanceView>> {
    Ok(axum::Json(doors.runtime.resume_instance(&caller, instance.parse()?).await?))
}

/// Restarts an instance: it is neither paused nor in error any more, and what is counted of it is counted anew.
/// Where its health is checked it begins nothing before it was found healthy. What runs of it goes on, and its
/// keys stay.
#[utoipa::path(post, path = "/api/v1/runtime/instances/{instance}/restart", tag = "instances", operation_id = "restart_instance",
    params(("instance" = String, Path, description = "The instance's id")),
    responses((status = 200, body = InstanceView), (status = "default", body = Problem)))]
pub(crate) async fn restart(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(instance): Path<String>,
) -> Answer<axum::Json<InstanceView>> {
    Ok(axum::Json(doors.runtime.restart_instance(&caller, instance.parse()?).await?))
}
