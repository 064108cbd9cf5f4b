//! `/api/v1/locks`: what tasks keep others out of.
//!
//! The name of a lock may have slashes; in a path they are written `%2F`.

use axum::extract::State;
use serde::Deserialize;
use troupe_core::view::{LockView, Page, Problem};
use troupe_runtime::LockQuery;
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Path, Query};
use crate::problem::Answer;

/// Which locks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those of this name, or, with a `*` at its end, those whose name begins so.
    pattern: Option<String>,
    /// Those after this name: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Whose lock to release.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whose {
    /// The token under which it was looked at; it is not taken from anybody who was given it since.
    token: Option<u64>,
}

/// Lists the locks that tasks hold, by name.
#[utoipa::path(get, path = "/api/v1/locks", tag = "locks", operation_id = "locks", params(Which),
    responses((status = 200, body = Page<LockView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<LockView>>> {
    let Which { pattern, after, limit } = which;
    Ok(axum::Json(doors.runtime.locks(&caller, &LockQuery { pattern, after, limit }).await?))
}

/// Returns one lock that a task holds, with those who wait for it, in the order in which they are given it.
#[utoipa::path(get, path = "/api/v1/locks/{lock}", tag = "locks", operation_id = "lock",
    params(("lock" = String, Path, description = "The lock's name, with `%2F` for each slash in it")),
    responses((status = 200, body = LockView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(lock): Path<String>,
) -> Answer<axum::Json<LockView>> {
    Ok(axum::Json(doors.runtime.lock(&caller, &lock).await?))
}

/// Takes a lock from the task that holds it, gives it to the next, and returns it as it was. The task is
/// told when it next calls about it.
#[utoipa::path(post, path = "/api/v1/locks/{lock}/release", tag = "locks", operation_id = "release_lock",
    params(("lock" = String, Path, description = "The lock's name, with `%2F` for each slash in it"), Whose),
    responses((status = 200, body = LockView), (status = "default", body = Problem)))]
pub(crate) async fn release(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(lock): Path<String>,
    Query(whose): Query<Whose>,
) -> Answer<axum::Json<LockView>> {
    Ok(axum::Json(doors.runtime.release_lock(&caller, &lock, whose.token).await?))
}
