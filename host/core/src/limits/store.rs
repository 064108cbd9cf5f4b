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

/// Bytes of rows that a backup gathers before it hands them on: enough that the rest of an entry does
/// not count.
pub const BACKUP_PART_BYTES: usize = 1024 * 1024;
/// Longest entry of rows that is read from a backup: one part, and one row of the longest kind behind it.
pub const BACKUP_PART_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Longest document in a backup, in bytes: a line for each table.
pub const BACKUP_DOCUMENT_BYTES_MAX: u64 = 1024 * 1024;
/// Pieces of a backup that wait for whoever receives it.
pub const BACKUP_PIECES_WAITING_MAX: usize = 4;
/// Bytes of a file that are read at once.
pub const BACKUP_FILE_PIECE_BYTES: usize = 64 * 1024;
/// Backups that are made at the same time; each keeps one state of the database from being tidied up.
pub const BACKUPS_AT_ONCE: usize = 1;
/// How long the store waits for a connection to PostgreSQL to be made.
pub const STORE_CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long writes wait for a connection to PostgreSQL that was lost, before they are refused: an
/// ordinary restart of its server passes unseen.
pub const STORE_REGAIN_TIME_MAX: Duration = Duration::from_secs(5);
/// How long what an invocation that runs writes is tried again while PostgreSQL is not reached or busy: most failures
/// of its server are over by then, and what cannot be written is told to the guest.
pub const STORE_AGAIN_TIME_MAX: Duration = Duration::from_secs(60);
/// The first pause between two tries to reach PostgreSQL again; each further one is twice as long,
/// up to [`STORE_REGAIN_PAUSE_MAX`].
pub const STORE_REGAIN_PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest pause between two such tries.
pub const STORE_REGAIN_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long one commit may take on PostgreSQL with all that is in it. A connection that has not
/// answered by then is given up, by the server too, which frees what the transaction holds.
pub const STORE_TRANSACTION_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a session of PostgreSQL may stand still within a transaction before its server ends it: all
/// other hosts wait for what it holds meanwhile, and none has to think that long between two statements.
pub const STORE_IDLE_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of names of tenants in what a host says of a commit: PostgreSQL carries less than 8,000 at once.
pub const WORDS_BYTES_MAX: usize = 7_000;
/// Bytes of what a guest says that another host is told while somebody watches there: as much as PostgreSQL carries
/// at once. What is longer shows there as missing.
pub const PASSED_BYTES_MAX: usize = 7_900;
/// How long a host goes on to be told what a guest says after it has asked for that.
pub const WANTED_TIME: Duration = Duration::from_secs(5);
/// Tasks whose guests a host asks for at once.
pub const WANTED_MAX: usize = 100;
/// What other hosts have said and nobody here has heard yet; who has missed some looks at everything.
pub const WORDS_WAITING_MAX: usize = 256;
/// How often a host looks for what others have changed, whatever was said.
pub const HOSTS_LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a host goes on with a route that is not in force any more while it makes the new one ready,
/// before new work waits for that. With [`HOSTS_LOOK_EVERY`] it is less than the 2 s that are promised.
pub const ROUTE_BEHIND_TIME_MAX: Duration = Duration::from_millis(800);
/// Events of a tenant that are looked through at once for what somebody watches here.
pub const HEARD_EVENTS_AT_ONCE: u32 = 500;
/// Further than this a host's clock and its database's should not be apart; beyond it the log says so.
pub const CLOCKS_APART_MAX: Duration = Duration::from_secs(2);
/// Hosts that one database shows.
pub const HOSTS_MAX: u32 = 100;
/// How long another host has to hand out a blob.
pub const PEER_TIME_MAX: Duration = Duration::from_secs(60);
/// How long it may say nothing meanwhile: one that stands still must not keep another from starting.
pub const PEER_SILENT_TIME_MAX: Duration = Duration::from_secs(10);
/// Blobs that are handed out to other hosts at the same time; each is in memory whole.
pub const PEER_BLOBS_AT_ONCE: usize = 4;
