//! What bounds bringing the state of an agent to another form.

use std::time::Duration;

use super::SWAP_DRAIN_TIME_MAX;

/// How long a call waits for its agent while state changes its form; then it is refused and told
/// when to come again. It holds its client's connection.
pub const MIGRATION_HOLD_TIME_MAX: Duration = Duration::from_secs(30);
/// When to come again to an agent whose state changes its form.
pub const MIGRATION_RETRY_AFTER: Duration = Duration::from_secs(5);
/// How long copying state, migrating the copy and checking it may take together, beside what each
/// key space has of its own: nobody else gets an answer of the agent meanwhile. A gigabyte is copied
/// in a minute.
pub const MIGRATION_TIME_MAX: Duration = Duration::from_secs(300);
/// What each key space adds to [`MIGRATION_TIME_MAX`]: a few times what one of some keys was seen to
/// take, so that an agent of many instances is not refused for their number.
pub const MIGRATION_SPACE_TIME: Duration = Duration::from_millis(30);
/// How long it may take whatever the number of key spaces: a hundred thousand instances take about
/// as long as anybody can do without an agent.
pub const MIGRATION_TIME_IN_ALL_MAX: Duration = Duration::from_secs(3_600);
/// How long the step of a swap may take that does all this: the longest drain comes first.
pub const SWAP_MIGRATION_TIME_MAX: Duration = Duration::from_secs(
    SWAP_DRAIN_TIME_MAX.as_secs() + MIGRATION_TIME_IN_ALL_MAX.as_secs() + MIGRATION_TIME_MAX.as_secs(),
);
/// Keys that are copied in one commit. Every other write waits for it.
pub const MIGRATION_COPIED_KEYS_MAX: u32 = 500;
/// What the keys copied in one commit take together, at least one of them.
pub const MIGRATION_COPIED_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Key spaces of which nothing is in use any more that one commit looks at. Together no more
/// goes of them than of stopped instances.
pub const STATE_SPACES_CLEARED_MAX: u32 = 64;
