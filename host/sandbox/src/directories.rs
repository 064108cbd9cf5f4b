//! The directories that agents were granted.
//!
//! The attack: a guest reaches a file outside what it was granted: by its path, through a
//! symbolic link, a hard link or a mount that lies inside, by a directory that is swapped
//! for a link while it looks, or by a device or pipe in the place of a file. The rule: a
//! directory is opened once and held, whatever becomes of its name; a path goes down from
//! there one part at a time, never following a link, on one file system; and what it ends
//! at must be a regular file with one name, or a directory. The default: anything else is
//! refused.
//!
//! A file is replaced whole, never changed, so a reader has all of one version. Sizes are
//! counted while they change and never by looking through the directory, but for once,
//! when this host first writes there; what others change meanwhile is seen the next time.

mod directory;
mod fault;
mod path;
#[cfg(test)]
mod tests;
mod usage;
mod write;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cap_fs_ext::DirExt as _;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use troupe_core::grant::{FilesGrant, Place};
use troupe_core::{AgentName, Clock, Code, Error, Grants, Result, TenantId, limits};

pub(crate) use directory::{Directory, Item, Kind};
pub(crate) use fault::Fault;
pub(crate) use path::FilePath;
pub(crate) use usage::Quota;
use usage::UNFINISHED_TIME_MAX;
use write::make;

/// Where, in the data directory, the directories are that the host keeps for agents.
const OWN: &str = "files";

/// Parts of the machine that are no storage.
const NO_STORAGE: [&str; 3] = ["/proc", "/sys", "/dev"];

/// All directories that this host has to do with. Clones share them.
#[derive(Debug, Clone)]
pub struct Directories(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
    open: Mutex<HashMap<PathBuf, Arc<Directory>>>,
}

/// The directories of one agent of one tenant.
#[derive(Debug, Clone)]
pub struct AgentDirectories {
    all: Directories,
    tenant: TenantId,
    agent: AgentName,
}

impl Directories {
    /// The directories of a host whose data directory is `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { data_dir: data_dir.into(), clock, open: Mutex::default() }))
    }

    /// Where the directories are that the host keeps for agents.
    pub fn own(&self) -> PathBuf {
        self.0.data_dir.join(OWN)
    }

    /// Those of one agent.
    pub fn of(&self, tenant: TenantId, agent: AgentName) -> AgentDirectories {
        AgentDirectories { all: self.clone(), tenant, agent }
    }

    /// Checks that grants can work: each directory of the host's machine that they name is
    /// there, and apart from the data directory. Each that is not in use is opened anew when
    /// it is next used. This blocks.
    ///
    /// # Errors
    /// [`Code::ManifestInvalid`] naming the grant.
    pub fn check(&self, grants: &Grants) -> Result<()> {
        for grant in &grants.files {
            let Place::At(path) = &grant.path else { continue };
            let path = Path::new(path);
            self.apart(path).map_err(|why| {
                let message = format!("files `{}`: `{}` {why}", grant.name, path.display());
                Error::new(Code::ManifestInvalid, message)
            })?;
            // Who writes there now and who comes later take turns, so they share it.
            let mut known = self.open();
            if known.get(path).is_some_and(|directory| Arc::strong_count(directory) == 1) {
                known.remove(path);
            }
        }
        Ok(())
    }

    /// Checks that agents may be let into a directory of the machine; else returns why not.
    fn apart(&self, path: &Path) -> Result<(), String> {
        let unusable = |error: std::io::Error| format!("cannot be used ({})", error.kind());
        let real = fs::canonicalize(path).map_err(unusable)?;
        if real != path {
            return Err("leads through a symbolic link; name the place itself".to_owned());
        }
        if !real.is_dir() {
            return Err("is no directory".to_owned());
        }
        let data_dir = fs::canonicalize(&self.0.data_dir).map_err(unusable)?;
        if real.starts_with(&data_dir) || data_dir.starts_with(&real) {
            return Err("overlaps the host's own data directory; name another".to_owned());
        }
        if NO_STORAGE.iter().any(|root| real.starts_with(root)) {
            return Err("is no storage but a view of the system; name another".to_owned());
        }
        Ok(())
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Arc<Directory>>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open directory `at`, opened by `open` if it is not. A disk that does not answer
    /// keeps nobody from another; of several who open one at once, all have what the first
    /// opened.
    fn get(
        &self,
        at: PathBuf,
        unfinished_time: Duration,
        open: impl FnOnce() -> Result<Dir, Fault>,
    ) -> Result<Arc<Directory>, Fault> {
        if let Some(directory) = self.open().get(&at) {
            return Ok(Arc::clone(directory));
        }
        let opened = Arc::new(Directory::new(open()?, Arc::clone(&self.0.clock), unfinished_time)?);
        let mut known = self.open();
        if known.len() >= limits::FILES_OPEN_MAX {
            known.retain(|_, directory| Arc::strong_count(directory) > 1);
        }
        Ok(Arc::clone(known.entry(at).or_insert(opened)))
    }
}

impl AgentDirectories {
    /// The directory that a grant opens. This blocks.
    pub(crate) fn open(&self, grant: &FilesGrant) -> Result<Arc<Directory>, Fault> {
        if let Place::At(path) = &grant.path {
            return self.all.get(PathBuf::from(path), UNFINISHED_TIME_MAX, || {
                let refused = |why| Fault::Unavailable(format!("the directory `{}` {why}", grant.name));
                self.all.apart(Path::new(path)).map_err(refused)?;
                let mut dir = Dir::open_ambient_dir("/", ambient_authority())?;
                for part in path.split('/').filter(|part| !part.is_empty()) {
                    dir = dir.open_dir_nofollow(part)?;
                }
                Ok(dir)
            });
        }
        let way = [OWN, self.tenant.as_str(), self.agent.as_str(), grant.name.as_str()];
        let data_dir = &self.all.0.data_dir;
        // Nobody else writes in the data directory, and who writes here has it open already: what
        // is unfinished when it is opened is a dead host's.
        self.all.get(data_dir.join(way.join("/")), Duration::ZERO, || {
            let mut dir = Dir::open_ambient_dir(data_dir, ambient_authority())?;
            for part in way {
                make(&dir, part)?;
                dir = dir.open_dir_nofollow(part)?;
            }
            Ok(dir)
        })
    }
}
