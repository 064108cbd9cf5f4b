//! An answer's body, read piece by piece under caps.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout, timeout_at};
use troupe_core::limits::{HTTP_PIECE_BYTES_MAX, bytes};
use troupe_core::{Code, Error, Result};

use crate::pool::{Connection, Key, Pool};
use crate::slots::Slot;

/// The body of an answer. Dropping it before its end closes the connection.
#[derive(Debug)]
pub struct Body {
    /// What is still to come; none after the end or an error.
    source: Option<Source>,
    /// What came and was not handed on yet.
    rest: Bytes,
    host: String,
    idle: Duration,
    total: Duration,
    deadline: Instant,
    bytes_read: u64,
    bytes_max: u64,
}

/// A body on its way, and what is given back when it has arrived.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) incoming: Incoming,
    pub(crate) connection: Connection,
    pub(crate) key: Key,
    pub(crate) pool: Arc<Pool>,
    pub(crate) slot: Slot,
}

/// The caps of one body.
#[derive(Debug)]
pub(crate) struct Caps {
    pub(crate) host: String,
    pub(crate) idle: Duration,
    pub(crate) total: Duration,
    pub(crate) deadline: Instant,
    pub(crate) bytes_max: u64,
}

impl Body {
    /// Wraps a body; one that announces more than its cap is refused unread.
    pub(crate) fn new(source: Source, caps: Caps) -> Result<Self> {
        let announced = source.incoming.size_hint().lower();
        let ended = source.incoming.is_end_stream();
        let mut body = Self {
            source: Some(source),
            rest: Bytes::new(),
            host: caps.host,
            idle: caps.idle,
            total: caps.total,
            deadline: caps.deadline,
            bytes_read: 0,
            bytes_max: caps.bytes_max,
        };
        if announced > body.bytes_max {
            return Err(body.too_large());
        }
        if ended {
            body.finish();
        }
        Ok(body)
    }

    /// When the exchange ends at the latest.
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Waits for the next piece, of 1 to 64 KiB; none at the end.
    ///
    /// # Errors
    /// [`Code::LimitIdle`] if nothing came for too long, [`Code::LimitDeadline`] if the
    /// whole took too long, [`Code::LimitBody`] if it is too large, and
    /// [`Code::UnavailableUpstream`] if the server broke off. After an error there is no
    /// further piece.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        if self.rest.is_empty() {
            match self.read().await {
                Ok(Some(bytes)) => self.rest = bytes,
                Ok(None) => return None,
                Err(error) => {
                    self.source = None;
                    return Some(Err(error));
                }
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(HTTP_PIECE_BYTES_MAX));
        Some(Ok(piece))
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// As [`Body::next`].
    pub async fn collect(mut self) -> Result<Bytes> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole.into())
    }

    /// Waits for data. Frames without any are skipped within the same idle time, so that
    /// a server cannot stretch it by sending nothing.
    async fn read(&mut self) -> Result<Option<Bytes>> {
        let Some(source) = self.source.as_mut() else { return Ok(None) };
        let data = async {
            loop {
                match source.incoming.frame().await {
                    None => return Ok(None),
                    Some(Err(cause)) => return Err(cause),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) if !data.is_empty() => return Ok(Some(data)),
                        _ => {}
                    },
                }
            }
        };
        let host = &self.host;
        let data = match timeout_at(self.deadline, timeout(self.idle, data)).await {
            Err(_) => return Err(too_long(host, self.total)),
            Ok(Err(_)) => {
                return Err(Error::new(
                    Code::LimitIdle,
                    format!("`{host}` sent nothing for {:?} in the middle of its answer", self.idle),
                ));
            }
            Ok(Ok(Err(cause))) => {
                return Err(Error::new(
                    Code::UnavailableUpstream,
                    format!("`{host}` broke off in the middle of its answer"),
                )
                .with_cause(cause));
            }
            Ok(Ok(Ok(data))) => data,
        };
        let Some(data) = data else {
            self.finish();
            return Ok(None);
        };
        self.bytes_read = self.bytes_read.saturating_add(data.len() as u64);
        if self.bytes_read > self.bytes_max {
            return Err(self.too_large());
        }
        Ok(Some(data))
    }

    /// Gives the connection back: its answer was read to the end.
    fn finish(&mut self) {
        if let Some(source) = self.source.take() {
            source.pool.put(source.key, source.connection);
            drop(source.slot);
        }
    }

    fn too_large(&self) -> Error {
        Error::new(
            Code::LimitBody,
            format!("the answer of `{}` is larger than {}, the most that is read", self.host, bytes(self.bytes_max)),
        )
    }
}

/// The error of an exchange that took longer than it may.
pub(crate) fn too_long(host: &str, total: Duration) -> Error {
    Error::new(Code::LimitDeadline, format!("the exchange with `{host}` took longer than {total:?}"))
}
