//! `/peer/v1/blobs/{digest}`: blobs of releases, for other hosts of the same database alone.
//!
//! No part of the API: whoever may ask is no caller but a host, and shows the secret that stands in this one's
//! row of the database (`host/runtime/src/hosts/peers.rs`).

use axum::body::Bytes;
use axum::extract::{Path, State};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use troupe_core::{Code, Error};

use crate::Doors;
use crate::problem::Answer;

/// Where it is.
pub(crate) const PATH: &str = "/peer/v1/blobs/{digest}";

/// Hands a blob out.
pub(crate) async fn blob(State(doors): State<Doors>, Path(digest): Path<String>, headers: HeaderMap) -> Answer<Bytes> {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let secret = shown.ok_or_else(|| Error::new(Code::AuthMissing, "this is for other hosts of the same database"))?;
    Ok(Bytes::from(doors.runtime.blob_for_host(secret, &digest).await?))
}
