//! Filling an empty database from lines.
//!
//! All of it is one transaction: the database is brought to the schema of the lines, filled, read
//! back, held against the digests that were made when the lines were, and only then committed;
//! after that it is brought to this host's schema. Whatever fails leaves no row, and in PostgreSQL no
//! table either.

use std::path::Path;

use sqlx::postgres::{PgPool, Postgres};
use sqlx::{SqliteConnection, Transaction};
use troupe_core::view::TableSum;
use troupe_core::{Code, Error, Result};

use super::shape::{self, Table};
use super::{TableSums, line, read_all};
use crate::fault::Failed;
use crate::postgres::{self, PostgresAddress};
use crate::sql::{Connection, Side, query};
use crate::{migrate, open};

/// Rows that one statement adds.
const ROWS_PER_STATEMENT: usize = 16;

/// A database that is being filled.
#[derive(Debug)]
pub struct Loading {
    filled: Filled,
    tables: Vec<Table>,
}

/// The transaction that fills it.
#[derive(Debug)]
enum Filled {
    Sqlite(SqliteConnection),
    Postgres { address: PostgresAddress, pool: PgPool, transaction: Transaction<'static, Postgres> },
}

impl Connection for Filled {
    fn side(&mut self) -> Side<'_> {
        match self {
            Self::Sqlite(connection) => Side::Sqlite(connection),
            Self::Postgres { transaction, .. } => Side::Postgres(transaction),
        }
    }
}

impl Loading {
    /// Makes a database file at `path` and brings it to `schema`.
    ///
    /// # Errors
    /// [`Code::UnavailableStore`] if this host does not know the schema; those of
    /// [`Store::open`](crate::Store::open).
    pub async fn begin(path: &Path, schema: u32) -> Result<Self> {
        check_known(schema)?;
        let mut connection = open::writing(path).await?;
        migrate::run_to(&mut connection, schema).await?;
        let mut filled = Filled::Sqlite(connection);
        query("begin immediate").execute(&mut filled).await.map_err(Failed::from)?;
        Self::of(filled).await
    }

    /// Begins to fill an empty database of PostgreSQL.
    ///
    /// # Errors
    /// [`Code::UnavailableStore`], which names the database and what to do, if it is not reached or lets
    /// nobody in, if there are tables in it, or if this host does not know the schema.
    pub async fn begin_on(address: &PostgresAddress, schema: u32) -> Result<Self> {
        check_known(schema)?;
        let (pool, transaction) = postgres::fill(address, schema).await?;
        Self::of(Filled::Postgres { address: address.clone(), pool, transaction }).await
    }

    async fn of(mut filled: Filled) -> Result<Self> {
        let tables = shape::tables(&mut filled).await?;
        Ok(Self { filled, tables })
    }

    /// Adds rows to a table: a line that names the columns, then a line for each row.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] if they are not rows of that table.
    pub async fn rows(&mut self, table: &str, lines: &[u8]) -> Result<()> {
        let Some(table) = self.tables.iter().find(|known| known.name == table) else {
            let message = format!("the backup is damaged: its schema has no table `{table}`; use another backup");
            return Err(Error::new(Code::RequestInvalid, message));
        };
        let Some(rows) = lines.strip_prefix(table.head().as_slice()) else { return Err(line::damaged()) };
        let rows: Vec<&[u8]> = rows.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        for some in rows.chunks(ROWS_PER_STATEMENT) {
            let mut insert = table.insert();
            insert.push("values ");
            for (at, row) in some.iter().enumerate() {
                insert.push(if at > 0 { ", (" } else { "(" });
                insert.push_list(line::read(row, &table.columns)?).push(")");
            }
            insert.build().execute(&mut self.filled).await.map_err(Failed::from)?;
        }
        Ok(())
    }

    /// Holds what the database now has against what it shall have, and keeps it.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] naming a table that has not come back as it was.
    pub async fn end(mut self, sums: &TableSums) -> Result<()> {
        let there = read_all(&mut self.filled, None).await?;
        let names: std::collections::BTreeSet<_> = there.keys().chain(sums.keys()).collect();
        for name in names {
            let (is, was) = (there.get(name), sums.get(name));
            if is != was {
                let count = |sum: Option<&TableSum>| sum.map_or(0, |sum| sum.rows);
                let message = format!(
                    "the backup is damaged: table `{name}` has {} rows of the {} it had, or others; use another backup",
                    count(is),
                    count(was)
                );
                return Err(Error::new(Code::RequestInvalid, message));
            }
        }
        match self.filled {
            Filled::Sqlite(mut connection) => {
                sqlx::query("commit").execute(&mut connection).await.map_err(Failed::from)?;
                migrate::sqlite(&mut connection).await?;
                Ok(sqlx::Connection::close(connection).await.map_err(Failed::from)?)
            }
            Filled::Postgres { address, pool, transaction } => {
                transaction.commit().await.map_err(Failed::from)?;
                postgres::bring_up_to_date(&address, &pool).await?;
                pool.close().await;
                Ok(())
            }
        }
    }
}

fn check_known(schema: u32) -> Result<()> {
    let newest = migrate::newest();
    if schema > newest {
        let message = format!(
            "the backup has schema {schema} and this host knows schemas up to {newest}; restore it by the newer host that made it"
        );
        return Err(Error::new(Code::UnavailableStore, message));
    }
    Ok(())
}
