//! Reads lines of JSON back, one at a time.

use std::io::{BufRead, Read};
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

/// Longest line that is read, in bytes: as much as the output of a task may be. A line is in memory whole.
pub const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes cannot be had.
    #[error("line {line} cannot be read: {error}")]
    Bytes {
        /// The line, from 1.
        line: u64,
        /// Why.
        error: std::io::Error,
    },
    /// The line is too long.
    #[error("line {line} is longer than {LINE_BYTES_MAX} bytes")]
    TooLong {
        /// The line, from 1.
        line: u64,
    },
    /// The line is not of the form.
    #[error("line {line} is not of the form: {error}")]
    Form {
        /// The line, from 1.
        line: u64,
        /// Why.
        error: serde_json::Error,
    },
}

/// Reads lines of JSON; ends after the first that cannot be read. Empty lines are passed over.
pub fn lines<T: DeserializeOwned, R: BufRead>(reader: R) -> impl Iterator<Item = Result<T, ReadError>> {
    Lines { reader, line: 0, buffer: Vec::new(), is_over: false, entry: PhantomData }
}

struct Lines<T, R> {
    reader: R,
    line: u64,
    buffer: Vec<u8>,
    is_over: bool,
    entry: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned, R: BufRead> Lines<T, R> {
    fn step(&mut self) -> Option<Result<T, ReadError>> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let line = self.line;
            let mut bounded = self.reader.by_ref().take(LINE_BYTES_MAX as u64 + 1);
            match bounded.read_until(b'\n', &mut self.buffer) {
                Ok(0) => return None,
                Ok(_) if self.buffer.len() > LINE_BYTES_MAX => return Some(Err(ReadError::TooLong { line })),
                Ok(_) if self.buffer.trim_ascii().is_empty() => {}
                Ok(_) => {
                    let entry = serde_json::from_slice(&self.buffer);
                    return Some(entry.map_err(|error| ReadError::Form { line, error }));
                }
                Err(error) => return Some(Err(ReadError::Bytes { line, error })),
            }
        }
    }
}

impl<T: DeserializeOwned, R: BufRead> Iterator for Lines<T, R> {
    type Item = Result<T, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let step = self.step();
        self.is_over = !matches!(step, Some(Ok(_)));
        step
    }
}
