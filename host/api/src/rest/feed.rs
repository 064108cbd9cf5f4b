//! `/api/v1/feed`: everything that changed, numbered, resumable.

use std::time::Duration;

use axum::extract::State;
use serde::Deserialize;
use troupe_core::limits;
use troupe_core::view::{FeedEvent, Page, Problem};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::Query;
use crate::problem::Answer;

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
}

/// Returns events after a number, oldest first.
#[utoipa::path(get, path = "/api/v1/feed", tag = "feed", params(Which),
    responses((status = 200, body = Page<FeedEvent>), (status = "default", body = Problem)))]
pub(crate) async fn feed(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<FeedEvent>>> {
    let limit = which.limit.unwrap_or(limits::PAGE_DEFAULT);
    let wait = Duration::from_secs(which.wait.unwrap_or(0));
    Ok(axum::Json(doors.runtime.feed(&caller, which.after, limit, wait).await?))
}
