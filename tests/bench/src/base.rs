//! The databases that a host is measured on: SQLite, and PostgreSQL where `TROUPE_TEST_POSTGRES` names a server; and
//! either of them alone, for figures that are held against it.

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _, SqliteConnection};
use tempfile::TempDir;
use troupe_core::SystemClock;
use troupe_store::Store;

use crate::host::Failure;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// Where a host keeps what it has: a directory, and a database in it or on the server.
pub struct Base {
    pub dir: TempDir,
    pub kind: Kind,
    /// The server, and what the database on it is called, without what is added for the one beside it.
    server: Option<(String, String)>,
}

impl Kind {
    /// Those that can be measured here.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Sqlite];
        match server() {
            Some(_) => all.push(Self::Postgres),
            None => eprintln!("PostgreSQL is left out: TROUPE_TEST_POSTGRES names no server"),
        }
        all
    }
}

fn server() -> Option<String> {
    std::env::var("TROUPE_TEST_POSTGRES").ok()
}

impl Base {
    /// An empty one.
    pub async fn new(kind: Kind) -> Result<Self, Failure> {
        let dir = tempfile::tempdir_in(crate::guest::workspace().join("target"))?;
        let server = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => {
                let server = server().ok_or("TROUPE_TEST_POSTGRES names no server")?;
                let unique = dir.path().file_name().unwrap_or_default().to_string_lossy().replace('.', "");
                // Names that are not quoted are of lower-case letters.
                let name = format!("troupe_bench_{}_{}", std::process::id(), unique.to_lowercase());
                let mut connection = PgConnection::connect(&server).await?;
                for name in [name.clone(), beside(&name)] {
                    let make = format!("create database {name} template template0 encoding 'UTF8'");
                    sqlx::query(AssertSqlSafe(make)).execute(&mut connection).await?;
                }
                Some((server, name))
            }
        };
        Ok(Self { dir, kind, server })
    }

    /// The store of a host.
    pub async fn store(&self) -> Result<Store, Failure> {
        match &self.server {
            None => crate::host::store(self.dir.path()).await,
            Some((server, name)) => Ok(Store::connect(&with_name(server, name).parse()?, Arc::new(SystemClock)).await?),
        }
    }

    /// The host's database, for whoever goes past it. What rows refer to is not looked at.
    pub async fn raw(&self) -> Result<Database, Failure> {
        match &self.server {
            None => {
                let options = SqliteConnectOptions::new().filename(self.dir.path().join("troupe.db"));
                Ok(Database::Sqlite(options.foreign_keys(false).connect().await?))
            }
            Some((server, name)) => {
                let mut connection = PgConnection::connect(&with_name(server, name)).await?;
                sqlx::raw_sql("set session_replication_role = replica").execute(&mut connection).await?;
                Ok(Database::Postgres(connection))
            }
        }
    }

    /// A database beside it, of the same settings as the store's, with the tables of a schema.
    pub async fn alone(&self, schema: &'static str) -> Result<Database, Failure> {
        match &self.server {
            None => Ok(Database::Sqlite(alone(self.dir.path(), schema).await?)),
            Some((server, name)) => {
                let mut connection = PgConnection::connect(&with_name(server, &beside(name))).await?;
                sqlx::raw_sql(schema).execute(&mut connection).await?;
                Ok(Database::Postgres(connection))
            }
        }
    }

    /// Removes it. Whatever else ends it leaves a database whose name says whose it was.
    pub async fn remove(self) -> Result<(), Failure> {
        if let Some((server, name)) = &self.server {
            let mut connection = PgConnection::connect(server).await?;
            for name in [name.clone(), beside(name)] {
                let drop = format!("drop database if exists {name} with (force)");
                sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await?;
            }
        }
        Ok(())
    }
}

fn beside(name: &str) -> String {
    format!("{name}_beside")
}

/// The address of another database of the server that a URL leads to.
fn with_name(url: &str, name: &str) -> String {
    let (address, options) = url.split_once('?').map_or((url, None), |(address, options)| (address, Some(options)));
    let server = address.rsplit_once('/').map_or(address, |(server, _)| server);
    options.map_or_else(|| format!("{server}/{name}"), |options| format!("{server}/{name}?{options}"))
}

/// A table for figures that are about commits and not about what is in them.
pub const COMMITS: &str = "create table commits (n integer)";

/// SQLite in a directory, of the same settings as the store's, with the tables of a schema.
pub async fn alone(dir: &Path, schema: &'static str) -> Result<SqliteConnection, Failure> {
    let options = SqliteConnectOptions::new()
        .filename(dir.join("reference.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut database = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql(schema).execute(&mut database).await?;
    Ok(database)
}

/// A session with either.
pub enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// What a statement is given.
pub enum Value<'a> {
    Number(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// Executes a statement with its values in either dialect.
macro_rules! execute {
    ($connection:expr, $statement:expr, $values:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($statement));
        for value in $values {
            query = match value {
                Value::Number(number) => query.bind(*number),
                Value::Text(text) => query.bind(*text),
                Value::Bytes(bytes) => query.bind(*bytes),
            };
        }
        query.execute($connection).await.map(drop)
    }};
}

impl Database {
    /// Executes a statement, whose text is the same in both.
    pub async fn execute(&mut self, statement: &str, values: &[Value<'_>]) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(connection) => execute!(connection, statement.to_owned(), values),
            Self::Postgres(connection) => execute!(connection, statement.to_owned(), values),
        }
    }

    /// Begins a transaction that writes.
    pub async fn begin(&mut self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(_) => self.execute("begin immediate", &[]).await,
            Self::Postgres(_) => self.execute("begin", &[]).await,
        }
    }

    /// Ends it.
    pub async fn commit(&mut self) -> sqlx::Result<()> {
        self.execute("commit", &[]).await
    }

    /// The names of a table's columns.
    pub async fn columns(&mut self, table: &str) -> sqlx::Result<Vec<String>> {
        match self {
            Self::Sqlite(connection) => {
                let rows = sqlx::query("select name from pragma_table_info($1)").bind(table).fetch_all(connection);
                Ok(rows.await?.iter().map(|row| row.get(0)).collect())
            }
            Self::Postgres(connection) => {
                let names = "select column_name::text from information_schema.columns
                     where table_schema = current_schema() and table_name = $1 order by ordinal_position";
                let rows = sqlx::query(names).bind(table).fetch_all(connection);
                Ok(rows.await?.iter().map(|row| row.get(0)).collect())
            }
        }
    }
}
