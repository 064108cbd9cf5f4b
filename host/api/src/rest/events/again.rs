//! Delivering again: from a point on, and dead letters.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::view::{DeadLetterView, Page, Problem, RedeliverRequest, Redelivered};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;

/// Which dead letters to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those of one subscription.
    subscription: Option<String>,
    /// Those after this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Has events delivered again that were routed before, from a position or a time on: behind what is open by
/// now, some hundreds at a time. The answer says from where to ask for the rest.
#[utoipa::path(post, path = "/api/v1/events/redeliver", tag = "events", operation_id = "redeliver_events",
    request_body = RedeliverRequest,
    responses((status = 200, body = Redelivered), (status = "default", body = Problem)))]
pub(crate) async fn redeliver(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Json(request): Json<RedeliverRequest>,
) -> Answer<axum::Json<Redelivered>> {
    Ok(axum::Json(doors.runtime.redeliver_events(&caller, request).await?))
}

/// Lists dead letters, oldest first: deliveries that were given up, and that nobody has decided about.
#[utoipa::path(get, path = "/api/v1/events/dead", tag = "events", operation_id = "dead_letters", params(Which),
    responses((status = 200, body = Page<DeadLetterView>), (status = "default", body = Problem)))]
pub(crate) async fn dead(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<DeadLetterView>>> {
    let Which { subscription, after, limit } = which;
    let page = doors.runtime.dead_letters(&caller, subscription.as_deref(), after.as_deref(), limit).await?;
    Ok(axum::Json(page))
}

/// Has a dead letter delivered again, by a delivery of its own.
#[utoipa::path(post, path = "/api/v1/events/dead/{delivery}/redeliver", tag = "events",
    operation_id = "redeliver_dead_letter",
    params(("delivery" = String, Path, description = "The delivery's number")),
    responses((status = 200, body = DeadLetterView), (status = "default", body = Problem)))]
pub(crate) async fn redeliver_one(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(delivery): Path<String>,
) -> Answer<axum::Json<DeadLetterView>> {
    Ok(axum::Json(doors.runtime.decide_dead_letter(&caller, &delivery, true).await?))
}

/// Decides that nothing comes of a dead letter.
#[utoipa::path(post, path = "/api/v1/events/dead/{delivery}/discard", tag = "events",
    operation_id = "discard_dead_letter",
    params(("delivery" = String, Path, description = "The delivery's number")),
    responses((status = 200, body = DeadLetterView), (status = "default", body = Problem)))]
pub(crate) async fn discard(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(delivery): Path<String>,
) -> Answer<axum::Json<DeadLetterView>> {
    Ok(axum::Json(doors.runtime.decide_dead_letter(&caller, &delivery, false).await?))
}
