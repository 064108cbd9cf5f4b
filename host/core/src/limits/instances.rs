//! What bounds the life of instances: checks of their health, and restarts.

use std::time::Duration;

/// Tasks of an instance that end by a trap in a row and bring it into error: a bad input or two do
/// not, and what traps always is asked five times and not for ever.
pub const INSTANCE_TRAPS: u64 = 5;

/// How often an instance's health is checked when its manifest does not say.
pub const HEALTH_EVERY_DEFAULT: Duration = Duration::from_secs(30);
/// How often a manifest may have it checked: more is load and not health.
pub const HEALTH_EVERY_MIN: Duration = Duration::from_secs(1);
/// How seldom a manifest may have it checked.
pub const HEALTH_EVERY_MAX: Duration = Duration::from_secs(24 * 3_600);
/// How long a check may take when its manifest does not say.
pub const HEALTH_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
/// How long a manifest may let a check take.
pub const HEALTH_TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Checks in a row that fail before an instance is in error, when its manifest does not say.
pub const HEALTH_FAILURES_DEFAULT: u32 = 3;
/// How many a manifest may let fail.
pub const HEALTH_FAILURES_MAX: u32 = 100;

/// Checks that one host makes at once: a thousandth of a second each, so that thousands of instances
/// are checked within a round, and most places are for what is asked.
pub const HEALTH_CHECKS_AT_ONCE: usize = 8;
/// Those of one agent: where all of its instances hang, others are checked all the same.
pub const HEALTH_CHECKS_PER_AGENT: usize = 2;
/// How long a check waits for a place to run in. One that has none by then says nothing.
pub const HEALTH_WAIT_MAX: Duration = Duration::from_secs(10);
/// When an instance that waits for its first good check is checked again, if it was not to be had.
pub const HEALTH_FIRST_AGAIN: Duration = Duration::from_secs(2);
/// Instances that are looked at at once when they are due.
pub const INSTANCES_DUE_AT_ONCE: u32 = 64;

/// How long an instance in error waits for the host to restart it: at first, doubled by each restart
/// of the last hour, and at most. A part of it is left to chance.
pub const INSTANCE_RESTART_PAUSE_FIRST: Duration = Duration::from_secs(5);
/// See [`INSTANCE_RESTART_PAUSE_FIRST`].
pub const INSTANCE_RESTART_PAUSE_MAX: Duration = Duration::from_secs(600);
/// How often the host restarts an instance within [`INSTANCE_RESTART_WINDOW`]: with pauses that
/// double, some twenty minutes of an outage. What is in error then needs a person.
pub const INSTANCE_RESTARTS_MAX: usize = 8;
/// See [`INSTANCE_RESTARTS_MAX`].
pub const INSTANCE_RESTART_WINDOW: Duration = Duration::from_secs(3_600);
