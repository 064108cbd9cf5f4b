//! Writing and deleting. A file is written under a name of the host's own in its
//! directory, synced, renamed, and the directory is synced: after a crash there is the old
//! file or the new one, and doing it again does the same.

use std::io::{ErrorKind, Write as _};
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{
    Dir, DirBuilder, DirBuilderExt as _, File, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _,
};
use rustix::fs::{Mode, OFlags, fstatvfs, fsync, openat};
use troupe_core::limits;

use super::directory::{Directory, is_directory};
use super::fault::Fault;
use super::path::{FilePath, TEMPORARY};
use super::usage::{Quota, Usage};

/// What an agent keeps is the host's alone.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Names tried for an unfinished file, should another process use the same.
const NAMES_MAX: usize = 16;

/// What is held now, while a writer has its turn.
struct Turn<'a>(MutexGuard<'a, Option<Usage>>);

impl Turn<'_> {
    fn usage(&self) -> Usage {
        (*self.0).unwrap_or_default()
    }

    fn set(&mut self, usage: Usage) {
        *self.0 = Some(usage);
    }
}

impl Directory {
    /// Replaces a file whole, or makes it, and the directories that it lies in.
    pub(crate) fn write(&self, path: &FilePath, bytes: &[u8], quota: Quota) -> Result<(), Fault> {
        let Some((way, name)) = path.split() else { return Err(is_directory()) };
        let mut turn = self.turn()?;
        let (mut dir, missing) = self.descend(way)?;
        // The first that is missing may be a file.
        if let Some(first) = missing.first()
            && self.look(&dir, first)?.is_some()
        {
            return Err(Fault::Invalid("it leads through a file".to_owned()));
        }
        let old = if missing.is_empty() { self.look(&dir, name)? } else { None };
        if old.as_ref().is_some_and(Metadata::is_dir) {
            return Err(is_directory());
        }
        let before = turn.usage();
        let made = missing.len() as u64 + u64::from(old.is_none());
        let old_bytes = old.map_or(0, |old| old.len());
        let after = Usage {
            bytes: before.bytes.saturating_sub(old_bytes).saturating_add(bytes.len() as u64),
            files: before.files.saturating_add(made),
        };
        before.admit(after, quota)?;
        reserve(&dir, bytes.len() as u64)?;
        for part in missing {
            if make(&dir, part)? {
                let usage = turn.usage();
                turn.set(Usage { files: usage.files + 1, ..usage });
            }
            dir = dir.open_dir_nofollow(part)?;
        }
        let (temporary, mut file) = self.unfinished(&dir)?;
        let written = file.write_all(bytes).and_then(|()| self.stamp(&file)).and_then(|()| file.sync_all());
        drop(file);
        if let Err(error) = written.and_then(|()| dir.rename(&temporary, &dir, name)) {
            // It is no use to anybody; if it stays, the next count takes it away.
            let _ = dir.remove_file(&temporary);
            return Err(error.into());
        }
        turn.set(after);
        Ok(sync(&dir)?)
    }

    /// Deletes a file or an empty directory; tells whether it was there.
    pub(crate) fn delete(&self, path: &FilePath) -> Result<bool, Fault> {
        let Some((way, name)) = path.split() else { return Err(is_directory()) };
        let mut turn = self.turn()?;
        let Some(dir) = self.walk(way)? else { return Ok(false) };
        let Some(found) = self.look(&dir, name)? else { return Ok(false) };
        let removed = if found.is_dir() { dir.remove_dir(name) } else { dir.remove_file(name) };
        match removed {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                return Err(Fault::Invalid("it is a directory that is not empty".to_owned()));
            }
            Err(error) => return Err(error.into()),
        }
        let usage = turn.usage();
        let bytes = if found.is_dir() { 0 } else { found.len() };
        turn.set(Usage { bytes: usage.bytes.saturating_sub(bytes), files: usage.files.saturating_sub(1) });
        sync(&dir)?;
        Ok(true)
    }

    /// Gives a file a time of change that no earlier file of the directory has, however
    /// coarse the clock of the system: it tells versions apart.
    fn stamp(&self, file: &File) -> std::io::Result<()> {
        let found = file.metadata()?;
        let since = |whole: i64, part: i64| whole.saturating_mul(1_000_000_000).saturating_add(part);
        let now = u64::try_from(since(found.mtime(), found.mtime_nsec())).unwrap_or(0);
        let last = self.last.load(Ordering::Relaxed);
        let stamp = now.max(last.saturating_add(1));
        self.last.store(stamp, Ordering::Relaxed);
        if stamp == now {
            return Ok(());
        }
        file.try_clone()?.into_std().set_modified(SystemTime::UNIX_EPOCH + Duration::from_nanos(stamp))
    }

    /// The turn of a writer, who then knows what is held.
    fn turn(&self) -> Result<Turn<'_>, Fault> {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if usage.is_none() {
            *usage = Some(self.count()?);
        }
        Ok(Turn(usage))
    }

    /// A new file with a name that no path can name.
    fn unfinished(&self, dir: &Dir) -> Result<(String, File), Fault> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE).follow(FollowSymlinks::No);
        for _ in 0..NAMES_MAX {
            let name = format!("{TEMPORARY}{}", self.next.fetch_add(1, Ordering::Relaxed));
            match dir.open_with(&name, &options) {
                Ok(file) => return Ok((name, file)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Unavailable("the directory is busy; try again".to_owned()))
    }
}

/// Makes a directory that may be there; tells whether it was made.
pub(super) fn make(dir: &Dir, name: &str) -> Result<bool, Fault> {
    let mut builder = DirBuilder::new();
    builder.mode(DIRECTORY_MODE);
    match dir.create_dir_with(name, &builder) {
        Ok(()) => {
            sync(dir)?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes the names in a directory durable. What it is held by is a place, not a file, on
/// some systems, so it is opened once more.
fn sync(dir: &Dir) -> std::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(fsync(openat(dir, ".", flags, Mode::empty())?)?)
}

/// Checks that the disk keeps room for the host itself.
pub(super) fn reserve(dir: &Dir, bytes: u64) -> Result<(), Fault> {
    let disk = fstatvfs(dir).map_err(std::io::Error::from)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= limits::FILES_RESERVE_BYTES.saturating_add(bytes) {
        return Ok(());
    }
    let most = limits::bytes(limits::FILES_RESERVE_BYTES);
    Err(Fault::Unavailable(format!(
        "the disk that holds the directory is nearly full, and {most} of it are kept free for the host; try again when there is room"
    )))
}
