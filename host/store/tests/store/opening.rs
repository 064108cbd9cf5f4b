use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use troupe_core::{Clock as _, Code};
use troupe_store::{Forms, StateOutcome, Store};

use crate::support::{Home, agent, id, pending, set, space, tenant};

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
async fn i135_a_database_of_a_newer_host_is_refused_by_an_older_one() {
    let home = Home::on_file().await;
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
    let home = Home::on_file().await;
    home.store.close().await;
    let mut connection = raw(&home).await;
    sqlx::query("update _sqlx_migrations set checksum = x'00'").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let error = Store::open(&home.path(), home.clock.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStore);
    insta::assert_snapshot!(error, @"the database's schema 1 is not this host's schema 1; start the build that wrote it, or use another data directory");
}

#[tokio::test]
async fn i135_a_database_that_a_step_was_left_half_in_is_refused_by_both_schemas_and_by_the_step() {
    let home = Home::on_file().await;
    home.store.create_task(pending(1)).await.unwrap();
    home.store.close().await;
    let mut connection = raw(&home).await;
    sqlx::query("update _sqlx_migrations set success = false where version = 47")
        .execute(&mut connection)
        .await
        .unwrap();
    let error = Store::open(&home.path(), home.clock.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStore);
    let told = error.to_string().replace(&format!("up to {}; ", newest()), "up to its newest; ");
    insta::assert_snapshot!(told, @"the step of the database from schema 46 to schema 47 was begun and not ended, and this host knows schemas up to its newest; restore the backup from before that step, or use another data directory");
    // Nothing was done to it: what somebody mends by hand is as it was.
    sqlx::query("update _sqlx_migrations set success = true where version = 47")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let store = Store::open(&home.path(), home.clock.clone()).await.unwrap();
    assert_eq!(store.task(&tenant(), id(1)).await.unwrap(), Some(pending(1)));
}

/// What a host of an earlier schema left.
async fn of_schema(schema: u64) -> Home {
    let home = Home::on_file().await;
    home.store.close().await;
    std::fs::remove_file(home.path()).unwrap();
    let (all, earlier) = (concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite"), home.dir().join("earlier"));
    std::fs::create_dir(&earlier).unwrap();
    for entry in std::fs::read_dir(all).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if name.to_str().unwrap().split('_').next().unwrap().parse::<u64>().unwrap() <= schema {
            std::fs::copy(path, earlier.join(name)).unwrap();
        }
    }
    let mut connection =
        SqliteConnectOptions::new().filename(home.path()).create_if_missing(true).connect().await.unwrap();
    sqlx::migrate::Migrator::new(earlier).await.unwrap().run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    home
}

#[tokio::test]
async fn the_keys_that_an_earlier_host_kept_are_those_of_deployments() {
    let home = of_schema(10).await;
    let mut connection = raw(&home).await;
    let second = home.clock.now().as_millis() + 1_000;
    sqlx::query(
        "insert into state (tenant, agent, generation, key, value, revision, epoch, updated_at, expires_at)
         values ('acme', 'aws', 1, x'61', x'31', 3, 1, 0, null), ('acme', 'aws', 1, x'62', x'ff00', 7, 1, 0, $1),
            ('acme', 'aws', 2, x'61', x'32', 1, 1, 0, null), ('other', 'aws', 1, x'61', x'33', 1, 1, 0, null)",
    )
    .bind(second)
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::query(
        "insert into state_usage (tenant, agent, generation, keys, bytes, revision)
         values ('acme', 'aws', 1, 2, 5, 9), ('acme', 'aws', 2, 1, 2, 1), ('other', 'aws', 1, 1, 2, 1)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let store = Store::open(&home.path(), home.clock.clone()).await.unwrap();
    let home = Home { store, ..home };
    let (acme, other, aws) = (tenant(), "other".parse().unwrap(), agent());
    let get = async |space, key| home.store.state_get(space, key).await.unwrap();
    assert_eq!(get(space(&acme, &aws, 1), "a").await, Some((b"1".to_vec(), 3)));
    assert_eq!(get(space(&acme, &aws, 1), "b").await, Some((vec![255, 0], 7)));
    assert_eq!(get(space(&acme, &aws, 2), "a").await, Some((b"2".to_vec(), 1)));
    assert_eq!(get(space(&other, &aws, 1), "a").await, Some((b"3".to_vec(), 1)));
    // Revisions and quotas go on from where they were.
    let pin = home.running(1).await;
    assert_eq!(home.change(&pin, 1, set("a", b"9")).await.unwrap(), StateOutcome::Written { revision: 10 });
    home.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(get(space(&acme, &aws, 1), "b").await, None);
    assert_eq!(home.store.sweep_state().await.unwrap(), 1);
    assert_eq!(home.store.state_list(space(&acme, &aws, 1), "", None, 10).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn of_what_an_earlier_host_deployed_all_forms_are_there_that_the_release_reads() {
    let home = of_schema(13).await;
    let mut connection = raw(&home).await;
    let manifests = [
        (r#"{"name":"aws","state":{"version":3,"reads":"2..=3"}}"#, Some(Forms { first: 2, last: 3 })),
        (r#"{"name":"aws"}"#, Some(Forms::one(1))),
        ("{", None),
    ];
    for (number, (manifest, _)) in manifests.iter().enumerate() {
        for (sql, last) in [
            (
                "insert into releases (tenant, agent, version, digest, component, manifest, profile, published_at)
                 values ('acme', $1, '1.0.0', $3, $3, $2, '{}', 0)",
                true,
            ),
            (
                "insert into deployments (tenant, agent, epoch, serving, digest, changed_at)
                 values ('acme', $1, 1, '1.0.0', $2, 0)",
                false,
            ),
        ] {
            let digest = troupe_core::Digest::of(b"one").to_string();
            let query = sqlx::query(sql).bind(format!("agent-{number}"));
            let query = if last { query.bind(*manifest).bind(digest) } else { query.bind(digest) };
            query.execute(&mut connection).await.unwrap();
        }
    }
    connection.close().await.unwrap();
    let store = Store::open(&home.path(), home.clock.clone()).await.unwrap();
    let found: Vec<_> = store.deployments(&tenant()).await.unwrap().iter().map(|row| row.state_forms).collect();
    assert_eq!(found, manifests.map(|(_, forms)| forms));
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
    let store = home.reopened().await;
    assert_eq!(store.task(&tenant(), id(1)).await.unwrap(), Some(pending(1)));
    assert_eq!(store.feed(&tenant(), 0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn i121_a_lock_that_outlasts_the_wait_is_an_error_and_not_a_hang() {
    let home = Home::on_file().await;
    let mut other = raw(&home).await;
    sqlx::query("begin immediate").execute(&mut other).await.unwrap();
    let error = home.store.create_task(pending(1)).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::UnavailableStore, true));
    insta::assert_snapshot!(error, @"the store is busy; try again");
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap(), None);
    sqlx::query("rollback").execute(&mut other).await.unwrap();
    home.store.create_task(pending(1)).await.unwrap();
}
