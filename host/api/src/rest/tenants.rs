//! `/api/v1/tenants`: the owner makes, sees, disables and enables tenants.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use troupe_core::view::{NewTenant, Page, Problem, TenantView};
use utoipa::IntoParams;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;

/// Which tenants to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those whose name comes after this one: `next` of the page before.
    after: Option<String>,
    /// How many on a page; 50 when absent, at most 500.
    limit: Option<u32>,
}

/// Lists tenants by name.
#[utoipa::path(get, path = "/api/v1/tenants", tag = "tenants", operation_id = "tenants", params(Which),
    responses((status = 200, body = Page<TenantView>), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(which): Query<Which>,
) -> Answer<axum::Json<Page<TenantView>>> {
    Ok(axum::Json(doors.runtime.tenants(&caller, which.after.as_deref(), which.limit).await?))
}

/// Makes a tenant.
#[utoipa::path(post, path = "/api/v1/tenants", tag = "tenants", operation_id = "create_tenant", request_body = NewTenant,
    responses((status = 201, body = TenantView), (status = "default", body = Problem)))]
pub(crate) async fn create(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Json(request): Json<NewTenant>,
) -> Answer<(StatusCode, axum::Json<TenantView>)> {
    Ok((StatusCode::CREATED, axum::Json(doors.runtime.create_tenant(&caller, request).await?)))
}

/// Returns one tenant.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}", tag = "tenants", operation_id = "tenant",
    params(("tenant" = String, Path, description = "The tenant's name")),
    responses((status = 200, body = TenantView), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(tenant): Path<String>,
) -> Answer<axum::Json<TenantView>> {
    Ok(axum::Json(doors.runtime.tenant(&caller, &tenant).await?))
}

/// Disables a tenant: none of its keys opens a door, what runs of it is cancelled, what
/// waits stays where it is.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/disable", tag = "tenants", operation_id = "disable_tenant",
    params(("tenant" = String, Path, description = "The tenant's name")),
    responses((status = 200, body = TenantView), (status = "default", body = Problem)))]
pub(crate) async fn disable(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(tenant): Path<String>,
) -> Answer<axum::Json<TenantView>> {
    Ok(axum::Json(doors.runtime.disable_tenant(&caller, &tenant, true).await?))
}

/// Enables a disabled tenant again.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/enable", tag = "tenants", operation_id = "enable_tenant",
    params(("tenant" = String, Path, description = "The tenant's name")),
    responses((status = 200, body = TenantView), (status = "default", body = Problem)))]
pub(crate) async fn enable(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(tenant): Path<String>,
) -> Answer<axum::Json<TenantView>> {
    Ok(axum::Json(doors.runtime.disable_tenant(&caller, &tenant, false).await?))
}
