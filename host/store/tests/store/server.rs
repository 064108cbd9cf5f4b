//! What only PostgreSQL has: a server that is elsewhere, refuses, goes away, and serves others too.
//!
//! These tests do nothing in a run on files; `on_postgres.rs` starts the one in which they do.

mod connection;
mod hosts;
mod opening;
mod refusals;
mod schema;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sqlx::{Connection as _, PgConnection};
use troupe_core::{SystemClock, Timestamp};
use troupe_store::{HostRow, Store};

use crate::support::Home;
use crate::support::place::{Database, Place, TEMPLATE, with_name};

/// Whether this run is on PostgreSQL.
fn is_wanted() -> bool {
    std::env::var_os(TEMPLATE).is_some()
}

/// A copy of the template, and a store that others may be beside.
async fn home() -> Home {
    assert!(is_wanted());
    Home::open().await
}

fn database(home: &Home) -> &Database {
    let Place::Server(database) = &home.place else { panic!("it is on no server") };
    database.is_spoiled.store(true, Ordering::Relaxed);
    database
}

/// Another database of the same server.
async fn server(home: &Home) -> PgConnection {
    PgConnection::connect(&with_name(&database(home).url, "postgres")).await.unwrap()
}

async fn raw(home: &Home) -> PgConnection {
    PgConnection::connect(&database(home).url).await.unwrap()
}

/// A store as a host opens it, which is one of the database's hosts by this name.
async fn host(home: &Home, owner: &str) -> Store {
    let store = Store::connect(&database(home).address(), Arc::new(SystemClock)).await.unwrap();
    store.enter(host_row(owner, owner)).await.unwrap();
    store
}

fn host_row(owner: &str, home: &str) -> HostRow {
    let at = Timestamp::from_millis(0);
    HostRow {
        owner: owner.to_owned(),
        home: home.to_owned(),
        address: format!("http://{owner}"),
        secret: "secret".to_owned(),
        signs_with: "sha256:00".to_owned(),
        version: "0.1.0".to_owned(),
        started_at: at,
        until: at,
    }
}

/// Ends the sessions of stores, as a restart of the server does; those that `which` says more of.
async fn cut(connection: &mut PgConnection, which: &str) -> i64 {
    let statement = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and application_name like 'troupe %' {which}"
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(connection).await.unwrap()
}
