//! A statement with its parameters.
//!
//! PostgreSQL refuses a statement that it has planned already once that would answer with other columns: a newer
//! host has added one to a table meanwhile. Its plans are then made anew. Between two batches the writer sees to
//! that (`writer/link.rs`); what reads says its statement again.

use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use sqlx::postgres::{PgArguments, PgDatabaseError};
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, SqlSafeStr as _, SqlStr, Sqlite};

use super::{At, Connection, Field, Row, Side};

/// What PostgreSQL says of a statement that it planned with other columns: `feature_not_supported`, for which a
/// host of ours gives no other reason.
const PLANNED_OTHERWISE: &str = "0A000";

/// A parameter. What is absent still has a type, which PostgreSQL must know.
#[derive(Debug, Clone)]
pub(crate) enum Argument {
    /// A number.
    Integer(Option<i64>),
    /// A text.
    Text(Option<String>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
}

macro_rules! arguments {
    ($($from:ty => $variant:ident $convert:expr;)*) => {
        $(impl From<$from> for Argument {
            fn from(value: $from) -> Self {
                Self::$variant(Some($convert(value)))
            }
        }
        impl From<Option<$from>> for Argument {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map($convert))
            }
        })*
    };
}

arguments! {
    i64 => Integer std::convert::identity;
    &str => Text str::to_owned;
    String => Text std::convert::identity;
    &String => Text String::clone;
    &[u8] => Bytes <[u8]>::to_vec;
    Vec<u8> => Bytes std::convert::identity;
    &Vec<u8> => Bytes Vec::clone;
    i32 => Integer i64::from;
    bool => Integer i64::from;
}

impl From<&Option<String>> for Argument {
    fn from(value: &Option<String>) -> Self {
        Self::Text(value.clone())
    }
}

/// What a statement changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    rows: u64,
}

impl Written {
    /// How many rows it added, changed or deleted.
    pub(crate) const fn rows_affected(self) -> u64 {
        self.rows
    }
}

/// A statement with the parameters it has so far.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    sql: SqlStr,
    arguments: Vec<Argument>,
    persistent: bool,
}

/// A statement that is written in this crate.
pub(crate) fn query(sql: &'static str) -> Query {
    Query { sql: sql.into_sql_str(), arguments: Vec::new(), persistent: true }
}

/// A statement whose rows have one value.
pub(crate) fn query_scalar(sql: &'static str) -> Scalar {
    Scalar(query(sql))
}

/// Has a session of PostgreSQL carry a statement out, and say it again if that may help.
macro_rules! on_postgres {
    ($query:ident, $session:ident, $says_again:ident, $carry_out:ident) => {{
        let again = $says_again.then(|| $query.clone());
        match $query.postgres().$carry_out(&mut *$session).await {
            Err(error) if is_planned_otherwise(&error) => {
                forget_plans($session).await?;
                match again {
                    Some(again) => again.postgres().$carry_out($session).await?,
                    None => return Err(error),
                }
            }
            done => done?,
        }
    }};
}

/// Whether a statement would answer with other columns than it was planned with.
fn is_planned_otherwise(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|error| error.code() == PLANNED_OTHERWISE)
}

/// Has a session plan its statements anew.
pub(crate) async fn forget_plans(session: &mut PgConnection) -> Result<(), sqlx::Error> {
    session.clear_cached_statements().await
}

impl Query {
    /// A statement made of parts that are all written in this crate.
    pub(super) fn of_parts(sql: String, arguments: Vec<Argument>) -> Self {
        Self { sql: AssertSqlSafe(sql).into_sql_str(), arguments, persistent: true }
    }

    /// Gives the next parameter.
    pub(crate) fn bind(mut self, argument: impl Into<Argument>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Whether the connection shall keep the statement's compiled form.
    pub(crate) const fn persistent(mut self, persistent: bool) -> Self {
        self.persistent = persistent;
        self
    }

    /// Carries it out for what it changes.
    pub(crate) async fn execute(self, connection: &mut dyn Connection) -> Result<Written, sqlx::Error> {
        let says_again = connection.says_again();
        let rows = match connection.side() {
            Side::Sqlite(connection) => self.sqlite().execute(connection).await?.rows_affected(),
            Side::Postgres(session) => on_postgres!(self, session, says_again, execute).rows_affected(),
        };
        Ok(Written { rows })
    }

    /// All its rows.
    pub(crate) async fn fetch_all(self, connection: &mut dyn Connection) -> Result<Vec<Row>, sqlx::Error> {
        let says_again = connection.says_again();
        Ok(match connection.side() {
            Side::Sqlite(connection) => {
                self.sqlite().fetch_all(connection).await?.into_iter().map(Row::Sqlite).collect()
            }
            Side::Postgres(session) => {
                on_postgres!(self, session, says_again, fetch_all).into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Its rows, one by one as the database finds them.
    pub(crate) fn fetch<'c>(self, connection: &'c mut dyn Connection) -> BoxStream<'c, Result<Row, sqlx::Error>> {
        match connection.side() {
            Side::Sqlite(connection) => Box::pin(self.sqlite().fetch(connection).map_ok(Row::Sqlite)),
            Side::Postgres(connection) => Box::pin(self.postgres().fetch(connection).map_ok(Row::Postgres)),
        }
    }

    /// Its first row, which must be there.
    pub(crate) async fn fetch_one(self, connection: &mut dyn Connection) -> Result<Row, sqlx::Error> {
        self.fetch_optional(connection).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Its first row, if it has one.
    pub(crate) async fn fetch_optional(self, connection: &mut dyn Connection) -> Result<Option<Row>, sqlx::Error> {
        let says_again = connection.says_again();
        Ok(match connection.side() {
            Side::Sqlite(connection) => self.sqlite().fetch_optional(connection).await?.map(Row::Sqlite),
            Side::Postgres(session) => on_postgres!(self, session, says_again, fetch_optional).map(Row::Postgres),
        })
    }

    fn sqlite<'q>(self) -> sqlx::query::Query<'q, Sqlite, SqliteArguments> {
        let query = sqlx::query(self.sql).persistent(self.persistent);
        self.arguments.into_iter().fold(query, |query, argument| match argument {
            Argument::Integer(value) => query.bind(value),
            Argument::Text(value) => query.bind(value),
            Argument::Bytes(value) => query.bind(value),
        })
    }

    fn postgres<'q>(self) -> sqlx::query::Query<'q, Postgres, PgArguments> {
        let query = sqlx::query(self.sql).persistent(self.persistent);
        self.arguments.into_iter().fold(query, |query, argument| match argument {
            Argument::Integer(value) => query.bind(value),
            Argument::Text(value) => query.bind(value),
            Argument::Bytes(value) => query.bind(value),
        })
    }
}

/// A statement whose rows have one value.
#[derive(Debug)]
pub(crate) struct Scalar(Query);

impl Scalar {
    /// Gives the next parameter.
    pub(crate) fn bind(self, argument: impl Into<Argument>) -> Self {
        Self(self.0.bind(argument))
    }

    /// The value of every row.
    pub(crate) async fn fetch_all<T>(self, connection: &mut dyn Connection) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> Field<'r>,
    {
        self.0.fetch_all(connection).await?.iter().map(|row| T::read(row, At::First)).collect()
    }

    /// The value of the first row, which must be there.
    pub(crate) async fn fetch_one<T>(self, connection: &mut dyn Connection) -> Result<T, sqlx::Error>
    where
        T: for<'r> Field<'r>,
    {
        T::read(&self.0.fetch_one(connection).await?, At::First)
    }

    /// The value of the first row, if there is one.
    pub(crate) async fn fetch_optional<T>(self, connection: &mut dyn Connection) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> Field<'r>,
    {
        self.0.fetch_optional(connection).await?.map(|row| T::read(&row, At::First)).transpose()
    }
}
