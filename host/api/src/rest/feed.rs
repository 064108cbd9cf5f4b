//! `/api/v1/feed`: everything that changed, numbered, resumable.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use serde::Deserialize;
use troupe_core::limits;
use troupe_core::view::{FeedEvent, FeedFilter, Page, Problem};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::Query;
use crate::problem::Answer;
use crate::rest::streams::{self, LastEventId};
use crate::told;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those after this number: `next` of the page before; 0 when absent.
    #[serde(default)]
    after: u64,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
    /// Wait up to this many seconds for the first.
    wait: Option<u64>,
    /// Their types, with commas between them, such as `task.completed,swap.*`; all when absent.
    types: Option<String>,
    /// What they happened to, with commas between them, such as `deployment/aws,task/*`; anything when
    /// absent.
    subjects: Option<String>,
}

/// Returns events after a number, oldest first. With `Accept: text/event-stream` it streams them
/// as they come: each is `event` with its number as `id`, and none is told twice or left out for
/// whoever comes back with `Last-Event-ID`, or with `after`. The last event is `end`, with its
/// `reason`: `host_stopping`; `refused` if the caller's key is revoked or has expired, or its
/// tenant is disabled; `unavailable`.
#[utoipa::path(get, path = "/api/v1/feed", tag = "feed", operation_id = "feed",
    params(Which,
        ("Last-Event-ID" = Option<String>, Header, description = "Of a stream: the `id` of the last event that was read; `after` is passed over")),
    responses(
        (status = 200, description = "A page; or events, where the data of `event` is a `FeedEvent` and that of `end` a `StreamEnd`",
            content((Page<FeedEvent> = "application/json"), (String = "text/event-stream"))),
        (status = "default", body = Problem)))]
pub(crate) async fn feed(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    LastEventId(read): LastEventId,
    Query(which): Query<Which>,
) -> Answer<Response> {
    let filter = FeedFilter::of_lists(which.types.as_deref(), which.subjects.as_deref());
    if streams::is_wanted(&headers) {
        let events = doors.runtime.follow_feed(&caller, which.after, read.as_deref(), filter).await?;
        return Ok(streams::answer(told::feed(events)));
    }
    let limit = which.limit.unwrap_or(limits::PAGE_DEFAULT);
    let wait = Duration::from_secs(which.wait.unwrap_or(0));
    Ok(axum::Json(doors.runtime.feed(&caller, which.after, &filter, limit, wait).await?).into_response())
}
