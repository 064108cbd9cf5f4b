//! Keys in files: reading one to sign with, and the data directory's own.
//!
//! The attack: another user of the machine reads a private key. The rule: a key that we write is its
//! owner's alone, and no file that is there is written over.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use troupe_core::view::NewSignature;
use troupe_core::{Code, Error, Result};
use troupe_package::{Signature, SigningKey};

use crate::ask;

/// The name of the data directory's own key.
pub(crate) const OWN: &str = "signing.key";

/// Longest file that is read as a key or a signature.
const BYTES_MAX: u64 = 64 * 1024;

/// Reads the text of a key or a signature.
///
/// # Errors
/// [`Code::RequestInvalid`] naming the file.
pub(crate) fn text(path: &Path) -> Result<String> {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| {
        let message = format!("`{}` cannot be read ({})", path.display(), error.kind());
        Error::new(Code::RequestInvalid, message).with_cause(error)
    })?;
    Ok(text)
}

/// The variable of the environment that cosign takes a key's password from.
const PASSWORD: &str = "COSIGN_PASSWORD";

/// Reads a private key, with the password that it is under if there is one.
///
/// # Errors
/// [`Code::RequestInvalid`] naming the file and what it holds instead, or that its password is another.
pub(crate) fn key(path: &Path) -> Result<SigningKey> {
    let text = text(path)?;
    let read = if SigningKey::is_under_password(&text) {
        password(path).and_then(|password| SigningKey::from_pem_under(&text, &password))
    } else {
        SigningKey::from_pem(&text)
    };
    read.map_err(|error| error.context(path.display()))
}

/// The password of a key: as cosign is told it, else asked for at the terminal and not shown.
fn password(path: &Path) -> Result<String> {
    if let Some(password) = std::env::var_os(PASSWORD) {
        return password.into_string().map_err(|_| {
            let message = format!("the password in {PASSWORD} is not UTF-8");
            Error::new(Code::RequestInvalid, message)
        });
    }
    let Some(term) = ask::terminal() else {
        let message =
            format!("the private key is under a password, and there is no terminal to ask for it; set {PASSWORD}");
        return Err(Error::new(Code::RequestInvalid, message));
    };
    let asked = term.write_str(&format!("Password of {}: ", path.display())).and_then(|()| term.read_secure_line());
    asked.map_err(|error| Error::new(Code::RequestInvalid, "no password was read").with_cause(error))
}

/// A signature as it is sent to a host.
pub(crate) fn sent(signature: &Signature) -> NewSignature {
    NewSignature { payload: STANDARD.encode(&signature.payload), signature: STANDARD.encode(&signature.bytes) }
}

/// The key that signs: the one that is named, else that of the data directory if there is one.
///
/// # Errors
/// Those of [`key`].
pub(crate) fn key_or_own(named: Option<&Path>, data_dir: &Path) -> Result<Option<SigningKey>> {
    let own = data_dir.join(OWN);
    match named {
        Some(path) => key(path).map(Some),
        None if own.is_file() => key(&own).map(Some),
        None => Ok(None),
    }
}

/// Writes a file that is not there yet.
///
/// # Errors
/// [`Code::RequestInvalid`] if it is there or cannot be made.
pub(crate) fn write_new(path: &Path, text: &str, mode: u32) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        let message = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!(
                    "`{}` is there already, and a key is not written over; name another with `--out`",
                    path.display()
                )
            }
            kind => format!("`{}` cannot be written ({kind})", path.display()),
        };
        Error::new(Code::RequestInvalid, message).with_cause(error)
    })
}
