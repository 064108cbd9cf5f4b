//! What comes back: scrubbed, whole and journalled where it is short enough, streamed
//! where it is not.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
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

/// What one answer is searched for: all that this invocation's requests carried so far, also
/// those that were sent while it was on its way, and the signature of the request itself.
pub(super) struct Scrubbing {
    scrubbers: Vec<Arc<Scrubber>>,
    signature: Option<Arc<Scrubber>>,
    /// Whether a value has gone out as it is, now or before, so that it could hide in a
    /// compressed answer.
    must_be_plain: bool,
}

impl Scrubbing {
    /// Prepares the search of an answer to a request with these headers; none if there is
    /// nothing to search for.
    pub(super) fn new(injected: &Injected, sent: &HeaderMap) -> Result<Option<Self>> {
        let header = sent.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signature = match header.strip_prefix("AWS4-").and_then(|rest| rest.rsplit_once("Signature=")) {
            Some((_, signature)) => Some(Arc::new(Scrubber::new([signature.as_bytes()])?)),
            None => None,
        };
        Ok(Self::of(injected, signature, injected.is_exposed()))
    }

    /// The search with what has gone out since it was prepared, which holds for the encoding of
    /// the answer as well.
    ///
    /// # Errors
    /// Those of [`Scrubbing::check_plain`].
    fn renewed(before: Option<Self>, injected: &Injected, form: Form) -> Result<Option<Self>> {
        let renewed = Self::of(injected, before.and_then(|before| before.signature), injected.is_exposed());
        renewed.map(|renewed| renewed.check_plain(form).map(|()| renewed)).transpose()
    }

    fn of(injected: &Injected, signature: Option<Arc<Scrubber>>, must_be_plain: bool) -> Option<Self> {
        let mut scrubbers = injected.all();
        scrubbers.extend(signature.clone());
        let scrubbing = Self { scrubbers, signature, must_be_plain };
        (!scrubbing.scrubbers.is_empty()).then_some(scrubbing)
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

    /// Refuses an answer in which an injected secret could hide, its own request's or another
    /// one's. AWS alone is no reason to: its secrets never leave, save a session token that only
    /// AWS itself is sent.
    fn check_plain(&self, form: Form) -> Result<()> {
        if self.must_be_plain { form.check() } else { Ok(()) }
    }
}

/// In which form an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Compressed,
    /// A part of what there is.
    Part,
}

impl Form {
    fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        match status {
            StatusCode::PARTIAL_CONTENT => Self::Part,
            _ if headers.get_all(CONTENT_ENCODING).iter().all(|encoding| encoding == "identity") => Self::Plain,
            _ => Self::Compressed,
        }
    }

    /// Refuses one that cannot be searched.
    fn check(self) -> Result<()> {
        let why = match self {
            Self::Plain => return Ok(()),
            Self::Compressed => "is compressed",
            Self::Part => "is a part of what there is",
        };
        let message = format!("the answer {why}, so it cannot be searched for what the host has added to requests");
        Err(Error::new(Code::UnavailableUpstream, message))
    }
}

/// All searches of an answer that streams, one behind the other. What goes out while it does is
/// searched for from then on.
struct Streams {
    streams: Vec<ScrubStream<Arc<Scrubber>>>,
    known: Vec<Arc<Scrubber>>,
    injected: Injected,
}

impl Streams {
    fn new(scrubbing: Option<Scrubbing>, injected: &Injected) -> Self {
        let known = scrubbing.map_or_else(Vec::new, |scrubbing| scrubbing.scrubbers);
        let streams = known.iter().map(|scrubber| ScrubStream::of(Arc::clone(scrubber))).collect();
        Self { streams, known, injected: injected.clone() }
    }

    fn push(&mut self, piece: Bytes) -> Bytes {
        for scrubber in self.injected.unknown(&self.known) {
            self.streams.push(ScrubStream::of(Arc::clone(&scrubber)));
            self.known.push(scrubber);
        }
        if self.streams.is_empty() {
            return piece;
        }
        self.streams.iter_mut().fold(piece.to_vec(), |clean, stream| stream.push(&clean)).into()
    }

    fn finish(&mut self) -> Vec<u8> {
        self.streams.iter_mut().fold(Vec::new(), |rest, stream| {
            let mut clean = stream.push(&rest);
            clean.extend(stream.finish());
            clean
        })
    }

    fn found(&self) -> bool {
        self.streams.iter().any(ScrubStream::found)
    }
}

/// Says and counts that something came back that the host had put in.
fn echoed(shared: &Shared) {
    shared.injected.echoed();
    shared.note("secret.echo: an answer gave back what the host had added to a request; it was taken out");
}

/// What an exchange takes up until its answer has been read.
struct Place {
    _exchange: OwnedSemaphorePermit,
    drawn: Drawn,
    /// What was asked for.
    url: String,
}

/// Reads an answer as far as it is kept.
pub(super) async fn read(
    shared: &Arc<Shared>,
    arrived: Arrived,
    explain: bool,
    (exchange, url): (OwnedSemaphorePermit, String),
) -> Result<Read> {
    let Arrived { response, scrubbing, drawn, pass, way, patient } = arrived;
    let troupe_egress::Response { status, mut headers, mut body } = response;
    let place = Place { _exchange: exchange, drawn, url };
    let form = Form::of(status, &headers);
    if let Some(scrubbing) = &scrubbing {
        scrubbing.check_plain(form)?;
    }
    let mut whole = Vec::new();
    let mut unread = shared.unread();
    loop {
        let Some(piece) = body.next().await else { break };
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                if let Some(pass) = pass {
                    pass.ended(circuit::ending(Err(&error), patient, false), shared.gate.now());
                }
                return Err(error.with("sent", true));
            }
        };
        shared.meters.bytes_received.add(piece.len() as u64);
        place.drawn.charge(piece.len(), &shared.gate)?;
        whole.extend_from_slice(&piece);
        if whole.len() > limits::HTTP_KEPT_BODY_BYTES_MAX || !unread.add(piece.len()) {
            let scrubbing = Scrubbing::renewed(scrubbing, &shared.injected, form)?;
            if let Some(scrubbing) = &scrubbing {
                if scrubbing.headers(&mut headers) {
                    echoed(shared);
                }
                // Nobody knows how long it is without what is taken out.
                headers.remove(CONTENT_LENGTH);
            }
            served(shared, pass);
            let journalled = Answer::HttpStreamed(HttpAnswer::new(status, &headers, &Bytes::new(), way));
            let (sender, receiver) = mpsc::channel(1);
            let begun = (whole, unread);
            let streams = Streams::new(scrubbing, &shared.injected);
            let work = pump(Arc::clone(shared), begun, body, (streams, form), sender, explain, place);
            let response = respond(status, headers, Streamed { receiver, ended: false }.boxed_unsync());
            return Ok(Read { journalled, given: (response, Box::new(work)) });
        }
    }
    served(shared, pass);
    if let Some(scrubbing) = Scrubbing::renewed(scrubbing, &shared.injected, form)? {
        let found = scrubbing.headers(&mut headers);
        let clean = scrub_all(&scrubbing.scrubbers, &whole);
        if clean.len() != whole.len() && headers.contains_key(CONTENT_LENGTH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(clean.len()));
        }
        if found || clean != whole {
            echoed(shared);
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
/// up its place, and its service a connection, until it ends: at its deadline, or once the guest
/// has not read for a while.
async fn pump(
    shared: Arc<Shared>,
    (begun, unread): (Vec<u8>, Share),
    mut body: troupe_egress::Body,
    (mut streams, form): (Streams, Form),
    sender: mpsc::Sender<Result<Bytes, WasiError>>,
    explain: bool,
    place: Place,
) -> Result<(), WasiError> {
    let until = body.deadline();
    let mut next: Option<Result<Bytes>> = Some(Ok(Bytes::from(begun)));
    let mut unread = Some(unread);
    while let Some(piece) = next {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                shared.note(format!("an answer broke off: {error}"));
                shared.gate.tell_broken_off(&place.url, error.code);
                // A guest that stopped reading does not hear of it.
                let _ = timeout_at(until, sender.send(Err(fault::told(&error, explain)))).await;
                return Ok(());
            }
        };
        if !hand_on(&sender, streams.push(piece), until, limits::HTTP_UNREAD_TIME_MAX).await {
            if !sender.is_closed() {
                shared.note("an answer was given up that the agent does not go on to read");
                // At the deadline it is the end of the invocation that is told.
                if Instant::now() < until {
                    shared.gate.tell_broken_off(&place.url, Code::LimitIdle);
                }
            }
            return Ok(());
        }
        unread.take();
        next = body.next().await;
        if let Some(Ok(piece)) = &next {
            shared.meters.bytes_received.add(piece.len() as u64);
            let charged = place.drawn.charge(piece.len(), &shared.gate);
            // What goes out while it streams must not hide in it.
            let searched = if shared.injected.is_exposed() { form.check() } else { Ok(()) };
            if let Err(error) = charged.and(searched) {
                next = Some(Err(error));
            }
        }
    }
    let rest = streams.finish();
    if streams.found() {
        echoed(&shared);
    }
    if hand_on(&sender, rest.into(), until, limits::HTTP_UNREAD_TIME_MAX).await {
        drop(place);
        // Nothing more: the end, which a body that breaks off does not have.
        let _ = timeout_at(until, sender.send(Ok(Bytes::new()))).await;
    }
    Ok(())
}

/// Hands bytes on in pieces, each within `unread`; tells whether the guest still reads.
async fn hand_on(
    sender: &mpsc::Sender<Result<Bytes, WasiError>>,
    mut bytes: Bytes,
    until: Instant,
    unread: Duration,
) -> bool {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(limits::HTTP_PIECE_BYTES_MAX));
        let until = until.min(Instant::now() + unread);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_handed_on_for_as_long_as_it_is_read() {
        let (unread, late) = (Duration::from_millis(200), Instant::now() + Duration::from_secs(60));
        let body = || Bytes::from(vec![7; 4 * limits::HTTP_PIECE_BYTES_MAX]);
        // Slowly, and longer in all than one piece may take.
        let (sender, mut receiver) = mpsc::channel::<Result<Bytes, WasiError>>(1);
        let reads = async {
            let mut bytes = 0;
            while bytes < body().len() {
                tokio::time::sleep(unread / 2).await;
                bytes += receiver.recv().await.unwrap().unwrap().len();
            }
        };
        let (handed_on, ()) = tokio::join!(hand_on(&sender, body(), late, unread), reads);
        assert!(handed_on);
        // Not at all any more.
        let begun = Instant::now();
        assert!(!hand_on(&sender, body(), late, unread).await && !sender.is_closed());
        assert!(begun.elapsed() >= unread && begun.elapsed() < late - begun);
        drop(receiver);
        assert!(!hand_on(&sender, body(), late, unread).await && sender.is_closed());
    }

    fn scrubber(secret: &str) -> Arc<Scrubber> {
        Arc::new(Scrubber::new([secret.as_bytes()]).unwrap())
    }

    #[test]
    fn what_goes_out_while_an_answer_streams_is_taken_out_of_its_rest() {
        let injected = Injected::default();
        let mut streams = Streams::new(None, &injected);
        let mut seen = streams.push(Bytes::from_static(b"begun, ")).to_vec();
        assert_eq!(seen, b"begun, ");
        injected.add(&scrubber("open-sesame"));
        for piece in ["the key is open", "-sesame, and ", "more"] {
            seen.extend(streams.push(Bytes::from_static(piece.as_bytes())));
        }
        injected.add(&scrubber("another-one"));
        seen.extend(streams.push(Bytes::from_static(b": another-one")));
        seen.extend(streams.finish());
        assert_eq!(String::from_utf8(seen).unwrap(), "begun, the key is [redacted], and more: [redacted]");
        assert!(streams.found());
    }

    #[test]
    fn an_answer_that_was_asked_for_before_a_value_went_out_must_be_plain_once_it_has() {
        let encoded = |encodings: &[&str]| -> HeaderMap {
            encodings.iter().map(|encoding| (CONTENT_ENCODING, encoding.parse().unwrap())).collect()
        };
        let plain = [Form::of(StatusCode::OK, &encoded(&[])), Form::of(StatusCode::OK, &encoded(&["identity"]))];
        let hiding = [
            Form::of(StatusCode::OK, &encoded(&["gzip"])),
            Form::of(StatusCode::OK, &encoded(&["identity", "gzip"])),
            Form::of(StatusCode::PARTIAL_CONTENT, &encoded(&[])),
        ];
        let injected = Injected::default();
        for form in plain.into_iter().chain(hiding) {
            assert!(Scrubbing::renewed(None, &injected, form).unwrap().is_none());
        }
        injected.add(&scrubber("open-sesame"));
        for form in plain {
            assert!(Scrubbing::renewed(None, &injected, form).unwrap().is_some());
        }
        for form in hiding {
            let error = Scrubbing::renewed(None, &injected, form).err().unwrap();
            assert_eq!(error.code, Code::UnavailableUpstream, "{error}");
        }
    }
}
