//! Opening and closing a database.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite};
use tokio::sync::watch;
use troupe_core::{Clock, Code, Error, Result, TenantId, Timestamp, limits};

use crate::fault::{Done, Failed};
use crate::migrate;
use crate::writer::{Listeners, Tx, Work, Writer};

/// The first release whose write-ahead log cannot lose a commit when a checkpoint meets a
/// writer that resets the log.
const SQLITE_MIN: semver::Version = semver::Version::new(3, 51, 3);

/// Statements whose compiled form a connection keeps: all that this crate has.
const STATEMENTS_KEPT: usize = 200;

/// The store of one host. Clones share it.
///
/// A write that has been handed over is carried out even when the future that waits for
/// its answer is dropped. Writes handed over together usually share one commit: polling
/// two writes in one `join!` keeps their order and costs one sync of the disk.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    writer: Writer,
    readers: SqlitePool,
    /// Whether the write-ahead log may hold what was redacted.
    unfolded: AtomicBool,
}

impl Store {
    /// Opens the database file at `path`, which is made if it is absent, and brings it to
    /// this host's schema. Nobody else may write to it meanwhile.
    ///
    /// # Errors
    /// [`Code::UnavailableStore`] when the file cannot be opened, is no database or of a
    /// newer schema, or SQLite is too old; [`Code::UnavailableStorage`] when it is there
    /// and cannot be written.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        check_version().await?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(limits::STORE_BUSY_TIME_MAX)
            .statement_cache_capacity(STATEMENTS_KEPT)
            .thread_name(|number| format!("sqlite-{number}"));
        let mut connection = options
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // A sync that really reaches the disk, where the system has two kinds.
            .pragma("fullfsync", "1")
            .pragma("checkpoint_fullfsync", "1")
            // What is deleted is overwritten, so that what was redacted is gone.
            .pragma("secure_delete", "1")
            .pragma("journal_size_limit", limits::STORE_LOG_BYTES_KEPT.to_string())
            .connect()
            .await
            .map_err(Failed::from)?;
        migrate::run(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(limits::STORE_READERS)
            .acquire_timeout(limits::STORE_READ_WAIT_MAX)
            .idle_timeout(None)
            .max_lifetime(None)
            // The connections are threads of this process: there is nothing to ping.
            .test_before_acquire(false)
            .connect_with(options.read_only(true))
            .await
            .map_err(Failed::from)?;
        let writer = Writer::start(connection, Arc::clone(&clock));
        // A host may have died between a redaction and emptying the log.
        let unfolded = AtomicBool::new(true);
        Ok(Self(Arc::new(Inner { clock, writer, readers, unfolded })))
    }

    /// Whether the store takes writes.
    ///
    /// # Errors
    /// The fault for which it takes none until the host is started again.
    pub fn check(&self) -> Result<()> {
        self.0.writer.check()
    }

    /// Ends the store: writes that were handed over are committed, later ones are refused
    /// with [`Code::UnavailableHost`], and the write-ahead log is folded into the database.
    pub async fn close(&self) {
        self.0.readers.close().await;
        self.0.writer.close().await;
    }

    /// Empties the write-ahead log, so that what was overwritten is nowhere in the database's
    /// files.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(crate) async fn fold(&self) -> Result<()> {
        // Whoever fails after this says so after this.
        self.0.unfolded.store(false, Ordering::Release);
        let folded = self.0.writer.fold().await;
        if !matches!(folded, Ok(true)) {
            self.0.unfolded.store(true, Ordering::Release);
        }
        folded.map(drop)
    }

    /// Empties the write-ahead log if it may still hold what was redacted.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub async fn fold_redacted(&self) -> Result<()> {
        if self.0.unfolded.load(Ordering::Acquire) { self.fold().await } else { Ok(()) }
    }

    /// Ticks after every commit that added to the tenant's feed, and ends with the store. The
    /// value counts events.
    pub fn watch(&self, tenant: &TenantId) -> watch::Receiver<u64> {
        self.listeners().listen(tenant)
    }

    /// Who is told of commits.
    pub(crate) fn listeners(&self) -> &Listeners {
        self.0.writer.listeners()
    }

    /// Has `work` done by the writer and waits until it is durable.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T> + Send + 'static,
    {
        self.0.writer.write(work).await
    }

    /// The time, for reads that depend on it.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A connection that can only read, and sees every acknowledged write.
    pub(crate) async fn reader(&self) -> Done<PoolConnection<Sqlite>> {
        Ok(self.0.readers.acquire().await?)
    }
}

/// Asks SQLite for its version before it touches the file.
async fn check_version() -> Result<()> {
    let mut memory = SqliteConnectOptions::new().in_memory(true).connect().await.map_err(Failed::from)?;
    let version: String =
        sqlx::query_scalar("select sqlite_version()").fetch_one(&mut memory).await.map_err(Failed::from)?;
    memory.close().await.map_err(Failed::from)?;
    accept_version(&version)
}

fn accept_version(found: &str) -> Result<()> {
    match found.parse::<semver::Version>() {
        Ok(version) if version >= SQLITE_MIN => Ok(()),
        _ => Err(Error::new(
            Code::UnavailableStore,
            format!(
                "the host is linked with SQLite {found}, which can lose commits; build it with {SQLITE_MIN} or newer"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_refused_with_both_versions() {
        assert!(accept_version("3.51.3").is_ok());
        assert!(accept_version("3.60.0").is_ok());
        let error = accept_version("3.51.2").unwrap_err();
        assert_eq!(error.code, Code::UnavailableStore);
        insta::assert_snapshot!(error, @"the host is linked with SQLite 3.51.2, which can lose commits; build it with 3.51.3 or newer");
    }
}
