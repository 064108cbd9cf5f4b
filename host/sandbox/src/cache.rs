//! The compiled cache: machine code of components, kept between starts.
//!
//! The attack: somebody who can write one file of the data directory places machine
//! code that the host then runs, or code of an older compiler with a known flaw is
//! loaded again. The rule: a file's name is the component's digest and the engine's
//! hash, and its first 32 bytes are an HMAC-SHA-256 (RFC 2104) over both and the code,
//! under a key of this data directory. The default: whatever does not match is not an
//! error but a miss, and the component is compiled again.

use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use troupe_core::{Digest, Error, Result};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::mapped::{self, Authentic};

const MAC_BYTES: usize = 32;

/// The key of a data directory's cache.
#[derive(Clone)]
pub struct CacheKey(pub [u8; 32]);

impl std::fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

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

    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(format!("{}-{:016x}.compiled", digest.hex(), self.engine_hash))
    }

    fn mac(&self, digest: &Digest, code: &[u8]) -> Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key.0).map_err(Error::internal)?;
        mac.update(digest.as_bytes());
        mac.update(&self.engine_hash.to_le_bytes());
        mac.update(code);
        Ok(mac)
    }

    /// Loads a component's code, if there is authentic code for this engine.
    pub(crate) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let bytes = fs::read(self.path(digest)).ok()?;
        let (tag, code) = bytes.split_at_checked(MAC_BYTES)?;
        if self.mac(digest, code).ok()?.verify_slice(tag).is_err() {
            tracing::warn!(component = %digest, "compiled code was not made by this host; compiling again");
            return None;
        }
        mapped::load(engine, &Authentic(code)).ok()
    }

    /// Keeps code that this host's compiler made for the component.
    pub(crate) fn store(&self, digest: &Digest, code: &[u8]) -> Result<()> {
        let tag = self.mac(digest, code)?.finalize().into_bytes();
        let write = |dir: &Path| -> std::io::Result<()> {
            fs::create_dir_all(dir)?;
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            file.write_all(&tag)?;
            file.write_all(code)?;
            file.persist(self.path(digest)).map_err(|error| error.error)?;
            Ok(())
        };
        write(&self.dir).map_err(Error::internal)
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
