use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use troupe_core::Code;
use troupe_store::Store;

use crate::support::{Home, id, pending, tenant};

/// The number of the newest migration there is.
fn newest() -> u64 {
    let migrations = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite")).unwrap();
    let names = migrations.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.split('_').next().unwrap().parse().unwrap()).max().unwrap()
}

async fn raw(home: &Home) -> SqliteConnection {
    SqliteConnectOptions::new().filename(home.path()).connect().await.unwrap()
}

#[tokio::test]
async fn a_database_of_a_newer_host_is_refused_by_an_older_one() {
    let home = Home::open().await;
    home.store.close().await;
    let mut connection = raw(&home).await;
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'later', true, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let error = Store::open(&home.path(), home.clock.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStore);
    let told = error.to_string().replace(&format!("up to {}; ", newest()), "up to its newest; ");
    insta::assert_snapshot!(told, @"the database has schema 9999 and this host knows schemas up to its newest; start the newer host that wrote it, or use another data directory");
}

#[tokio::test]
async fn a_database_whose_schema_was_edited_is_refused() {
    let home = Home::open().await;
    home.store.close().await;
    let mut connection = raw(&home).await;
    sqlx::query("update _sqlx_migrations set checksum = x'00'").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let error = Store::open(&home.path(), home.clock.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStore);
    insta::assert_snapshot!(error, @"the database's schema 1 is not this host's schema 1; start the build that wrote it, or use another data directory");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("troupe.db");
    let text = "this is a diary, and long enough to be taken for a header of a database file\n".repeat(20);
    std::fs::write(&path, &text).unwrap();
    let clock = std::sync::Arc::new(troupe_core::SystemClock);
    let error = Store::open(&path, clock.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStore);
    insta::assert_snapshot!(error, @"the database cannot be opened or read; the host's log has the cause");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let error = Store::open(&dir.path().join("missing").join("troupe.db"), clock).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStore);
}

#[tokio::test]
async fn a_second_start_finds_everything_where_it_was() {
    let home = Home::open().await;
    home.store.create_task(pending(1)).await.unwrap();
    home.store.close().await;
    let store = Store::open(&home.path(), home.clock.clone()).await.unwrap();
    assert_eq!(store.task(&tenant(), id(1)).await.unwrap(), Some(pending(1)));
    assert_eq!(store.feed(&tenant(), 0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lock_that_outlasts_the_wait_is_an_error_and_not_a_hang() {
    let home = Home::open().await;
    let mut other = raw(&home).await;
    sqlx::query("begin immediate").execute(&mut other).await.unwrap();
    let error = home.store.create_task(pending(1)).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::UnavailableStore, true));
    insta::assert_snapshot!(error, @"the store is busy; try again");
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap(), None);
    sqlx::query("rollback").execute(&mut other).await.unwrap();
    home.store.create_task(pending(1)).await.unwrap();
}
