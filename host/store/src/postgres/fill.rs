//! A database that is empty, and is filled by one transaction.

use sqlx::postgres::{PgPool, PgPoolOptions, Postgres};
use sqlx::{AssertSqlSafe, Transaction};
use troupe_core::{Code, Error, Result, limits};

use super::{PostgresAddress, WRITING, check_server, refusal, set_up};
use crate::fault::Failed;
use crate::migrate;

/// Begins the transaction that fills an empty database, and makes its tables in it.
///
/// # Errors
/// [`Code::UnavailableStore`], which names the database and what to do.
pub(crate) async fn fill(address: &PostgresAddress, schema: u32) -> Result<(PgPool, Transaction<'static, Postgres>)> {
    let refused = |error: sqlx::Error| refusal::of(address, &error);
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(limits::STORE_CONNECT_TIME_MAX)
        .connect_with(address.options().application_name("troupe restore"))
        .await
        .map_err(refused)?;
    let mut transaction = pool.begin().await.map_err(refused)?;
    check_server(address, &mut transaction).await?;
    set_up(&mut transaction).await.map_err(refused)?;
    // A host that begins meanwhile waits until it is there, whole, or is not.
    let lock = format!("select pg_advisory_xact_lock({WRITING})");
    sqlx::query(AssertSqlSafe(lock)).execute(&mut *transaction).await.map_err(refused)?;
    let there: i64 =
        sqlx::query_scalar("select count(*) from information_schema.tables where table_schema = current_schema()")
            .fetch_one(&mut *transaction)
            .await
            .map_err(refused)?;
    if there > 0 {
        let message = format!("{address} has {there} tables already; restore to an empty database");
        return Err(Error::new(Code::UnavailableStore, message));
    }
    migrate::run_to_on_postgres(&mut transaction, schema).await?;
    Ok((pool, transaction))
}

/// Brings a database that was filled to this host's schema.
///
/// # Errors
/// [`Code::UnavailableStore`], which names the database and what to do.
pub(crate) async fn bring_up_to_date(address: &PostgresAddress, pool: &PgPool) -> Result<()> {
    let mut connection = pool.acquire().await.map_err(Failed::from)?;
    migrate::postgres(&mut connection, |error| refusal::of(address, error)).await
}
