//! A grant of the capability `locks`: which may be taken, for how long, and whether from others.
//! The same fields stand in a manifest, which asks, and in an operator's grant, which gives.
//!
//! | field | grammar | default |
//! |---|---|---|
//! | `name` | see [`LockPattern`] | must be there |
//! | `lease_ms` | milliseconds, a second to an hour | an hour |
//! | `preempt` | whether a lock may be taken from a holder of a lower priority | `false` |
//!
//! Each line allows by itself: the lease that one has and the names of another are not put together.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::ToSchema;

use super::lines::{self, Line};
use crate::{LockName, LockPattern, limits};

/// Locks that may be taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockGrant {
    /// Their names: one, or all that begin as it does before a `*` at its end.
    #[schema(value_type = String)]
    pub name: LockPattern,
    /// The longest lease, in milliseconds.
    #[serde(default = "longest", deserialize_with = "lease")]
    pub lease_ms: u64,
    /// Whether a lock may be taken from a holder of a lower priority.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preempt: bool,
}

impl LockGrant {
    /// Whether the grant is about a lock.
    pub fn admits(&self, name: &LockName) -> bool {
        self.name.admits(name)
    }
}

impl Line for LockGrant {
    fn intersect(&self, other: &Self) -> Option<Self> {
        let name = if self.name.covers(&other.name) {
            &other.name
        } else if other.name.covers(&self.name) {
            &self.name
        } else {
            return None;
        };
        let (lease_ms, preempt) = (self.lease_ms.min(other.lease_ms), self.preempt && other.preempt);
        Some(Self { name: name.clone(), lease_ms, preempt })
    }

    fn covers(&self, other: &Self) -> bool {
        self.name.covers(&other.name) && self.lease_ms >= other.lease_ms && (self.preempt || !other.preempt)
    }
}

impl fmt::Display for LockGrant {
    /// One line, as an operator reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preempt = if self.preempt { ", also from holders of a lower priority" } else { "" };
        write!(f, "locks {}: for up to {} ms at a time{preempt}", self.name, self.lease_ms)
    }
}

/// Reads a bounded list of locks. A pattern may stand in it more than once.
///
/// # Errors
/// Those of the deserialiser, naming the item.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LockGrant>, D::Error> {
    lines::read(deserializer, limits::LOCK_GRANTS_MAX)
}

fn lease<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let (least, most) = (limits::LOCK_LEASE_MIN.as_millis(), limits::LOCK_LEASE_MAX.as_millis());
    match u64::deserialize(deserializer)? {
        ms if (least..=most).contains(&u128::from(ms)) => Ok(ms),
        ms => Err(D::Error::custom(format_args!("a lease is {least} to {most} milliseconds; this one is {ms}"))),
    }
}

const fn longest() -> u64 {
    limits::LOCK_LEASE_MAX.as_secs() * 1_000
}
