//! Bytes of artefacts on this host's disk.
//!
//! ```text
//! DIR/HEX              an artefact, by its SHA-256; artefacts with the same bytes share it
//! DIR/unfinished/…     one that is being written
//! ```
//!
//! *The danger:* a half is taken for a whole, after a crash or while it is written; or bytes are removed that a row
//! is about to name. *The rule:* an artefact is written under a name of no digest, synced, and renamed before the
//! row that names it is committed; from its rename to that commit whoever keeps it shares a lock that a sweep has
//! alone from its look at the rows to its last removal. *The default:* what no row names is rubbish, and what a
//! dead host left unfinished is removed when the next one starts.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use troupe_core::{Code, Digest, Error, Result, Rubbish};

/// Where what is being written is.
const UNFINISHED: &str = "unfinished";

/// Directories are the host's alone: an artefact may hold what its tenant alone may know.
const DIRECTORY_MODE: u32 = 0o700;

/// The artefacts whose bytes this host has. Clones share them.
#[derive(Debug, Clone)]
pub struct Artifacts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    sweeping: Arc<RwLock<()>>,
}

/// Leave to keep artefacts that no row names yet.
#[derive(Debug)]
pub struct Keeping {
    _guard: OwnedRwLockReadGuard<()>,
}

/// Leave to remove what no row names.
#[derive(Debug)]
pub struct Sweeping {
    _guard: OwnedRwLockWriteGuard<()>,
}

/// An artefact that is being written. It is gone when it is dropped.
#[derive(Debug)]
pub struct Draft {
    place: Place,
    hash: Sha256,
    size: u64,
}

#[derive(Debug)]
enum Place {
    /// A file under no name that lasts.
    File(NamedTempFile),
    /// Nowhere: it is counted and digested, and that is all.
    Nowhere,
    /// It could not be written.
    Lost,
}

impl Artifacts {
    /// Opens the directory of a host's artefacts, makes it where there is none, and removes what a dead host left
    /// unfinished. This blocks.
    ///
    /// # Errors
    /// [`Code::DataDirUnusable`] if it cannot be written.
    pub fn open(dir: &Path) -> Result<Self> {
        let unusable = |why: io::Error| {
            let message =
                "the directory of artefacts cannot be written; make it writable or choose another data directory";
            Error::new(Code::DataDirUnusable, message).with_cause(why)
        };
        let unfinished = dir.join(UNFINISHED);
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&unfinished).map_err(unusable)?;
        for entry in fs::read_dir(&unfinished).map_err(unusable)? {
            remove(&entry.map_err(unusable)?.path()).map_err(unusable)?;
        }
        Ok(Self(Arc::new(Inner { dir: dir.to_owned(), sweeping: Arc::default() })))
    }

    /// Begins an artefact; one that cannot be begun is lost from its first byte on. This blocks.
    pub fn draft(&self) -> Draft {
        let place = match NamedTempFile::new_in(self.0.dir.join(UNFINISHED)) {
            Ok(file) => Place::File(file),
            Err(error) => {
                tracing::warn!(%error, "an artefact cannot be begun");
                Place::Lost
            }
        };
        Draft { place, hash: Sha256::new(), size: 0 }
    }

    /// Leave to keep artefacts: it lasts until rows name them.
    pub async fn keeping(&self) -> Keeping {
        Keeping { _guard: Arc::clone(&self.0.sweeping).read_owned().await }
    }

    /// Leave to remove artefacts, which nobody keeps meanwhile.
    pub async fn sweeping(&self) -> Sweeping {
        Sweeping { _guard: Arc::clone(&self.0.sweeping).write_owned().await }
    }

    /// Keeps an artefact under its digest. It is durable when this returns. This blocks.
    ///
    /// # Errors
    /// [`Code::UnavailableStorage`] if the disk is full or refuses writes.
    pub fn keep(&self, draft: Draft, _leave: &Keeping) -> Result<()> {
        let path = self.path(&draft.digest());
        let Place::File(file) = draft.place else { return Err(unavailable(ErrorKind::Other.into())) };
        let kept = || -> io::Result<()> {
            file.as_file().sync_all()?;
            file.persist(path)?;
            File::open(&self.0.dir)?.sync_all()
        };
        kept().map_err(unavailable)
    }

    /// Opens an artefact of so many bytes; none if this host has no such. This blocks.
    ///
    /// # Errors
    /// [`Code::UnavailableStorage`] if the disk refuses.
    pub fn find(&self, digest: &Digest, size: u64) -> Result<Option<File>> {
        let open = || -> io::Result<Option<File>> {
            let file = File::open(self.path(digest))?;
            Ok((file.metadata()?.len() == size).then_some(file))
        };
        match open() {
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
            other => other.map_err(unavailable),
        }
    }

    /// Opens an artefact and says how many bytes it has; none if this host has no such. This blocks.
    ///
    /// # Errors
    /// [`Code::UnavailableStorage`] if the disk refuses.
    pub fn any(&self, digest: &Digest) -> Result<Option<(File, u64)>> {
        let open = || -> io::Result<(File, u64)> {
            let file = File::open(self.path(digest))?;
            let size = file.metadata()?.len();
            Ok((file, size))
        };
        match open() {
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
            other => other.map(Some).map_err(unavailable),
        }
    }

    /// The digests of what is there, in order. This blocks.
    ///
    /// # Errors
    /// [`Code::UnavailableStorage`] if the disk refuses.
    pub fn digests(&self) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for entry in fs::read_dir(&self.0.dir).map_err(unavailable)? {
            let name = entry.map_err(unavailable)?.file_name();
            digests.extend(name.to_str().and_then(|name| format!("sha256:{name}").parse::<Digest>().ok()));
        }
        digests.sort();
        Ok(digests)
    }

    /// Removes each artefact whose digest is not among those `named`. This blocks.
    ///
    /// # Errors
    /// [`Code::UnavailableStorage`] if the disk refuses.
    pub fn sweep(&self, named: &HashSet<Digest>, _alone: &Sweeping) -> Result<Rubbish> {
        let mut rubbish = Rubbish::default();
        for digest in self.digests()?.into_iter().filter(|digest| !named.contains(digest)) {
            let path = self.path(&digest);
            let size = fs::metadata(&path).map_or(0, |about| about.len());
            remove(&path).map_err(unavailable)?;
            rubbish.add(size);
        }
        if rubbish.files > 0 {
            File::open(&self.0.dir).and_then(|dir| dir.sync_all()).map_err(unavailable)?;
        }
        Ok(rubbish)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.0.dir.join(digest.hex())
    }
}

impl Draft {
    /// One that is counted and digested alone.
    pub(crate) fn nowhere() -> Self {
        Self { place: Place::Nowhere, hash: Sha256::new(), size: 0 }
    }

    /// One that cannot be written.
    pub(crate) fn lost() -> Self {
        Self { place: Place::Lost, ..Self::nowhere() }
    }

    /// Adds a piece. What could not be written is lost from then on, and counted and digested all the same. This
    /// blocks.
    pub fn write(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        if let Place::File(file) = &mut self.place
            && let Err(error) = file.write_all(bytes)
        {
            tracing::warn!(%error, "an artefact cannot be written");
            self.place = Place::Lost;
        }
    }

    /// Loses what was written.
    pub(crate) fn lose(&mut self) {
        self.place = Place::Lost;
    }

    /// Whether it could not be written.
    pub const fn is_lost(&self) -> bool {
        matches!(self.place, Place::Lost)
    }

    /// How many bytes it has so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The digest of its bytes so far.
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(self.hash.clone().finalize().into())
    }
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What a caller learns of a disk that does not do its work.
fn unavailable(why: io::Error) -> Error {
    let message = match why.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk of the artefacts is full; free some space and try again"
        }
        _ => "the artefacts cannot be kept or read; the host's log has the cause",
    };
    Error::new(Code::UnavailableStorage, message).with_cause(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_whole_and_what_nobody_names_goes() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(dir.path()).unwrap();
        let leave = artifacts.keeping().await;
        let mut digests = Vec::new();
        for text in ["one", "two", "two"] {
            let mut draft = artifacts.draft();
            draft.write(&text.as_bytes()[..1]);
            draft.write(&text.as_bytes()[1..]);
            assert_eq!((draft.size(), draft.digest()), (3, Digest::of(text.as_bytes())));
            digests.push(draft.digest());
            artifacts.keep(draft, &leave).unwrap();
        }
        drop(leave);
        let unfinished = artifacts.draft();
        assert_eq!(fs::read_dir(dir.path().join(UNFINISHED)).unwrap().count(), 1);
        assert_eq!(artifacts.digests().unwrap().len(), 2);
        assert!(artifacts.find(&digests[0], 3).unwrap().is_some());
        assert!(artifacts.find(&digests[0], 4).unwrap().is_none(), "one that was cut is none");

        let alone = artifacts.sweeping().await;
        let swept = artifacts.sweep(&HashSet::from([digests[1]]), &alone).unwrap();
        assert_eq!(swept, Rubbish { files: 1, bytes: 3 });
        assert!(artifacts.find(&digests[0], 3).unwrap().is_none() && artifacts.find(&digests[1], 3).unwrap().is_some());
        assert_eq!(fs::read_dir(dir.path().join(UNFINISHED)).unwrap().count(), 1, "it is still written");
        drop(unfinished);
        assert_eq!(fs::read_dir(dir.path().join(UNFINISHED)).unwrap().count(), 0);
        fs::write(dir.path().join(UNFINISHED).join("of-a-dead-host"), "x").unwrap();
        drop(Artifacts::open(dir.path()).unwrap());
        assert_eq!(fs::read_dir(dir.path().join(UNFINISHED)).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_is_lost_is_never_kept() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(dir.path()).unwrap();
        let mut draft = artifacts.draft();
        draft.write(b"x");
        draft.lose();
        draft.write(b"y");
        assert_eq!(draft.digest(), Digest::of(b"xy"));
        let leave = artifacts.keeping().await;
        assert_eq!(artifacts.keep(draft, &leave).unwrap_err().code, Code::UnavailableStorage);
        assert!(artifacts.digests().unwrap().is_empty());
    }
}
