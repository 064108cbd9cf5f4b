//! Bringing a database to this host's schema, and refusing one that is ahead of it.
//!
//! Each change of the schema is a file of the same number and name for either database. A step only adds
//! (*expand*), and what nobody uses any more goes in a later release, by a step whose name ends in `_contract`
//! (CONTRIBUTING.md).

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, SqliteConnection};
use troupe_core::{Code, Error, Result};

use crate::fault::Failed;
use crate::postgres::WRITING;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The newest schema that a database was brought to.
const FOUND: &str = "select max(version) from _sqlx_migrations";

/// The newest schema that this host knows.
pub(crate) fn newest() -> u32 {
    // Either database has the same steps.
    steps(&SQLITE).max().and_then(|newest| u32::try_from(newest).ok()).unwrap_or(0)
}

/// Brings a new database to a schema that this host knows.
pub(crate) async fn run_to(connection: &mut SqliteConnection, schema: u32) -> Result<()> {
    let ran = SQLITE.run_direct(Some(schema.into()), connection, false).await;
    ran.map_err(|error| Error::internal(error).context("making the database"))
}

/// Brings an empty database of PostgreSQL to a schema that this host knows.
pub(crate) async fn run_to_on_postgres(connection: &mut PgConnection, schema: u32) -> Result<()> {
    let ran = POSTGRES.run_direct(Some(schema.into()), connection, false).await;
    ran.map_err(|error| Error::internal(error).context("making the database"))
}

/// Runs the migrations that a database of SQLite lacks.
///
/// # Errors
/// [`Code::UnavailableStore`] naming both schemas when another build wrote the database.
pub(crate) async fn sqlite(connection: &mut SqliteConnection) -> Result<()> {
    let Err(error) = SQLITE.run_direct(None, &mut *connection, false).await else { return Ok(()) };
    let found = sqlx::query_scalar(FOUND).fetch_one(connection).await;
    Err(refusal(&SQLITE, "another data directory", error, found))
}

/// Runs the migrations that a database of PostgreSQL lacks. Hosts that work on it meanwhile go on: their commits
/// wait for the lock that is held, and find the schema changed as a whole.
///
/// # Errors
/// [`Code::UnavailableStore`] naming both schemas when another build wrote the database; what
/// `refused` makes of a statement that the server refuses.
pub(crate) async fn postgres(connection: &mut PgConnection, refused: impl Fn(&sqlx::Error) -> Error) -> Result<()> {
    // A database that is up to date needs nobody to wait; one without the table is empty.
    let found = sqlx::query_scalar::<_, Option<i64>>(FOUND).fetch_one(&mut *connection).await;
    let lacks = !found.is_ok_and(|found| found == steps(&POSTGRES).max());
    if lacks {
        hold(connection, "pg_advisory_lock").await.map_err(|error| refused(&error))?;
    }
    let ran = POSTGRES.run_direct(None, &mut *connection, false).await;
    // If it went wrong the session ends, and the lock with it.
    if lacks && ran.is_ok() {
        hold(connection, "pg_advisory_unlock").await.map_err(|error| refused(&error))?;
    }
    let error = match ran {
        Ok(()) => return Ok(()),
        Err(MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) => return Err(refused(&cause)),
        Err(error) => error,
    };
    let found = sqlx::query_scalar(FOUND).fetch_one(connection).await;
    Err(refusal(&POSTGRES, "another database", error, found))
}

/// Takes the lock of those who write for the session, or gives it back.
async fn hold(connection: &mut PgConnection, verb: &str) -> Result<(), sqlx::Error> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("select {verb}({WRITING})")))).await.map(drop)
}

/// The schemas that there are, by their numbers.
fn steps(known: &Migrator) -> impl Iterator<Item = i64> {
    known.iter().map(|migration| migration.version)
}

fn refusal(known: &Migrator, other: &str, error: MigrateError, found: Result<i64, sqlx::Error>) -> Error {
    let newest = steps(known).max().unwrap_or(0);
    let message = match &error {
        MigrateError::VersionMissing(_) => match found {
            Ok(found) => format!(
                "the database has schema {found} and this host knows schemas up to {newest}; \
                 start the newer host that wrote it, or use {other}"
            ),
            Err(error) => return Failed::from(error).into(),
        },
        MigrateError::Dirty(half) => {
            let before = steps(known).filter(|step| step < half).max().unwrap_or(0);
            format!(
                "the step of the database from schema {before} to schema {half} was begun and not ended, and this host \
                 knows schemas up to {newest}; restore the backup from before that step, or use {other}"
            )
        }
        MigrateError::VersionMismatch(version) => format!(
            "the database's schema {version} is not this host's schema {version}; \
             start the build that wrote it, or use {other}"
        ),
        MigrateError::Execute(_) | MigrateError::ExecuteMigration(..) => {
            let (MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) = error else {
                return Error::internal(error);
            };
            return Error::from(Failed::Database(cause)).context("bringing the database to this host's schema");
        }
        _ => format!("the database cannot be brought to schema {newest}; the host's log has the cause"),
    };
    Error::new(Code::UnavailableStore, message).with_cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_database_has_the_same_steps() {
        let names = |migrator: &Migrator| -> Vec<(i64, String)> {
            migrator.iter().map(|step| (step.version, step.description.to_string())).collect()
        };
        assert_eq!(names(&SQLITE), names(&POSTGRES));
    }
}
