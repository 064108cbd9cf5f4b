//! A file as bytes that come one after the other, a piece of it in memory.
//!
//! *The danger:* a file in which one entry never ends fills the memory. *The rule:* whoever reads says when an entry is
//! whole, and what comes before it is is counted.

use std::cell::{Cell, RefCell};
use std::io;

use troupe_estate::collect::LINE_BYTES_MAX;
use troupe_sdk::prelude::*;

use super::Place;

/// Bytes that are read of a file at once.
const PIECE_BYTES: u32 = 1024 * 1024;

/// What goes on while a file is read, for the one who reads its bytes and the one who understands them.
#[derive(Debug, Default)]
pub struct Shared {
    /// Bytes since the last entry was whole.
    pub since: Cell<usize>,
    /// How many bytes the file has.
    pub size: Cell<u64>,
    /// Why the bytes end early.
    pub failed: RefCell<Option<Failure>>,
}

/// A file.
pub struct Pieces<'a> {
    place: Place,
    path: &'a str,
    shared: &'a Shared,
    offset: u64,
    version: Option<u64>,
    piece: Vec<u8>,
    /// How many bytes of the piece are read.
    read: usize,
    is_last: bool,
}

impl<'a> Pieces<'a> {
    /// Begins at the start of a file.
    pub const fn new(place: Place, path: &'a str, shared: &'a Shared) -> Self {
        Self { place, path, shared, offset: 0, version: None, piece: Vec::new(), read: 0, is_last: false }
    }

    fn next(&mut self) -> Result<(), Failure> {
        let (path, place) = (self.path, self.place);
        let piece = files::directory(place.directory).read_piece(path, self.offset, PIECE_BYTES);
        let piece = piece.map_err(|error| place.refused(path, error))?.ok_or_else(|| place.absent(path))?;
        if self.version.is_some_and(|version| version != piece.version) {
            return Err(Failure::unavailable(format!("the file `{path}` was replaced while it was read")));
        }
        self.version = Some(piece.version);
        self.shared.size.set(piece.size);
        self.offset += piece.bytes.len() as u64;
        self.is_last = self.offset >= piece.size || piece.bytes.is_empty();
        (self.piece, self.read) = (piece.bytes, 0);
        Ok(())
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<usize, Failure> {
        while self.read >= self.piece.len() {
            if self.is_last {
                return Ok(0);
            }
            self.next()?;
        }
        let left = self.piece.get(self.read..).unwrap_or_default();
        let count = left.len().min(into.len());
        if let (Some(from), Some(into)) = (left.get(..count), into.get_mut(..count)) {
            into.copy_from_slice(from);
        }
        self.read += count;
        let since = self.shared.since.get() + count;
        self.shared.since.set(since);
        if since > LINE_BYTES_MAX {
            let message = format!(
                "an entry of the file `{}` is longer than {LINE_BYTES_MAX} bytes; it has to hold resources or findings \
                 as an agent answers them or leaves them as artefacts",
                self.path
            );
            return Err(Failure::invalid_input(message).with("file", self.path));
        }
        Ok(count)
    }
}

impl io::Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.fill(into).map_err(|failure| {
            *self.shared.failed.borrow_mut() = Some(failure);
            io::Error::other("the file cannot be read")
        })
    }
}
