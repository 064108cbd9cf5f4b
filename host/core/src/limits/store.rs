//! What bounds the store and the journals in it.

use std::time::Duration;

/// Journal of one invocation. Five thousand answers of 200 KiB fit, more than an inventory
/// of a large account reads; without a bound a million writes of state would fill any disk.
pub const JOURNAL_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Journals that are loaded whole at once, to resume a task or to replay it. While it is
/// unpacked a long one is in memory twice, and each takes a connection that reads: half of
/// [`STORE_READERS`] are left to everybody else.
pub const JOURNALS_LOADING_MAX: usize = 2;
/// What the journal keeps whole of a call that was refused. Of a longer one its digest
/// tells whether another release would make the same.
pub const JOURNAL_REFUSED_BYTES_MAX: usize = 64 * 1024;
/// How many days after the end of its task a journal is kept when the operator does not say.
/// It covers a month's end and the time until somebody asks what an agent did.
pub const JOURNAL_DAYS_DEFAULT: u32 = 30;
/// What the journals of one tenant may take when the operator does not say. Ten thousand
/// inventories of an account with some thousand resources fit, and two tenants on the disk of
/// a small machine.
pub const JOURNAL_TENANT_BYTES_DEFAULT: u64 = 8 * 1024 * 1024 * 1024;
/// How often journals that are not to be kept any longer are looked for.
pub const JOURNAL_RETENTION_PAUSE: Duration = Duration::from_secs(600);
/// Bytes of journal rows that wait in memory for the next commit.
pub const JOURNAL_WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Writes that share one commit of the store at most. A commit costs one sync of the
/// disk, so more sharing is cheaper, until the first of the batch waits for the last.
pub const STORE_BATCH_MAX: usize = 256;
/// Writes that wait for the store's writer before further callers wait to be let in.
pub const STORE_QUEUE_MAX: usize = 1024;
/// How long a statement waits for a lock that another process holds on the database,
/// such as a backup's.
pub const STORE_BUSY_TIME_MAX: Duration = Duration::from_secs(2);
/// How long emptying the write-ahead log waits for those who read an older state. Every write
/// waits for it; reads take milliseconds, and after a long one it is tried again.
pub const STORE_FOLD_TIME_MAX: Duration = Duration::from_millis(250);
/// How long a read waits for a free connection.
pub const STORE_READ_WAIT_MAX: Duration = Duration::from_secs(10);
/// Connections that read. Each is a thread; reads are short and mostly from memory.
pub const STORE_READERS: u32 = 4;
/// Inputs and outputs that one page of tasks may hold together, and calls and answers one of
/// a journal. A full page of the largest would be gigabytes.
pub const STORE_PAGE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// What the write-ahead log is cut back to once a checkpoint has emptied it.
pub const STORE_LOG_BYTES_KEPT: u64 = 64 * 1024 * 1024;
