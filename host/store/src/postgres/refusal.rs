//! Why no session begins, in words that name the database and the way out, and never its password.

use std::io::ErrorKind;

use sqlx::postgres::PgDatabaseError;
use troupe_core::{Code, Error};

use super::PostgresAddress;

/// What stands in the way of a session with a database.
pub(super) fn of(address: &PostgresAddress, error: &sqlx::Error) -> Error {
    tracing::error!(%error, database = %address, "no session with the database");
    let user = address.user();
    let message = match error {
        // A certificate that does not hold comes as data that is none.
        sqlx::Error::Tls(_) => tls(address),
        sqlx::Error::Io(cause) if cause.kind() == ErrorKind::InvalidData => tls(address),
        sqlx::Error::Io(cause) => {
            format!("{address} is not reached: {}; start its server, or correct the address", cause.kind())
        }
        sqlx::Error::PoolTimedOut => {
            format!("{address} does not answer in time; start its server, or correct the address")
        }
        sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code) {
            Some("28P01" | "28000") => {
                format!("{address} refuses the user `{user}` or its password; correct both in the address")
            }
            Some("3D000") => {
                format!(
                    "{address} does not exist; make it with `createdb {}`, or correct the address",
                    address.database()
                )
            }
            Some("42501") => {
                format!("{address} does not let the user `{user}` in or make tables; have its owner grant that")
            }
            Some("53300") => {
                format!("{address} has no connection left; end some others, or raise the server's `max_connections`")
            }
            Some("57P03") => format!("{address} is starting or stopping; try again in a moment"),
            Some(code) => format!("{address} refuses the session (SQLSTATE {code}); the host's log has its words"),
            None => format!("{address} cannot be used; the host's log has the cause"),
        },
        _ => format!("{address} cannot be used; the host's log has the cause"),
    };
    Error::new(Code::UnavailableStore, message)
}

fn tls(address: &PostgresAddress) -> String {
    format!(
        "{address} does not speak TLS as the address asks for; \
         correct `sslmode` and `sslrootcert` in the address, or the server's certificate"
    )
}
