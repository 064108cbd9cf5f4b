//! What comes back: scrubbed, whole and journalled where it is short enough, streamed
//! where it is not.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout_at};
use troupe_core::breaker::Ending;
use troupe_core::{Code, Error, Result, limits};
use troupe_egress::circuit::{self, Pass};
use troupe_egress::{Scrubber, scrub::ScrubStream};
use wasmtime_wasi_http::WasiBody;

use super::journey::Arrived;
use super::{Share, Shared, WasiError, Worker, fault};
use crate::gate::{Answer, Drawn, HttpAnswer};
use crate::injected::{Injected, scrub_all};

/// What the guest is given: the response, and the work that its body needs.
pub(super) type Given = (Response<WasiBody>, Worker);

/// An answer, for the journal and for the guest.
pub(super) struct Read {
    pub(super) journalled: Answer,
    pub(super) given: Given,
}

/// What one answer is searched for: all that this invocation's requests carried so far, and
/// the signature of the request itself.
pub(super) struct Scrubbing {
    scrubbers: Vec<Arc<Scrubber>>,
    injected: Injected,
    /// Whether a value went out as it is, so that it could hide in a compressed answer.
    must_be_plain: bool,
}

impl Scrubbing {
    /// Prepares the search of an answer to a request with these headers; none if there is
    /// nothing to search for.
    pub(super) fn new(injected: &Injected, sent: &HeaderMap, must_be_plain: bool) -> Result<Option<Self>> {
        let mut scrubbers = injected.all();
        let header = sent.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Some((_, signature)) = header.strip_prefix("AWS4-").and_then(|rest| rest.rsplit_once("Signature=")) {
            scrubbers.push(Arc::new(Scrubber::new([signature.as_bytes()])?));
        }
        let scrubbing = Self { scrubbers, injected: injected.clone(), must_be_plain };
        Ok((!scrubbing.scrubbers.is_empty()).then_some(scrubbing))
    }

    /// Cleans the headers; tells whether something was found.
    fn headers(&self, headers: &mut HeaderMap) -> bool {
        let mut found = false;
        for value in headers.values_mut() {
            let clean = scrub_all(&self.scrubbers, value.as_bytes());
            if clean != value.as_bytes() {
                *value = HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static("[redacted]"));
                found = true;
            }
        }
        found
    }

    fn stream(&self) -> Streams<'_> {
        Streams(self.scrubbers.iter().map(|scrubber| scrubber.stream()).collect())
    }

    /// Refuses an answer in which an injected secret could hide. AWS is exempt: its
    /// secrets never leave, save a session token that only AWS itself is sent.
    fn check_encoding(&self, headers: &HeaderMap) -> Result<()> {
        let is_plain = headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
        if is_plain || !self.must_be_plain {
            return Ok(());
        }
        Err(Error::new(
            Code::UnavailableUpstream,
            "the answer is compressed though a plain one was asked for, so it cannot be searched for the credential",
        ))
    }

    /// Says and counts that something came back that the host had put in.
    fn echoed(&self, shared: &Shared) {
        self.injected.echoed();
        shared.note("secret.echo: an answer gave back what the host had added to a request; it was taken out");
    }
}

/// All searches, one behind the other.
struct Streams<'a>(Vec<ScrubStream<'a>>);

impl Streams<'_> {
    fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.0.iter_mut().fold(piece.to_vec(), |clean, stream| stream.push(&clean))
    }

    fn finish(&mut self) -> Vec<u8> {
        self.0.iter_mut().fold(Vec::new(), |rest, stream| {
            let mut clean = stream.push(&rest);
            clean.extend(stream.finish());
            clean
        })
    }

    fn found(&self) -> bool {
        self.0.iter().any(ScrubStream::found)
    }
}

/// What an exchange takes up until its answer has been read.
struct Place {
    _exchange: OwnedSemaphorePermit,
    drawn: Drawn,
}

/// Reads an answer as far as it is kept.
pub(super) async fn read(
    shared: &Arc<Shared>,
    arrived: Arrived,
    explain: bool,
    exchange: OwnedSemaphorePermit,
) -> Result<Read> {
    let Arrived { response, scrubbing, drawn, pass, way, patient } = arrived;
    let troupe_egress::Response { status, mut headers, mut body } = response;
    let place = Place { _exchange: exchange, drawn };
    let mut found = false;
    if let Some(scrubbing) = &scrubbing {
        scrubbing.check_encoding(&headers)?;
        found = scrubbing.headers(&mut headers);
    }
    let mut whole = Vec::new();
    let mut unread = shared.unread();
    loop {
        let Some(piece) = body.next().await else { break };
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                if let Some(pass) = pass {
                    pass.ended(circuit::ending(Err(&error), patient), shared.gate.now());
                }
                return Err(error.with("sent", true));
            }
        };
        shared.meters.bytes_received.add(piece.len() as u64);
        place.drawn.charge(piece.len(), &shared.gate)?;
        whole.extend_from_slice(&piece);
        if whole.len() > limits::HTTP_KEPT_BODY_BYTES_MAX || !unread.add(piece.len()) {
            if let Some(scrubbing) = &scrubbing {
                if found {
                    scrubbing.echoed(shared);
                }
                // Nobody knows how long it is without what is taken out.
                headers.remove(CONTENT_LENGTH);
            }
            served(shared, pass);
            let journalled = Answer::HttpStreamed(HttpAnswer::new(status, &headers, &Bytes::new(), way));
            let (sender, receiver) = mpsc::channel(1);
            let begun = (whole, unread);
            let work = pump(Arc::clone(shared), begun, body, scrubbing, sender, explain, place);
            let response = respond(status, headers, Streamed { receiver, ended: false }.boxed_unsync());
            return Ok(Read { journalled, given: (response, Box::new(work)) });
        }
    }
    served(shared, pass);
    if let Some(scrubbing) = &scrubbing {
        let clean = scrub_all(&scrubbing.scrubbers, &whole);
        if clean.len() != whole.len() && headers.contains_key(CONTENT_LENGTH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(clean.len()));
        }
        if found || clean != whole {
            scrubbing.echoed(shared);
        }
        whole = clean;
    }
    let whole = Bytes::from(whole);
    let journalled = Answer::Http(HttpAnswer::new(status, &headers, &whole, way));
    let response = respond(status, headers, Whole { rest: whole, _unread: unread }.boxed_unsync());
    Ok(Read { journalled, given: (response, Box::new(std::future::ready(Ok(())))) })
}

/// Notes that a destination has answered.
fn served(shared: &Shared, pass: Option<Pass>) {
    if let Some(pass) = pass {
        pass.ended(Ending::Well, shared.gate.now());
    }
}

/// A recorded answer, as it was given before.
pub(super) fn again(shared: &Shared, answer: HttpAnswer) -> Result<Given> {
    let HttpAnswer { status, headers, body, way: _ } = answer;
    let status = http::StatusCode::from_u16(status).map_err(Error::internal)?;
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(Error::internal)?;
        map.append(name, HeaderValue::from_bytes(&value).map_err(Error::internal)?);
    }
    let mut unread = shared.unread();
    unread.add(body.len());
    let response = respond(status, map, Whole { rest: body.into(), _unread: unread }.boxed_unsync());
    Ok((response, Box::new(std::future::ready(Ok(())))))
}

fn respond(status: http::StatusCode, headers: HeaderMap, body: WasiBody) -> Response<WasiBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Hands on a long body, piece by piece, as fast as the guest reads. The exchange takes
/// up its place until it ends, which it does at its deadline even if nobody reads.
async fn pump(
    shared: Arc<Shared>,
    (begun, unread): (Vec<u8>, Share),
    mut body: troupe_egress::Body,
    scrubbing: Option<Scrubbing>,
    sender: mpsc::Sender<Result<Bytes, WasiError>>,
    explain: bool,
    place: Place,
) -> Result<(), WasiError> {
    let until = body.deadline();
    let mut streams = scrubbing.as_ref().map(Scrubbing::stream);
    let mut next = Some(Ok(Bytes::from(begun)));
    let mut unread = Some(unread);
    while let Some(piece) = next {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                shared.note(format!("an answer broke off: {error}"));
                // A guest that stopped reading does not hear of it.
                let _ = timeout_at(until, sender.send(Err(fault::told(&error, explain)))).await;
                return Ok(());
            }
        };
        let clean = streams.as_mut().map_or_else(|| piece.clone(), |streams| streams.push(&piece).into());
        if !hand_on(&sender, clean, until).await {
            return Ok(());
        }
        unread.take();
        next = body.next().await;
        if let Some(Ok(piece)) = &next {
            shared.meters.bytes_received.add(piece.len() as u64);
            if let Err(error) = place.drawn.charge(piece.len(), &shared.gate) {
                next = Some(Err(error));
            }
        }
    }
    let rest = streams.as_mut().map(Streams::finish).unwrap_or_default();
    if let Some((scrubbing, _)) = scrubbing.as_ref().zip(streams.filter(Streams::found)) {
        scrubbing.echoed(&shared);
    }
    if hand_on(&sender, rest.into(), until).await {
        drop(place);
        // Nothing more: the end, which a body that breaks off does not have.
        let _ = timeout_at(until, sender.send(Ok(Bytes::new()))).await;
    }
    Ok(())
}

/// Hands bytes on in pieces; tells whether the guest still reads.
async fn hand_on(sender: &mpsc::Sender<Result<Bytes, WasiError>>, mut bytes: Bytes, until: Instant) -> bool {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(limits::HTTP_PIECE_BYTES_MAX));
        if !matches!(timeout_at(until, sender.send(Ok(piece))).await, Ok(Ok(()))) {
            return false;
        }
    }
    true
}

/// A body that is there.
struct Whole {
    rest: Bytes,
    _unread: Share,
}

impl Body for Whole {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(limits::HTTP_PIECE_BYTES_MAX);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// A body that is on its way; an empty piece is its end.
struct Streamed {
    receiver: mpsc::Receiver<Result<Bytes, WasiError>>,
    ended: bool,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = match std::task::ready!(self.receiver.poll_recv(context)) {
            Some(Ok(piece)) if !piece.is_empty() => return Poll::Ready(Some(Ok(Frame::data(piece)))),
            Some(Ok(_)) => None,
            Some(Err(error)) => Some(Err(error)),
            None => Some(Err(WasiError::HttpResponseTimeout)),
        };
        self.ended = true;
        Poll::Ready(piece)
    }
}
