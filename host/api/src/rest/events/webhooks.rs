//! `/api/v1/events/webhooks`: where events are sent that leave the host.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::view::{NewWebhook, Page, Problem, RotateWebhook, WebhookSet, WebhookView};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;

/// Which webhooks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those after this name: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Lists webhooks, by name.
#[utoipa::path(get, path = "/api/v1/events/webhooks", tag = "events", operation_id = "webhooks", params(Which),
    responses((status = 200, body = Page<WebhookView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<WebhookView>>> {
    let after = which.after.unwrap_or_default();
    Ok(axum::Json(doors.runtime.webhooks(&caller, &after, which.limit).await?))
}

/// Returns one webhook.
#[utoipa::path(get, path = "/api/v1/events/webhooks/{webhook}", tag = "events", operation_id = "webhook",
    params(("webhook" = String, Path, description = "The webhook's name")),
    responses((status = 200, body = WebhookView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(webhook): Path<String>,
) -> Answer<axum::Json<WebhookView>> {
    Ok(axum::Json(doors.runtime.webhook(&caller, &webhook).await?))
}

/// Sets a webhook, in place of the one of its name. The answer has the secret by which it signs, if it is new; that
/// is not shown again. Each event is posted as `CloudEvents` JSON, signed as Standard Webhooks has it:
/// `webhook-id`, `webhook-timestamp` and `webhook-signature`.
#[utoipa::path(put, path = "/api/v1/events/webhooks/{webhook}", tag = "events", operation_id = "set_webhook",
    params(("webhook" = String, Path, description = "The webhook's name")),
    request_body = NewWebhook,
    responses((status = 200, body = WebhookSet), (status = "default", body = Problem)))]
pub(crate) async fn put(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(webhook): Path<String>,
    Json(request): Json<NewWebhook>,
) -> Answer<axum::Json<WebhookSet>> {
    Ok(axum::Json(doors.runtime.set_webhook(&caller, &webhook, request).await?))
}

/// Removes a webhook, and returns what it was. What was routed to it and is not being sent is dropped.
#[utoipa::path(delete, path = "/api/v1/events/webhooks/{webhook}", tag = "events", operation_id = "remove_webhook",
    params(("webhook" = String, Path, description = "The webhook's name")),
    responses((status = 200, body = WebhookView), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(webhook): Path<String>,
) -> Answer<axum::Json<WebhookView>> {
    Ok(axum::Json(doors.runtime.remove_webhook(&caller, &webhook).await?))
}

/// Makes a webhook's next secret, which the answer has. The one before signs as well for a while, so that its receiver
/// can change over.
#[utoipa::path(post, path = "/api/v1/events/webhooks/{webhook}/rotate", tag = "events", operation_id = "rotate_webhook",
    params(("webhook" = String, Path, description = "The webhook's name")),
    request_body = RotateWebhook,
    responses((status = 200, body = WebhookSet), (status = "default", body = Problem)))]
pub(crate) async fn rotate(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(webhook): Path<String>,
    Json(request): Json<RotateWebhook>,
) -> Answer<axum::Json<WebhookSet>> {
    Ok(axum::Json(doors.runtime.rotate_webhook(&caller, &webhook, request).await?))
}

/// Has what is routed to a webhook wait until it is resumed.
#[utoipa::path(post, path = "/api/v1/events/webhooks/{webhook}/pause", tag = "events", operation_id = "pause_webhook",
    params(("webhook" = String, Path, description = "The webhook's name")),
    responses((status = 200, body = WebhookView), (status = "default", body = Problem)))]
pub(crate) async fn pause(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(webhook): Path<String>,
) -> Answer<axum::Json<WebhookView>> {
    Ok(axum::Json(doors.runtime.pause_webhook(&caller, &webhook, true).await?))
}

/// Has what is routed to a webhook be sent again.
#[utoipa::path(post, path = "/api/v1/events/webhooks/{webhook}/resume", tag = "events", operation_id = "resume_webhook",
    params(("webhook" = String, Path, description = "The webhook's name")),
    responses((status = 200, body = WebhookView), (status = "default", body = Problem)))]
pub(crate) async fn resume(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(webhook): Path<String>,
) -> Answer<axum::Json<WebhookView>> {
    Ok(axum::Json(doors.runtime.pause_webhook(&caller, &webhook, false).await?))
}
