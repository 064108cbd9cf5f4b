//! `/api/v1/runtime/instances`: list, start, get, stop.

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
#[utoipa::path(get, path = "/api/v1/runtime/instances", tag = "instances", params(Which),
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
#[utoipa::path(post, path = "/api/v1/runtime/instances", tag = "instances", request_body = NewInstance,
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
#[utoipa::path(get, path = "/api/v1/runtime/instances/{instance}", tag = "instances",
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
#[utoipa::path(post, path = "/api/v1/runtime/instances/{instance}/stop", tag = "instances",
    params(("instance" = String, Path, description = "The instance's id")),
    responses((status = 200, body = InstanceView), (status = "default", body = Problem)))]
pub(crate) async fn stop(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(instance): Path<String>,
) -> Answer<axum::Json<InstanceView>> {
    Ok(axum::Json(doors.runtime.stop_instance(&caller, instance.parse()?).await?))
}
