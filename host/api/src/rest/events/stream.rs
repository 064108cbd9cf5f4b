//! `/api/v1/events/stream`: events as they are published.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use troupe_core::view::Problem;
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::Query;
use crate::problem::Answer;
use crate::rest::streams::{self, LastEventId};
use crate::told;

/// Which events to follow.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Followed {
    /// Those of topics that fit this pattern, such as `shop.order.*` or `shop.>`; all when absent.
    topic: Option<String>,
    /// Those after the one at this position; 0 when absent: all that are kept.
    #[serde(default)]
    after: u64,
}

/// Streams events in the order in which they are accepted, on whichever host: each is `event` with its position as
/// `id`, as it stood when it was read, and none is told twice or left out for whoever comes back with `Last-Event-ID`,
/// or with `after`. One that was put off is told at once, as `scheduled`, and not again when its time comes. The last
/// event is `end`, with its `reason`: `host_stopping`; `refused` if the caller's key is revoked or has expired, or its
/// tenant is disabled; `slow` if nothing was taken for too long; `unavailable`.
#[utoipa::path(get, path = "/api/v1/events/stream", tag = "events", operation_id = "follow_events",
    params(Followed,
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was read, or `resume` of the `end`; `after` is passed over")),
    responses(
        (status = 200, description = "Events; the data of `event` is an `EventView` and that of `end` a `StreamEnd`", content_type = "text/event-stream", body = String),
        (status = "default", body = Problem)))]
pub(crate) async fn events(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    LastEventId(read): LastEventId,
    Query(which): Query<Followed>,
) -> Answer<Response> {
    let events = doors.runtime.follow_events(&caller, which.topic.as_deref(), which.after, read.as_deref()).await?;
    Ok(streams::answer(told::bus(events)))
}
