//! One open directory: finding, reading and listing.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, FileExt as _, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};
use troupe_core::{Clock, limits};

use super::fault::Fault;
use super::path::{self, FilePath};
use super::usage::Usage;

/// A directory that agents were granted. Writers take turns.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(super) root: Dir,
    pub(super) clock: Arc<dyn Clock>,
    /// The file system that it is on.
    device: u64,
    /// How old an unfinished file is when nobody writes it any more.
    pub(super) unfinished_time: Duration,
    /// What it holds, once that was counted.
    pub(super) usage: Mutex<Option<Usage>>,
    /// The number of the next unfinished file.
    pub(super) next: AtomicU64,
    /// The time of the last file that was written, in nanoseconds.
    pub(super) last: AtomicU64,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    /// The length of the whole file.
    pub(crate) size: u64,
    /// Which version of the file it is of.
    pub(crate) version: u64,
}

/// What is known of a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub(crate) modified_ms: i64,
    pub(crate) version: u64,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) size: u64,
}

impl Directory {
    pub(super) fn new(root: Dir, clock: Arc<dyn Clock>, unfinished_time: Duration) -> Result<Self, Fault> {
        let device = root.dir_metadata()?.dev();
        let (usage, next, last) = (Mutex::default(), AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { root, clock, device, unfinished_time, usage, next, last })
    }

    /// Reads at most `length` bytes from `offset` on; none if there is no such file.
    pub(crate) fn read(&self, path: &FilePath, offset: u64, length: usize) -> Result<Option<Piece>, Fault> {
        let Some((way, name)) = path.split() else { return Err(is_directory()) };
        let Some(dir) = self.walk(way)? else { return Ok(None) };
        // What blocks when it is opened, or does something, is not opened.
        match self.look(&dir, name)? {
            None => return Ok(None),
            Some(found) if found.is_dir() => return Err(is_directory()),
            Some(_) => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let file = match dir.open_with(name, &options) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            // It was a plain file a moment ago.
            Err(error) => return self.look(&dir, name).and(Err(error.into())),
        };
        let found = file.metadata()?;
        self.admit(&found)?;
        if found.is_dir() {
            return Err(is_directory());
        }
        let left = found.len().saturating_sub(offset);
        let mut bytes = vec![0; length.min(usize::try_from(left).unwrap_or(usize::MAX))];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(filled);
        Ok(Some(Piece { bytes, size: found.len(), version: version(&found) }))
    }

    /// What is at a path; none if nothing is.
    pub(crate) fn stat(&self, path: &FilePath) -> Result<Option<Stat>, Fault> {
        let found = match path.split() {
            None => Some(self.root.dir_metadata()?),
            Some((way, name)) => match self.walk(way)? {
                None => None,
                Some(dir) => self.look(&dir, name)?,
            },
        };
        Ok(found.map(|found| Stat {
            kind: if found.is_dir() { Kind::Directory } else { Kind::File },
            size: size(&found),
            modified_ms: modified_ms(&found),
            version: version(&found),
        }))
    }

    /// At most `limit` of the names in a directory after `after`, in the order of their
    /// bytes; none if there is no such directory. What no path can name is left out.
    pub(crate) fn list(&self, path: &FilePath, after: Option<&str>, limit: usize) -> Result<Option<Vec<Item>>, Fault> {
        let Some(dir) = self.walk(path.parts())? else { return Ok(None) };
        let mut items: BTreeMap<String, Item> = BTreeMap::new();
        for (number, entry) in (1..).zip(dir.entries()?) {
            if number > limits::FILES_SEEN_MAX {
                return Err(too_many());
            }
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_full = items.len() >= limit;
            let is_late = is_full && items.last_key_value().is_none_or(|(last, _)| name > *last);
            if is_late || !path::is_name(&name) || after.is_some_and(|after| *name <= *after) {
                continue;
            }
            let item = match dir.symlink_metadata(&name) {
                Ok(found) if found.is_dir() => Item { name: name.clone(), kind: Kind::Directory, size: 0 },
                Ok(found) if found.is_file() => Item { name: name.clone(), kind: Kind::File, size: found.len() },
                // It is neither, or was removed a moment ago.
                _ => continue,
            };
            items.insert(name, item);
            // No more are held than are given.
            if is_full {
                items.pop_last();
            }
        }
        Ok(Some(items.into_values().collect()))
    }

    /// Goes down from the granted directory; none if a part is not there, or is a file.
    pub(super) fn walk(&self, way: &[String]) -> Result<Option<Dir>, Fault> {
        let (dir, missing) = self.descend(way)?;
        Ok(missing.is_empty().then_some(dir))
    }

    /// Goes down as far as there are directories; returns which parts of the way are left.
    pub(super) fn descend<'a>(&self, way: &'a [String]) -> Result<(Dir, &'a [String]), Fault> {
        let (mut dir, mut left) = (self.root.try_clone()?, way);
        while let Some((part, below)) = left.split_first() {
            match dir.open_dir_nofollow(part) {
                Ok(next) => (dir, left) = (next, below),
                Err(error) => {
                    let found = self.look(&dir, part)?;
                    return if found.is_some_and(|found| found.is_dir()) { Err(error.into()) } else { Ok((dir, left)) };
                }
            }
            self.admit(&dir.dir_metadata()?)?;
        }
        Ok((dir, left))
    }

    /// What a name in a directory is; none if there is no such name.
    pub(super) fn look(&self, dir: &Dir, name: &str) -> Result<Option<Metadata>, Fault> {
        match dir.symlink_metadata(name) {
            Ok(found) => {
                self.admit(&found)?;
                Ok(Some(found))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Checks that something found on the way is what a guest may have to do with.
    fn admit(&self, found: &Metadata) -> Result<(), Fault> {
        let why = if found.is_symlink() {
            "it leads through a symbolic link, and none is followed"
        } else if !found.is_file() && !found.is_dir() {
            "what is there is neither a plain file nor a directory"
        } else if found.dev() != self.device {
            "it leads to another file system"
        } else if found.is_file() && found.nlink() > 1 {
            "the file has another name, by a hard link, that may lie outside"
        } else {
            return Ok(());
        };
        Err(Fault::Denied(why.to_owned()))
    }
}

pub(super) fn is_directory() -> Fault {
    Fault::Invalid("it is a directory".to_owned())
}

pub(super) fn too_many() -> Fault {
    Fault::Unavailable(format!(
        "the directory holds more than {} files, too many to look through",
        limits::FILES_SEEN_MAX
    ))
}

fn size(found: &Metadata) -> u64 {
    if found.is_dir() { 0 } else { found.len() }
}

/// When something was last changed, in milliseconds since the Unix epoch.
pub(super) fn modified_ms(found: &Metadata) -> i64 {
    found.mtime().saturating_mul(1_000).saturating_add(found.mtime_nsec() / 1_000_000)
}

/// A number that is another whenever the file was replaced or changed.
fn version(found: &Metadata) -> u64 {
    let mut hash = Sha256::new();
    hash.update(found.ino().to_le_bytes());
    hash.update(size(found).to_le_bytes());
    for part in [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()] {
        hash.update(part.to_le_bytes());
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
