//! `/api/v1/tasks/{task}/journal` and `…/replay`: what a task did, and whether it does the
//! same again.

use axum::extract::State;
use troupe_core::view::{JournalView, Problem, ReplayView};

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::Path;
use crate::problem::Answer;

/// Returns the calls of a task's last attempt, in the order in which the agent made them.
#[utoipa::path(get, path = "/api/v1/tasks/{task}/journal", tag = "tasks",
    params(("task" = String, Path, description = "The task's id")),
    responses((status = 200, body = JournalView), (status = "default", body = Problem)))]
pub(crate) async fn journal(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
) -> Answer<axum::Json<JournalView>> {
    Ok(axum::Json(doors.runtime.journal(&caller, task.parse()?).await?))
}

/// Repeats a task that has ended, answered from its journal, with no effect anywhere, and
/// says whether it did the same.
#[utoipa::path(post, path = "/api/v1/tasks/{task}/replay", tag = "tasks",
    params(("task" = String, Path, description = "The task's id")),
    responses((status = 200, body = ReplayView), (status = "default", body = Problem)))]
pub(crate) async fn replay(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
) -> Answer<axum::Json<ReplayView>> {
    Ok(axum::Json(doors.runtime.replay(&caller, task.parse()?).await?))
}
