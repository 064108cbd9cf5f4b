//! What comes back: scrubbed, whole and journalled where it is short enough, streamed
//! where it is not.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use troupe_core::{Code, Error, Result, limits};
use troupe_egress::{Scrubber, scrub::ScrubStream};
use wasmtime_wasi_http::WasiBody;

use super::{Shared, WasiError, Worker, fault};
use crate::egress::{Credential, CredentialKind};
use crate::gate::{Answer, HttpAnswer};

/// What the guest is given: the response, and the work that its body needs.
pub(super) type Given = (Response<WasiBody>, Worker);

/// An answer, for the journal and for the guest.
pub(super) struct Read {
    pub(super) journalled: Answer,
    pub(super) given: Given,
}

/// What one answer is searched for: the credential, and the signature made with it.
pub(super) struct Scrubbing {
    credential: Arc<Credential>,
    signature: Option<Scrubber>,
}

impl Scrubbing {
    pub(super) fn new(credential: Arc<Credential>, sent: &HeaderMap) -> Result<Self> {
        let signature = match credential.kind {
            CredentialKind::Aws(_) => {
                let header = sent.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
                header
                    .rsplit_once("Signature=")
                    .map(|(_, signature)| Scrubber::new([signature.as_bytes()]))
                    .transpose()?
            }
            CredentialKind::Header { .. } => None,
        };
        Ok(Self { credential, signature })
    }

    fn scrub(&self, text: &[u8]) -> Vec<u8> {
        let clean = self.credential.scrubber.scrub(text);
        match &self.signature {
            Some(signature) => signature.scrub(&clean),
            None => clean,
        }
    }

    fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let clean = self.scrub(value.as_bytes());
            if clean != value.as_bytes() {
                *value = HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static("[redacted]"));
            }
        }
    }

    fn stream(&self) -> Streams<'_> {
        Streams { first: self.credential.scrubber.stream(), second: self.signature.as_ref().map(Scrubber::stream) }
    }

    /// Refuses an answer in which an injected secret could hide. AWS is exempt: its
    /// secrets never leave, save a session token that only AWS itself is sent.
    fn check_encoding(&self, headers: &HeaderMap) -> Result<()> {
        let is_plain = headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
        if is_plain || matches!(self.credential.kind, CredentialKind::Aws(_)) {
            return Ok(());
        }
        Err(Error::new(
            Code::UnavailableUpstream,
            "the answer is compressed though a plain one was asked for, so it cannot be searched for the credential",
        ))
    }
}

/// Both searches, one behind the other.
struct Streams<'a> {
    first: ScrubStream<'a>,
    second: Option<ScrubStream<'a>>,
}

impl Streams<'_> {
    fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let clean = self.first.push(piece);
        match &mut self.second {
            Some(second) => second.push(&clean),
            None => clean,
        }
    }

    fn finish(self) -> Vec<u8> {
        let clean = self.first.finish();
        match self.second {
            Some(mut second) => {
                let mut all = second.push(&clean);
                all.extend(second.finish());
                all
            }
            None => clean,
        }
    }
}

/// Reads an answer as far as it is kept.
pub(super) async fn read(
    shared: &Arc<Shared>,
    response: troupe_egress::Response,
    scrubbing: Option<Scrubbing>,
    explain: bool,
) -> Result<Read> {
    let troupe_egress::Response { status, mut headers, mut body } = response;
    if let Some(scrubbing) = &scrubbing {
        scrubbing.check_encoding(&headers)?;
        scrubbing.headers(&mut headers);
    }
    let mut whole = Vec::new();
    let mut unread = Unread { counter: Arc::clone(&shared.meters.unread), bytes: 0 };
    loop {
        let Some(piece) = body.next().await else { break };
        let piece = piece.map_err(|error| error.with("sent", true))?;
        shared.meters.bytes_received.fetch_add(piece.len() as u64, Ordering::Relaxed);
        whole.extend_from_slice(&piece);
        if whole.len() > limits::HTTP_KEPT_BODY_BYTES_MAX || !unread.add(piece.len()) {
            let journalled = Answer::HttpStreamed(HttpAnswer::new(status, &headers, &Bytes::new()));
            let (sender, receiver) = mpsc::channel(1);
            let work = pump(Arc::clone(shared), whole, body, scrubbing, sender, explain);
            let response = respond(status, headers, Streamed(receiver).boxed_unsync());
            return Ok(Read { journalled, given: (response, Box::new(work)) });
        }
    }
    if let Some(scrubbing) = &scrubbing {
        let clean = scrubbing.scrub(&whole);
        if clean.len() != whole.len() && headers.contains_key(CONTENT_LENGTH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(clean.len()));
        }
        whole = clean;
    }
    let whole = Bytes::from(whole);
    let journalled = Answer::Http(HttpAnswer::new(status, &headers, &whole));
    let response = respond(status, headers, Whole { rest: whole, _unread: unread }.boxed_unsync());
    Ok(Read { journalled, given: (response, Box::new(std::future::ready(Ok(())))) })
}

/// A recorded answer, as it was given before.
pub(super) fn again(shared: &Shared, answer: HttpAnswer) -> Result<Given> {
    let HttpAnswer { status, headers, body } = answer;
    let status = http::StatusCode::from_u16(status).map_err(Error::internal)?;
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(Error::internal)?;
        map.append(name, HeaderValue::from_bytes(&value).map_err(Error::internal)?);
    }
    let mut unread = Unread { counter: Arc::clone(&shared.meters.unread), bytes: 0 };
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

/// Hands on a long body, piece by piece, as fast as the guest reads.
async fn pump(
    shared: Arc<Shared>,
    begun: Vec<u8>,
    mut body: troupe_egress::Body,
    scrubbing: Option<Scrubbing>,
    sender: mpsc::Sender<Result<Bytes, WasiError>>,
    explain: bool,
) -> Result<(), WasiError> {
    let mut streams = scrubbing.as_ref().map(Scrubbing::stream);
    let mut next = Some(Ok(Bytes::from(begun)));
    while let Some(piece) = next {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                shared.note(format!("an answer broke off: {error}"));
                // A guest that stopped reading does not hear of it.
                let _ = sender.send(Err(fault::told(&error, explain))).await;
                return Ok(());
            }
        };
        let clean = streams.as_mut().map_or_else(|| piece.clone(), |streams| streams.push(&piece).into());
        if !hand_on(&sender, clean).await {
            return Ok(());
        }
        next = body.next().await;
        if let Some(Ok(piece)) = &next {
            shared.meters.bytes_received.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
    }
    if let Some(streams) = streams {
        hand_on(&sender, streams.finish().into()).await;
    }
    Ok(())
}

/// Hands bytes on in pieces; tells whether the guest still reads.
async fn hand_on(sender: &mpsc::Sender<Result<Bytes, WasiError>>, mut bytes: Bytes) -> bool {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(limits::HTTP_PIECE_BYTES_MAX));
        if sender.send(Ok(piece)).await.is_err() {
            return false;
        }
    }
    true
}

/// Bytes that lie in the host's memory until the guest reads them.
struct Unread {
    counter: Arc<AtomicU64>,
    bytes: u64,
}

impl Unread {
    /// Adds bytes; tells whether they are within what may lie there.
    fn add(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        self.bytes += bytes;
        self.counter.fetch_add(bytes, Ordering::Relaxed) + bytes <= limits::HTTP_UNREAD_BYTES_MAX as u64
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.counter.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A body that is there.
struct Whole {
    rest: Bytes,
    _unread: Unread,
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

/// A body that is on its way.
struct Streamed(mpsc::Receiver<Result<Bytes, WasiError>>);

impl Body for Streamed {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        self.0.poll_recv(context).map(|next| next.map(|piece| piece.map(Frame::data)))
    }
}
