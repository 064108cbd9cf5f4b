//! Every test of this suite once more, on a server of PostgreSQL.
//!
//! `TROUPE_TEST_POSTGRES` is the address of one of its databases, whose user may make others:
//! `TROUPE_TEST_POSTGRES=postgres://postgres@127.0.0.1/postgres cargo test -p troupe-store`. The suite
//! starts itself again with a database to copy for each test. Without the variable PostgreSQL is left
//! out; with `TROUPE_REQUIRE_SUITES` set that is a failure.

use std::process::{Command, Stdio};
use std::sync::Arc;

use troupe_core::SystemClock;
use troupe_store::Store;

use crate::support::place::{Database, TEMPLATE, prefix, remove};

#[test]
fn every_test_of_the_store_holds_on_postgresql_as_well() {
    let Ok(server) = std::env::var("TROUPE_TEST_POSTGRES") else {
        assert!(std::env::var_os("TROUPE_REQUIRE_SUITES").is_none(), "TROUPE_TEST_POSTGRES names no server");
        eprintln!("PostgreSQL is left out: TROUPE_TEST_POSTGRES names no server");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let template = runtime.block_on(async {
        let template = Database::empty(&server).await;
        let store = Store::connect(&template.address(), Arc::new(SystemClock)).await.unwrap();
        store.close().await;
        template
    });
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--skip", "on_postgres::", "--test-threads", "4"])
        .env(TEMPLATE, &template.url)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let process = again.id();
    let again = again.wait_with_output().unwrap();
    runtime.block_on(remove(&server, &prefix(process))).unwrap();
    let told = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success(), "on PostgreSQL:\n{told}\n{}", String::from_utf8_lossy(&again.stderr));
    assert!(told.contains("test result: ok"), "{told}");
}
