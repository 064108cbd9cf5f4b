//! Locks, and writes under them, served by the host.

use crate::bindings::troupe::agent as wit;
use crate::locks::{LockError, Options};
use crate::state::{FencedError, Space, Write, Written};
use crate::{CapabilityError, Problem};

use super::reactor::Delivered;

/// A lock that the host gave.
#[derive(Debug)]
pub struct HeldLock(wit::locks::Lock);

impl HeldLock {
    pub fn name(&self) -> String {
        self.0.name()
    }

    pub fn token(&self) -> u64 {
        self.0.token()
    }

    pub fn until(&self) -> u64 {
        self.0.until()
    }

    pub fn renew(&self, lease_ms: Option<u64>) -> Result<(), LockError> {
        self.0.renew(lease_ms)?;
        Ok(())
    }

    pub fn release(&self) -> Result<(), LockError> {
        Ok(self.0.release()?)
    }
}

pub async fn lock_acquire(name: &str, options: Options) -> Result<HeldLock, LockError> {
    let options = serde_json::to_string(&options)
        .map_err(|error| LockError::Refused(CapabilityError::Invalid(Problem::new(error))))?;
    let waiter = match wit::locks::acquire(name, &options)? {
        wit::locks::Acquired::Held(lock) => return Ok(HeldLock(lock)),
        wit::locks::Acquired::Queued(waiter) => waiter,
    };
    loop {
        Delivered::new(waiter.subscribe()).await;
        if let Some(lock) = waiter.get()? {
            return Ok(HeldLock(lock));
        }
    }
}

pub fn state_fenced(
    space: Space,
    (lock, token): (&str, u64),
    key: &str,
    write: Write<'_>,
) -> Result<Written, FencedError> {
    let lock = wit::state::Fence { name: lock.to_owned(), token };
    let key = key.to_owned();
    let write = match write {
        Write::Set { value, ttl_ms } => {
            wit::state::Write::Set(wit::state::Assignment { key, value: value.to_vec(), ttl_ms })
        }
        Write::CompareAndSet { expected, value, ttl_ms } => {
            let value = value.to_vec();
            wit::state::Write::CompareAndSet(wit::state::ConditionalAssignment { key, expected, value, ttl_ms })
        }
        Write::Increment { delta } => wit::state::Write::Increment(wit::state::Addition { key, delta }),
        Write::Delete => wit::state::Write::Delete(key),
    };
    let written = match space {
        Space::Deployment => wit::state::fenced(&lock, &write)?,
        Space::Instance => wit::instance_state::fenced(&lock, &write)?,
    };
    Ok(match written {
        wit::state::Written::Revision(revision) => Written::Revision(revision),
        wit::state::Written::Sum(sum) => Written::Sum(sum),
        wit::state::Written::Existed(existed) => Written::Existed(existed),
    })
}

impl From<wit::locks::LockError> for LockError {
    fn from(error: wit::locks::LockError) -> Self {
        use wit::locks::LockError as Wit;
        match error {
            Wit::Refused(error) => Self::Refused(error.into()),
            Wit::Busy(problem) => Self::Busy(problem.into()),
            Wit::TimedOut => Self::TimedOut,
            Wit::Deadlock(names) => Self::Deadlock(names),
            Wit::Lost(problem) => Self::Lost(problem.into()),
        }
    }
}

impl From<wit::state::FencedError> for FencedError {
    fn from(error: wit::state::FencedError) -> Self {
        match error {
            wit::state::FencedError::Stale(newest) => Self::Stale(newest),
            wit::state::FencedError::Refused(error) => Self::Refused(error.into()),
        }
    }
}
