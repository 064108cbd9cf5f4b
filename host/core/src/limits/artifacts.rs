//! What bounds artefacts.

/// Longest name of an artefact: a file of it fits any file system, with room for an ending.
pub const ARTIFACT_NAME_BYTES_MAX: usize = 120;
/// Longest media type of one; those that are registered are half as long.
pub const ARTIFACT_MEDIA_TYPE_BYTES_MAX: usize = 100;
/// Most bytes that are written with one call: the guest and the host have each piece in memory.
pub const ARTIFACT_PIECE_BYTES_MAX: usize = 1024 * 1024;
/// The most that a grant allows the artefacts of one task to have together, and so each of them: a million
/// resources at four kilobytes take a quarter.
pub const ARTIFACTS_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// What it allows when it does not say.
pub const ARTIFACTS_BYTES_DEFAULT: u64 = 256 * 1024 * 1024;
/// The most artefacts that a grant allows one task: they are listed with it.
pub const ARTIFACTS_MAX: u32 = 100;
/// What it allows when it does not say.
pub const ARTIFACTS_DEFAULT: u32 = 10;
/// Bytes of the artefacts of all tasks of a tenant: room for four of the largest tasks. They go when a task is
/// redacted with its documents.
pub const ARTIFACTS_PER_TENANT_BYTES_MAX: u64 = 4 * ARTIFACTS_BYTES_MAX;
/// Bytes of an artefact that are read at once on its way out: few calls of the disk, and little memory for each
/// who fetches one.
pub const ARTIFACT_READ_BYTES: usize = 256 * 1024;
/// Digests of artefacts that are read at once, to find what nobody names.
pub const ARTIFACTS_LISTED_AT_ONCE: u32 = 10_000;
/// Artefacts that a host has handed over by others at the same time: more would share the same disk and the same way.
pub const ARTIFACTS_COMING_MAX: usize = 4;
