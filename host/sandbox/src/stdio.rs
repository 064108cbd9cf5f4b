//! Standard output and standard error of a guest: each line is a log record.
//!
//! The stock streams buffer without a bound when a guest writes nothing, many times
//! (GHSA-5m8g-xhq4-4h93), so this one is ours: it holds one unfinished line, and what is
//! finished goes to the log at once. Of a long line it holds a little more than the log
//! takes, so that a secret in it is not cut in two before it is searched for.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use troupe_core::{Code, Error, limits};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use crate::log::Log;
use crate::port::LogLevel;

/// Bytes that one write may carry, as `check-write` says.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// One of the two streams.
#[derive(Clone)]
pub(crate) struct LineStream {
    level: LogLevel,
    log: Log,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    line: Vec<u8>,
    printed: usize,
}

impl LineStream {
    pub(crate) fn new(level: LogLevel, log: Log) -> Self {
        Self { level, log, state: Arc::default() }
    }

    /// Ends the unfinished line, if there is one.
    pub(crate) fn finish(&self) {
        let line = std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).line);
        if !line.is_empty() {
            self.push(&line);
        }
    }

    fn push(&self, line: &[u8]) {
        self.log.write(self.level, &String::from_utf8_lossy(line), Vec::new());
    }

    fn take(&self, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = limits::PRINTED_BYTES_MAX.saturating_sub(state.printed);
        if left == 0 {
            return;
        }
        let bytes = bytes.get(..left).unwrap_or(bytes);
        state.printed += bytes.len();
        let most = limits::LOG_MESSAGE_BYTES_MAX.saturating_add(self.log.injected().overhang()).saturating_add(1);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = most.saturating_sub(state.line.len());
            state.line.extend(text.iter().take(room));
            if text.len() < piece.len() {
                let line = std::mem::take(&mut state.line);
                self.push(&line);
            }
        }
        if bytes.len() == left {
            let most = limits::bytes(limits::PRINTED_BYTES_MAX as u64);
            self.log.note(&format!("the agent has printed {most}; what it prints from here on is dropped"));
        }
    }
}

impl IsTerminal for LineStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LineStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this, and the linker offers 0.2 alone.
        Box::new(tokio::io::sink())
    }
}

#[async_trait::async_trait]
impl OutputStream for LineStream {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        if bytes.len() > WRITE_BYTES_MAX {
            let most = limits::bytes(WRITE_BYTES_MAX as u64);
            let message = format!("the agent printed {} bytes in one write; `check-write` allows {most}", bytes.len());
            return Err(StreamError::Trap(wasmtime::Error::new(Error::new(Code::LimitTransfer, message))));
        }
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[async_trait::async_trait]
impl Pollable for LineStream {
    async fn ready(&mut self) {}
}

#[cfg(test)]
#[path = "stdio_tests.rs"]
mod tests;
