//! A reader that stops after so many bytes and remembers why it stopped.

use std::cell::Cell;
use std::io::{self, Read};

/// What happened to a reader so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    ended: Cell<bool>,
    over: Cell<bool>,
}

impl Seen {
    /// Whether the input has ended.
    pub(super) const fn ended(&self) -> bool {
        self.ended.get()
    }

    /// Whether the input is longer than the limit.
    pub(super) const fn over(&self) -> bool {
        self.over.get()
    }
}

/// Hands out at most `left` bytes, then fails.
pub(super) struct Bounded<'a, R> {
    input: R,
    left: u64,
    seen: &'a Seen,
}

impl<'a, R: Read> Bounded<'a, R> {
    pub(super) const fn new(input: R, limit: u64, seen: &'a Seen) -> Self {
        Self { input, left: limit, seen }
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        // One byte more than allowed tells an input that ends here from one that goes on.
        let room = self.left.saturating_add(1);
        let count = self.input.by_ref().take(room).read(buffer)?;
        if count == 0 {
            self.seen.ended.set(true);
        }
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => {
                self.seen.over.set(true);
                Err(io::Error::other("the input is longer than its limit"))
            }
        }
    }
}
