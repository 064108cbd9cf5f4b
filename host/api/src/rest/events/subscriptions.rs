//! `/api/v1/events/subscriptions`: who takes which events.
//!
//! The name of a trigger's subscription has a slash; in a path it is written `%2F`.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::view::{NewSubscription, Page, Problem, SubscriptionView};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;

/// Which subscriptions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those after this name: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Lists subscriptions, by name: those that somebody has set, and those of the triggers of agents.
#[utoipa::path(get, path = "/api/v1/events/subscriptions", tag = "events", operation_id = "subscriptions", params(Which),
    responses((status = 200, body = Page<SubscriptionView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<SubscriptionView>>> {
    let after = which.after.unwrap_or_default();
    Ok(axum::Json(doors.runtime.subscriptions(&caller, &after, which.limit).await?))
}

/// Returns one subscription.
#[utoipa::path(get, path = "/api/v1/events/subscriptions/{subscription}", tag = "events", operation_id = "subscription",
    params(("subscription" = String, Path, description = "The subscription's name, with `%2F` for a slash in it")),
    responses((status = 200, body = SubscriptionView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(subscription): Path<String>,
) -> Answer<axum::Json<SubscriptionView>> {
    Ok(axum::Json(doors.runtime.subscription(&caller, &subscription).await?))
}

/// Sets a subscription, in place of the one of its name.
#[utoipa::path(put, path = "/api/v1/events/subscriptions/{subscription}", tag = "events",
    operation_id = "set_subscription",
    params(("subscription" = String, Path, description = "The subscription's name")),
    request_body = NewSubscription,
    responses((status = 200, body = SubscriptionView), (status = "default", body = Problem)))]
pub(crate) async fn put(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(subscription): Path<String>,
    Json(request): Json<NewSubscription>,
) -> Answer<axum::Json<SubscriptionView>> {
    Ok(axum::Json(doors.runtime.set_subscription(&caller, &subscription, request).await?))
}

/// Removes a subscription, and returns what it was. What was routed to it and is not being handled is dropped.
#[utoipa::path(delete, path = "/api/v1/events/subscriptions/{subscription}", tag = "events",
    operation_id = "remove_subscription",
    params(("subscription" = String, Path, description = "The subscription's name")),
    responses((status = 200, body = SubscriptionView), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(subscription): Path<String>,
) -> Answer<axum::Json<SubscriptionView>> {
    Ok(axum::Json(doors.runtime.remove_subscription(&caller, &subscription).await?))
}

/// Has what is routed to a subscription wait until it is resumed.
#[utoipa::path(post, path = "/api/v1/events/subscriptions/{subscription}/pause", tag = "events",
    operation_id = "pause_subscription",
    params(("subscription" = String, Path, description = "The subscription's name, with `%2F` for a slash in it")),
    responses((status = 200, body = SubscriptionView), (status = "default", body = Problem)))]
pub(crate) async fn pause(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(subscription): Path<String>,
) -> Answer<axum::Json<SubscriptionView>> {
    Ok(axum::Json(doors.runtime.pause_subscription(&caller, &subscription, true).await?))
}

/// Has what is routed to a subscription be handled again.
#[utoipa::path(post, path = "/api/v1/events/subscriptions/{subscription}/resume", tag = "events",
    operation_id = "resume_subscription",
    params(("subscription" = String, Path, description = "The subscription's name, with `%2F` for a slash in it")),
    responses((status = 200, body = SubscriptionView), (status = "default", body = Problem)))]
pub(crate) async fn resume(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(subscription): Path<String>,
) -> Answer<axum::Json<SubscriptionView>> {
    Ok(axum::Json(doors.runtime.pause_subscription(&caller, &subscription, false).await?))
}
