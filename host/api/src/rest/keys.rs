//! `/api/v1/keys`: list, create, get, revoke; and who the caller is.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use troupe_core::view::{CreatedKey, KeyView, NewKey, Page, Problem, WhoView};
use troupe_core::{Code, Error, KeyId};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;
use crate::rest::Whose;

/// Which keys to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those of this tenant, for the owner of the host; the caller's own when absent.
    tenant: Option<String>,
    /// Those older than this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Lists keys, newest first, without their secrets.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", operation_id = "keys", params(Which),
    responses((status = 200, body = Page<KeyView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<KeyView>>> {
    let after = which.after.map(|after| after.parse::<KeyId>()).transpose().map_err(|_| {
        Error::new(Code::RequestInvalid, "`after` is not the id of a key; take it from `next` of the page before")
    })?;
    Ok(axum::Json(doors.runtime.keys(&caller, which.tenant.as_deref(), after, which.limit).await?))
}

/// Makes a key. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", operation_id = "create_key", params(Whose), request_body = NewKey,
    responses((status = 201, body = CreatedKey), (status = "default", body = Problem)))]
pub(crate) async fn create(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(whose): Query<Whose>,
    Json(request): Json<NewKey>,
) -> Answer<(StatusCode, axum::Json<CreatedKey>)> {
    let created = doors.runtime.create_key(&caller, whose.tenant.as_deref(), request).await?;
    Ok((StatusCode::CREATED, axum::Json(created)))
}

/// Returns one key, without its secret.
#[utoipa::path(get, path = "/api/v1/keys/{key}", tag = "keys", operation_id = "key",
    params(("key" = String, Path, description = "The key's id"), Whose),
    responses((status = 200, body = KeyView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(key): Path<String>,
    Query(whose): Query<Whose>,
) -> Answer<axum::Json<KeyView>> {
    Ok(axum::Json(doors.runtime.key(&caller, whose.tenant.as_deref(), &key).await?))
}

/// Revokes a key for good; it opens nothing from this answer on.
#[utoipa::path(post, path = "/api/v1/keys/{key}/revoke", tag = "keys", operation_id = "revoke_key",
    params(("key" = String, Path, description = "The key's id"), Whose),
    responses((status = 200, body = KeyView), (status = "default", body = Problem)))]
pub(crate) async fn revoke(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(key): Path<String>,
    Query(whose): Query<Whose>,
) -> Answer<axum::Json<KeyView>> {
    Ok(axum::Json(doors.runtime.revoke_key(&caller, whose.tenant.as_deref(), &key).await?))
}

/// Says who the caller is: its tenant, its name there, its scopes.
#[utoipa::path(get, path = "/api/v1/whoami", tag = "keys", operation_id = "whoami",
    responses((status = 200, body = WhoView), (status = "default", body = Problem)))]
pub(crate) async fn whoami(Authenticated(caller): Authenticated) -> axum::Json<WhoView> {
    axum::Json(caller.into())
}
