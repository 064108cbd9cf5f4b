//! Why something was not done in a directory.

use std::io::{self, ErrorKind};

/// Why something was not done. The sentences name what the guest named, and no place of
/// the host's.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The path leads to what is no plain file or directory inside.
    Denied(String),
    /// The path is of another kind than the call needs.
    Invalid(String),
    /// The quota does not allow it: the maximum, and a sentence.
    Full(u64, String),
    /// It cannot be done now.
    Unavailable(String),
    /// The system refused.
    System(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Self::Unavailable("the disk that holds the directory is full; try again when there is room".to_owned())
            }
            ErrorKind::ReadOnlyFilesystem => {
                Self::Unavailable("the directory is on a disk that takes no writes at the moment".to_owned())
            }
            _ => Self::System(error),
        }
    }
}
