//! What a batch of writes is to either database, and the way back to one that was lost.
//!
//! ```text
//!             SQLite                    PostgreSQL
//!  begin      begin immediate           begin, the lock of those who write, the transaction's number,
//!                                       and whether this host is still one
//!  next job   release, savepoint        the same
//!  commit     commit                    what others are told, commit, if the transaction is whole
//! ```
//!
//! SQLite lets one connection write at a time. On PostgreSQL a lock that every commit holds does
//! that, so that what this crate knows of a single writer is true there as well: numbers become
//! visible in order, and what a job has read stays as it is until its commit. It costs nothing more
//! than the `begin` that it is sent with, and that hosts which share a database commit one
//! after another; each commit carries many writes.
//!
//! A newer host changes the schema under that lock as well ([`crate::migrate`]). A batch that finds another schema
//! than the one before has its statements planned anew, since PostgreSQL refuses those that were planned before.
//!
//! Once the host has its row among the hosts ([`LinkState::is_host`]), each batch looks for that row under the lock. Whoever
//! takes over from a host removes the row under the same lock, so of each batch it is certain whether it was
//! before or after; one that comes after is refused, and so is all that follows, for good.
//!
//! A connection to PostgreSQL can be lost at any moment: the server restarts, a proxy is moved.
//! What was not committed is then gone, and those who asked for it are told. If it is lost during
//! the commit, the server is asked over a new connection what became of the transaction by its
//! number. Only if that cannot be learnt in time are they told that it is not known. Later writes
//! wait a while for the connection, and are refused until it is there again; nothing has to be
//! started anew.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};
use tokio::time::{Instant, sleep};
use troupe_core::limits;

use crate::fault::Fault;
use crate::postgres::{Server, WRITING};
use crate::sql::{Connection as _, Own, Side, forget_plans};
use crate::words::{CHANNEL, Words};

use super::Tx;

/// Between two questions about a transaction that has not ended yet.
const OUTCOME_PAUSE: Duration = Duration::from_millis(50);

/// For how long plans are kept, at first and at most.
const PLANS_KEPT_MIN: Duration = Duration::from_millis(500);
const PLANS_KEPT_MAX: Duration = Duration::from_secs(60);

/// What others may know of how the writer stands to its database.
#[derive(Debug, Default)]
pub(crate) struct LinkState {
    /// By what the host is known in the database, once it is.
    owner: OnceLock<String>,
    /// Whether another carrier brings words to other hosts.
    is_carried: AtomicBool,
    is_cut: AtomicBool,
}

impl LinkState {
    /// From now on each batch is refused unless this host has its row.
    pub(crate) fn is_host(&self, owner: &str) {
        // One process is one host; the first name stays.
        self.owner.get_or_init(|| owner.to_owned());
    }

    /// By what the host is known; empty before it is.
    pub(crate) fn owner(&self) -> &str {
        self.owner.get().map_or("", String::as_str)
    }

    /// Has PostgreSQL carry no words any more.
    pub(crate) fn is_carried(&self) {
        self.is_carried.store(true, Ordering::Relaxed);
    }

    /// Whether the connection to the database is lost just now.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }
}

/// How the writer speaks to its database.
pub(super) struct Link {
    state: Arc<LinkState>,
    /// Where PostgreSQL is.
    server: Option<Server>,
    /// Since when there is no connection.
    cut_since: Option<Instant>,
    /// The number of the transaction that is under way, on PostgreSQL.
    transaction: Option<i64>,
    /// Whether it was asked to commit.
    is_committing: bool,
    /// The schema that the connection's statements were planned under.
    schema: Option<i64>,
    plans: Plans,
}

/// When the plans of statements are made anew. PostgreSQL keeps one as it made it, and one that was made while a
/// table was small may read all that there is of it once that has grown, until the server has counted its rows.
#[derive(Debug)]
struct Plans {
    next: Instant,
    pause: Duration,
}

impl Plans {
    fn new() -> Self {
        Self { next: Instant::now() + PLANS_KEPT_MIN, pause: PLANS_KEPT_MIN }
    }

    /// Whether it is time. New tables grow quickest, so it is seldom later on.
    fn are_old(&mut self) -> bool {
        let now = Instant::now();
        let are_old = now >= self.next;
        if are_old {
            self.pause = (self.pause * 2).min(PLANS_KEPT_MAX);
            self.next = now + self.pause;
        }
        are_old
    }
}

impl Link {
    pub(super) fn new(server: Option<Server>, state: Arc<LinkState>) -> Self {
        let (cut_since, transaction, schema) = (None, None, None);
        Self { state, server, cut_since, transaction, is_committing: false, schema, plans: Plans::new() }
    }

    /// By what the host is known.
    pub(super) fn owner(&self) -> &str {
        self.state.owner()
    }

    /// Whether there is no connection just now.
    pub(super) const fn is_cut(&self) -> bool {
        self.cut_since.is_some()
    }

    /// Whether there has been none for so long that writes are refused.
    pub(super) fn is_given_up(&self) -> bool {
        self.cut_since.is_some_and(|since| since.elapsed() >= limits::STORE_REGAIN_TIME_MAX)
    }

    fn cut(&mut self) {
        if self.server.is_some() {
            self.cut_since.get_or_insert_with(Instant::now);
            self.state.is_cut.store(true, Ordering::Relaxed);
        }
    }

    /// How long a batch may take: a disk answers in the end, and a network may not.
    pub(super) const fn time(&self) -> Option<Duration> {
        if self.server.is_some() { Some(limits::STORE_TRANSACTION_TIME_MAX) } else { None }
    }

    /// Begins a batch, and the first job of several.
    pub(super) async fn begin(&mut self, own: &mut Own, several: bool) -> Result<(), Fault> {
        (self.transaction, self.is_committing) = (None, false);
        if self.server.is_none() {
            return step(own, if several { "begin immediate; savepoint job" } else { "begin immediate" }).await;
        }
        if !self.is_cut() {
            match self.begin_once(own, several).await {
                // It was lost while nobody used it.
                Err(Fault::Cut) => self.cut(),
                begun => return begun,
            }
        }
        // Whoever comes late to a long failure does not wait as long as the first.
        let since = self.cut_since.unwrap_or_else(Instant::now);
        self.regain(own, since + limits::STORE_REGAIN_TIME_MAX).await?;
        self.begin_once(own, several).await
    }

    async fn begin_once(&mut self, own: &mut Own, several: bool) -> Result<(), Fault> {
        let Side::Postgres(connection) = own.side() else { return Ok(()) };
        let savepoint = if several { "; savepoint job" } else { "" };
        let owner = self.state.owner();
        let is_host = if is_word(owner) {
            format!("exists (select 1 from hosts where owner = '{owner}')")
        } else {
            "true".to_owned()
        };
        let plans = if self.plans.are_old() { "discard plans; " } else { "" };
        let statement = format!(
            "{plans}begin; select pg_advisory_xact_lock({WRITING}); \
             select pg_current_xact_id()::text::bigint as number, {is_host} as is_host,
                (select max(version) from _sqlx_migrations) as schema{savepoint}"
        );
        let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(statement))).await.map_err(failed("begin"))?;
        let Some(row) = rows.last() else { return Err(Fault::Other) };
        if !row.try_get::<bool, _>("is_host").map_err(failed("begin"))? {
            return Err(Fault::Taken);
        }
        self.transaction = Some(row.try_get("number").map_err(failed("begin"))?);
        // Whoever changes the schema holds the same lock, so it is one from here to the commit.
        let schema = row.try_get("schema").map_err(failed("begin"))?;
        if self.schema.replace(schema).is_some_and(|before| before != schema) {
            forget_plans(connection).await.map_err(failed("begin"))?;
        }
        Ok(())
    }

    /// Ends a job, and begins the next.
    pub(super) async fn next(&mut self, own: &mut Own) -> Result<(), Fault> {
        step(own, "release job; savepoint job").await
    }

    /// Undoes a job.
    pub(super) async fn undo(&mut self, own: &mut Own) -> Result<(), Fault> {
        step(own, "rollback to job").await
    }

    /// Makes the batch durable, and tells other hosts of it.
    pub(super) async fn commit(&mut self, tx: &mut Tx) -> Result<(), Fault> {
        self.is_committing = true;
        // A file has no other hosts, and a bus says it after the commit.
        let says = self.server.is_some() && !self.state.is_carried.load(Ordering::Relaxed);
        let words = if says { Words::of(tx, self.state.owner()) } else { None };
        let Side::Postgres(connection) = tx.connection.side() else { return step(&mut tx.connection, "commit").await };
        // To commit what has failed is no error to PostgreSQL, but to say anything else in it is.
        let last = match words.map(|words| words.to_string()).filter(|words| is_said(words)) {
            Some(words) => format!("select pg_notify('{CHANNEL}', '{words}'); commit"),
            None => "select 1; commit".to_owned(),
        };
        connection.execute(sqlx::raw_sql(AssertSqlSafe(last))).await.map(drop).map_err(failed("commit"))
    }

    /// Undoes a batch. Many faults end the transaction by themselves; then there is nothing to end.
    pub(super) async fn abandon(&mut self, own: &mut Own) {
        if !self.is_cut() && step(own, "rollback").await == Err(Fault::Cut) {
            self.cut();
        }
    }

    /// What became of a batch whose connection was lost.
    pub(super) async fn outcome(&mut self, own: &mut Own) -> Result<(), Fault> {
        self.cut();
        let (Some(number), true) = (self.transaction, self.is_committing) else { return Err(Fault::Cut) };
        let until = Instant::now() + limits::STORE_REGAIN_TIME_MAX;
        loop {
            if self.is_cut() && self.regain(own, until).await.is_err() {
                return Err(Fault::Unknown);
            }
            let Side::Postgres(connection) = own.side() else { return Err(Fault::Unknown) };
            match became(connection, number).await.as_deref() {
                Ok("committed") => return Ok(()),
                Ok("aborted") => return Err(Fault::Cut),
                Ok(_) if Instant::now() < until => {}
                Err(Fault::Cut) => self.cut(),
                _ => return Err(Fault::Unknown),
            }
            sleep(OUTCOME_PAUSE).await;
        }
    }

    /// Tries to have a connection again, until then.
    async fn regain(&mut self, own: &mut Own, until: Instant) -> Result<(), Fault> {
        let mut pause = limits::STORE_REGAIN_PAUSE_FIRST;
        loop {
            match self.again(own).await {
                Err(Fault::Cut) if Instant::now() + pause < until => sleep(pause).await,
                done => return done,
            }
            pause = (pause * 2).min(limits::STORE_REGAIN_PAUSE_MAX);
        }
    }

    /// Tries once to have a connection again.
    pub(super) async fn again(&mut self, own: &mut Own) -> Result<(), Fault> {
        let Some(server) = &self.server else { return Ok(()) };
        *own = Own::Postgres(server.again().await?);
        self.cut_since = None;
        self.state.is_cut.store(false, Ordering::Relaxed);
        tracing::info!("the database is reached again");
        Ok(())
    }
}

/// What the server says of a transaction.
async fn became(connection: &mut PgConnection, number: i64) -> Result<String, Fault> {
    let found: Result<Option<String>, sqlx::Error> = sqlx::query_scalar("select pg_xact_status($1::text::xid8)")
        .bind(number.to_string())
        .fetch_one(connection)
        .await;
    found.map(Option::unwrap_or_default).map_err(failed("pg_xact_status"))
}

/// Whether a text can stand in a statement as it is: the name of a host.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The same of words: names of tenants are letters, digits and hyphens.
fn is_said(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ,*-_.".contains(&byte))
}

/// A statement of the batch itself.
async fn step(own: &mut Own, sql: &'static str) -> Result<(), Fault> {
    let done = match own.side() {
        Side::Sqlite(connection) => connection.execute(sql).await.map(drop),
        Side::Postgres(connection) => connection.execute(sql).await.map(drop),
    };
    done.map_err(failed(sql))
}

fn failed(sql: &'static str) -> impl Fn(sqlx::Error) -> Fault {
    move |error| {
        let fault = Fault::of(&error);
        // Between batches nobody has asked for anything, and there may be nothing to end.
        if sql == "rollback" {
            tracing::debug!(%error, "there was nothing to undo");
        } else {
            tracing::error!(%error, sql, "the store's writer failed");
        }
        fault
    }
}
