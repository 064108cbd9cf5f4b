//! One connection: which HTTP it speaks, and how long it may be silent.
//!
//! The attack: a client says nothing, asks once and stays for ever, opens and resets calls as fast as it
//! can (CVE-2023-44487), or sends headers that never end (CVE-2024-27316). The rule: what a connection
//! begins with is awaited for as long as the head of a request; what is written to it is taken within
//! a time (`server/taken.rs`); over HTTP/1.1 one timer runs from the
//! connection, and from each answer, to the end of the next request's head; over HTTP/2 a connection that
//! has asked nothing goes after the same time, one on which nothing is under way a while later, told so
//! by GOAWAY, and calls, resets and header lists have bounds, beyond which the connection ends.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::timeout;
use troupe_core::limits;

use super::taken::Taken;
use crate::crowd::Asked;

/// What answers the requests of a connection.
pub(super) type Answering = Asked<TowerToHyperService<Router>>;

/// What a connection begins with that speaks HTTP/2 with prior knowledge (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves a connection to its end, or until the host stops and its open requests have ended.
pub(super) async fn serve<I>(mut stream: I, service: Answering, stopped: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Ok(Ok(read)) = timeout(limits::REQUEST_HEAD_TIME_MAX, beginning(&mut stream)).await else { return };
    let speaks_2 = read == PREFACE;
    let stream = TokioIo::new(Begun { stream: Taken::new(stream), read, given: 0 });
    if speaks_2 { two(stream, service, stopped).await } else { one(stream, service, stopped).await }
}

/// Reads until it is known which HTTP a client speaks; returns what was read.
async fn beginning(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut read = Vec::with_capacity(PREFACE.len());
    while read.len() < PREFACE.len() && PREFACE.starts_with(&read) {
        let left = PREFACE.len().saturating_sub(read.len()) as u64;
        if (&mut *stream).take(left).read_buf(&mut read).await? == 0 {
            break;
        }
    }
    Ok(read)
}

/// Serves HTTP/1.1.
async fn one<I>(stream: TokioIo<Begun<Taken<I>>>, service: Answering, mut stopped: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits::REQUEST_HEAD_TIME_MAX)
        .max_buf_size(limits::REQUEST_HEAD_BYTES_MAX);
    let mut connection = pin!(builder.serve_connection(stream, service).with_upgrades());
    // What a client breaks off is the client's business.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Serves HTTP/2.
async fn two<I>(stream: TokioIo<Begun<Taken<I>>>, service: Answering, mut stopped: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::HTTP2_CALLS_MAX)
        .max_header_list_size(limits::REQUEST_HEAD_BYTES_MAX as u32)
        .max_pending_accept_reset_streams(limits::HTTP2_RESETS_MAX)
        .max_local_error_reset_streams(limits::HTTP2_RESETS_MAX)
        .initial_stream_window_size(limits::HTTP2_CALL_WINDOW_BYTES)
        .initial_connection_window_size(limits::HTTP2_WINDOW_BYTES)
        .max_send_buf_size(limits::HTTP2_SEND_BYTES_MAX)
        .keep_alive_interval(limits::STREAM_ALIVE_EVERY)
        .keep_alive_timeout(limits::HTTP2_ALIVE_TIME_MAX);
    let (calls, has_asked) = (Calls::default(), Arc::clone(&service.has_asked));
    let silence = calls.silence(has_asked, limits::REQUEST_HEAD_TIME_MAX, limits::HTTP2_IDLE_TIME_MAX);
    let mut connection = pin!(builder.serve_connection(stream, Counted { service, calls }));
    let is_silent = tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => false,
        () = silence => true,
    };
    connection.as_mut().graceful_shutdown();
    if is_silent {
        // Who has not closed by then does not listen.
        let _ = timeout(limits::ANSWERS_END_TIME_MAX, connection).await;
    } else {
        let _ = connection.await;
    }
}

/// How many calls of a connection are under way.
#[derive(Debug, Clone)]
struct Calls(watch::Sender<usize>);

impl Default for Calls {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

/// One of them.
#[derive(Debug)]
struct Call(watch::Sender<usize>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls = calls.saturating_sub(1));
    }
}

impl Calls {
    fn begin(&self) -> Call {
        self.0.send_modify(|calls| *calls += 1);
        Call(self.0.clone())
    }

    /// Returns once nothing has been under way for as long as that may be, of a client that has asked
    /// nothing yet and of one that has.
    fn silence(
        &self,
        has_asked: Arc<AtomicBool>,
        before: Duration,
        after: Duration,
    ) -> impl Future<Output = ()> + Send + 'static {
        let mut calls = self.0.subscribe();
        async move {
            loop {
                let most = if has_asked.load(Ordering::Relaxed) { after } else { before };
                if calls.wait_for(|calls| *calls == 0).await.is_err() {
                    return;
                }
                // Any call in between begins the time anew.
                calls.borrow_and_update();
                match timeout(most, calls.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return,
                }
            }
        }
    }
}

/// A service whose calls are counted from their heads to the ends of their answers.
struct Counted {
    service: Answering,
    calls: Calls,
}

impl Service<Request<Incoming>> for Counted {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (call, answer) = (self.calls.begin(), self.service.call(request));
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _under_way = &call;
                    frame
                }))
            }))
        })
    }
}

/// A stream whose beginning was read already.
struct Begun<I> {
    stream: I,
    read: Vec<u8>,
    /// How much of that has been given back.
    given: usize,
}

impl<I: AsyncRead + Unpin> AsyncRead for Begun<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let rest = self.read.get(self.given..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let piece = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..piece).unwrap_or_default());
        self.given += piece;
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Begun<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_read_to_know_the_protocol_is_not_lost() {
        for (said, speaks_2) in
            [(&b"GET / HTTP/1.1\r\n"[..], false), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrest", true), (b"PRI * HT", false)]
        {
            let mut stream = said;
            let read = beginning(&mut stream).await.unwrap();
            assert_eq!(read == PREFACE, speaks_2);
            let mut all = Vec::new();
            Begun { stream, read, given: 0 }.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, said);
        }
    }

    #[tokio::test]
    async fn silence_begins_anew_with_every_call() {
        let (before, after) = (Duration::from_secs(600), Duration::from_millis(400));
        let calls = Calls::default();
        let silence = tokio::spawn(calls.silence(Arc::new(AtomicBool::new(true)), before, after));
        let began = tokio::time::Instant::now();
        let call = calls.begin();
        tokio::time::sleep(after * 2).await;
        assert!(!silence.is_finished());
        drop(call);
        silence.await.unwrap();
        assert!(began.elapsed() >= after * 3);
        // Who has asked nothing has another time.
        let silence = calls.silence(Arc::new(AtomicBool::new(false)), after, before);
        timeout(before, silence).await.unwrap();
    }
}
