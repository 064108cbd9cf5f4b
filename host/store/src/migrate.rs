//! Bringing a database to this host's schema, and refusing one that is ahead of it.

use sqlx::SqliteConnection;
use sqlx::migrate::{MigrateError, Migrator};
use troupe_core::{Code, Error, Result};

use crate::fault::Failed;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Runs the migrations that the database lacks.
///
/// # Errors
/// [`Code::UnavailableStore`] naming both schemas when another build wrote the database.
pub(crate) async fn run(connection: &mut SqliteConnection) -> Result<()> {
    let Err(error) = MIGRATIONS.run_direct(None, &mut *connection, false).await else {
        return Ok(());
    };
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let message = match &error {
        MigrateError::VersionMissing(_) => {
            let found: i64 = sqlx::query_scalar("select max(version) from _sqlx_migrations")
                .fetch_one(connection)
                .await
                .map_err(Failed::from)?;
            format!(
                "the database has schema {found} and this host knows schemas up to {known}; \
                 start the newer host that wrote it, or use another data directory"
            )
        }
        MigrateError::VersionMismatch(version) => format!(
            "the database's schema {version} is not this host's schema {version}; \
             start the build that wrote it, or use another data directory"
        ),
        MigrateError::Execute(_) | MigrateError::ExecuteMigration(..) => {
            let (MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) = error else {
                return Err(Error::internal(error));
            };
            return Err(Error::from(Failed::Database(cause)).context("bringing the database to this host's schema"));
        }
        _ => format!("the database cannot be brought to schema {known}; the host's log has the cause"),
    };
    Err(Error::new(Code::UnavailableStore, message).with_cause(error))
}
