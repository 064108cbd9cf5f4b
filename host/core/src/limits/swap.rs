//! What bounds swaps and rehearsals.

use std::time::Duration;

/// How long one step of a swap may take that reads and compiles: a compile has
/// [`super::ADMISSION_TIME_MAX`]. While it stands in line for its turn, its time stands still.
pub const SWAP_STEP_TIME_MAX: Duration = Duration::from_secs(900);
/// How long one step of a swap may take that repeats invocations or rewrites state.
pub const SWAP_LONG_STEP_TIME_MAX: Duration = Duration::from_secs(3_600);
/// Longest that a policy may let a release drain: as long as an attempt may run.
pub const SWAP_DRAIN_TIME_MAX: Duration = Duration::from_secs(3_600);
/// Longest that a step of a canary or a watch lasts: a week's traffic shows what there is.
pub const SWAP_WATCH_TIME_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Longest that the release before a swap stays loaded.
pub const SWAP_KEEP_TIME_MAX: Duration = Duration::from_secs(86_400);
/// Steps of one canary.
pub const SWAP_STEPS_MAX: usize = 16;
/// Longest affinity that a request may name: an id or a hash of one.
pub const AFFINITY_BYTES_MAX: usize = 255;
/// Ended calls of one release that are remembered to compare it with another: enough to tell a
/// fault of 1 in 100, in a hundred KiB.
pub const TALLY_CALLS_MAX: usize = 4_096;
/// How often a candidate is looked at while nothing goes wrong.
pub const SWAP_LOOK_EVERY: Duration = Duration::from_millis(250);

/// Recorded invocations that a rehearsal tries when nobody says: one in a hundred that comes out
/// otherwise is then five.
pub const REHEARSAL_LAST_DEFAULT: u32 = 500;
/// Recorded invocations that a rehearsal tries at most: what they took is kept of each.
pub const REHEARSAL_LAST_MAX: u32 = 10_000;
/// Tasks that a rehearsal looks at to find those that it can try; each is a row without its
/// documents, and a hundred are read in about a millisecond.
pub const REHEARSAL_LOOKED_AT_MAX: u32 = 100_000;
/// Longest journal that a rehearsal loads, as it lies in the database: an inventory of a large
/// account. Some are loaded at once, beside what else runs.
pub const REHEARSAL_JOURNAL_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest rehearsal.
pub const REHEARSAL_TIME_MAX: Duration = Duration::from_secs(600);
/// Rehearsals under way at once in one host. Each computes on half of its cores.
pub const REHEARSALS_MAX: usize = 4;
/// Rehearsals of one tenant under way at once.
pub const REHEARSALS_PER_TENANT_MAX: usize = 2;

/// Pairs of releases whose difference is remembered. It is a few hundred bytes as a rule, and at most
/// as long as both profiles.
pub const DIFFERENCES_KEPT_MAX: usize = 32;
