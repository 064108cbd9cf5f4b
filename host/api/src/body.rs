//! What handlers are given: bodies within limits, and the parameters of path and query.

mod named;
mod written;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tower_http::timeout::TimeoutError;
use troupe_core::{Code, Error, Result, json, limits, shown};

use crate::problem::Failed;
use named::Named;

pub(crate) use written::{Written, written};

/// A JSON document of type `T`, as an argument of a handler.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, _state: &S) -> std::result::Result<Self, Failed> {
        require_json(request.headers())?;
        let bytes = read(request.into_body(), limits::REQUEST_BYTES_MAX).await?;
        Ok(Self(document(&bytes, "the body")?))
    }
}

/// Reads a document out of what it came in; the error names the place.
pub(crate) fn document<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    if json::depth(bytes) > limits::JSON_DEPTH_MAX {
        let message = format!("the document is nested deeper than {} levels", limits::JSON_DEPTH_MAX);
        return Err(Error::new(Code::LimitRequest, message));
    }
    let refused = |at: &str, error: &serde_json::Error| {
        let error = NUMBERS.iter().fold(error.to_string(), |text, (kind, words)| text.replace(kind, words));
        Error::new(Code::RequestInvalid, format!("{what} is not what is expected{at}: {error}"))
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let document = serde_path_to_error::deserialize(Named(&mut reader)).map_err(|fault| {
        let path = fault.path().to_string();
        // Of what is at the top there is no place to name.
        let at = if path == "." { String::new() } else { format!(" at `{}`", shown(&path)) };
        refused(&at, fault.inner())
    })?;
    reader.end().map_err(|error| refused("", &error))?;
    // Of two values under one key this host would take another than the next reader.
    if let Some(key) = json::repeated(bytes) {
        let message = format!("{what} has the key `{}` twice; send each key of an object once", shown(&key));
        return Err(Error::new(Code::RequestInvalid, message));
    }
    Ok(document)
}

/// Kinds of numbers, and what may stand there.
const NUMBERS: [(&str, &str); 4] = [
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected u64", "expected a whole number from 0 to 18446744073709551615"),
    ("expected f64", "expected a number"),
];

/// A JSON document of type `T` that may be left out, as an argument of a handler.
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Maybe<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> std::result::Result<Self, Failed> {
        let is_empty = request.body().is_end_stream();
        if is_empty && !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(Self(None));
        }
        Json::<Option<T>>::from_request(request, state).await.map(|Json(document)| Self(document))
    }
}

/// Query parameters of type `T`, as an argument of a handler.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Failed> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => Err(Error::new(
                Code::RequestInvalid,
                format!("the query is not what is expected: {}", error.body_text()),
            )
            .into()),
        }
    }
}

/// A parameter of the path, as an argument of a handler.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Failed> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(parameter)) => Ok(Self(parameter)),
            Err(error) => Err(Error::new(
                Code::RequestInvalid,
                format!("the path is not what is expected: {}", error.body_text()),
            )
            .into()),
        }
    }
}

/// Refuses a body that does not say it is JSON. A page of another site can send forms and
/// plain text without asking anybody, and no JSON.
fn require_json(headers: &HeaderMap) -> Result<()> {
    let kind = media_type(headers, &CONTENT_TYPE);
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    Err(Error::new(Code::RequestMediaType, "the body must be JSON, sent with `Content-Type: application/json`"))
}

/// The media type that a header names first, without its parameters.
fn media_type(headers: &HeaderMap, header: &HeaderName) -> String {
    let kind = headers.get(header).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split([';', ',']).next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads a whole body of at most `bytes_max` bytes. Whoever still sends a longer one hears of it when that is over:
/// a connection that is closed before would take the answer with it.
pub(crate) async fn read(mut body: Body, bytes_max: usize) -> Result<Vec<u8>> {
    match Limited::new(&mut body, bytes_max).collect().await {
        Ok(read) => Ok(read.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body).await;
            let most = limits::bytes(bytes_max as u64);
            Err(Error::new(Code::LimitRequest, format!("the body is larger than {most}")))
        }
        Err(error) if is_late(&*error) => {
            let most = limits::REQUEST_BODY_TIME_MAX.as_secs();
            Err(Error::new(Code::LimitRequest, format!("the body did not arrive within {most} s")))
        }
        Err(error) => Err(Error::new(Code::RequestInvalid, "the body did not arrive whole").with_cause(error)),
    }
}

/// Throws away the body of a request that is refused, for a while.
pub(crate) async fn discard(mut body: Body) {
    let discarding = async { while body.frame().await.is_some_and(|frame| frame.is_ok()) {} };
    // What comes later meets a closed connection.
    let _ = tokio::time::timeout(limits::REQUEST_DISCARD_TIME_MAX, discarding).await;
}

/// Whether a body ended because its time was over.
fn is_late(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<TimeoutError>())
}
