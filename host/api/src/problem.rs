//! Errors on the wire: problem details (RFC 9457), and the status of each code.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use troupe_core::view::Problem;
use troupe_core::{Code, Error, Kind};

use crate::{beyond, guard};

/// Milliseconds after which a client may try again what the host could not take.
const RETRY_AFTER_MS: u64 = 1_000;

/// Milliseconds after which a client may try again: what the error says, else [`RETRY_AFTER_MS`].
pub(crate) fn retry_after_ms(error: &Error) -> u64 {
    let said = error.details.get("retry_after_ms").and_then(serde_json::Value::as_u64);
    said.unwrap_or(RETRY_AFTER_MS)
}

/// Whether an error says that the host could not take something now.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(error.code.kind(), Kind::Exhausted | Kind::Unavailable)
}

/// Tells the log why a request failed, the metrics that one was refused, and the audit who lacked a right.
pub(crate) fn log(error: &Error) {
    beyond::note(error);
    if let Some(cause) = error.cause_chain() {
        // What a client sent wrong is the client's to look into.
        if matches!(error.code.kind(), Kind::Internal | Kind::Unavailable) {
            tracing::error!(code = %error.code, cause, "a request failed: {error}");
        } else {
            tracing::debug!(code = %error.code, cause, "a request failed: {error}");
        }
    }
    if is_refusal(error) {
        // Nothing was decided about anybody, so this is all that is kept of it.
        metrics::counter!("troupe_refused_requests_total", "code" => error.code.as_str()).increment(1);
    }
}

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct Failed(Error);

/// What a handler returns.
pub(crate) type Answer<T> = Result<T, Failed>;

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The status of an error.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error.code.kind() {
        _ if error.code == Code::RouteMethod => StatusCode::METHOD_NOT_ALLOWED,
        _ if error.code == Code::RequestMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Unacceptable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Exhausted => StatusCode::TOO_MANY_REQUESTS,
        Kind::Guest => StatusCode::BAD_GATEWAY,
        Kind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The problem document of an error.
pub(crate) fn problem(error: &Error) -> Problem {
    let status = status(error);
    Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        code: error.code.as_str().to_owned(),
        detail: error.message.clone(),
        retryable: error.retryable,
        request: guard::request(),
        details: error.details.clone(),
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let status = status(&error);
        log(&error);
        let body = serde_json::to_vec(&problem(&error)).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if is_refusal(&error) {
            let seconds = retry_after_ms(&error).div_ceil(1_000).max(1);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if error.code.kind() == Kind::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
