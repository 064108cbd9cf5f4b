//! What bounds the life of releases after they are published.

use std::time::Duration;

/// Longest message of a deprecation, or reason of a yank, in characters: a line or two that
/// say what to use instead.
pub const RELEASE_NOTICE_CHARS_MAX: usize = 500;

/// Channels of one agent, removed ones included: what a removed one named last is remembered,
/// so that it does not fall when it is made again.
pub const CHANNELS_PER_AGENT_MAX: u64 = 64;

/// Largest document of a channel, in bytes. Ours have about 300; a version may be long.
pub const CHANNEL_DOCUMENT_BYTES_MAX: usize = 2 * 1024;

/// How long the document of a channel holds unless its publisher says otherwise: a month, in
/// which somebody notices that nobody renews it.
pub const CHANNEL_DOCUMENT_TIME_DEFAULT: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Longest that the document of a channel may hold. For as long can somebody who has taken a
/// registry over keep hosts from hearing of a newer one.
pub const CHANNEL_DOCUMENT_TIME_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

/// How far the clock of whoever issued a document may be ahead of the host's. A document that
/// could be of any later time would hold for longer than [`CHANNEL_DOCUMENT_TIME_MAX`].
pub const CHANNEL_DOCUMENT_AHEAD_MAX: Duration = Duration::from_secs(3_600);

/// Highest number of a channel's document: what every reader of JSON reads exactly.
pub const CHANNEL_DOCUMENT_NUMBER_MAX: u64 = (1 << 53) - 1;

/// Builds of `troupe dev` that are kept of each agent. A day of editing makes hundreds, and
/// nobody goes back further than to the last few.
pub const DEV_RELEASES_KEPT_DEFAULT: u32 = 20;

/// How long a host rests between two looks for what no release needs any more. What is there
/// for longer is only in the way of disk space.
pub const COLLECT_PAUSE: Duration = Duration::from_secs(600);

/// Releases that one look deletes, so that it does not keep the store busy: each is a commit.
pub const COLLECTED_RELEASES_MAX: usize = 1_000;

/// Longest text to search agents by, in characters, and words of it that count.
pub const SEARCH_CHARS_MAX: usize = 200;
/// See [`SEARCH_CHARS_MAX`].
pub const SEARCH_WORDS_MAX: usize = 8;

/// Shortest names that are held against each other. Of shorter ones many are one letter apart,
/// such as `aws` and `ads`.
pub const SIMILAR_NAME_CHARS_MIN: usize = 5;
