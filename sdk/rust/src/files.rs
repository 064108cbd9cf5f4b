//! Files in the directories that this deployment was granted.
//!
//! A directory is known by the name that `agent.toml` gives it; where it is, the operator
//! says. A file is written whole or not at all, and a write that is repeated does the same.
//!
//! ```
//! # use troupe_sdk::{Failure, files};
//! # fn report() -> Result<(), Failure> {
//! let reports = files::directory("reports");
//! reports.write("2026/june.md", "# June\n")?;
//! assert_eq!(reports.read_text("2026/june.md")?.as_deref(), Some("# June\n"));
//! # Ok(())
//! # }
//! # report().unwrap();
//! ```

use std::time::SystemTime;

use crate::{CapabilityError, Failure, Unavailable, backend};

/// Bytes that are asked for at once: as many as the host answers.
const PIECE_BYTES: u32 = 1024 * 1024;

/// How often a file that is replaced while it is read is read anew.
const TRIES: u32 = 5;

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The bytes; fewer than were asked for at the end of the file.
    pub bytes: Vec<u8>,
    /// The length of the whole file in bytes.
    pub size: u64,
    /// Which version of the file this is: two pieces with the same are of the same file,
    /// unchanged in between.
    pub version: u64,
}

/// What is known of a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// The length of a file in bytes; 0 for a directory.
    pub size: u64,
    /// When it was last changed.
    pub modified: SystemTime,
    /// Which version it is, as in [`Piece`].
    pub version: u64,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The name, one part of a path.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The length of a file in bytes; 0 for a directory.
    pub size: u64,
}

/// A directory that `agent.toml` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory(String);

/// The directory of this name. Whether it is granted shows with each call.
pub fn directory(name: impl Into<String>) -> Directory {
    Directory(name.into())
}

impl Directory {
    /// Reads a whole file; none if there is no such file.
    ///
    /// # Errors
    ///
    /// Any [`CapabilityError`] but `Conflict`; so do the other calls, unless they say more.
    /// `Unavailable` if the file is replaced again and again while it is read.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, CapabilityError> {
        for _ in 0..TRIES {
            let Some(first) = self.read_piece(path, 0, PIECE_BYTES)? else { return Ok(None) };
            let mut bytes = first.bytes;
            loop {
                let offset = bytes.len() as u64;
                if offset >= first.size {
                    return Ok(Some(bytes));
                }
                match self.read_piece(path, offset, PIECE_BYTES)? {
                    Some(next) if next.version == first.version && !next.bytes.is_empty() => bytes.extend(next.bytes),
                    _ => break,
                }
            }
        }
        let message = format!("the file `{path}` was replaced again and again while it was read");
        Err(CapabilityError::Unavailable(Unavailable { message, retry_after: None }))
    }

    /// Reads a whole file as text; none if there is no such file.
    ///
    /// # Errors
    ///
    /// As [`Directory::read`], and [`Failure::Failed`] if it is not UTF-8.
    pub fn read_text(&self, path: &str) -> Result<Option<String>, Failure> {
        let bytes = self.read(path)?;
        bytes.map(String::from_utf8).transpose().map_err(|_| Failure::failed(format!("the file `{path}` is not UTF-8")))
    }

    /// Reads up to `length` bytes of a file from `offset` on; none if there is no such file.
    /// The host caps `length`, so fewer bytes than asked for do not mean the end: compare
    /// with [`Piece::size`].
    ///
    /// # Errors
    ///
    /// As [`Directory::read`].
    pub fn read_piece(&self, path: &str, offset: u64, length: u32) -> Result<Option<Piece>, CapabilityError> {
        backend::files_read(&self.0, path, offset, length)
    }

    /// Makes a file, or replaces it whole. The directories that it lies in are made where
    /// they are missing.
    ///
    /// # Errors
    ///
    /// As [`Directory::read`].
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> Result<(), CapabilityError> {
        backend::files_write(&self.0, path, bytes.as_ref())
    }

    /// Tells what is at a path (empty: the directory itself); none if nothing is.
    ///
    /// # Errors
    ///
    /// As [`Directory::read`].
    pub fn stat(&self, path: &str) -> Result<Option<Stat>, CapabilityError> {
        backend::files_stat(&self.0, path)
    }

    /// Lists up to `limit` names in a directory (empty: this one), in byte order, after the
    /// name `after` if one is given; none if there is no such directory. The host caps
    /// `limit`: ask until nothing comes.
    ///
    /// # Errors
    ///
    /// As [`Directory::read`].
    pub fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Option<Vec<Item>>, CapabilityError> {
        backend::files_list(&self.0, path, after, limit)
    }

    /// Deletes a file or an empty directory and says whether it was there.
    ///
    /// # Errors
    ///
    /// As [`Directory::read`].
    pub fn delete(&self, path: &str) -> Result<bool, CapabilityError> {
        backend::files_delete(&self.0, path)
    }
}
