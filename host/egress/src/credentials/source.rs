//! Where a secret text is found: an environment variable, a file, or a field in Vault.
//!
//! The document of credentials holds no secret itself, so that it can be read by whoever
//! looks after a host, and shown when something is wrong with it. A text where a source
//! should stand is refused, and not repeated.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use troupe_core::{Code, Error, Result, limits};
use zeroize::Zeroizing;

use super::vault::Vault;

/// How often a file is read again: a changed one is in force within seconds.
const FILE_EVERY: Duration = Duration::from_secs(2);
/// How often a variable is read again. A process's own do not change.
const VARIABLE_EVERY: Duration = Duration::from_secs(60 * 60);

/// Where a secret text is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// An environment variable of the host.
    Variable(String),
    /// A file, without the line break at its end.
    File(PathBuf),
    /// A field of a secret in Vault.
    Vault {
        /// The server; none: the only one there is.
        server: Option<String>,
        /// The secret's path below the mount.
        path: String,
        /// The field.
        field: String,
    },
}

impl fmt::Display for Source {
    /// As a guest may be told; where it is exactly is for the operator's log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Variable(_) => "its environment variable",
            Self::File(_) => "its file",
            Self::Vault { .. } => "its field in vault",
        })
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

const FORMS: &str = "`{ env = \"NAME\" }`, `{ file = \"PATH\" }` or `{ vault = \"PATH#FIELD\" }`";

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Source;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "where the value is found: {FORMS}")
    }

    // None of these is repeated: it may be the secret itself.
    fn visit_str<E: serde::de::Error>(self, _text: &str) -> Result<Source, E> {
        Err(no_secret())
    }

    fn visit_i64<E: serde::de::Error>(self, _number: i64) -> Result<Source, E> {
        Err(no_secret())
    }

    fn visit_f64<E: serde::de::Error>(self, _number: f64) -> Result<Source, E> {
        Err(no_secret())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Source, A::Error> {
        let (mut found, mut server) = (Vec::new(), None);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "env" => found.push(Source::Variable(map.next_value()?)),
                "file" => found.push(Source::File(map.next_value()?)),
                "vault" => {
                    let text: String = map.next_value()?;
                    let (path, field) =
                        text.split_once('#').filter(|(path, field)| is_path(path) && !field.is_empty()).ok_or_else(
                            || A::Error::custom("a field in vault is written `PATH#FIELD`, such as `app/db#password`"),
                        )?;
                    found.push(Source::Vault { server: None, path: path.to_owned(), field: field.to_owned() });
                }
                "server" => server = Some(map.next_value()?),
                other => {
                    let message = format!("unknown field `{}`, expected {FORMS}", other.escape_default());
                    return Err(A::Error::custom(message));
                }
            }
        }
        match (found.pop(), server) {
            (Some(Source::Vault { path, field, .. }), server) if found.is_empty() => {
                Ok(Source::Vault { server, path, field })
            }
            (Some(source), None) if found.is_empty() => Ok(source),
            _ => Err(A::Error::custom(format_args!("a source is one of {FORMS}; `server` goes with `vault` alone"))),
        }
    }
}

fn no_secret<E: serde::de::Error>() -> E {
    E::custom(format_args!("a secret does not stand here; say where it is found: {FORMS}"))
}

/// Whether a path in Vault can stand in a URL as it is.
pub(super) fn is_path(path: &str) -> bool {
    !path.is_empty()
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte))
}

/// Looks up an environment variable.
pub(super) type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What sources are read from, Vault apart.
pub(super) struct Origins {
    pub(super) variable: Variable,
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origins").finish_non_exhaustive()
    }
}

impl Origins {
    /// Reads a variable or file; returns the text, and when to read it again.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] naming the source.
    pub(super) async fn read_own(&self, source: &Source) -> Result<(Zeroizing<String>, Duration)> {
        let unreadable = |why: &str| {
            Error::new(Code::CredentialsInvalid, format!("{source} {why}")).with_cause(format!("{source:?}"))
        };
        let (text, every) = match source {
            Source::Variable(name) => {
                let value = (self.variable)(name).ok_or_else(|| unreadable("is not set"))?;
                (Zeroizing::new(value), VARIABLE_EVERY)
            }
            Source::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_file(&path)).await.map_err(Error::internal)?;
                let text = read.map_err(|cause| unreadable(&format!("cannot be read ({})", cause.kind())))?;
                (text, FILE_EVERY)
            }
            Source::Vault { .. } => return Err(unreadable("cannot be used here")),
        };
        if text.is_empty() {
            return Err(unreadable("is empty"));
        }
        Ok((text, every))
    }
}

/// Reads a file of bounded length, without the line break that editors end it with.
fn read_file(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let most = limits::SECRET_BYTES_MAX as u64;
    std::fs::File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "longer than a secret may be"));
    }
    let end = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).map_or(text.len(), str::len);
    text.truncate(end);
    Ok(text)
}

/// All that sources are read from.
#[derive(Debug)]
pub(super) struct Keepers {
    pub(super) origins: Arc<Origins>,
    pub(super) vaults: BTreeMap<String, Arc<Vault>>,
}

impl Keepers {
    /// Reads a source; returns the text, and when to read it again.
    ///
    /// # Errors
    /// Naming the source, never its text.
    pub(super) async fn read(&self, source: &Source) -> Result<(Zeroizing<String>, Duration)> {
        let Source::Vault { server, path, field } = source else { return self.origins.read_own(source).await };
        let vault = match server {
            Some(name) => self.vaults.get(name),
            None => self.vaults.values().next(),
        };
        let vault =
            vault.ok_or_else(|| Error::new(Code::CredentialsInvalid, format!("{source}: there is no such server")))?;
        let (text, every) = vault.read(path, field).await?;
        if text.len() > limits::SECRET_BYTES_MAX {
            let most = limits::bytes(limits::SECRET_BYTES_MAX as u64);
            return Err(Error::new(Code::CredentialsInvalid, format!("{source} is longer than {most}")));
        }
        Ok((text, every))
    }
}
