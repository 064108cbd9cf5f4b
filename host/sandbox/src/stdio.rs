//! Standard output and standard error of a guest: each line is a log record.
//!
//! The stock streams buffer without a bound when a guest writes nothing, many times
//! (GHSA-5m8g-xhq4-4h93), so this one is ours: it holds one unfinished line.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use troupe_core::limits;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use crate::port::LogLevel;

/// Bytes a guest may print in one invocation; what follows is dropped with a note.
const PRINTED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Finished lines, waiting to be logged.
pub(crate) type Lines = Arc<Mutex<Vec<(LogLevel, String)>>>;

/// One of the two streams.
#[derive(Debug, Clone)]
pub(crate) struct LineStream {
    level: LogLevel,
    lines: Lines,
    partial: Arc<Mutex<Partial>>,
}

#[derive(Debug, Default)]
struct Partial {
    line: Vec<u8>,
    printed: usize,
}

impl LineStream {
    pub(crate) fn new(level: LogLevel, lines: Lines) -> Self {
        Self { level, lines, partial: Arc::default() }
    }

    /// Ends the unfinished line, if there is one.
    pub(crate) fn finish(&self) {
        let line = std::mem::take(&mut self.partial.lock().unwrap_or_else(PoisonError::into_inner).line);
        if !line.is_empty() {
            self.push(&line);
        }
    }

    fn push(&self, line: &[u8]) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((self.level, String::from_utf8_lossy(line).into_owned()));
    }

    fn take(&self, bytes: &[u8]) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let before = partial.printed;
        partial.printed = before.saturating_add(bytes.len());
        if before >= PRINTED_BYTES_MAX {
            return;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = limits::LOG_MESSAGE_BYTES_MAX.saturating_sub(partial.line.len());
            partial.line.extend(text.iter().take(room));
            if text.len() < piece.len() {
                let line = std::mem::take(&mut partial.line);
                self.push(&line);
            }
        }
        if partial.printed >= PRINTED_BYTES_MAX {
            self.push(b"further output of this invocation is dropped");
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
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(64 * 1024)
    }
}

#[async_trait::async_trait]
impl Pollable for LineStream {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_records_whatever_the_pieces() {
        let lines = Lines::default();
        let stream = LineStream::new(LogLevel::Info, Arc::clone(&lines));
        for piece in ["one\ntw", "", "o\n\nthree"] {
            stream.take(piece.as_bytes());
        }
        stream.finish();
        let texts: Vec<_> = lines.lock().unwrap().iter().map(|(_, text)| text.clone()).collect();
        assert_eq!(texts, ["one", "two", "", "three"]);
    }

    #[test]
    fn a_flood_without_an_end_of_line_holds_one_bounded_line() {
        let lines = Lines::default();
        let stream = LineStream::new(LogLevel::Info, Arc::clone(&lines));
        for _ in 0..200 {
            stream.take(&vec![b'x'; 64 * 1024]);
        }
        assert!(stream.partial.lock().unwrap().line.len() <= limits::LOG_MESSAGE_BYTES_MAX);
        assert_eq!(lines.lock().unwrap().len(), 1);
    }
}
