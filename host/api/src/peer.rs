//! `/peer/v1/blobs/{digest}` and `/peer/v1/artifacts/{digest}`: blobs of releases, and what tasks have left, for other
//! hosts of the same database alone.
//!
//! No part of the API: whoever may ask is no caller but a host, and shows the secret that stands in this one's
//! row of the database (`host/runtime/src/hosts/peers.rs`).

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use troupe_core::{Code, Error, Result};

use crate::Doors;
use crate::problem::Answer;
use crate::rest::artifacts;

/// Where blobs are.
pub(crate) const PATH: &str = "/peer/v1/blobs/{digest}";

/// Where artefacts are.
pub(crate) const ARTIFACTS: &str = "/peer/v1/artifacts/{digest}";

/// Hands a blob out.
pub(crate) async fn blob(State(doors): State<Doors>, Path(digest): Path<String>, headers: HeaderMap) -> Answer<Bytes> {
    Ok(Bytes::from(doors.runtime.blob_for_host(shown(&headers)?, &digest).await?))
}

/// Hands an artefact out, piece by piece.
pub(crate) async fn artifact(
    State(doors): State<Doors>,
    Path(digest): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (size, pieces) = doors.runtime.artifact_for_host(shown(&headers)?, &digest).await?;
    let body: Body = artifacts::body(pieces);
    Ok(([(CONTENT_LENGTH, size.to_string())], body).into_response())
}

/// The secret that whoever asks shows.
fn shown(headers: &HeaderMap) -> Result<&str> {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    shown.ok_or_else(|| Error::new(Code::AuthMissing, "this is for other hosts of the same database"))
}
