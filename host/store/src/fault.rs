//! What can go wrong below the store, sorted by what can be done about it.
//!
//! A job either *refuses* (the request cannot be met; the caller learns why) or meets a
//! fault of the *database*. Faults become public errors here and nowhere else, so that no
//! SQL and no path reaches a caller.

use std::io::ErrorKind;

use libsqlite3_sys as sqlite;
use sqlx::postgres::PgDatabaseError;
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
    /// The connection to the database was lost, and with it what was not committed.
    Cut,
    /// The connection was lost while it committed.
    Unknown,
    /// Another host has taken over from this one.
    Taken,
    /// A text holds what the database does not keep.
    Nul,
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
            sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
                Some(error) => Self::of_state(error.code()),
                None => error.code().and_then(|code| code.parse().ok()).map_or(Self::Other, Self::of_code),
            },
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::WorkerCrashed => Self::Stopped,
            sqlx::Error::Io(error) => Self::of_io(error.kind()),
            // Between the host and PostgreSQL alone.
            sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => Self::Cut,
            _ => Self::Other,
        }
    }

    /// Sorts what the operating system says: of a connection, or of a disk.
    fn of_io(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::TimedOut
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown => Self::Cut,
            _ => Self::Disk,
        }
    }

    /// Sorts a condition of PostgreSQL
    /// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>); its first two characters
    /// are its class.
    fn of_state(code: &str) -> Self {
        match code {
            "53100" => Self::Full,
            "58030" => Self::Disk,
            "22021" => Self::Nul,
            // Deadlocks and the like are over when it is tried again, as is a wait for a lock.
            "40001" | "40P01" | "55P03" | "57014" => Self::Busy,
            // A table has another column than when the statement was planned; it is planned anew.
            "0A000" => Self::Busy,
            // A server that has become another's copy: the connection leads to the wrong one.
            "25006" => Self::Cut,
            // The session waited too long in its transaction.
            "25P03" => Self::Cut,
            _ => match code.get(..2) {
                Some("08" | "57") => Self::Cut,
                Some("53") => Self::Busy,
                Some("XX") => Self::Unreadable,
                _ => Self::Other,
            },
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
            Self::Cut => (Code::UnavailableStore, "the connection to the database was lost; try again"),
            Self::Unknown => (
                Code::UnavailableStore,
                "the connection to the database was lost before it answered, so whether the write was kept is not known; \
                 look before you try again",
            ),
            Self::Taken => (
                Code::UnavailableStore,
                "another host has taken over from this one, which was not heard of in time, so it writes no more; start it again",
            ),
            Self::Nul => {
                (Code::RequestInvalid, "a text holds the character NUL, which the database does not keep; leave it out")
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

    #[test]
    fn what_postgresql_says_is_sorted_by_what_can_be_done_about_it() {
        for (code, fault) in [
            ("53100", Fault::Full),
            ("53300", Fault::Busy),
            ("40001", Fault::Busy),
            ("40P01", Fault::Busy),
            ("55P03", Fault::Busy),
            ("0A000", Fault::Busy),
            ("57P01", Fault::Cut),
            ("57P02", Fault::Cut),
            ("57P03", Fault::Cut),
            ("08006", Fault::Cut),
            ("22021", Fault::Nul),
            ("XX001", Fault::Unreadable),
            ("23505", Fault::Other),
            ("42P01", Fault::Other),
        ] {
            assert_eq!(Fault::of_state(code), fault, "{code}");
        }
        assert_eq!(Fault::of_io(ErrorKind::BrokenPipe), Fault::Cut);
        assert_eq!(Fault::of_io(ErrorKind::StorageFull), Fault::Disk);
    }
}
