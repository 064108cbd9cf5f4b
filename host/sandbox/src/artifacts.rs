//! Bytes of artefacts on this host's disk.
//!
//! ```text
//! DIR/HEX              an artefact, by its SHA-256; artefacts with the same bytes share it
//! DIR/unfinished/…     one that is being written
//! ```
//!
//! *The danger:* a half is taken for a whole, after a crash or while it is written; or bytes are removed that a row
//! is about to name; or what agents leave fills the disk that the host itself writes to. *The rule:* an artefact is
//! written under a name of no digest, synced, and renamed before the row that names it is committed; from its rename
//! to that commit whoever keeps it shares a lock that a sweep has alone from its look at the rows to its last removal;
//! and a piece that would leave the disk with less than its reserve is not written. *The default:* what no row names is
//! rubbish, and what a dead host left unfinished is removed when the next one starts.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::fs::fstatvfs;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::{
    OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock, Semaphore,
};
use troupe_core::{Code, Digest, Error, Result, Rubbish, limits};

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
    /// Whether a sweep is on its way that has not looked at anything yet.
    sweep_is_due: AtomicBool,
    /// The turns of those who have an artefact handed over, as long as somebody has or awaits one.
    fetching: Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>,
    /// Room for what is handed over.
    coming: Arc<Semaphore>,
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

/// The turn to have one artefact handed over by another host: whoever waited for it may find it here.
#[derive(Debug)]
pub struct Fetching {
    _turn: OwnedMutexGuard<()>,
}

/// Room for an artefact that another host hands over.
#[derive(Debug)]
pub struct Coming {
    _room: OwnedSemaphorePermit,
}

/// An artefact whose bytes are durable, and which has no name yet. It is gone when it is dropped.
#[derive(Debug)]
pub struct Synced {
    file: NamedTempFile,
    digest: Digest,
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
        Ok(Self(Arc::new(Inner {
            dir: dir.to_owned(),
            sweeping: Arc::default(),
            sweep_is_due: AtomicBool::new(false),
            fetching: Mutex::default(),
            coming: Arc::new(Semaphore::new(limits::ARTIFACTS_COMING_MAX)),
        })))
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
        let guard = Arc::clone(&self.0.sweeping).write_owned().await;
        // What is left over from now on is not sure to be seen by this one.
        self.0.sweep_is_due.store(false, Ordering::SeqCst);
        Sweeping { _guard: guard }
    }

    /// Notes that something is left over. Returns whether a sweep must be begun: none is on its way that will see it.
    pub fn needs_sweep(&self) -> bool {
        !self.0.sweep_is_due.swap(true, Ordering::SeqCst)
    }

    /// The turn to have an artefact handed over.
    pub async fn fetching(&self, digest: &Digest) -> Fetching {
        let turn = self.turn(digest);
        Fetching { _turn: turn.lock_owned().await }
    }

    fn turn(&self, digest: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(digest).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::<tokio::sync::Mutex<()>>::default();
        turns.insert(*digest, Arc::downgrade(&turn));
        turn
    }

    /// Room for one more artefact that is handed over, once there is some.
    ///
    /// # Errors
    /// [`Code::Internal`] alone.
    pub async fn coming(&self) -> Result<Coming> {
        let room = Arc::clone(&self.0.coming).acquire_owned().await.map_err(Error::internal)?;
        Ok(Coming { _room: room })
    }

    /// Keeps an artefact under its digest. Its name is durable when this returns. This blocks.
    ///
    /// # Errors
    /// [`Code::UnavailableStorage`] if the disk is full or refuses writes.
    pub fn keep(&self, artifact: Synced, _leave: &Keeping) -> Result<()> {
        let Synced { file, digest } = artifact;
        let kept = || -> io::Result<()> {
            file.persist(self.path(&digest))?;
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

    /// Adds a piece. What could not be written, or would leave too little of the disk, is lost from then on, and
    /// counted and digested all the same. This blocks.
    pub fn write(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        if let Place::File(file) = &mut self.place
            && let Err(error) = reserve(file.as_file(), bytes.len() as u64).and_then(|()| file.write_all(bytes))
        {
            tracing::warn!(%error, "an artefact cannot be written");
            self.place = Place::Lost;
        }
    }

    /// Has its bytes made durable, which takes the longer the more there are: nobody who does it keeps others from
    /// anything. This blocks.
    ///
    /// # Errors
    /// [`Code::UnavailableStorage`] if it is lost, or the disk is full or refuses writes.
    pub fn synced(self) -> Result<Synced> {
        let digest = self.digest();
        let Place::File(file) = self.place else { return Err(unavailable(ErrorKind::Other.into())) };
        file.as_file().sync_all().map_err(unavailable)?;
        Ok(Synced { file, digest })
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

/// Checks that the disk of a file keeps room for the host itself when so many bytes more are written.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    let disk = fstatvfs(file)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= limits::FILES_RESERVE_BYTES.saturating_add(bytes) {
        return Ok(());
    }
    let most = limits::bytes(limits::FILES_RESERVE_BYTES);
    let message = format!("the disk is nearly full, and {most} of it are kept free for the host");
    Err(io::Error::new(ErrorKind::StorageFull, message))
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
            artifacts.keep(draft.synced().unwrap(), &leave).unwrap();
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
        assert_eq!(draft.synced().unwrap_err().code, Code::UnavailableStorage);
        assert!(artifacts.digests().unwrap().is_empty());
    }

    #[test]
    fn a_disk_keeps_its_reserve() {
        let file = tempfile::tempfile().unwrap();
        reserve(&file, 1).unwrap();
        assert_eq!(reserve(&file, u64::MAX).unwrap_err().kind(), ErrorKind::StorageFull);
    }

    #[tokio::test]
    async fn who_wants_the_same_waits_for_whoever_fetches_it() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(dir.path()).unwrap();
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let first = artifacts.fetching(&one).await;
        drop(artifacts.fetching(&other).await);
        let mut second = Box::pin(artifacts.fetching(&one));
        assert!(futures::poll!(&mut second).is_pending(), "it is fetched once");
        drop(first);
        drop(second.await);
        drop(artifacts.turn(&other));
        assert_eq!(artifacts.0.fetching.lock().unwrap().len(), 1, "turns that nobody has are forgotten");
    }

    #[tokio::test]
    async fn one_sweep_is_begun_for_all_that_it_will_see() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::open(dir.path()).unwrap();
        assert!(artifacts.needs_sweep());
        assert!(!artifacts.needs_sweep(), "one is on its way");
        let _alone = artifacts.sweeping().await;
        assert!(artifacts.needs_sweep(), "one that looks already sees nothing new");
    }
}
