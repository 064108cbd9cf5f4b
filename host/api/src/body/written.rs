//! Documents that people write by hand, as JSON or as YAML, whichever they send and want.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use serde::Serialize;
use serde::de::DeserializeOwned;
use troupe_core::{Code, Error, Result, limits, yaml};

use super::{document, media_type, read, require_json};
use crate::problem::Failed;

/// A document of type `T`, as an argument of a handler.
pub(crate) struct Written<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Written<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, _state: &S) -> std::result::Result<Self, Failed> {
        if media_type(request.headers(), &CONTENT_TYPE) != yaml::MEDIA_TYPE {
            require_json(request.headers()).map_err(|_| {
                let message = "the body must be JSON or YAML, sent with `Content-Type: application/json` or \
                               `Content-Type: application/yaml`";
                Error::new(Code::RequestMediaType, message)
            })?;
            let bytes = read(request.into_body(), limits::REQUEST_BYTES_MAX).await?;
            return Ok(Self(document(&bytes, "the body")?));
        }
        // What YAML can say and is wanted here, JSON can say, too, so faults are named in one way.
        let value = yaml::read(&read(request.into_body(), limits::YAML_BYTES_MAX).await?)?;
        let bytes = serde_json::to_vec(&value).map_err(Error::internal)?;
        Ok(Self(document(&bytes, "the body")?))
    }
}

/// Writes a document as whoever asks wants it: as YAML if that is what it accepts, else as JSON.
pub(crate) fn written<T: Serialize>(headers: &HeaderMap, document: &T) -> Result<Response> {
    if media_type(headers, &ACCEPT) != yaml::MEDIA_TYPE {
        return Ok(([(VARY, "Accept")], axum::Json(document)).into_response());
    }
    let value = serde_json::to_value(document).map_err(Error::internal)?;
    Ok(([(CONTENT_TYPE, yaml::MEDIA_TYPE), (VARY, "Accept")], yaml::write(&value)?).into_response())
}
