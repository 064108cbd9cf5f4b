//! The data directory: one host at a time, by a lock; its token and its keys, for signatures, cache and webhooks.
//!
//! The attack: another user of the machine reads the token, or puts code into the cache.
//! The rule: the directory is its owner's alone, whoever made it, and so are its secrets.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use troupe_core::{Code, Entropy, Error, Result};
use troupe_package::SigningKey;
use troupe_runtime::WebhookKey;
use troupe_sandbox::CacheKey;

use crate::signing;

/// Bytes of a secret; in hex twice as many digits.
const SECRET_BYTES: usize = 32;

/// What a directory holds from an earlier start that others must not read.
const PRIVATE: [&str; 7] =
    ["token", "cache.key", "webhooks.key", signing::OWN, "troupe.db", "troupe.db-wal", "troupe.db-shm"];

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
    /// cannot be written, or is open to others and not ours to close.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let unusable = |error: io::Error| {
            let message = format!(
                "the data directory `{}` cannot be used ({}); name another with `--data-dir`",
                path.display(),
                error.kind()
            );
            Error::new(Code::DataDirUnusable, message).with_cause(error)
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        if is_open(path).map_err(unusable)? {
            let is_ours = path.join("lock").exists() || fs::read_dir(path).map_err(unusable)?.next().is_none();
            if !is_ours {
                let message = format!(
                    "the directory `{}` holds other things and is open to other users; name one of the host's own with `--data-dir`",
                    path.display()
                );
                return Err(Error::new(Code::DataDirUnusable, message));
            }
            fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(unusable)?;
        }
        let lock = private().create(true).truncate(false).open(path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    Code::DataDirLocked,
                    format!(
                        "another host uses the data directory `{}`; stop it, or name another with `--data-dir`",
                        path.display()
                    ),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        for file in PRIVATE.map(|name| path.join(name)) {
            if file.exists() && is_open(&file).map_err(unusable)? {
                fs::set_permissions(&file, Permissions::from_mode(0o600)).map_err(unusable)?;
            }
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The token that opens this host's doors, made at the first start.
    pub(crate) fn token(&self, entropy: &dyn Entropy) -> Result<String> {
        let bytes = self.secret("token", entropy, |secret| hex(secret).into_bytes())?;
        token_in(&bytes).ok_or_else(|| damaged("token"))
    }

    /// By what this directory is told from others, made at the first start.
    pub(crate) fn name(&self, entropy: &dyn Entropy) -> Result<String> {
        let bytes = self.secret("name", entropy, |secret| hex(secret).into_bytes())?;
        token_in(&bytes).ok_or_else(|| damaged("name"))
    }

    /// The key by which compiled code is authenticated, made at the first start.
    pub(crate) fn cache_key(&self, entropy: &dyn Entropy) -> Result<CacheKey> {
        let bytes = self.secret("cache.key", entropy, |secret| secret.to_vec())?;
        Ok(CacheKey(bytes.try_into().map_err(|_| damaged("cache.key"))?))
    }

    /// The key of which the secrets of webhooks are made, made at the first start.
    pub(crate) fn webhook_key(&self, entropy: &dyn Entropy) -> Result<WebhookKey> {
        let bytes = self.secret("webhooks.key", entropy, |secret| secret.to_vec())?;
        Ok(WebhookKey(bytes.try_into().map_err(|_| damaged("webhooks.key"))?))
    }

    /// The key by which whoever owns this directory signs releases, made at the first start.
    pub(crate) fn signing_key(&self, entropy: &dyn Entropy) -> Result<SigningKey> {
        let bytes = self.secret(signing::OWN, entropy, |seed| SigningKey::pem_of_seed(seed).into_bytes())?;
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged(signing::OWN))?;
        SigningKey::from_pem(text).map_err(|error| damaged(signing::OWN).with_cause(error))
    }

    /// Reads a secret, or makes it: 256 random bits in a file of its owner's alone.
    fn secret(
        &self,
        name: &str,
        entropy: &dyn Entropy,
        form: impl Fn(&[u8; SECRET_BYTES]) -> Vec<u8>,
    ) -> Result<Vec<u8>> {
        match fs::read(self.join(name)) {
            Ok(bytes) => return Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(name, "read", error)),
        }
        let mut secret = [0; SECRET_BYTES];
        entropy.fill(&mut secret);
        let bytes = form(&secret);
        self.keep(name, &bytes)?;
        Ok(bytes)
    }

    /// Has the key that another directory's owner signed with be this one's.
    pub(crate) fn keep_signing_key(&self, pem: &str) -> Result<()> {
        self.keep(signing::OWN, pem.as_bytes())
    }

    /// Writes a secret to a file of its owner's alone.
    fn keep(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let write = || -> io::Result<()> {
            // Whole or not at all, even if the host dies here.
            let unfinished = self.join(&format!("{name}.new"));
            let mut file = private().create(true).truncate(true).open(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, self.join(name))
        };
        write().map_err(|error| unusable(name, "written", error))
    }
}

fn unusable(name: &str, done: &str, error: io::Error) -> Error {
    let message = format!("`{name}` in the data directory cannot be {done} ({})", error.kind());
    Error::new(Code::DataDirUnusable, message).with_cause(error)
}

/// Whether others than the owner may do anything with a file or directory.
fn is_open(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The token that a file holds, if it holds one: a shorter one could be guessed.
fn token_in(bytes: &[u8]) -> Option<String> {
    let token = std::str::from_utf8(bytes).ok()?.trim();
    let is_token = token.len() == 2 * SECRET_BYTES && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_token.then(|| token.to_owned())
}

fn damaged(name: &str) -> Error {
    Error::new(
        Code::DataDirUnusable,
        format!("`{name}` in the data directory is damaged; delete it and start again, and a new one is made"),
    )
}

/// Reads the token of the host that runs, or ran, in a data directory.
pub(crate) fn read_token(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path.join("token")).ok()?.take(1024).read_to_end(&mut bytes).ok()?;
    token_in(&bytes)
}
