//! What a guest writes into a request's body.
//!
//! The attack: a guest begins thousands of requests and writes the bodies of none to an
//! end, each of which the host holds in its memory. The rule: what one invocation has
//! written and not sent is bounded, and what is beyond the cap of a body is thrown away as
//! it comes. Nothing is sent before a body is whole, so the guest is never made to wait
//! for room, in however small pieces it writes.

use std::sync::Arc;

use bytes::Bytes;
use troupe_core::{Code, Error, limits};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::Shared;
use super::share::Share;

/// Bytes that one write may carry, and that one piece of a body has.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// Pieces that wait in the stock stream: all of a body, and one byte that is too many.
pub(super) const CHUNKS: usize = limits::HTTP_REQUEST_BODY_BYTES_MAX / CHUNK_BYTES + 1;

/// The error of a guest whose requests take too much room.
pub(super) fn too_much() -> Error {
    let most = limits::bytes(limits::HTTP_UNSENT_BYTES_MAX as u64);
    Error::new(Code::LimitTransfer, format!("the agent holds more than {most} of requests that it has not sent"))
}

/// The stream of a request's body: makes pieces of equal size of what is written, and
/// hands them to the stock stream.
pub(super) struct BodyStream {
    stock: DynOutputStream,
    shared: Arc<Shared>,
    begun: Piece,
    written: usize,
}

/// Bytes of a body, counted for as long as anybody holds them.
struct Piece {
    bytes: Vec<u8>,
    share: Share,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyStream {
    pub(super) fn new(stock: DynOutputStream, shared: Arc<Shared>) -> Self {
        let begun = Piece { bytes: Vec::new(), share: shared.unsent() };
        Self { stock, shared, begun, written: 0 }
    }

    const fn is_too_long(&self) -> bool {
        self.written > limits::HTTP_REQUEST_BODY_BYTES_MAX
    }

    fn hand_on(&mut self) -> StreamResult<()> {
        if self.begun.bytes.is_empty() {
            return Ok(());
        }
        let next = Piece { bytes: Vec::new(), share: self.shared.unsent() };
        self.stock.write(Bytes::from_owner(std::mem::replace(&mut self.begun, next)))
    }
}

#[async_trait]
impl OutputStream for BodyStream {
    fn write(&mut self, mut bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > CHUNK_BYTES {
            return Err(StreamError::trap("a write is longer than `check-write` allowed"));
        }
        // One byte beyond the cap tells whoever collects the body that it is too long.
        bytes.truncate((limits::HTTP_REQUEST_BODY_BYTES_MAX + 1).saturating_sub(self.written));
        self.written += bytes.len();
        while !bytes.is_empty() {
            let room = CHUNK_BYTES.saturating_sub(self.begun.bytes.len());
            let now = bytes.split_to(room.min(bytes.len()));
            if !self.begun.share.add(now.len()) {
                return Err(StreamError::Trap(wasmtime::Error::new(too_much())));
            }
            self.begun.bytes.extend_from_slice(&now);
            if self.begun.bytes.len() >= CHUNK_BYTES || self.is_too_long() {
                self.hand_on()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        if self.is_too_long() { Ok(()) } else { self.stock.flush() }
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if self.is_too_long() { Ok(CHUNK_BYTES) } else { self.stock.check_write() }
    }
}

#[async_trait]
impl Pollable for BodyStream {
    async fn ready(&mut self) {
        if !self.is_too_long() {
            self.stock.ready().await;
        }
    }
}

impl Drop for BodyStream {
    fn drop(&mut self) {
        // Nobody collects the body any more, or `finish` tells that it is not as long as
        // its `content-length`.
        let _ = self.hand_on();
    }
}
