//! Streams of server-sent events (WHATWG HTML, section 9.2): how each begins, goes on and ends.
//!
//! A stream never just breaks off. Its last event is `end`, which says why, and its body ends as
//! HTTP says; so it does when the host stops. Every event has an `id`: a client that comes back
//! with it as `Last-Event-ID`, as browsers do by themselves, goes on where it was, also on a host
//! that was started again. Who has been told everything gets 204, upon which browsers come no more.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt as _};
use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use troupe_core::{Code, Error, limits};

use crate::problem::Failed;
use crate::told::{self, Told};

/// The header by which a client says what it has read.
static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The id of the last event that the client has read, as an argument of a handler.
pub(crate) struct LastEventId(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        let Some(value) = parts.headers.get(&LAST_EVENT_ID) else { return Ok(Self(None)) };
        let id = value.to_str().map_err(|_| Error::new(Code::RequestInvalid, "`Last-Event-ID` is no text"))?;
        // A client that was sent none says so.
        Ok(Self(Some(id.trim().to_owned()).filter(|id| !id.is_empty())))
    }
}

/// Whether a client asks for events.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accepts.contains("text/event-stream")
}

/// The answer to a client that is sent events, as long as it takes them in time.
pub(crate) fn answer(events: impl Stream<Item = Told> + Send + 'static) -> Response {
    let events = told::in_time(events).enumerate().map(|(number, told)| {
        let event = written(&told);
        let event = if number == 0 { event.retry(limits::STREAM_RETRY) } else { event };
        Ok::<_, Infallible>(event)
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(limits::STREAM_ALIVE_EVERY)).into_response()
}

/// The answer to a client that comes back: the rest of the events, or that it has read everything.
pub(crate) fn rest(is_over: bool, events: impl Stream<Item = Told> + Send + 'static) -> Response {
    if is_over { StatusCode::NO_CONTENT.into_response() } else { answer(events) }
}

/// What is told, as an event.
fn written(told: &Told) -> Event {
    // JSON text has no raw line ends once it is printed by serde_json, but a guest's
    // partial output is passed on as it was written.
    let event = Event::default().event(told.name).data(told.data.get().replace(['\r', '\n'], " "));
    match &told.position {
        Some(position) => event.id(position),
        None => event,
    }
}
