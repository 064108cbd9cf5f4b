//! One way to say a statement to either database.
//!
//! ```text
//!  query("select … $1") ─ bind ─▶ Query ─ fetch ─▶ &mut dyn Connection ─┬▶ SQLite
//!  Builder (statements of parts) ─ build ─┘                             └▶ PostgreSQL
//!                                 Row ◀── columns by name ──────────────┘
//! ```
//!
//! Statements of this crate are written once, in the SQL that both databases have:
//! parameters are `$1`, `$2`, …; numbers are 64 bits wide; truth is 0 or 1. What one of them
//! alone has (a pragma, an advisory lock) is said to that one, where it is opened.

mod builder;
mod many;
mod query;
mod row;

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};

pub(crate) use builder::Builder;
pub(crate) use many::{insert, look_up};
pub(crate) use query::{Argument, Query, Scalar, forget_plans, query, query_scalar};
pub(crate) use row::{At, Field, Row};

/// A connection of either database.
pub(crate) trait Connection: Send {
    /// The connection as its driver knows it.
    fn side(&mut self) -> Side<'_>;

    /// Whether each statement stands for itself, so that one the server would not carry out can be said again.
    fn says_again(&self) -> bool {
        false
    }
}

/// A connection as its driver knows it.
pub(crate) enum Side<'c> {
    /// Of SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// Of PostgreSQL.
    Postgres(&'c mut PgConnection),
}

/// The connection that writes.
#[derive(Debug)]
pub(crate) enum Own {
    /// To SQLite.
    Sqlite(SqliteConnection),
    /// To PostgreSQL.
    Postgres(PgConnection),
}

impl Own {
    /// Takes leave of the database.
    pub(crate) async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
    }
}

impl Connection for Own {
    fn side(&mut self) -> Side<'_> {
        match self {
            Self::Sqlite(connection) => Side::Sqlite(connection),
            Self::Postgres(connection) => Side::Postgres(connection),
        }
    }
}

/// A connection that only reads, lent by a pool.
#[derive(Debug)]
pub(crate) enum Reader {
    /// To SQLite.
    Sqlite(PoolConnection<Sqlite>),
    /// To PostgreSQL.
    Postgres(PoolConnection<Postgres>),
}

impl Connection for Reader {
    fn side(&mut self) -> Side<'_> {
        match self {
            Self::Sqlite(connection) => Side::Sqlite(connection),
            Self::Postgres(connection) => Side::Postgres(connection),
        }
    }

    fn says_again(&self) -> bool {
        true
    }
}

/// Several reads of one state of the database.
#[derive(Debug)]
pub(crate) enum Snapshot<'c> {
    /// Of SQLite.
    Sqlite(Transaction<'c, Sqlite>),
    /// Of PostgreSQL.
    Postgres(Transaction<'c, Postgres>),
}

impl<'c> Snapshot<'c> {
    /// Holds on to the state as it is at the first read.
    pub(crate) async fn of(connection: &'c mut dyn Connection) -> Result<Self, sqlx::Error> {
        Ok(match connection.side() {
            Side::Sqlite(connection) => Self::Sqlite(connection.begin().await?),
            Side::Postgres(connection) => {
                Self::Postgres(connection.begin_with("begin isolation level repeatable read").await?)
            }
        })
    }

    /// Lets go of it.
    pub(crate) async fn end(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }
}

impl Connection for Snapshot<'_> {
    fn side(&mut self) -> Side<'_> {
        match self {
            Self::Sqlite(transaction) => Side::Sqlite(transaction),
            Self::Postgres(transaction) => Side::Postgres(transaction),
        }
    }
}
