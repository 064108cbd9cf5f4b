//! Files that are whole or not there.
//!
//! A file is written under a temporary name in its own directory, synced, renamed, and
//! the directory is synced: after a crash the name either has all the bytes or does not
//! exist. A temporary name begins with [`TEMPORARY`], which no blob's does.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use tempfile::Builder;
use troupe_core::{Code, Error};

/// What the name of an unfinished file begins with.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// Directories are the host's alone: a component may be somebody's secret.
const DIRECTORY_MODE: u32 = 0o700;

/// Makes `dir` and what is above it.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(dir)
}

/// Writes `bytes` to `dir/name`, in place of what may be there.
pub(crate) fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = Builder::new().prefix(TEMPORARY).tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(dir.join(name))?;
    sync_dir(dir)
}

/// Makes the names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Reads a file of at most `max` bytes; of a longer one, one byte more. None if there is
/// no such file.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why),
    };
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Removes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What a caller learns of a disk that does not do its work.
pub(crate) fn unavailable(why: io::Error) -> Error {
    let message = match why.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk of the release store is full; free some space and try again"
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            "the release store cannot be written; make its directory writable and try again"
        }
        _ => "the release store cannot be used; the host's log has the cause",
    };
    Error::new(Code::UnavailableStorage, message).with_cause(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_and_may_be_retried() {
        let error = unavailable(ErrorKind::StorageFull.into());
        assert_eq!(error.code, Code::UnavailableStorage);
        assert!(error.message.contains("full") && error.retryable);
    }

    #[test]
    fn no_more_than_the_limit_and_one_byte_is_read() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a", b"12345").unwrap();
        assert_eq!(read(&dir.path().join("a"), 5).unwrap().unwrap(), b"12345");
        assert_eq!(read(&dir.path().join("a"), 2).unwrap().unwrap(), b"123");
        assert_eq!(read(&dir.path().join("b"), 2).unwrap(), None);
    }
}
