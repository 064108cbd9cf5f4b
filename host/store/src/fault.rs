//! What can go wrong below the store, sorted by what can be done about it.
//!
//! A job either *refuses* (the request cannot be met; the caller learns why) or meets a
//! fault of the *database*. Faults become public errors here and nowhere else, so that no
//! SQL and no path reaches a caller.

use libsqlite3_sys as sqlite;
use troupe_core::{Code, Error};

/// The result of work on a connection.
pub(crate) type Done<T> = Result<T, Failed>;

/// Why work on a connection did not succeed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The request cannot be met.
    Refused(Error),
    /// The database cannot serve it.
    Database(sqlx::Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(error) => error,
            Failed::Database(error) => Fault::of(&error).error().with_cause(error),
        }
    }
}

/// A fault of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No space is left.
    Full,
    /// The disk failed a read or a write, or is read-only.
    Disk,
    /// The disk failed a sync: what it holds of earlier writes is not known.
    Sync,
    /// Somebody else holds the database, or every connection is in use.
    Busy,
    /// The file is not a database, or a damaged one, or cannot be opened.
    Unreadable,
    /// The store was closed.
    Closed,
    /// The writer ended before it answered.
    Stopped,
    /// A mistake of ours, such as a broken constraint.
    Other,
}

impl Fault {
    /// Sorts an error of the driver.
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                error.code().and_then(|code| code.parse().ok()).map_or(Self::Other, Self::of_code)
            }
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::WorkerCrashed => Self::Stopped,
            sqlx::Error::Io(_) => Self::Disk,
            _ => Self::Other,
        }
    }

    /// Sorts an extended result code (<https://www.sqlite.org/rescode.html>); its low byte
    /// is the primary code.
    fn of_code(code: i32) -> Self {
        match code {
            sqlite::SQLITE_IOERR_FSYNC | sqlite::SQLITE_IOERR_DIR_FSYNC => return Self::Sync,
            _ => {}
        }
        match code & 0xff {
            sqlite::SQLITE_FULL => Self::Full,
            sqlite::SQLITE_IOERR | sqlite::SQLITE_READONLY => Self::Disk,
            sqlite::SQLITE_BUSY | sqlite::SQLITE_LOCKED => Self::Busy,
            sqlite::SQLITE_CORRUPT | sqlite::SQLITE_NOTADB | sqlite::SQLITE_CANTOPEN => Self::Unreadable,
            _ => Self::Other,
        }
    }

    /// The public error.
    pub(crate) fn error(self) -> Error {
        let (code, message) = match self {
            Self::Full => (Code::UnavailableStorage, "the disk is full; free some space, then try again"),
            Self::Disk => (Code::UnavailableStorage, "the disk failed a read or a write; the host's log has the cause"),
            Self::Sync => (
                Code::UnavailableStorage,
                "the disk failed to make a write durable, so the store takes no more; check the disk, then restart the host",
            ),
            Self::Busy => (Code::UnavailableStore, "the store is busy; try again"),
            Self::Unreadable => {
                (Code::UnavailableStore, "the database cannot be opened or read; the host's log has the cause")
            }
            Self::Closed => (Code::UnavailableHost, "the host is shutting down; try again when it is back"),
            Self::Stopped => (
                Code::UnavailableStore,
                "the store stopped before it answered, so whether the write was kept is not known; restart the host",
            ),
            Self::Other => return Error::internal("the database refused a statement"),
        };
        Error::new(code, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_sync_is_told_from_other_disk_faults() {
        assert_eq!(Fault::of_code(sqlite::SQLITE_IOERR_FSYNC), Fault::Sync);
        assert_eq!(Fault::of_code(sqlite::SQLITE_IOERR_DIR_FSYNC), Fault::Sync);
        assert_eq!(Fault::of_code(sqlite::SQLITE_IOERR_WRITE), Fault::Disk);
        assert_eq!(Fault::of_code(sqlite::SQLITE_FULL), Fault::Full);
        assert_eq!(Fault::of_code(sqlite::SQLITE_BUSY_SNAPSHOT), Fault::Busy);
        assert_eq!(Fault::of_code(sqlite::SQLITE_CONSTRAINT_UNIQUE), Fault::Other);
    }
}
