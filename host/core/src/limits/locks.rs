//! What bounds locks: names, leases, and how many are held and waited for.

use std::time::Duration;

/// Longest name of a lock, in bytes: a path of a few parts.
pub const LOCK_NAME_BYTES_MAX: usize = 200;
/// Longest document that says how a lock is asked for, in bytes; it has four fields.
pub const LOCK_OPTIONS_BYTES_MAX: usize = 4 * 1024;
/// Shortest lease: less is over before its holder has done anything.
pub const LOCK_LEASE_MIN: Duration = Duration::from_secs(1);
/// The lease of whoever does not say: a minute's work, after which others go on if it died.
pub const LOCK_LEASE_DEFAULT: Duration = Duration::from_secs(60);
/// Longest lease. Whoever needs a lock for longer renews it, and shows so that it is alive.
pub const LOCK_LEASE_MAX: Duration = Duration::from_secs(3_600);

/// Locks that one task holds or waits for.
pub const LOCKS_PER_TASK_MAX: u64 = 64;
/// Locks that the tasks of one tenant hold or wait for. To find those who would wait for each other
/// all of them are looked at in one commit, which takes milliseconds up to here.
pub const LOCKS_PER_TENANT_MAX: u64 = 4_096;
/// Those who wait for one lock.
pub const LOCK_QUEUE_MAX: u64 = 256;
/// Names of locks of one tenant whose newest token is remembered: twice as many as are held. Of those
/// that nobody holds the oldest are forgotten, and their tokens count as outdated from then on.
pub const LOCK_NAMES_MAX: u64 = 2 * LOCKS_PER_TENANT_MAX;
/// Lines of locks that one agent may ask for.
pub const LOCK_GRANTS_MAX: usize = 32;
/// Leases and waits that one commit ends when they are over.
pub const LOCKS_ENDED_AT_ONCE: u32 = 256;
