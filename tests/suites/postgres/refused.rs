//! What keeps a host from its database, as whoever starts it reads it.

use insta::assert_snapshot;
use troupe_tests::command::{Said, run};

use super::Base;
use crate::PROGRAM;
use crate::cli::seen;

/// What a host says last that does not start.
async fn told(base: &Base, url: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let said: Said = run(PROGRAM, dir.path(), &["serve", "--listen", "127.0.0.1:0", "--database", url]).await;
    assert!(!said.err.contains(&base.password), "{}", said.err);
    seen(said.bad().lines().last().unwrap_or_default())
}

#[tokio::test]
async fn a_database_that_is_not_reached_is_named_without_its_password() {
    let Some(base) = Base::new() else { return };
    let absent = told(&base, &base.address("troupe_test_absent")).await;
    assert_snapshot!(absent, @"error: the database `troupe_test_absent` at [address] does not exist; make it with `createdb troupe_test_absent`, or correct the address [unavailable.store]");
    let closed = told(&base, &format!("postgres://troupe:{}@127.0.0.1:1/troupe", base.password)).await;
    assert_snapshot!(closed, @"error: the database `troupe` at [address] is not reached: connection refused; start its server, or correct the address [unavailable.store]");
    let unread = told(&base, &format!("mysql://troupe:{}@127.0.0.1/troupe", base.password)).await;
    assert_snapshot!(unread, @"error: `--database` or `TROUPE_DATABASE`: the address of the database cannot be read; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %40 for an @ in the password and the like [request.invalid]");
}
