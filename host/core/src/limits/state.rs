//! What bounds what agents keep: state, instances and files.

use std::time::Duration;

/// Longest state key, in bytes of UTF-8.
pub const STATE_KEY_BYTES_MAX: usize = 512;
/// Largest state value. Values are rows of the database; larger things are artefacts.
pub const STATE_VALUE_BYTES_MAX: usize = 1024 * 1024;
/// State of one key space when its manifest does not say otherwise.
pub const STATE_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;
/// State of one key space at most: of a deployment, or of an instance.
pub const STATE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Keys of one key space at most.
pub const STATE_KEYS_MAX: u64 = 100_000;
/// What the key spaces of one deployment may hold together, in bytes, when the operator does not say:
/// four of the largest, which callers who start instances would have full in no time. As much is brought to
/// another form in the time that there is for that.
pub const STATE_DEPLOYMENT_BYTES_DEFAULT: u64 = 4 * STATE_BYTES_MAX;
/// Keys in them together: a hundred for each of the instances that a tenant may have.
pub const STATE_DEPLOYMENT_KEYS_DEFAULT: u64 = 10 * STATE_KEYS_MAX;
/// Keys that one `list-keys` returns at most.
pub const STATE_LIST_MAX: u32 = 1_000;

/// Longest that a state key may be said to stay, ten years: what stays longer needs no end,
/// and an end stays a date.
pub const STATE_TTL_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Ended keys that are taken away in one commit. Other commits wait for it, so it takes
/// milliseconds.
pub const STATE_SWEEP_MAX: u32 = 500;
/// How often ended keys are looked for, and stopped instances whose keys are to go. The
/// former are absent already; this frees the disk.
pub const STATE_SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Instances of one tenant that are not stopped: one for each of the conversations that a
/// large organisation has at a time. A program that starts one for each request is told early.
pub const INSTANCES_MAX: u64 = 10_000;
/// Stopped instances that are looked at in one commit, to remove what they kept. Together no
/// more than [`STATE_SWEEP_MAX`] keys go.
pub const INSTANCES_CLEARED_MAX: u32 = 64;
/// What the keys that go in one such commit take together, at least one of them: what is freed is
/// overwritten, and every other write waits.
pub const INSTANCES_CLEARED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Directories that one agent may ask for.
pub const FILES_DIRECTORIES_MAX: usize = 16;
/// Bytes in one directory when its manifest does not say otherwise.
pub const FILES_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;
/// Bytes in one directory at most.
pub const FILES_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Files and directories in one directory when its manifest does not say otherwise.
pub const FILES_DEFAULT: u64 = 1_000;
/// Files and directories in one directory at most. They are counted when a host first
/// writes there, which takes about a second for so many.
pub const FILES_MAX: u64 = 100_000;
/// Longest path of a file, in bytes of UTF-8.
pub const FILES_PATH_BYTES_MAX: usize = 1_024;
/// Longest part of a path: what the usual file systems take.
pub const FILES_NAME_BYTES_MAX: usize = 255;
/// Directories in each other, the file included. Each is opened on the way.
pub const FILES_DEPTH_MAX: usize = 32;
/// Bytes that one `read` answers at most. They stand in the journal.
pub const FILES_READ_BYTES_MAX: usize = 1024 * 1024;
/// Largest file that may be written. It is whole in memory, and written whole.
pub const FILES_WRITE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Names that one `list` answers at most.
pub const FILES_LIST_MAX: u32 = 1_000;
/// Names in a directory that is listed, and files in one that is counted: ten times what
/// an agent may make, since an operator's directory may hold more.
pub const FILES_SEEN_MAX: u64 = 10 * FILES_MAX;
/// Free bytes of a disk that no file of an agent takes: room for the database to go on
/// until somebody looks.
pub const FILES_RESERVE_BYTES: u64 = 256 * 1024 * 1024;
/// Directories kept open beyond their use. Each is a descriptor.
pub const FILES_OPEN_MAX: usize = 64;
