//! What a statement answers.

use std::fmt::Display;

use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, TypeInfo as _, ValueRef as _};

/// A row of either database.
pub(crate) enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    Postgres(PgRow),
}

/// Which column of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'a> {
    /// The one of this name.
    Name(&'a str),
    /// The first.
    First,
}

/// What a column can be read as.
pub(crate) trait Field<'r>: Sized {
    /// Reads it.
    fn read(row: &'r Row, at: At<'_>) -> Result<Self, sqlx::Error>;
}

macro_rules! fields {
    ($($field:ty),*) => {
        $(impl<'r> Field<'r> for $field {
            fn read(row: &'r Row, at: At<'_>) -> Result<Self, sqlx::Error> {
                match (row, at) {
                    (Row::Sqlite(row), At::Name(name)) => row.try_get(name),
                    (Row::Sqlite(row), At::First) => row.try_get(0),
                    (Row::Postgres(row), At::Name(name)) => row.try_get(name),
                    (Row::Postgres(row), At::First) => row.try_get(0),
                }
            }
        })*
    };
}

fields!(&'r str, Option<&'r str>, String, Option<String>, &'r [u8], Option<&'r [u8]>, Vec<u8>, Option<Vec<u8>>);

impl<'r> Field<'r> for Option<i64> {
    fn read(row: &'r Row, at: At<'_>) -> Result<Self, sqlx::Error> {
        match (row, at) {
            (Row::Sqlite(row), At::Name(name)) => row.try_get(name),
            (Row::Sqlite(row), At::First) => row.try_get(0),
            (Row::Postgres(row), At::Name(name)) => number(row.try_get_raw(name)?, name),
            (Row::Postgres(row), At::First) => number(row.try_get_raw(0)?, 0),
        }
    }
}

impl<'r> Field<'r> for i64 {
    fn read(row: &'r Row, at: At<'_>) -> Result<Self, sqlx::Error> {
        Option::<i64>::read(row, at)?.ok_or_else(|| match at {
            At::Name(name) => undecodable(name, sqlx::error::UnexpectedNullError),
            At::First => undecodable(0, sqlx::error::UnexpectedNullError),
        })
    }
}

/// What SQLite has one type for is of several to PostgreSQL: a column is of 64 bits, the length of
/// a text and a literal of 32, and what a comparison says is true or false.
fn number(value: PgValueRef<'_>, at: impl Display) -> Result<Option<i64>, sqlx::Error> {
    if value.is_null() {
        return Ok(None);
    }
    let kind = value.type_info().name().to_owned();
    let read = match kind.as_str() {
        "INT4" => <i32 as Decode<'_, Postgres>>::decode(value).map(i64::from),
        "INT2" => <i16 as Decode<'_, Postgres>>::decode(value).map(i64::from),
        "BOOL" => <bool as Decode<'_, Postgres>>::decode(value).map(i64::from),
        "INT8" => <i64 as Decode<'_, Postgres>>::decode(value),
        other => Err(format!("{other} is no whole number").into()),
    };
    read.map(Some).map_err(|error| undecodable(at, error))
}

fn undecodable(at: impl Display, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: at.to_string(), source: source.into() }
}
