//! `/api/v1/trust`: whom a tenant trusts to sign its releases; and who has signed one.

use axum::extract::State;
use troupe_core::view::{NewSignature, Problem, SignaturesView, TrustChange, TrustView};

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path, Query};
use crate::problem::Answer;
use crate::rest::Whose;

/// Returns the keys that a tenant knows, and which names need whose signatures.
#[utoipa::path(get, path = "/api/v1/trust", tag = "trust", operation_id = "trust", params(Whose),
    responses((status = 200, body = TrustView), (status = "default", body = Problem)))]
pub(crate) async fn trust(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(whose): Query<Whose>,
) -> Answer<axum::Json<TrustView>> {
    Ok(axum::Json(doors.runtime.trust(&caller, whose.tenant.as_deref()).await?))
}

/// Adds, revokes and removes keys, and sets and removes rules: all of it or nothing. What serves
/// goes on; what is made to serve from now on needs the signatures that are then wanted.
#[utoipa::path(patch, path = "/api/v1/trust", tag = "trust", operation_id = "change_trust", params(Whose), request_body = TrustChange,
    responses((status = 200, body = TrustView), (status = "default", body = Problem)))]
pub(crate) async fn change_trust(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Query(whose): Query<Whose>,
    Json(change): Json<TrustChange>,
) -> Answer<axum::Json<TrustView>> {
    Ok(axum::Json(doors.runtime.change_trust(&caller, whose.tenant.as_deref(), change).await?))
}

/// Returns who has signed a release, and whether that is enough.
#[utoipa::path(get, path = "/api/v1/agents/{agent}/versions/{version}/signatures", tag = "trust", operation_id = "version_signatures",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version")),
    responses((status = 200, body = SignaturesView), (status = "default", body = Problem)))]
pub(crate) async fn signatures(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, version)): Path<(String, String)>,
) -> Answer<axum::Json<SignaturesView>> {
    Ok(axum::Json(doors.runtime.signatures(&caller, &agent, &version).await?))
}

/// Adds a signature to a published release. Of a key that has signed it the first one stays.
#[utoipa::path(post, path = "/api/v1/agents/{agent}/versions/{version}/signatures", tag = "trust", operation_id = "sign_version",
    params(
        ("agent" = String, Path, description = "The agent's name"),
        ("version" = String, Path, description = "The version")),
    request_body = NewSignature,
    responses((status = 200, body = SignaturesView), (status = "default", body = Problem)))]
pub(crate) async fn sign(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path((agent, version)): Path<(String, String)>,
    Json(signature): Json<NewSignature>,
) -> Answer<axum::Json<SignaturesView>> {
    Ok(axum::Json(doors.runtime.add_signature(&caller, &agent, &version, signature).await?))
}
