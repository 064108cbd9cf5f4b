//! `/api/v1/tasks/{task}/events`: a task while it runs.

use axum::extract::State;
use axum::response::Response;
use troupe_core::view::Problem;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::Path;
use crate::problem::Answer;
use crate::rest::streams::{self, LastEventId};
use crate::told;

/// Streams a task: `task` with its state now, `progress` and `partial` while it runs, `task`
/// whenever it is suspended or taken up again, and when it has ended. A reader too slow for the
/// parts, or away for too long, gets `missed` with how many it did not get; of reports of how far
/// it is only the newest is told, twenty times a second at most, with how many were `skipped`. The last event is
/// `end`, with its `reason`: `done`; `host_stopping`; `refused` if the caller's key is revoked or
/// has expired, or its tenant is disabled. With `Last-Event-ID` it goes on after that event.
#[utoipa::path(get, path = "/api/v1/tasks/{task}/events", tag = "tasks", operation_id = "task_events",
    params(
        ("task" = String, Path, description = "The task's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was read, or `resume` of the `end`")),
    responses(
        (status = 200, description = "Events; the data of `end` is a `StreamEnd`", content_type = "text/event-stream", body = String),
        (status = 204, description = "The event named by `Last-Event-ID` told the task's end: nothing more comes"),
        (status = "default", body = Problem)))]
pub(crate) async fn events(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
    LastEventId(after): LastEventId,
) -> Answer<Response> {
    let events = doors.runtime.watch_task(&caller, task.parse()?, after.as_deref()).await?;
    Ok(streams::rest(events.is_over(), told::task(events)))
}
