//! `files` at the gate: its calls and answers, which of them are allowed, with which
//! arguments, and what performing one means.
//!
//! The attack: a guest reads or writes a directory that it was not granted, writes where
//! it may only read, fills the disk, or leads the host out of the directory by a path. The
//! rule: a call names a directory by the name in its grant; the grant says whether it may
//! be written, and how much it may hold; a path is checked by
//! [`FilePath`](crate::directories::FilePath) here and again, part by part, where it is
//! opened. The default: without a grant, nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use troupe_core::grant::{Access, FilesGrant};
use troupe_core::{Code, Effect, Error, Grants, limits};

use super::deed::{Deed, Doing};
use super::http::shown;
use super::{Answer, Gate, above_ceiling};
use crate::directories::{AgentDirectories, Directory, Fault, FilePath, Kind, Quota};

/// A call of `files`, as the guest made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FilesCall {
    /// `read`
    Read {
        /// The directory, by its name in the grant.
        directory: String,
        /// The path in it.
        path: String,
        /// Where to begin.
        offset: u64,
        /// How many bytes at most.
        length: u32,
    },
    /// `write`
    Write {
        /// The directory, by its name in the grant.
        directory: String,
        /// The path in it.
        path: String,
        /// What the file shall hold.
        content: Content,
    },
    /// `stat`
    Stat {
        /// The directory, by its name in the grant.
        directory: String,
        /// The path in it.
        path: String,
    },
    /// `list-directory`
    List {
        /// The directory, by its name in the grant.
        directory: String,
        /// The path in it.
        path: String,
        /// Only names after this one.
        after: Option<String>,
        /// How many at most.
        limit: u32,
    },
    /// `delete`
    Delete {
        /// The directory, by its name in the grant.
        directory: String,
        /// The path in it.
        path: String,
    },
}

/// What a file shall hold. The journal keeps what tells whether another invocation would
/// write the same, not the bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Content {
    /// The SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// How many there are.
    pub length: u64,
    /// The bytes themselves, while the call is made.
    #[serde(skip)]
    bytes: Arc<[u8]>,
}

impl Content {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { sha256: hex::encode(Sha256::digest(&bytes)), length: bytes.len() as u64, bytes: bytes.into() }
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        (&self.sha256, self.length) == (&other.sha256, other.length)
    }
}

impl Eq for Content {}

impl FilesCall {
    /// The capability and function, as messages name them.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Read { .. } => "files.read",
            Self::Write { .. } => "files.write",
            Self::Stat { .. } => "files.stat",
            Self::List { .. } => "files.list-directory",
            Self::Delete { .. } => "files.delete",
        }
    }

    pub(super) fn place(&self) -> (&str, &str) {
        match self {
            Self::Read { directory, path, .. }
            | Self::Write { directory, path, .. }
            | Self::Stat { directory, path }
            | Self::List { directory, path, .. }
            | Self::Delete { directory, path } => (directory, path),
        }
    }

    /// What was called, for a person.
    pub(super) fn describe(&self) -> String {
        let (directory, path) = self.place();
        format!("{} {}: {}", self.name(), shown(directory), shown(path))
    }

    /// How far the call reaches.
    pub(super) const fn effect(&self) -> Effect {
        match self {
            Self::Read { .. } | Self::Stat { .. } | Self::List { .. } => Effect::Read,
            Self::Write { .. } => Effect::Write,
            Self::Delete { .. } => Effect::Destructive,
        }
    }

    /// Checks the arguments and returns the path.
    fn check(&self) -> Result<FilePath, Answer> {
        if let Self::Write { content, .. } = self
            && content.bytes.len() > limits::FILES_WRITE_BYTES_MAX
        {
            let maximum = limits::FILES_WRITE_BYTES_MAX as u64;
            let most = limits::bytes(maximum);
            let message = format!("a file may have {most}; this one has {} bytes", content.length);
            return Err(Answer::limit(Code::LimitTransfer, maximum, message));
        }
        if let Self::List { after: Some(after), .. } = self
            && after.len() > limits::FILES_NAME_BYTES_MAX
        {
            let most = limits::FILES_NAME_BYTES_MAX;
            return Err(Answer::Invalid(format!("a name has at most {most} bytes; `after` has {}", after.len())));
        }
        let (_, path) = self.place();
        let read = match self {
            Self::List { .. } | Self::Stat { .. } => FilePath::directory(path),
            _ => FilePath::inside(path),
        };
        read.map_err(|why| Answer::denied_path(&shown(path), &why))
    }
}

/// What a call of `files` was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FilesAnswer {
    /// A part of a file; none if there is no such file.
    Piece(Option<FilePiece>),
    /// The file holds what was written.
    Written,
    /// What is at a path; none if nothing is.
    Stat(Option<FileStat>),
    /// What a directory holds; none if there is no such directory.
    Items(Option<Vec<FileItem>>),
    /// Whether there was something to delete.
    Existed(bool),
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePiece {
    /// The bytes.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
    /// The length of the whole file.
    pub size: u64,
    /// Which version of the file it is of.
    pub version: u64,
}

/// What is known of a file or directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    /// Whether it is a directory.
    pub is_directory: bool,
    /// The length of the file; 0 for a directory.
    pub size: u64,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub modified_ms: i64,
    /// Which version of the file it is.
    pub version: u64,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileItem {
    /// The name.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// The length of the file; 0 for a directory.
    pub size: u64,
}

impl FilesAnswer {
    /// What came of the call, in short, for a person.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Piece(None) | Self::Stat(None) | Self::Items(None) => "nothing".to_owned(),
            Self::Piece(Some(piece)) => format!("{} bytes of {}", piece.bytes.len(), piece.size),
            Self::Written => "written".to_owned(),
            Self::Stat(Some(stat)) if stat.is_directory => "a directory".to_owned(),
            Self::Stat(Some(stat)) => format!("{} bytes", stat.size),
            Self::Items(Some(items)) => format!("{} names", items.len()),
            Self::Existed(existed) => if *existed { "deleted" } else { "was not there" }.to_owned(),
        }
    }
}

/// Leave to perform one call; made by [`authorize`] alone.
#[derive(Debug)]
pub(super) struct Permit(FilesGrant, FilePath);

/// Decides whether `grants` allow `call` to a skill whose class is `ceiling`, and whether its
/// arguments are acceptable.
pub(super) fn authorize(grants: &Grants, ceiling: Effect, call: &FilesCall) -> Result<Permit, Answer> {
    let (name, (directory, _), effect) = (call.name(), call.place(), call.effect());
    let what = format!("`{name}` in `{}`", shown(directory));
    let Some(grant) = grants.files.iter().find(|grant| grant.name == directory) else {
        return Err(Answer::denied(format!(
            "{what} was denied: this deployment has no grant of `files` of that name; the manifest must ask for it and the operator grant it"
        )));
    };
    if effect > Effect::Read && grant.access < Access::ReadWrite {
        return Err(Answer::denied(format!("{what} was denied: the directory is granted for reading only")));
    }
    if effect > ceiling {
        return Err(Answer::denied(above_ceiling(&what, effect, ceiling)));
    }
    Ok(Permit(grant.clone(), call.check()?))
}

impl Permit {
    /// What performing the permitted call means, if this host keeps files. A write replaces the
    /// whole file and a delete leaves nothing, so each may be repeated.
    pub(super) fn deed<'a>(self, gate: &Gate, call: &FilesCall) -> Result<Deed<'a>, Answer> {
        let Self(grant, path) = self;
        let Some(directories) = gate.directories().cloned() else {
            return Err(Answer::Unavailable("this host keeps no files for agents".to_owned()));
        };
        let shown = shown(call.place().1);
        let quota = Quota { bytes: grant.bytes, files: grant.files };
        let doing = |act: Act| -> Doing<'static> { Box::pin(perform(directories, grant, path, shown, act)) };
        Ok(match call.clone() {
            FilesCall::Read { offset, length, .. } => {
                let length = usize::try_from(length).unwrap_or(usize::MAX).min(limits::FILES_READ_BYTES_MAX);
                Deed::Read(doing(Box::new(move |directory, path| {
                    let piece = directory.read(path, offset, length)?;
                    Ok(FilesAnswer::Piece(piece.map(|piece| FilePiece {
                        bytes: piece.bytes,
                        size: piece.size,
                        version: piece.version,
                    })))
                })))
            }
            FilesCall::Stat { .. } => Deed::Read(doing(Box::new(|directory, path| {
                Ok(FilesAnswer::Stat(directory.stat(path)?.map(|stat| FileStat {
                    is_directory: stat.kind == Kind::Directory,
                    size: stat.size,
                    modified_ms: stat.modified_ms,
                    version: stat.version,
                })))
            }))),
            FilesCall::List { after, limit, .. } => {
                let limit = usize::try_from(limit.min(limits::FILES_LIST_MAX)).unwrap_or(0);
                Deed::Read(doing(Box::new(move |directory, path| {
                    let items = directory.list(path, after.as_deref(), limit)?;
                    Ok(FilesAnswer::Items(items.map(|items| {
                        let item = |item: crate::directories::Item| FileItem {
                            is_directory: item.kind == Kind::Directory,
                            name: item.name,
                            size: item.size,
                        };
                        items.into_iter().map(item).collect()
                    })))
                })))
            }
            FilesCall::Write { content, .. } => Deed::Outside(doing(Box::new(move |directory, path| {
                directory.write(path, &content.bytes, quota).map(|()| FilesAnswer::Written)
            }))),
            FilesCall::Delete { .. } => {
                Deed::Outside(doing(Box::new(|directory, path| directory.delete(path).map(FilesAnswer::Existed))))
            }
        })
    }
}

/// Something to do at a path of a directory.
type Act = Box<dyn FnOnce(&Directory, &FilePath) -> Result<FilesAnswer, Fault> + Send>;

/// Does something in a directory, on a thread that may block.
async fn perform(
    directories: AgentDirectories,
    grant: FilesGrant,
    path: FilePath,
    shown: String,
    act: Act,
) -> troupe_core::Result<Answer> {
    let done = tokio::task::spawn_blocking(move || {
        let name = grant.name.clone();
        (directories.open(&grant).and_then(|directory| act(&directory, &path)), name)
    });
    let (done, name) = done.await.map_err(Error::internal)?;
    Ok(match done {
        Ok(answer) => Answer::Files(answer),
        Err(Fault::Denied(why)) => Answer::denied_path(&shown, &why),
        Err(Fault::Invalid(why)) => Answer::Invalid(format!("`{shown}`: {why}")),
        Err(Fault::Full(maximum, message)) => Answer::limit(Code::LimitStorage, maximum, message),
        Err(Fault::Unavailable(message)) => Answer::Unavailable(message),
        Err(Fault::System(error)) => {
            tracing::warn!(directory = name, %error, "a granted directory cannot be used as it should");
            Answer::Unavailable(format!(
                "the directory `{name}` cannot be used at the moment; the host's log has the cause"
            ))
        }
    })
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
