//! Opening and closing a database.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use troupe_core::{Clock, Code, Error, Result, TenantId, Timestamp, limits};

use crate::fault::{Done, Failed, Fault};
use crate::migrate;
use crate::postgres::{PostgresAddress, Server};
use crate::sql::{Own, Reader};
use crate::writer::{LinkState, Listeners, Together, Tx, Work, Writer};

/// The first release whose write-ahead log cannot lose a commit when a checkpoint meets a
/// writer that resets the log.
const SQLITE_MIN: semver::Version = semver::Version::new(3, 51, 3);

/// Statements whose compiled form a connection keeps: all that this crate has.
const STATEMENTS_KEPT: usize = 300;

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
    readers: Readers,
    /// Whether the write-ahead log may hold what was redacted.
    unfolded: AtomicBool,
    /// Listens to what other hosts say.
    listening: Option<Listening>,
}

/// A task that listens to other hosts, and ends with the store.
#[derive(Debug)]
struct Listening {
    task: AbortHandle,
    sessions: PgPool,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
enum Readers {
    Sqlite(SqlitePool),
    Postgres(PgPool),
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
        let mut connection = writing(path).await?;
        migrate::sqlite(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(limits::STORE_READERS)
            .acquire_timeout(limits::STORE_READ_WAIT_MAX)
            .idle_timeout(None)
            .max_lifetime(None)
            // The connections are threads of this process: there is nothing to ping.
            .test_before_acquire(false)
            .connect_with(options(path).read_only(true))
            .await
            .map_err(Failed::from)?;
        let writer = Writer::start(Own::Sqlite(connection), None, Arc::clone(&clock));
        // A host may have died between a redaction and emptying the log.
        let unfolded = AtomicBool::new(true);
        let (readers, listening) = (Readers::Sqlite(readers), None);
        Ok(Self(Arc::new(Inner { clock, writer, readers, unfolded, listening })))
    }

    /// Connects to a database of PostgreSQL, and brings it to this host's schema. Time is the
    /// host's here as well.
    ///
    /// # Errors
    /// [`Code::UnavailableStore`], which names the database and what to do, when it is not reached
    /// or lets nobody in, is of a newer schema, or of a server that is too old.
    pub async fn connect(address: &PostgresAddress, clock: Arc<dyn Clock>) -> Result<Self> {
        let server = Server::new(address.clone());
        let connection = server.open().await?;
        let readers = server.readers(STATEMENTS_KEPT).await?;
        let writer = Writer::start(Own::Postgres(connection), Some(server.clone()), Arc::clone(&clock));
        let sessions = server.listening();
        let task = tokio::spawn(server.listen(sessions.clone(), writer.listeners().clone(), writer.state()));
        let listening = Listening { task: task.abort_handle(), sessions };
        let unfolded = AtomicBool::new(false);
        let (readers, listening) = (Readers::Postgres(readers), Some(listening));
        Ok(Self(Arc::new(Inner { clock, writer, readers, unfolded, listening })))
    }

    /// Whether the store takes writes.
    ///
    /// # Errors
    /// The fault for which it takes none until the host is started again.
    pub fn check(&self) -> Result<()> {
        self.0.writer.check()
    }

    /// Whether the database is there just now.
    ///
    /// # Errors
    /// Those of [`Store::check`]; [`Code::UnavailableStore`] while its connection is lost.
    pub fn reached(&self) -> Result<()> {
        self.check()?;
        if self.0.writer.state().is_cut() { Err(Fault::Cut.error()) } else { Ok(()) }
    }

    /// Whether other hosts may work on the same database.
    pub fn is_shared(&self) -> bool {
        matches!(self.0.readers, Readers::Postgres(_))
    }

    /// How the writer stands to the database.
    pub(crate) fn link(&self) -> Arc<LinkState> {
        self.0.writer.state()
    }

    /// Ends the store: writes that were handed over are committed, later ones are refused
    /// with [`Code::UnavailableHost`], and the write-ahead log is folded into the database.
    pub async fn close(&self) {
        if let Some(listening) = &self.0.listening {
            listening.task.abort();
            let closed = listening.sessions.close();
            // Whoever is not there to be taken leave of is left.
            let _ = tokio::time::timeout(limits::STORE_CONNECT_TIME_MAX, closed).await;
        }
        match &self.0.readers {
            Readers::Sqlite(readers) => readers.close().await,
            Readers::Postgres(readers) => readers.close().await,
        }
        self.0.writer.close().await;
    }

    /// Empties the write-ahead log, so that what was overwritten is nowhere in the database's
    /// files. What PostgreSQL keeps of its own log and of old rows is its operator's.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(crate) async fn fold(&self) -> Result<()> {
        if matches!(self.0.readers, Readers::Postgres(_)) {
            return Ok(());
        }
        // Whoever fails after this says so after this.
        self.0.unfolded.store(false, Ordering::Release);
        let folded = self.0.writer.fold().await;
        if !matches!(folded, Ok(true)) {
            self.0.unfolded.store(true, Ordering::Release);
        }
        folded.map(drop)
    }

    /// The same behind a redaction, which is done already: what the log still holds is tried again.
    pub(crate) async fn fold_or_warn(&self) {
        if let Err(error) = self.fold().await {
            tracing::warn!("the write-ahead log still holds what was redacted: {error}");
        }
    }

    /// Empties the write-ahead log if it may still hold what was redacted.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub async fn fold_redacted(&self) -> Result<()> {
        if self.0.unfolded.load(Ordering::Acquire) { self.fold().await } else { Ok(()) }
    }

    /// Ticks after every commit that added to the tenant's feed or published one of its events, and ends with the
    /// store. The value counts such commits.
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

    /// As [`Store::write`], for what runs already: where the connection to the database may be lost, work of which
    /// nothing was kept is done again, for [`limits::STORE_AGAIN_TIME_MAX`].
    pub(crate) async fn persist<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T> + Clone + Send + 'static,
    {
        if self.is_shared() { self.0.writer.persist(work).await } else { self.write(work).await }
    }

    /// The same of a write that is done together with others of its kind.
    pub(crate) async fn write_together<K: Together>(&self, asked: K) -> Result<K::Answer> {
        self.0.writer.write_together(asked).await
    }

    /// The time, for reads that depend on it.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A connection that can only read, and sees every acknowledged write.
    pub(crate) async fn reader(&self) -> Done<Reader> {
        Ok(match &self.0.readers {
            Readers::Sqlite(readers) => Reader::Sqlite(readers.acquire().await?),
            Readers::Postgres(readers) => Reader::Postgres(readers.acquire().await?),
        })
    }
}

/// How every connection to the file at `path` is.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(limits::STORE_BUSY_TIME_MAX)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .thread_name(|number| format!("sqlite-{number}"))
}

/// A connection that writes to the file at `path`, which is made if it is absent.
pub(crate) async fn writing(path: &Path) -> Result<SqliteConnection> {
    let connection = options(path)
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
        .await;
    Ok(connection.map_err(Failed::from)?)
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
