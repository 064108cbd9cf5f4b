//! `/api/v1/tasks/{task}/journal`, `…/journal/redact` and `…/replay`: what a task did, having
//! that forgotten, and whether it does the same again.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::view::{JournalView, Problem, RedactRequest, ReplayRequest, ReplayView, TaskView};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Maybe, Path, Query};
use crate::problem::Answer;

/// Which rows of a journal.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those of this attempt, from 1; of the last one when absent.
    attempt: Option<u32>,
    /// Those after this number: `next` of the page before.
    after: Option<u64>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Returns calls of an attempt of a task, in the order in which the agent made them.
#[utoipa::path(get, path = "/api/v1/tasks/{task}/journal", tag = "tasks", operation_id = "task_journal",
    params(("task" = String, Path, description = "The task's id"), Which),
    responses((status = 200, body = JournalView), (status = "default", body = Problem)))]
pub(crate) async fn journal(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
    Query(which): Query<Which>,
) -> Answer<axum::Json<JournalView>> {
    Ok(axum::Json(doors.runtime.journal(&caller, task.parse()?, which.attempt, which.after, which.limit).await?))
}

/// Forgets what the calls and answers of a task that has ended hold. What is left says which
/// calls were made and when; the task cannot be replayed any more.
#[utoipa::path(post, path = "/api/v1/tasks/{task}/journal/redact", tag = "tasks", operation_id = "redact_task_journal",
    params(("task" = String, Path, description = "The task's id")),
    request_body = RedactRequest,
    responses((status = 200, body = TaskView), (status = "default", body = Problem)))]
pub(crate) async fn redact(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
    Json(request): Json<RedactRequest>,
) -> Answer<axum::Json<TaskView>> {
    Ok(axum::Json(doors.runtime.redact(&caller, task.parse()?, request.documents).await?))
}

/// Repeats a task that has ended, answered from its journal, with no effect anywhere, and
/// says whether it did the same. With `release`, another release of its agent is tried: its
/// calls are answered by what they mean, and what differs is told call by call.
#[utoipa::path(post, path = "/api/v1/tasks/{task}/replay", tag = "tasks", operation_id = "replay_task",
    params(("task" = String, Path, description = "The task's id")),
    request_body = Option<ReplayRequest>,
    responses((status = 200, body = ReplayView), (status = "default", body = Problem)))]
pub(crate) async fn replay(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
    Maybe(request): Maybe<ReplayRequest>,
) -> Answer<axum::Json<ReplayView>> {
    Ok(axum::Json(doors.runtime.replay(&caller, task.parse()?, request.unwrap_or_default()).await?))
}
