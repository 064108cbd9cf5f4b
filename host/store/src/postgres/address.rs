//! Where a database of PostgreSQL is.
//!
//! ```text
//!  postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full
//! ```
//!
//! What is left out is taken from the variables and the password file that PostgreSQL's own
//! programs read (`PGHOST`, `PGPASSWORD`, `~/.pgpass`, …). The password is never shown.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use troupe_core::{Code, Error};

/// Where a database is, and as whom it is used.
#[derive(Clone)]
pub struct PostgresAddress(Box<PgConnectOptions>);

impl PostgresAddress {
    pub(super) fn options(&self) -> PgConnectOptions {
        (*self.0).clone()
    }

    /// As whom it is used.
    pub(super) fn user(&self) -> &str {
        self.0.get_username()
    }

    /// The database's name.
    pub(super) fn database(&self) -> &str {
        self.0.get_database().unwrap_or(self.user())
    }
}

impl FromStr for PostgresAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_one = text.starts_with("postgres://") || text.starts_with("postgresql://");
        // The text holds a password, and so may the words of whoever could not read it.
        let options = is_one.then(|| text.parse::<PgConnectOptions>().ok()).flatten().ok_or_else(|| {
            let message = "the address of the database cannot be read; \
                 write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %40 for an @ in the password and the like";
            Error::new(Code::RequestInvalid, message)
        })?;
        Ok(Self(Box::new(options)))
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database `{}` at ", self.database())?;
        match self.0.get_socket() {
            Some(socket) => write!(f, "{}", socket.display()),
            None if self.0.get_host().starts_with('/') => f.write_str(self.0.get_host()),
            None => write!(f, "{}:{}", self.0.get_host(), self.0.get_port()),
        }
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let address: PostgresAddress = "postgresql://troupe:hunter2@db.example/agents?sslmode=require".parse().unwrap();
        assert_eq!(address.to_string(), "the database `agents` at db.example:5432");
        assert!(!format!("{address:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in
            ["", "troupe.db", "mysql://a:hunter2@b/c", "postgres://a:hunter2@b:port/c", "postgres://a:hun ter2@[b/c"]
        {
            let error = text.parse::<PostgresAddress>().unwrap_err();
            assert_eq!(error.code, Code::RequestInvalid, "{text}");
            assert!(!error.to_string().contains("hun"), "{error}");
        }
    }
}
