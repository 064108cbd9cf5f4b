//! `/api/v1/tasks`: create with `wait`, get, list, cancel, retry.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use troupe_core::view::{NewTask, Page, Problem, RetryTask, TaskStatus, TaskView};
use troupe_core::{Code, Error, InstanceId, SessionId, TaskId, limits};
use troupe_runtime::{Submitted, TaskQuery};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Maybe, Path, Query};
use crate::problem::Answer;
use crate::rest::release_header;

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    /// Wait up to this many seconds for the task to end; at most 300.
    wait: Option<u64>,
}

impl Wait {
    pub(crate) fn duration(&self) -> Option<Duration> {
        self.wait.map(|seconds| Duration::from_secs(seconds).min(limits::WAIT_MAX))
    }
}

/// Which tasks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those of one agent.
    agent: Option<String>,
    /// Those in one status.
    #[param(inline)]
    status: Option<TaskStatus>,
    /// Those for one instance, by its id.
    instance: Option<String>,
    /// Those that messages of one session made, and those of the instances in it, by its id.
    session: Option<String>,
    /// Those that the agent of one task asked for, by its id.
    caused_by: Option<String>,
    /// Those below one task at the top, which no agent asked for, by its id.
    root: Option<String>,
    /// Those older than this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// The header that names a task's affinity.
const AFFINITY: &str = "troupe-affinity";

/// Asks an agent for a skill. With `wait`, the answer is the finished task if it ends in
/// time, and the task as it then stands otherwise.
#[utoipa::path(post, path = "/api/v1/tasks", tag = "tasks", operation_id = "create_task",
    params(Wait, ("troupe-affinity" = Option<String>, Header, description = "The affinity, where the body names none")),
    request_body = NewTask,
    responses(
        (status = 200, description = "The task has ended, or an earlier request made it", body = TaskView),
        (status = 202, description = "Accepted; see `Location`", body = TaskView),
        (status = "default", body = Problem)))]
pub(crate) async fn create(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(wait): Query<Wait>,
    headers: HeaderMap,
    Json(mut request): Json<NewTask>,
) -> Answer<Response> {
    if let Some(affinity) = headers.get(AFFINITY).filter(|_| request.affinity.is_none()) {
        let text = affinity.to_str().map_err(|_| {
            Error::new(Code::RequestInvalid, format!("the header `{AFFINITY}` is not text of printable ASCII"))
        })?;
        request.affinity = Some(text.to_owned());
    }
    let submitted = doors.runtime.submit(&caller, request, wait.duration()).await?;
    Ok(made(submitted))
}

/// The answer to whoever asked for a task.
fn made(submitted: Submitted) -> Response {
    let task = submitted.task;
    let location = HeaderValue::from_str(&format!("/api/v1/tasks/{}", task.id));
    let mut headers = release(&task);
    headers.extend(location.into_iter().map(|location| (LOCATION, location)));
    let done = task.status.is_final() || !submitted.is_new;
    let status = if done { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, headers, axum::Json(task)).into_response()
}

/// Lists tasks, newest first.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", operation_id = "tasks", params(Which),
    responses((status = 200, body = Page<TaskView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<TaskView>>> {
    let after = which.after.map(|after| after.parse::<TaskId>()).transpose().map_err(|_| {
        Error::new(Code::RequestInvalid, "`after` is not the id of a task; take it from `next` of the page before")
    })?;
    let instance = which.instance.map(|instance| instance.parse::<InstanceId>()).transpose()?;
    let session = which.session.map(|session| session.parse::<SessionId>()).transpose()?;
    let task = |id: Option<String>| id.map(|id| id.parse::<TaskId>()).transpose();
    let (caused_by, root) = (task(which.caused_by)?, task(which.root)?);
    let (agent, status, limit) = (which.agent, which.status, which.limit);
    let query = TaskQuery { agent, status, instance, session, caused_by, root, after, limit };
    Ok(axum::Json(doors.runtime.tasks(&caller, query).await?))
}

/// Returns one task; with `wait`, when it has ended or the time is over.
#[utoipa::path(get, path = "/api/v1/tasks/{task}", tag = "tasks", operation_id = "task",
    params(("task" = String, Path, description = "The task's id"), Wait),
    responses((status = 200, body = TaskView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
    Query(wait): Query<Wait>,
) -> Answer<(HeaderMap, axum::Json<TaskView>)> {
    let task: TaskId = task.parse()?;
    let task = match wait.duration() {
        Some(wait) => doors.runtime.wait_for_task(&caller, task, wait).await?,
        None => doors.runtime.task(&caller, task).await?,
    };
    Ok((release(&task), axum::Json(task)))
}

/// Cancels a task. The agent of one that runs or is suspended is told, and has a few seconds to clean up; what it still
/// answers is kept as the output of the cancelled task. Any other ends at once. What its agent has asked other agents for is
/// cancelled with it.
#[utoipa::path(post, path = "/api/v1/tasks/{task}/cancel", tag = "tasks", operation_id = "cancel_task",
    params(("task" = String, Path, description = "The task's id")),
    responses((status = 200, body = TaskView), (status = "default", body = Problem)))]
pub(crate) async fn cancel(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
) -> Answer<axum::Json<TaskView>> {
    Ok(axum::Json(doors.runtime.cancel(&caller, task.parse()?).await?))
}

/// Asks for what a task asked for that failed, was cancelled or is in doubt once more: as a new task, on the release that
/// serves now, which names this one as `retry_of`.
#[utoipa::path(post, path = "/api/v1/tasks/{task}/retry", tag = "tasks", operation_id = "retry_task",
    params(("task" = String, Path, description = "The task's id"), Wait),
    request_body = Option<RetryTask>,
    responses(
        (status = 200, description = "The new task has ended, or an earlier request made it", body = TaskView),
        (status = 202, description = "Accepted; see `Location`", body = TaskView),
        (status = "default", body = Problem)))]
pub(crate) async fn retry(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
    Query(wait): Query<Wait>,
    Maybe(request): Maybe<RetryTask>,
) -> Answer<Response> {
    let request = request.unwrap_or_default();
    Ok(made(doors.runtime.retry_task(&caller, task.parse()?, request, wait.duration()).await?))
}

fn release(task: &TaskView) -> HeaderMap {
    let ran_on = task.release.as_ref();
    ran_on.map(|ran_on| release_header(&task.agent, &ran_on.version, &ran_on.digest)).unwrap_or_default()
}
