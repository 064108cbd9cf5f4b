//! What bounds when a task begins, and how often it is tried.

use std::time::Duration;

/// Longest that a task may be put off: a year and a day, so that what is done once a year can be
/// asked for.
pub const TASK_DELAY_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Attempts of a task that failed, the first among them. With a pause that doubles from a second to
/// an hour, twenty span seven hours.
pub const TASK_TRIES_MAX: u32 = 20;

/// The pause before a second attempt unless the request says another, and the longest that it grows
/// to: a service that restarts is back within a minute or two.
pub const TASK_RETRY_PAUSE_DEFAULT: Duration = Duration::from_secs(1);
/// See [`TASK_RETRY_PAUSE_DEFAULT`].
pub const TASK_RETRY_PAUSE_MOST_DEFAULT: Duration = Duration::from_secs(300);

/// Longest pause that a request may name.
pub const TASK_RETRY_PAUSE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Tasks that wait for a time at once in one host: suspended, put off, or to be tried again. Each is
/// a few rows; all of them are counted whenever one is due, which takes milliseconds up to here.
pub const TIMED_TASKS_MAX: u64 = 100_000;
/// Tasks of one tenant that do: half, so that another's may, too.
pub const TIMED_TASKS_PER_TENANT_MAX: u64 = 50_000;
/// Tasks that one commit queues again when they are due.
pub const WOKEN_AT_ONCE: u32 = 256;

/// Schedules of one tenant. If all of them are due at once, making their tasks takes seconds.
pub const SCHEDULES_MAX: u64 = 1_000;
/// Longest pattern of cron and longest name of a time zone, in bytes: each minute of an hour can be
/// named.
pub const CRON_BYTES_MAX: usize = 200;
/// Schedules that are read at once when they are due.
pub const SCHEDULES_AT_ONCE: u32 = 64;
