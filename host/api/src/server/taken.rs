//! Giving up a client that takes nothing.
//!
//! *The attack:* a client asks for what does not end, a stream or a large answer, and reads none of it: its
//! connection keeps its place for as long as the client likes, and what it asked for is held for it. *The rule:*
//! whatever is written is taken by the client within [`limits::SOCKET_SEND_TIME_MAX`], at least some of it; else the
//! connection is over. Over HTTP/2 a client may hold a stream back and answer all else; so what does not end is bounded
//! where it is told (`told/in_time.rs`), and what is large where it is read. *The default:* a connection to which
//! nothing is to be written is none of this one's.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use troupe_core::limits;

/// A stream whose other side takes what is written, or is given up.
pub(super) struct Taken<I> {
    stream: I,
    time: Duration,
    /// When it is given up, while something waits to be taken.
    until: Option<Pin<Box<Sleep>>>,
}

impl<I> Taken<I> {
    pub(super) const fn new(stream: I) -> Self {
        Self { stream, time: limits::SOCKET_SEND_TIME_MAX, until: None }
    }

    /// What came of writing, as long as that does not wait for too long.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, came: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if came.is_ready() {
            self.until = None;
            return came;
        }
        let time = self.time;
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(time)));
        ready!(until.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Taken<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Taken<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(cx, came)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.in_time(cx, came)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let came = Pin::new(&mut self.stream).poll_flush(cx);
        self.in_time(cx, came)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let came = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.in_time(cx, came)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn who_takes_a_little_now_and_then_stays_and_who_takes_nothing_goes() {
        let (near, mut far) = duplex(8);
        let time = Duration::from_millis(400);
        let mut near = Taken { time, ..Taken::new(near) };
        let writing = tokio::spawn(async move { near.write_all(&[1; 64]).await });
        let mut piece = [0; 8];
        for _ in 0..4 {
            sleep(time / 4).await;
            far.read_exact(&mut piece).await.unwrap();
        }
        assert!(!writing.is_finished());
        assert_eq!(writing.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
