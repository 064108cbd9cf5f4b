//! `/api/v1/events/hooks`: where events come into the host; and `/hooks/…`, where they do.

use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use troupe_core::limits;
use troupe_core::view::{HookSet, HookView, NewHook, Page, Problem, RotateWebhook};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{self, Json, Path, Query};
use crate::problem::Answer;

/// Which hooks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those after this name: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Lists hooks, by name.
#[utoipa::path(get, path = "/api/v1/events/hooks", tag = "events", operation_id = "hooks", params(Which),
    responses((status = 200, body = Page<HookView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<HookView>>> {
    let after = which.after.unwrap_or_default();
    Ok(axum::Json(doors.runtime.hooks(&caller, &after, which.limit).await?))
}

/// Returns one hook.
#[utoipa::path(get, path = "/api/v1/events/hooks/{hook}", tag = "events", operation_id = "hook",
    params(("hook" = String, Path, description = "The hook's name")),
    responses((status = 200, body = HookView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(hook): Path<String>,
) -> Answer<axum::Json<HookView>> {
    Ok(axum::Json(doors.runtime.hook(&caller, &hook).await?))
}

/// Sets a hook, in place of the one of its name. The answer has the secret that its sender signs by, if it is new and of
/// the host's making; that is not shown again.
#[utoipa::path(put, path = "/api/v1/events/hooks/{hook}", tag = "events", operation_id = "set_hook",
    params(("hook" = String, Path, description = "The hook's name")),
    request_body = NewHook,
    responses((status = 200, body = HookSet), (status = "default", body = Problem)))]
pub(crate) async fn put(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(hook): Path<String>,
    Json(request): Json<NewHook>,
) -> Answer<axum::Json<HookSet>> {
    Ok(axum::Json(doors.runtime.set_hook(&caller, &hook, request).await?))
}

/// Removes a hook, and returns what it was.
#[utoipa::path(delete, path = "/api/v1/events/hooks/{hook}", tag = "events", operation_id = "remove_hook",
    params(("hook" = String, Path, description = "The hook's name")),
    responses((status = 200, body = HookView), (status = "default", body = Problem)))]
pub(crate) async fn remove(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(hook): Path<String>,
) -> Answer<axum::Json<HookView>> {
    Ok(axum::Json(doors.runtime.remove_hook(&caller, &hook).await?))
}

/// Makes a hook's next secret, which the answer has. The one before is taken as well for a while, so that its sender can
/// change over.
#[utoipa::path(post, path = "/api/v1/events/hooks/{hook}/rotate", tag = "events", operation_id = "rotate_hook",
    params(("hook" = String, Path, description = "The hook's name")),
    request_body = RotateWebhook,
    responses((status = 200, body = HookSet), (status = "default", body = Problem)))]
pub(crate) async fn rotate(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(hook): Path<String>,
    Json(request): Json<RotateWebhook>,
) -> Answer<axum::Json<HookSet>> {
    Ok(axum::Json(doors.runtime.rotate_hook(&caller, &hook, request).await?))
}

/// Takes a message at a hook: an event under the hook's topic, once for each id. It carries a signature and no token.
#[utoipa::path(post, path = "/hooks/{id}", tag = "events", operation_id = "take_message", security(()),
    params(("id" = String, Path, description = "The last part of the hook's path")),
    request_body(content = Object, description = "Whatever the sender says", content_type = "application/json"),
    responses((status = 202, description = "It is taken, or was before."), (status = "default", body = Problem)))]
pub(crate) async fn take(
    State(doors): State<Doors>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<StatusCode> {
    let hook = doors.runtime.open_hook(&id).await?;
    let body = body::read(body, limits::EVENT_BYTES_MAX).await?;
    // What comes twice is not one of the two.
    let text = |name: &str| {
        let mut all = headers.get_all(name).iter();
        let first = all.next()?.to_str().ok()?.to_owned();
        all.next().is_none().then_some(first)
    };
    let headers = hook.headers(text);
    hook.take(headers, &body).await?;
    Ok(StatusCode::ACCEPTED)
}
