//! The compiled cache: machine code of components, kept between starts.
//!
//! A file's name is the component's digest and the engine's hash, so that code of an older
//! compiler with a known flaw is not found again; `authentic.rs` says whose code is loaded.
//! Whatever does not match is not an error but a miss, and the component is compiled again.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use troupe_core::{Digest, Error, Result, Rubbish};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::authentic::{self, Authentic, CacheKey, Subject};

/// A directory of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    key: CacheKey,
    engine_hash: u64,
}

impl Cache {
    pub(crate) fn new(engine: &Engine, dir: PathBuf, key: CacheKey) -> Self {
        let mut hasher = FixedHasher::default();
        // The hash holds the engine's full version, where the engine's own check on
        // loading compares the major one alone.
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { dir, key, engine_hash: hasher.finish() }
    }

    fn name(&self, digest: &Digest) -> String {
        format!("{}-{:016x}.compiled", digest.hex(), self.engine_hash)
    }

    const fn subject<'a>(&self, digest: &'a Digest) -> Subject<'a> {
        Subject { component: digest, engine_hash: self.engine_hash }
    }

    /// Loads a component's code, if there is authentic code for this engine.
    pub(crate) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let file = fs::read(self.dir.join(self.name(digest))).ok()?;
        let Some(code) = Authentic::of(&self.key, self.subject(digest), &file) else {
            tracing::warn!(component = %digest, "compiled code was not made by this host; compiling again");
            return None;
        };
        code.load(engine).ok()
    }

    /// Keeps code that this host's compiler made for the component.
    pub(crate) fn store(&self, digest: &Digest, code: &[u8]) -> Result<()> {
        let tag = authentic::tag(&self.key, self.subject(digest), code)?;
        let write = || -> io::Result<()> {
            fs::create_dir_all(&self.dir)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            file.write_all(&tag)?;
            file.write_all(code)?;
            file.persist(self.dir.join(self.name(digest))).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(Error::internal)
    }

    /// Does something with every file but the code of `components` for this engine; counts
    /// them.
    pub(crate) fn rubbish_and(
        &self,
        components: &HashSet<Digest>,
        each: impl Fn(&Path) -> io::Result<()>,
    ) -> io::Result<Rubbish> {
        let keep: HashSet<OsString> = components.iter().map(|digest| self.name(digest).into()).collect();
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Rubbish::default()),
            Err(error) => return Err(error),
        };
        let mut rubbish = Rubbish::default();
        for entry in entries {
            let entry = entry?;
            if !keep.contains(&entry.file_name()) {
                let bytes = entry.metadata()?.len();
                each(&entry.path())?;
                rubbish.add(bytes);
            }
        }
        Ok(rubbish)
    }
}

/// FNV-1a (draft-eastlake-fnv), because a file name must not change with the toolchain
/// as the standard library's hasher may.
struct FixedHasher(u64);

impl Default for FixedHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl std::hash::Hasher for FixedHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
