//! `/api/v1/tasks/{task}/events`: a task while it runs, as server-sent events (WHATWG
//! HTML, section 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use troupe_core::view::Problem;
use troupe_runtime::{TaskEvent, TaskEvents};

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::Path;
use crate::problem::Answer;

/// How often a silent stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Streams a task: `task` with its state now, `progress` and `partial` while it runs, `task`
/// whenever it is suspended or taken up again, and when it has ended, after which the stream
/// ends. It ends before that if the caller's key is revoked or its tenant disabled. A reader too slow for the parts gets `missed` with how many it did not get.
#[utoipa::path(get, path = "/api/v1/tasks/{task}/events", tag = "tasks",
    params(("task" = String, Path, description = "The task's id")),
    responses(
        (status = 200, description = "Events", content_type = "text/event-stream", body = String),
        (status = "default", body = Problem)))]
pub(crate) async fn events(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(task): Path<String>,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let events = doors.runtime.watch_task(&caller, task.parse()?).await?;
    Ok(Sse::new(stream(events)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn stream(events: TaskEvents) -> impl Stream<Item = Result<Event, Infallible>> {
    futures::stream::unfold(events, |mut events| async move {
        let event = events.next().await?;
        Some((Ok(written(&event)), events))
    })
}

fn written(event: &TaskEvent) -> Event {
    let (name, data) = match event {
        TaskEvent::Task(task) => ("task", serde_json::to_string(task)),
        TaskEvent::Progress(progress) => ("progress", serde_json::to_string(progress)),
        TaskEvent::Partial(part) => ("partial", serde_json::to_string(part)),
        TaskEvent::Missed(parts) => ("missed", Ok(format!("{{\"parts\":{parts}}}"))),
        _ => ("other", Ok("null".to_owned())),
    };
    // JSON text has no raw line ends once it is printed by serde_json, but a guest's
    // partial output is passed on as it was written.
    let data = data.unwrap_or_default().replace(['\r', '\n'], " ");
    Event::default().event(name).data(data)
}
