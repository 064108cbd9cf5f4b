//! PostgreSQL: where it is, how a session with it begins, and what it says when none does.
//!
//! A host has three kinds of sessions. One *writes*: its commits are those of `writer.rs`. Some only *read*,
//! which the server itself sees to. One *listens* to what other hosts say of their commits (`words.rs`).
//!
//! Commits take turns by an advisory lock, [`WRITING`], which lasts as long as a transaction, so hosts of one
//! database commit one after another. The server lets go of it when the session ends, however that comes about: a
//! machine that is gone without a word is missed after [`KEEP_ALIVE`], and a host that stands still within a
//! transaction is cut off after [`limits::STORE_IDLE_TIME_MAX`].

mod address;
mod fill;
mod refusal;

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};
use tokio::time::{sleep, timeout};
use troupe_core::{Code, Error, Result, limits};

use crate::fault::Fault;
use crate::migrate;
use crate::words::{CHANNEL, PASSED, Words};
use crate::writer::{LinkState, Listeners};
pub use address::PostgresAddress;
pub(crate) use fill::{bring_up_to_date, fill};

/// Held during every commit. It is the word `troupe` and a number.
pub(crate) const WRITING: &str = "8390891605932179457";
/// Its two halves, as the server lists it.
const WRITING_HIGH: i64 = 1_953_656_693;
const WRITING_LOW: i64 = 1_885_667_329;
/// The server asks after a silent connection every few seconds, and gives it up after three times.
const KEEP_ALIVE: &str = "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3;";

/// The oldest server, as it numbers itself: the oldest that its makers still look after.
const SERVER_MIN: i32 = 140_000;

/// How long a host waits before it listens again, since it could not.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);

/// A database of PostgreSQL, as a store reaches it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    address: PostgresAddress,
    /// By what the server lists this store's sessions.
    name: String,
}

impl Server {
    pub(crate) fn new(address: PostgresAddress) -> Self {
        let name = format!("troupe {:016x}", RandomState::new().hash_one(std::process::id()));
        Self { address, name }
    }

    fn options(&self) -> PgConnectOptions {
        self.address.options().application_name(&self.name)
    }

    /// Begins the first session, and brings the database to this host's schema.
    ///
    /// # Errors
    /// [`Code::UnavailableStore`], which names the database and what to do.
    pub(crate) async fn open(&self) -> Result<PgConnection> {
        let refused = |error: &sqlx::Error| refusal::of(&self.address, error);
        let mut connection = self.reach().await.map_err(|error| refused(&error))?;
        check_server(&self.address, &mut connection).await?;
        migrate::postgres(&mut connection, refused).await?;
        begin(&mut connection).await.map_err(|error| refused(&error))?;
        Ok(connection)
    }

    /// Begins another writing session, since the one before was lost.
    pub(crate) async fn again(&self) -> Result<PgConnection, Fault> {
        let fault = |error: sqlx::Error| {
            tracing::warn!(%error, "the database is not reached yet");
            Fault::Cut
        };
        let mut connection = self.reach().await.map_err(fault)?;
        // The server may not have seen yet that the session before has ended, and others would wait for it.
        self.end_writing(&mut connection).await.map_err(fault)?;
        begin(&mut connection).await.map_err(fault)?;
        Ok(connection)
    }

    /// Connections that only read.
    pub(crate) async fn readers(&self, statements_kept: usize) -> Result<PgPool> {
        PgPoolOptions::new()
            .max_connections(limits::STORE_READERS)
            .acquire_timeout(limits::STORE_READ_WAIT_MAX)
            .idle_timeout(None)
            .max_lifetime(None)
            // A connection that was cut meanwhile costs nobody a read.
            .test_before_acquire(true)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    set_up(connection).await?;
                    connection.execute("set default_transaction_read_only = on").await.map(drop)
                })
            })
            .connect_with(self.options().statement_cache_capacity(statements_kept))
            .await
            .map_err(|error| refusal::of(&self.address, &error))
    }

    /// Ends what the server still has of this store's writing sessions before.
    async fn end_writing(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "select pg_terminate_backend(sessions.pid)
             from pg_locks join pg_stat_activity sessions on sessions.pid = pg_locks.pid
             where pg_locks.locktype = 'advisory' and pg_locks.granted and pg_locks.objsubid = 1
                and pg_locks.database = (select oid from pg_database where datname = current_database())
                and pg_locks.classid::bigint = $1 and pg_locks.objid::bigint = $2
                and sessions.application_name = $3 and sessions.pid <> pg_backend_pid()",
        )
        .bind(WRITING_HIGH)
        .bind(WRITING_LOW)
        .bind(&self.name)
        .execute(connection)
        .await
        .map(drop)
    }

    async fn reach(&self) -> Result<PgConnection, sqlx::Error> {
        let connected = timeout(limits::STORE_CONNECT_TIME_MAX, self.options().connect()).await;
        connected.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
    }

    /// Where the session is that listens.
    pub(crate) fn listening(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(limits::STORE_CONNECT_TIME_MAX)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(|connection, _| Box::pin(async move { set_up(connection).await }))
            .connect_lazy_with(self.options())
    }

    /// Listens to what other hosts say, for as long as it is let. What may have been missed meanwhile is
    /// heard as anything.
    pub(crate) async fn listen(self, sessions: PgPool, listeners: Listeners, state: std::sync::Arc<LinkState>) {
        loop {
            if let Err(error) = self.hear_out(&sessions, &listeners, &state).await {
                tracing::debug!(%error, "what other hosts say is not heard");
            }
            sleep(LISTEN_PAUSE).await;
        }
    }

    async fn hear_out(&self, sessions: &PgPool, listeners: &Listeners, state: &LinkState) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(sessions).await?;
        listener.listen(CHANNEL).await?;
        listeners.hear(Words::anything());
        while let Some(said) = listener.try_recv().await? {
            if said.payload().starts_with(PASSED) {
                listeners.pass_on(said.payload().to_owned());
                continue;
            }
            // Whatever anybody may say there, it makes nobody do more than look.
            let Some(words) = Words::parse(said.payload()) else { continue };
            if words.from.is_empty() || words.from != state.owner() {
                listeners.hear(words);
            }
        }
        Ok(())
    }
}

/// Checks what the server at the other end of a session is.
async fn check_server(address: &PostgresAddress, connection: &mut PgConnection) -> Result<()> {
    let (version, encoding) = sqlx::query_as::<_, (i32, String)>(
        "select current_setting('server_version_num')::int4, current_setting('server_encoding')",
    )
    .fetch_one(connection)
    .await
    .map_err(|error| refusal::of(address, &error))?;
    accept(address, version, &encoding)
}

/// Checks what a server says of itself.
fn accept(address: &PostgresAddress, version: i32, encoding: &str) -> Result<()> {
    let message = if version < SERVER_MIN {
        format!(
            "{address} is served by PostgreSQL {}, and the host needs {} or newer",
            version / 10_000,
            SERVER_MIN / 10_000
        )
    } else if encoding == "UTF8" {
        return Ok(());
    } else {
        format!("{address} keeps texts as {encoding}, and the host needs a database whose encoding is UTF8")
    };
    Err(Error::new(Code::UnavailableStore, message))
}

/// What every session is set to, whatever the database's own defaults are.
async fn set_up(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection
        .execute(
            "set default_transaction_isolation = 'read committed'; set statement_timeout = 0; set jit = off;
             set client_min_messages = warning",
        )
        .await?;
    connection.execute(KEEP_ALIVE).await.map(drop)
}

/// Makes a session one that writes.
async fn begin(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    set_up(connection).await?;
    let (lock, idle) = (limits::STORE_BUSY_TIME_MAX.as_millis(), limits::STORE_IDLE_TIME_MAX.as_millis());
    let times = format!(
        "set default_transaction_read_only = off; set lock_timeout = {lock};
         set idle_in_transaction_session_timeout = {idle}"
    );
    connection.execute(sqlx::raw_sql(AssertSqlSafe(times))).await?;
    // Somebody may have chosen to wait for more than this server's own disk, but not for less.
    connection
        .execute(
            "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'",
        )
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_server_and_one_of_another_encoding_are_refused_by_name() {
        let address: PostgresAddress = "postgres://troupe:secret@db.example:5433/agents".parse().unwrap();
        assert!(accept(&address, 140_000, "UTF8").is_ok());
        let error = accept(&address, 130_022, "UTF8").unwrap_err();
        insta::assert_snapshot!(error, @"the database `agents` at db.example:5433 is served by PostgreSQL 13, and the host needs 14 or newer");
        let error = accept(&address, 150_020, "LATIN1").unwrap_err();
        insta::assert_snapshot!(error, @"the database `agents` at db.example:5433 keeps texts as LATIN1, and the host needs a database whose encoding is UTF8");
    }

    #[test]
    fn the_lock_of_those_who_write_is_listed_by_the_two_halves_of_its_number() {
        assert_eq!((WRITING_HIGH << 32 | WRITING_LOW).to_string(), WRITING);
    }
}
