//! Writing keys under a lock.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Space;
use crate::locks::Lock;
use crate::{CapabilityError, Failure, backend, time};

/// Keys to be written under a lock: each write is made only if the lock's token is the newest that was
/// given for its name, which the host finds out in the same transaction.
#[derive(Debug, Clone)]
pub struct Fenced {
    space: Space,
    lock: String,
    token: u64,
}

/// A write, as the backend takes it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Write<'a> {
    Set { value: &'a [u8], ttl_ms: Option<u64> },
    CompareAndSet { expected: Option<u64>, value: &'a [u8], ttl_ms: Option<u64> },
    Increment { delta: i64 },
    Delete,
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Revision(u64),
    Sum(i64),
    Existed(bool),
}

/// How a write under a lock ends when it does not succeed. `?` makes it a [`Failure`].
#[derive(Debug, Clone, PartialEq)]
pub enum FencedError {
    /// The lock has been given anew, or is known no more; this is its newest token, if there is any.
    /// Nothing was written.
    Stale(Option<u64>),
    /// It was not performed.
    Refused(CapabilityError),
}

/// The deployment's keys, to be written under a lock; the same as [`Lock::state`].
pub fn fenced(lock: &Lock) -> Fenced {
    lock.state()
}

impl Fenced {
    /// Keys to be written under a lock that another task may hold: its name and its token.
    pub fn new(space: Space, lock: impl Into<String>, token: u64) -> Self {
        Self { space, lock: lock.into(), token }
    }

    /// As [`set`](super::set).
    ///
    /// # Errors
    ///
    /// Any [`FencedError`]; so do the others.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<u64, FencedError> {
        self.revision(key, Write::Set { value: value.as_ref(), ttl_ms: None })
    }

    /// As [`set_json`](super::set_json).
    ///
    /// # Errors
    ///
    /// As [`Fenced::set`], as a [`Failure`], or one that says that the value cannot be written as JSON.
    pub fn set_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<u64, Failure> {
        Ok(self.set(key, serde_json::to_vec(value)?)?)
    }

    /// As [`set_with_ttl`](super::set_with_ttl).
    ///
    /// # Errors
    ///
    /// As [`Fenced::set`].
    pub fn set_with_ttl(&self, key: &str, value: impl AsRef<[u8]>, ttl: Duration) -> Result<u64, FencedError> {
        self.revision(key, Write::Set { value: value.as_ref(), ttl_ms: Some(time::milliseconds(ttl)) })
    }

    /// As [`compare_and_set`](super::compare_and_set).
    ///
    /// # Errors
    ///
    /// As [`Fenced::set`], with a refusal that is a conflict if another write came first.
    pub fn compare_and_set(
        &self,
        key: &str,
        expected: Option<u64>,
        value: impl AsRef<[u8]>,
    ) -> Result<u64, FencedError> {
        self.revision(key, Write::CompareAndSet { expected, value: value.as_ref(), ttl_ms: None })
    }

    /// As [`increment`](super::increment).
    ///
    /// # Errors
    ///
    /// As [`Fenced::set`].
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, FencedError> {
        match self.write(key, Write::Increment { delta })? {
            Written::Sum(sum) => Ok(sum),
            _ => Err(another()),
        }
    }

    /// As [`delete`](super::delete).
    ///
    /// # Errors
    ///
    /// As [`Fenced::set`].
    pub fn delete(&self, key: &str) -> Result<bool, FencedError> {
        match self.write(key, Write::Delete)? {
            Written::Existed(existed) => Ok(existed),
            _ => Err(another()),
        }
    }

    fn revision(&self, key: &str, write: Write<'_>) -> Result<u64, FencedError> {
        match self.write(key, write)? {
            Written::Revision(revision) => Ok(revision),
            _ => Err(another()),
        }
    }

    fn write(&self, key: &str, write: Write<'_>) -> Result<Written, FencedError> {
        backend::state_fenced(self.space, (&self.lock, self.token), key, write)
    }
}

/// The host answers each write with what comes of it.
fn another() -> FencedError {
    FencedError::Refused(CapabilityError::Invalid(crate::Problem::new("the host answered another write")))
}

impl fmt::Display for FencedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(Some(newest)) => write!(f, "the lock was given to somebody else: its token is {newest} by now"),
            Self::Stale(None) => f.write_str("the lock is known no more"),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FencedError {}

impl From<FencedError> for Failure {
    /// Whoever lost its lock may get it again; a refusal is what it is.
    fn from(error: FencedError) -> Self {
        match error {
            FencedError::Refused(error) => error.into(),
            stale @ FencedError::Stale(_) => Self::unavailable(stale),
        }
    }
}
