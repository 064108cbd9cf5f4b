//! The data directory: one host at a time, by a lock; its token and its cache key.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use troupe_core::{Code, Entropy, Error, Result};
use troupe_sandbox::CacheKey;

/// A data directory that this process holds.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Held as long as the host lives; the system frees it when the process dies.
    _lock: File,
}

impl DataDir {
    /// Takes the directory, making it where there is none.
    ///
    /// # Errors
    /// [`Code::DataDirLocked`] if another host has it, [`Code::DataDirUnusable`] if it
    /// cannot be written.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let unusable = |error: std::io::Error| {
            let message = format!(
                "the data directory `{}` cannot be used ({}); name another with `--data-dir`",
                path.display(),
                error.kind()
            );
            Error::new(Code::DataDirUnusable, message).with_cause(error)
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let lock = private().create(true).truncate(false).open(path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                Code::DataDirLocked,
                format!(
                    "another host uses the data directory `{}`; stop it, or name another with `--data-dir`",
                    path.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// A path inside.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The token that opens this host's doors, made at the first start.
    pub(crate) fn token(&self, entropy: &dyn Entropy) -> Result<String> {
        let bytes = self.secret("token", entropy, |secret| hex(secret).into_bytes())?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// The key by which compiled code is authenticated, made at the first start.
    pub(crate) fn cache_key(&self, entropy: &dyn Entropy) -> Result<CacheKey> {
        let bytes = self.secret("cache.key", entropy, |secret| secret.to_vec())?;
        let key = bytes.try_into().map_err(|_| {
            Error::new(Code::DataDirUnusable, "`cache.key` in the data directory is damaged; delete it and start again")
        })?;
        Ok(CacheKey(key))
    }

    /// Reads a secret, or makes it: 256 random bits in a file of its owner's alone.
    fn secret(&self, name: &str, entropy: &dyn Entropy, form: impl Fn(&[u8; 32]) -> Vec<u8>) -> Result<Vec<u8>> {
        let path = self.join(name);
        match fs::read(&path) {
            Ok(bytes) => return Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::internal(error)),
        }
        let mut secret = [0; 32];
        entropy.fill(&mut secret);
        let bytes = form(&secret);
        let write = || -> std::io::Result<()> {
            // Whole or not at all, even if the host dies here.
            let unfinished = self.join(&format!("{name}.new"));
            let mut file = private().create(true).truncate(true).open(&unfinished)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(Error::internal)?;
        Ok(bytes)
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the token of the host that runs, or ran, in a data directory.
pub(crate) fn read_token(path: &Path) -> Option<String> {
    let mut token = String::new();
    File::open(path.join("token")).ok()?.take(1024).read_to_string(&mut token).ok()?;
    Some(token.trim().to_owned())
}
