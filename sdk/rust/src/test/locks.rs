//! Locks in memory: the agent's own, and those that the test has others hold.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::timers::Timer;
use super::world::with;
use crate::locks::{LockError, Options, Policy};
use crate::state::{FencedError, Space, Write, Written};
use crate::{CapabilityError, Problem};

/// The lease of whoever does not say: that of the host.
const LEASE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Locks {
    /// The newest token of each name, who holds it, and until when.
    names: BTreeMap<String, Known>,
    token: u64,
    /// What every call answers, if the test wants it to fail.
    pub failure: Option<CapabilityError>,
}

struct Known {
    token: u64,
    holder: Option<Holder>,
    until: SystemTime,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Agent,
    Rival,
}

impl Locks {
    fn give(&mut self, name: &str, holder: Holder, until: SystemTime) -> u64 {
        self.token += 1;
        self.names.insert(name.to_owned(), Known { token: self.token, holder: Some(holder), until });
        self.token
    }

    /// Has another agent hold a lock, in place of whoever does.
    pub fn rival(&mut self, name: &str, until: SystemTime) {
        self.give(name, Holder::Rival, until);
    }

    /// Whether the agent holds a lock.
    pub fn holds(&self, name: &str, now: SystemTime) -> bool {
        self.names.get(name).is_some_and(|known| known.holder == Some(Holder::Agent) && known.until > now)
    }

    fn check(&self) -> Result<(), LockError> {
        self.failure.clone().map_or(Ok(()), |error| Err(LockError::Refused(error)))
    }

    /// Looks for a lock: its token if it is free and given by this, else when it is, and who holds it.
    fn try_give(&mut self, name: &str, lease: Duration, now: SystemTime) -> Result<u64, (Holder, SystemTime)> {
        match self.names.get(name) {
            Some(Known { holder: Some(holder), until, .. }) if *until > now => Err((*holder, *until)),
            _ => Ok(self.give(name, Holder::Agent, now.checked_add(lease).unwrap_or(now))),
        }
    }

    /// The lock, if the agent holds it under this token.
    fn held(&mut self, name: &str, token: u64, now: SystemTime) -> Result<&mut Known, LockError> {
        let held = self
            .names
            .get_mut(name)
            .filter(|known| known.holder == Some(Holder::Agent) && known.token == token && known.until > now);
        held.ok_or_else(|| {
            let mut problem = Problem::new(format_args!("the task does not hold `{name}` any more: its lease is over"));
            problem.details = Some(serde_json::json!({ "reason": "expired" }));
            LockError::Lost(problem)
        })
    }
}

/// A lock of the test host.
#[derive(Debug)]
pub struct HeldLock {
    name: String,
    token: u64,
}

impl HeldLock {
    pub fn name(&self) -> String {
        self.name.clone()
    }

    pub fn token(&self) -> u64 {
        self.token
    }

    pub fn until(&self) -> u64 {
        with(|world| {
            let until = world.locks.names.get(&self.name).map_or(SystemTime::UNIX_EPOCH, |known| known.until);
            let since = until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    }

    pub fn renew(&self, lease_ms: Option<u64>) -> Result<(), LockError> {
        with(|world| {
            world.locks.check()?;
            let now = world.timers.now();
            let lease = lease_ms.map_or(LEASE, Duration::from_millis);
            world.locks.held(&self.name, self.token, now)?.until = now.checked_add(lease).unwrap_or(now);
            Ok(())
        })
    }

    pub fn release(&self) -> Result<(), LockError> {
        with(|world| {
            world.locks.check()?;
            let now = world.timers.now();
            world.locks.held(&self.name, self.token, now)?.holder = None;
            Ok(())
        })
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // What is lost, or was given back, is not the agent's to give back.
        drop(self.release());
    }
}

pub async fn lock_acquire(name: &str, options: Options) -> Result<HeldLock, LockError> {
    let lease = options.lease_ms.map_or(LEASE, Duration::from_millis);
    let begun = with(|world| world.timers.now());
    let last = options.wait_ms.and_then(|ms| begun.checked_add(Duration::from_millis(ms)));
    loop {
        let (given, now) = with(|world| {
            world.locks.check()?;
            let now = world.timers.now();
            Ok::<_, LockError>((world.locks.try_give(name, lease, now), now))
        })?;
        let (holder, until) = match given {
            Ok(token) => return Ok(HeldLock { name: name.to_owned(), token }),
            Err(held) => held,
        };
        if options.policy == Policy::Fail || options.wait_ms == Some(0) {
            return Err(LockError::Busy(Problem::new(format_args!("`{name}` is held by another agent"))));
        }
        if holder == Holder::Agent {
            return Err(LockError::Deadlock(vec![name.to_owned()]));
        }
        if last.is_some_and(|last| last <= now) {
            return Err(LockError::TimedOut);
        }
        let next = last.map_or(until, |last| until.min(last));
        Timer::new(next.duration_since(now).unwrap_or_default()).await;
    }
}

pub fn state_fenced(
    space: Space,
    (lock, token): (&str, u64),
    key: &str,
    write: Write<'_>,
) -> Result<Written, FencedError> {
    with(|world| {
        let newest = world.locks.names.get(lock).map(|known| known.token);
        if newest != Some(token) {
            return Err(FencedError::Stale(newest));
        }
        let now = world.timers.now();
        let keys = world.keys(space).map_err(FencedError::Refused)?;
        let written = match write {
            Write::Set { value, ttl_ms } => keys.set_with_ttl(key, value, ttl_ms, now).map(Written::Revision),
            Write::CompareAndSet { expected, value, ttl_ms } => {
                keys.compare_and_set(key, expected, value, ttl_ms, now).map(Written::Revision)
            }
            Write::Increment { delta } => keys.increment(key, delta, now).map(Written::Sum),
            Write::Delete => keys.delete(key, now).map(Written::Existed),
        };
        written.map_err(FencedError::Refused)
    })
}
