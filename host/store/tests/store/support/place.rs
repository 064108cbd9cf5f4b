//! Where the database of a test is: in a file of its own, or a database of its own on a server.
//!
//! [`TEMPLATE`] names the address of a database on a server that has the schema already: then each
//! test has a copy of it, and else a file. Who sets it is `on_postgres.rs`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _, SqliteConnection};
use tempfile::TempDir;
use troupe_core::Clock;
use troupe_store::{PostgresAddress, Store};

/// The variable with the address of the database that is copied.
pub const TEMPLATE: &str = "TROUPE_TEST_POSTGRES_TEMPLATE";

pub enum Place {
    File(TempDir),
    Server(Database),
}

impl Place {
    pub async fn of_this_run() -> Self {
        match std::env::var(TEMPLATE) {
            Ok(template) => Self::Server(Database::copied(&template).await),
            Err(_) => Self::file(),
        }
    }

    pub fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub async fn open(&self, clock: Arc<dyn Clock>) -> Store {
        match self {
            Self::File(dir) => Store::open(&file_in(dir), clock).await.unwrap(),
            Self::Server(database) => Store::connect(&database.address(), clock).await.unwrap(),
        }
    }

    /// The database, for whoever goes past the store.
    pub async fn raw(&self) -> Raw {
        match self {
            Self::File(dir) => Raw::Sqlite(SqliteConnectOptions::new().filename(file_in(dir)).connect().await.unwrap()),
            Self::Server(database) => Raw::Postgres(PgConnection::connect(&database.url).await.unwrap()),
        }
    }
}

pub fn file_in(dir: &TempDir) -> PathBuf {
    dir.path().join("troupe.db")
}

/// A database on a server. What a run that was killed has left is found by its name,
/// `troupe_test_…`, and harms nobody.
pub struct Database {
    pub url: String,
    pub name: String,
    /// Whether nothing of it is used for another test.
    pub is_spoiled: AtomicBool,
    server: String,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Empty ones, whose making takes longer than what a test does with one.
static SPARE: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn new_name() -> String {
    format!("{}{}", prefix(std::process::id()), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// How the databases of a process are called.
pub fn prefix(process: u32) -> String {
    format!("troupe_test_{process}_")
}

impl Database {
    /// An empty one, on the server that a URL of one of its databases leads to.
    pub async fn empty(server: &str) -> Self {
        Self::made(server, "template0").await
    }

    async fn copied(template: &str) -> Self {
        let spare = SPARE.lock().unwrap().pop();
        match spare {
            Some(name) => Self::named(template, name),
            None => Self::made(template, &name_in(template)).await,
        }
    }

    async fn made(server: &str, of: &str) -> Self {
        let database = Self::named(server, new_name());
        let statement = format!("create database {} template {of} encoding 'UTF8'", database.name);
        let mut connection = PgConnection::connect(&database.server).await.unwrap();
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        database
    }

    fn named(server: &str, name: String) -> Self {
        let server = with_name(server, "postgres");
        Self { url: with_name(&server, &name), name, is_spoiled: AtomicBool::new(false), server }
    }

    pub fn address(&self) -> PostgresAddress {
        self.url.parse().unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let is_spoiled = self.is_spoiled.load(Ordering::Relaxed) || std::env::var_os(TEMPLATE).is_none();
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime
                .block_on(async { if is_spoiled { remove(&server, &name).await } else { spare(&server, &name).await } })
        });
        if let Ok(Err(error)) = gone.join() {
            eprintln!("the database {} was left behind: {error}", self.name);
        }
    }
}

/// Removes the databases whose names begin so.
pub async fn remove(server: &str, prefix: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(&with_name(server, "postgres")).await?;
    let names: Vec<String> = sqlx::query_scalar("select datname::text from pg_database where starts_with(datname, $1)")
        .bind(prefix)
        .fetch_all(&mut connection)
        .await?;
    for name in names {
        let statement = format!("drop database {name} with (force)");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    Ok(())
}

/// Has another test find it empty, under another name, so that a store that somebody has forgotten to
/// close does not reach it.
async fn spare(server: &str, name: &str) -> Result<(), sqlx::Error> {
    let (mut connection, new) = (PgConnection::connect(server).await?, new_name());
    loop {
        sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1")
            .bind(name)
            .execute(&mut connection)
            .await?;
        let statement = format!("alter database {name} rename to {new}");
        match sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await {
            Ok(_) => break,
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55006") => {}
            Err(error) => return Err(error),
        }
    }
    let mut connection = PgConnection::connect(&with_name(server, &new)).await?;
    sqlx::raw_sql(
        "do $$ declare it text; is_used boolean; begin
            for it in select tablename from pg_tables where schemaname = 'public' and tablename <> '_sqlx_migrations' loop
                execute format('select exists (select 1 from %I)', it) into is_used;
                if is_used then execute format('truncate %I cascade', it); end if;
            end loop;
         end $$",
    )
    .execute(&mut connection)
    .await?;
    connection.close().await?;
    SPARE.lock().unwrap().push(new);
    Ok(())
}

/// The same address with the name of another database.
pub fn with_name(url: &str, name: &str) -> String {
    let (place, rest) = url.split_once('?').map_or((url, String::new()), |(place, rest)| (place, format!("?{rest}")));
    let (scheme, authority) = place.split_once("://").expect("an address");
    let authority = authority.split('/').next().unwrap();
    format!("{scheme}://{authority}/{name}{rest}")
}

fn name_in(url: &str) -> String {
    url.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn as_postgres(statement: &str) -> String {
    statement.replace(" x'", r" bytea '\x").replace(" as blob)", " as bytea)")
}

/// The database past the store.
pub enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    /// Carries out statements of which bytes are written `x'…'`, and says how many rows the last changed.
    pub async fn execute(&mut self, statements: &str) -> u64 {
        match self {
            Self::Sqlite(connection) => {
                let done = sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(connection).await;
                done.unwrap().rows_affected()
            }
            Self::Postgres(connection) => {
                sqlx::raw_sql(AssertSqlSafe(as_postgres(statements))).execute(connection).await.unwrap().rows_affected()
            }
        }
    }

    /// The one that fits, where the two have no words in common.
    pub async fn execute_either(&mut self, sqlite: &str, postgres: &str) -> u64 {
        let statement = if matches!(self, Self::Sqlite(_)) { sqlite } else { postgres };
        self.execute(statement).await
    }

    /// The rows of a question whose answers are numbers of 64 bits.
    pub async fn numbers<const N: usize>(&mut self, question: &str) -> Vec<[i64; N]> {
        match self {
            Self::Sqlite(connection) => {
                let rows = sqlx::query(AssertSqlSafe(question.to_owned())).fetch_all(connection).await.unwrap();
                rows.iter().map(|row| std::array::from_fn(|at| row.get(at))).collect()
            }
            Self::Postgres(connection) => {
                let rows = sqlx::query(AssertSqlSafe(as_postgres(question))).fetch_all(connection).await.unwrap();
                rows.iter().map(|row| std::array::from_fn(|at| row.get(at))).collect()
            }
        }
    }
}
