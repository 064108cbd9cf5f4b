//! What bounds how long a task runs, when it begins, and how often it is tried.

use std::time::Duration;

/// Longest an invocation may run, and how long it gets when nobody says.
pub const INVOCATION_TIME_MAX: Duration = Duration::from_secs(3600);
/// The default deadline of an invocation.
pub const INVOCATION_TIME_DEFAULT: Duration = Duration::from_secs(60);

/// How long a guest waits before its invocation is suspended, if it waits for timers alone.
/// A suspension costs two commits and a replay, which a shorter wait is not worth.
pub const SUSPEND_AFTER: Duration = Duration::from_secs(5);
/// How far ahead the end of a wait must lie for the invocation to be suspended: nearer, it
/// would be resumed as soon as it is given up.
pub const SUSPEND_AHEAD_MIN: Duration = Duration::from_secs(1);
/// Longest journal of an invocation that is suspended: its resumption reads all of it into
/// memory, as that of each other one that is resumed at the same time does. With a longer
/// one it waits in its place.
pub const SUSPENDED_JOURNAL_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest lifetime of a task, suspended or not: a month's wait for a person or a date.
pub const TASK_LIFETIME_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

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

/// Tasks that figures are made of: the newest. They take some tens of milliseconds to read.
pub const FIGURES_TASKS_MAX: u32 = 10_000;
/// Tasks of each agent that figures of all of them are made of: of which one in a hundred is ten.
pub const FIGURES_TASKS_PER_AGENT_MAX: u32 = 1_000;
/// The same where there are so many agents that it is less, since all of them together are twice
/// [`FIGURES_TASKS_MAX`].
pub const FIGURES_TASKS_PER_AGENT_MIN: u32 = 50;

/// How often a task may be interrupted by the end of its host and taken up again. Some of it
/// is restarts; a task that ends the host itself must not end every start.
pub const TASK_INTERRUPTIONS_MAX: u64 = 5;

/// How long a host tries to keep the end of a task while its disk is full or its store
/// busy. It is what a person needs to free some space; the outcome waits in memory.
pub const TASK_END_TIME_MAX: Duration = Duration::from_secs(60);

/// Lease of a running task, and how often it is renewed. A task whose lease has run out is
/// settled at the next renewal.
pub const LEASE_TIME: Duration = Duration::from_secs(15);
/// See [`LEASE_TIME`].
pub const LEASE_RENEWAL: Duration = Duration::from_secs(5);

/// Percent of the memory that the host may use from which on it takes nothing new. What runs already may still
/// grow by what is left: of 4 GiB that is 400 MiB, a few guests at their largest.
pub const HOST_MEMORY_PERCENT_MAX: u64 = 90;
/// Percent below which it takes work again: so far below that it does not go to and fro with each call.
pub const HOST_MEMORY_PERCENT_AGAIN: u64 = 85;
/// And only where no more than this is left, in bytes.
pub const HOST_MEMORY_LEFT_MIN: u64 = 1 << 30;
/// See [`HOST_MEMORY_LEFT_MIN`]: taken again where so much is left.
pub const HOST_MEMORY_LEFT_AGAIN: u64 = 3 << 29;
/// How often the host looks how much memory is left.
pub const HOST_MEMORY_LOOK_EVERY: Duration = Duration::from_millis(250);
