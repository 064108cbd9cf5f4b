//! What a task leaves beside its output: files of any size, for whoever may read the task.
//!
//! An artefact is written in pieces, so it may be far larger than the agent's memory. It exists once it is finished,
//! whole; one that is not finished is gone.
//!
//! ```
//! use std::io::Write as _;
//! use serde_json::json;
//! use troupe_sdk::prelude::*;
//!
//! # fn inventory() -> Result<(), Failure> {
//! let mut inventory = artifacts::create("inventory.jsonl", "application/jsonl")?;
//! for number in 0..3 {
//!     serde_json::to_writer(&mut inventory, &json!({ "id": number }))?;
//!     inventory.write_all(b"\n")?;
//! }
//! let left = inventory.finish()?;
//! assert_eq!((left.name.as_str(), left.size), ("inventory.jsonl", 27));
//! # Ok(())
//! # }
//! # let host = troupe_sdk::test::Host::start();
//! # inventory().unwrap();
//! # assert_eq!(host.artifact("inventory.jsonl").unwrap().bytes, b"{\"id\":0}\n{\"id\":1}\n{\"id\":2}\n");
//! ```
//!
//! The manifest asks for it:
//!
//! ```toml
//! [capabilities.artifacts]
//! bytes = "1 GiB"   # of one task, together
//! count = 10        # of one task
//! ```
//!
//! To leave an artefact is part of what the task answers, so a skill of effect `read` may. A task that is tried again
//! begins without those of the try before.

use std::io::{self, Write};

use crate::{CapabilityError, backend};

/// Bytes that are gathered before they are handed over: few calls, and little of an agent's memory.
const PIECE_BYTES: usize = 256 * 1024;

/// Begins an artefact of a name that the task has none of, such as `inventory.jsonl`.
///
/// # Errors
///
/// Any [`CapabilityError`] but `Conflict`: `Invalid` if the name or the media type is none, or the task has one of that
/// name; `Limit` if the grant allows no more.
pub fn create(name: impl AsRef<str>, media_type: impl AsRef<str>) -> Result<Writer, CapabilityError> {
    let writing = backend::create_artifact(name.as_ref(), media_type.as_ref())?;
    Ok(Writer { writing, gathered: Vec::new() })
}

/// What is known of a finished artefact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// The digest of its bytes: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// An artefact that is being written; [`Write`] adds to it. What a call of that fails with is an [`io::Error`] that
/// holds the [`CapabilityError`], and `?` makes a [`Failure`](crate::Failure) of it as of that.
#[derive(Debug)]
#[must_use = "an artefact that is not finished is gone"]
pub struct Writer {
    writing: backend::ArtifactWriter,
    /// What was not handed over yet.
    gathered: Vec<u8>,
}

impl Writer {
    /// Finishes the artefact: it is durable, and there for others.
    ///
    /// # Errors
    ///
    /// Any [`CapabilityError`] but `Conflict`; the artefact is gone then.
    pub fn finish(mut self) -> Result<Artifact, CapabilityError> {
        self.hand_over()?;
        self.writing.finish()
    }

    fn hand_over(&mut self) -> Result<(), CapabilityError> {
        if !self.gathered.is_empty() {
            self.writing.write(&self.gathered)?;
            self.gathered.clear();
        }
        Ok(())
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() >= PIECE_BYTES {
            self.flush()?;
        }
        let taken = bytes.len().min(PIECE_BYTES - self.gathered.len());
        self.gathered.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_over().map_err(io::Error::other)
    }
}
