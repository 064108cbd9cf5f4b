//! `/api/v1/backup`: all that the host keeps, as one stream.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use troupe_core::view::Problem;

use crate::Doors;
use crate::auth::Authenticated;
use crate::problem::Answer;

/// Makes a backup of all tenants, for the owner of the host: a tar archive compressed by zstd, for
/// `troupe restore`. A stream that breaks off is none. It holds neither the owner's token nor the key
/// that the host signs with.
#[utoipa::path(get, path = "/api/v1/backup", tag = "host", operation_id = "backup",
    responses(
        (status = 200, description = "The backup", content_type = "application/zstd", body = Vec<u8>),
        (status = "default", body = Problem)))]
pub(crate) async fn make(State(doors): State<Doors>, Authenticated(caller): Authenticated) -> Answer<Response> {
    let pieces = doors.runtime.backup(&caller).await?;
    let pieces = stream::unfold(pieces, |mut pieces| async { Some((pieces.recv().await?, pieces)) });
    let headers = [(CONTENT_TYPE, "application/zstd"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
