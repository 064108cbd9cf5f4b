//! Durable keys of this deployment, apart from every other tenant and agent; and those of one
//! instance, where the task is for one.
//!
//! A write is durable when the call returns, and happens once even if the host dies and
//! the invocation is resumed. Each write gives the key a new revision, higher than any
//! it had before; invocations that run at once meet through revisions:
//!
//! ```
//! # use troupe_sdk::{Failure, state};
//! # fn count() -> Result<(), Failure> {
//! let visits = state::update_json("visits", |visits: Option<u64>| Ok(visits.unwrap_or(0) + 1))?;
//! # assert_eq!(visits, 1);
//! # Ok(())
//! # }
//! # count().unwrap();
//! ```
//!
//! The functions of this module are about the deployment's keys, which all its invocations
//! share. [`instance`] has the same for the keys of the instance that the task is for.

mod fenced;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::{Again, Retry};
use crate::wait::Wait;
use crate::{__macro, CapabilityError, Failure, backend, time};

pub use fenced::{Fenced, FencedError, fenced};
pub(crate) use fenced::{Write, Written};

/// How [`update_json`] tries: as long as the invocation has time, since each lost try means
/// that another writer won one. A commit takes milliseconds, so the first waits do too; a
/// second spreads out as many writers as a host runs at once.
const PATIENCE: Retry =
    Retry { tries: u32::MAX, first: Duration::from_millis(4), most: Duration::from_secs(1), until: None };

/// A value and the revision that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The bytes as they were written.
    pub value: Vec<u8>,
    /// The revision of this value.
    pub revision: u64,
}

impl Entry {
    /// Reads the value as JSON.
    ///
    /// # Errors
    ///
    /// [`Failure::Failed`], naming the place, if the value is not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let text = std::str::from_utf8(&self.value).map_err(Failure::failed)?;
        __macro::read(text).map_err(|mut problem| {
            problem.message = format!("the stored value does not fit: {}", problem.message);
            Failure::Failed(problem)
        })
    }
}

/// Whose keys are meant. Each space holds keys, revisions and a quota of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Space {
    /// The deployment's: all invocations of the agent share them.
    Deployment,
    /// Those of the instance that the task is for. If it is for none, every call answers
    /// [`CapabilityError::Invalid`].
    Instance,
}

/// Returns the keys of the instance that the task is for, which
/// [`invocation::instance`](crate::invocation::instance) names:
///
/// ```
/// # use troupe_sdk::{Failure, state};
/// # fn turn() -> Result<(), Failure> {
/// let turns = state::instance().increment("turns", 1)?;
/// # assert_eq!(turns, 1);
/// # Ok(())
/// # }
/// # let _host = troupe_sdk::test::Host::start().instance("0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b");
/// # turn().unwrap();
/// ```
///
/// The manifest asks for them with `instances = true` in `[capabilities.state]`.
pub const fn instance() -> Space {
    Space::Instance
}

/// Reads a key; none if it is absent.
///
/// # Errors
///
/// Any [`CapabilityError`] but `Conflict`; so do the other calls, unless they say more.
pub fn get(key: &str) -> Result<Option<Entry>, CapabilityError> {
    Space::Deployment.get(key)
}

/// Writes a key and returns its new revision. A time to live that it had is gone.
///
/// # Errors
///
/// As [`get`].
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<u64, CapabilityError> {
    Space::Deployment.set(key, value)
}

/// Writes a key only if its revision is still `expected` (none: only if it is absent) and
/// returns the new revision.
///
/// # Errors
///
/// As [`get`], and [`CapabilityError::Conflict`] if another write came first.
pub fn compare_and_set(key: &str, expected: Option<u64>, value: impl AsRef<[u8]>) -> Result<u64, CapabilityError> {
    Space::Deployment.compare_and_set(key, expected, value)
}

/// Writes a key as [`set`] does, to be absent again after `ttl`, of up to ten years.
///
/// # Errors
///
/// As [`get`].
pub fn set_with_ttl(key: &str, value: impl AsRef<[u8]>, ttl: Duration) -> Result<u64, CapabilityError> {
    Space::Deployment.set_with_ttl(key, value, ttl)
}

/// Writes a key as [`compare_and_set`] does, to be absent again after `ttl`.
///
/// # Errors
///
/// As [`compare_and_set`].
pub fn compare_and_set_with_ttl(
    key: &str,
    expected: Option<u64>,
    value: impl AsRef<[u8]>,
    ttl: Duration,
) -> Result<u64, CapabilityError> {
    Space::Deployment.compare_and_set_with_ttl(key, expected, value, ttl)
}

/// Adds `delta` to the number under a key and returns the sum; an absent key holds 0. Any
/// number of invocations may do so at once. The number is JSON, so [`get_json`] reads it
/// and [`set_json`] may write it; the key's time to live stays as it is.
///
/// # Errors
///
/// As [`get`]; [`CapabilityError::Invalid`] if the value is no whole number of 64 bits, or
/// the sum would be none.
pub fn increment(key: &str, delta: i64) -> Result<i64, CapabilityError> {
    Space::Deployment.increment(key, delta)
}

/// Says that a key shall be absent after `ttl` (none: never), and whether it is there. Its
/// value and revision stay as they are.
///
/// # Errors
///
/// As [`get`].
pub fn expire(key: &str, ttl: Option<Duration>) -> Result<bool, CapabilityError> {
    Space::Deployment.expire(key, ttl)
}

/// Deletes a key and says whether it was there.
///
/// # Errors
///
/// As [`get`].
pub fn delete(key: &str) -> Result<bool, CapabilityError> {
    Space::Deployment.delete(key)
}

/// Lists up to `limit` keys that begin with `prefix`, in byte order, after the key
/// `after` if one is given. The host caps `limit`, so a shorter list than asked for does
/// not mean that it is the last: ask until it is empty.
///
/// # Errors
///
/// As [`get`].
pub fn list_keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, CapabilityError> {
    Space::Deployment.list_keys(prefix, after, limit)
}

/// Reads a key as JSON; none if it is absent.
///
/// # Errors
///
/// As [`get`] and [`Entry::json`].
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Failure> {
    Space::Deployment.get_json(key)
}

/// Writes a key as JSON and returns its new revision.
///
/// # Errors
///
/// As [`get`], and [`Failure::Failed`] if the value cannot be written as JSON.
pub fn set_json<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<u64, Failure> {
    Space::Deployment.set_json(key, value)
}

/// Changes a key's JSON value and returns what was written. Another write in between is
/// not lost: `change` is called again with what that one wrote, a little later each time.
///
/// # Errors
///
/// As [`get_json`], what `change` answers, and [`Failure::Unavailable`] if other writes
/// came first until the invocation's deadline.
pub fn update_json<T, F>(key: &str, change: F) -> Result<T, Failure>
where
    T: Serialize + DeserializeOwned,
    F: FnMut(Option<T>) -> Result<T, Failure>,
{
    Space::Deployment.update_json(key, change)
}

/// Each does here what the function of its name does in the deployment's keys, and fails as that
/// does.
impl Space {
    /// As [`get`].
    pub fn get(self, key: &str) -> Result<Option<Entry>, CapabilityError> {
        backend::state_get(self, key)
    }

    /// As [`set`].
    pub fn set(self, key: &str, value: impl AsRef<[u8]>) -> Result<u64, CapabilityError> {
        backend::state_set(self, key, value.as_ref())
    }

    /// As [`compare_and_set`].
    pub fn compare_and_set(
        self,
        key: &str,
        expected: Option<u64>,
        value: impl AsRef<[u8]>,
    ) -> Result<u64, CapabilityError> {
        backend::state_compare_and_set(self, key, expected, value.as_ref())
    }

    /// As [`set_with_ttl`].
    pub fn set_with_ttl(self, key: &str, value: impl AsRef<[u8]>, ttl: Duration) -> Result<u64, CapabilityError> {
        backend::state_set_with_ttl(self, key, value.as_ref(), time::milliseconds(ttl))
    }

    /// As [`compare_and_set_with_ttl`].
    pub fn compare_and_set_with_ttl(
        self,
        key: &str,
        expected: Option<u64>,
        value: impl AsRef<[u8]>,
        ttl: Duration,
    ) -> Result<u64, CapabilityError> {
        backend::state_compare_and_set_with_ttl(self, key, expected, value.as_ref(), time::milliseconds(ttl))
    }

    /// As [`increment`].
    pub fn increment(self, key: &str, delta: i64) -> Result<i64, CapabilityError> {
        backend::state_increment(self, key, delta)
    }

    /// As [`expire`].
    pub fn expire(self, key: &str, ttl: Option<Duration>) -> Result<bool, CapabilityError> {
        backend::state_expire(self, key, ttl.map(time::milliseconds))
    }

    /// As [`delete`].
    pub fn delete(self, key: &str) -> Result<bool, CapabilityError> {
        backend::state_delete(self, key)
    }

    /// As [`list_keys`].
    pub fn list_keys(self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, CapabilityError> {
        backend::state_list_keys(self, prefix, after, limit)
    }

    /// As [`get_json`].
    pub fn get_json<T: DeserializeOwned>(self, key: &str) -> Result<Option<T>, Failure> {
        self.get(key)?.map(|entry| entry.json()).transpose()
    }

    /// As [`set_json`].
    pub fn set_json<T: Serialize + ?Sized>(self, key: &str, value: &T) -> Result<u64, Failure> {
        Ok(self.set(key, serde_json::to_vec(value)?)?)
    }

    /// As [`update_json`].
    pub fn update_json<T, F>(self, key: &str, mut change: F) -> Result<T, Failure>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> Result<T, Failure>,
    {
        let attempt = async || {
            let entry = self.get(key)?;
            let revision = entry.as_ref().map(|entry| entry.revision);
            let value = change(entry.map(|entry| entry.json()).transpose()?)?;
            match self.compare_and_set(key, revision, serde_json::to_vec(&value)?) {
                Ok(_) => Ok(value),
                Err(CapabilityError::Conflict(_)) => Err(Lost::Race),
                Err(other) => Err(other.into()),
            }
        };
        let again = |lost: &Lost| if matches!(lost, Lost::Race) { Again::Yes } else { Again::No };
        PATIENCE.run(attempt, again).wait().map_err(|lost| match lost {
            Lost::Race => Failure::unavailable(format!("others wrote the key `{key}` first until the time was over")),
            Lost::For(failure) => failure,
        })
    }
}

/// Why a try of [`update_json`] wrote nothing.
enum Lost {
    /// Another write came first.
    Race,
    /// Trying again would not help.
    For(Failure),
}

impl<E: Into<Failure>> From<E> for Lost {
    fn from(error: E) -> Self {
        Self::For(error.into())
    }
}
