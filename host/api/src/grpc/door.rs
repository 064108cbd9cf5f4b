//! What stands around every call: the protocol, the token, the client's deadline, and how a message that
//! cannot be read is told.
//!
//! *The attack:* a page of a browser, which cannot speak gRPC, sends what it can to these paths; a client
//! that nobody knows sends large messages; one names a deadline and never comes back. *The rule:* what is
//! not `application/grpc` over HTTP/2 is a problem document, so that no form and no script reaches a
//! service; who it is from is asked before any of the message is read; the deadline is kept here, for the
//! call and for the stream that it answers.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderName, Version};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::time::Instant;
use troupe_core::{Code, Error};

use super::proto::agent_service_server::SERVICE_NAME;
use super::{is_call, refusal, status};
use crate::problem::Failed;
use crate::{Doors, auth};

/// By when a client wants its answer.
static TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
static STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Lets a call in.
pub(super) async fn enter(State(doors): State<Doors>, mut request: Request, next: Next) -> Response {
    if !is_call(request.headers()) {
        let message = "this path speaks gRPC: send `Content-Type: application/grpc`";
        return Failed::from(Error::new(Code::RequestMediaType, message)).into_response();
    }
    if request.version() != Version::HTTP_2 {
        let message = "gRPC is spoken over HTTP/2, with prior knowledge or over TLS";
        return Failed::from(Error::new(Code::RequestInvalid, message)).into_response();
    }
    let until = match deadline(request.headers()) {
        Ok(until) => until,
        Err(error) => return refusal(&error),
    };
    let is_ours = request.uri().path().strip_prefix('/').is_some_and(|path| path.starts_with(SERVICE_NAME));
    if is_ours {
        match auth::of(&doors, request.headers()).await {
            Ok(caller) => drop(request.extensions_mut().insert(caller)),
            Err(error) => return refusal(&error),
        }
    }
    let Some((until, time)) = until else { return named(next.run(request).await) };
    match tokio::time::timeout_at(until, next.run(request)).await {
        Ok(response) => named(response).map(|body| ends(body, until, time)),
        Err(_) => refusal(&late(time)),
    }
}

/// The deadline that a client names, and how long that is (gRPC over HTTP/2, `Timeout`).
fn deadline(headers: &HeaderMap) -> troupe_core::Result<Option<(Instant, Duration)>> {
    let Some(value) = headers.get(&TIMEOUT) else { return Ok(None) };
    let time = value.to_str().ok().and_then(|text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8 && !digits.starts_with('+'))?;
        match unit {
            "H" => Some(Duration::from_secs(number * 3_600)),
            "M" => Some(Duration::from_secs(number * 60)),
            "S" => Some(Duration::from_secs(number)),
            "m" => Some(Duration::from_millis(number)),
            "u" => Some(Duration::from_micros(number)),
            "n" => Some(Duration::from_nanos(number)),
            _ => None,
        }
    });
    let time = time.ok_or_else(|| {
        let message = "`grpc-timeout` is up to 8 digits and one of `H`, `M`, `S`, `m`, `u` and `n`, such as `5S`";
        Error::new(Code::RequestInvalid, message)
    })?;
    // One beyond all clocks is none.
    Ok(Instant::now().checked_add(time).map(|until| (until, time)))
}

fn late(time: Duration) -> Error {
    let message = format!(
        "the call did not end within the {} ms that its client gave it; give it more, or do not wait",
        time.as_millis()
    );
    Error::new(Code::LimitDeadline, message)
}

/// A body that ends by its protocol when its client has waited for long enough.
fn ends(body: Body, until: Instant, time: Duration) -> Body {
    let frames = stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        match tokio::time::timeout_at(until, body.frame()).await {
            Ok(frame) => frame.map(|frame| (frame, Some(body))),
            Err(_) => {
                let trailers = refusal(&late(time)).into_parts().0.headers;
                Some((Ok(Frame::<Bytes>::trailers(trailers)), None))
            }
        }
    });
    Body::new(StreamBody::new(frames))
}

/// Gives what the library itself answers a code of this host's: for a message that it cannot read.
fn named(response: Response) -> Response {
    let headers = response.headers();
    let Some(said) = headers.get(&STATUS).filter(|_| !headers.contains_key(&status::CODE)) else { return response };
    let message = headers.get("grpc-message").and_then(|message| message.to_str().ok()).unwrap_or_default();
    match tonic::Code::from_bytes(said.as_bytes()) {
        tonic::Code::Unimplemented => {
            let message = "there is no such call; the contract, or server reflection, lists those there are";
            refusal(&Error::new(Code::RouteNotFound, message)).map(|_| Body::empty())
        }
        code @ (tonic::Code::OutOfRange | tonic::Code::Internal | tonic::Code::Unknown) => {
            tracing::debug!(message, "a message could not be read");
            refusal(&status::unread(code))
        }
        _ => response,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_deadline_is_read_as_the_protocol_writes_it() {
        let of = |text: &'static str| {
            let headers = HeaderMap::from_iter([(TIMEOUT.clone(), HeaderValue::from_static(text))]);
            deadline(&headers).map(|until| until.map(|(_, time)| time))
        };
        assert_eq!(of("5S").unwrap(), Some(Duration::from_secs(5)));
        assert_eq!(of("250m").unwrap(), Some(Duration::from_millis(250)));
        assert_eq!(of("99999999H").unwrap(), Some(Duration::from_secs(99_999_999 * 3_600)));
        for wrong in ["", "S", "5", "5s", "+5S", "123456789S", "5.0S", "-1S"] {
            assert_eq!(of(wrong).unwrap_err().code, Code::RequestInvalid, "{wrong}");
        }
        assert_eq!(deadline(&HeaderMap::new()).unwrap(), None);
    }
}
