use std::sync::Arc;

use sqlx::AssertSqlSafe;
use troupe_core::{Code, Error, SystemClock};
use troupe_store::Store;

use super::{database, home, is_wanted, raw, server};
use crate::support::place::with_name;

/// What is said of an address, without what differs from run to run.
async fn refused(url: &str, unsaid: &[(&str, &str)]) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (user, place) = rest.split_once('@').unwrap_or(("postgres", rest));
    let user = user.split(':').next().unwrap();
    // Where nobody asks for the password it does no harm.
    let address = format!("{scheme}://{user}:hunter2@{place}").parse().unwrap();
    let error = Store::connect(&address, Arc::new(SystemClock)).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStore);
    assert!(!format!("{error} {:?}", error.cause_chain()).contains("hunter2"), "{error}");
    told(&error, unsaid)
}

fn told(error: &Error, unsaid: &[(&str, &str)]) -> String {
    unsaid.iter().fold(error.to_string(), |said, (what, stands_for)| said.replace(what, stands_for))
}

#[tokio::test]
async fn whatever_keeps_a_host_from_its_database_is_named_with_the_way_out_and_without_the_password() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let (url, name) = (&database(&home).url, database(&home).name.as_str());
    let port = url.rsplit('/').nth(1).unwrap().rsplit('@').next().unwrap().to_owned();
    let port = if port.contains(':') { port } else { format!("{port}:5432") };
    let unsaid = [(name, "NAME"), (port.as_str(), "HOST:PORT")];

    let absent = refused(&with_name(url, "troupe_test_absent"), &unsaid).await;
    insta::assert_snapshot!(absent, @"the database `troupe_test_absent` at HOST:PORT does not exist; make it with `createdb troupe_test_absent`, or correct the address");
    let closed = refused(&format!("postgres://troupe@127.0.0.1:1/{name}"), &unsaid).await;
    insta::assert_snapshot!(closed, @"the database `NAME` at 127.0.0.1:1 is not reached: connection refused; start its server, or correct the address");
    let stranger = refused(&format!("postgres://troupe_test_nobody@{port}/{name}"), &unsaid).await;
    insta::assert_snapshot!(stranger, @"the database `NAME` at HOST:PORT refuses the user `troupe_test_nobody` or its password; correct both in the address");
    let plain = refused(&format!("postgres://postgres@{port}/{name}?sslmode=verify-full"), &unsaid).await;
    insta::assert_snapshot!(plain, @"the database `NAME` at HOST:PORT does not speak TLS as the address asks for; correct `sslmode` and `sslrootcert` in the address, or the server's certificate");

    let mut server = server(&home).await;
    let (guest, latin) = (format!("{name}_guest"), format!("{name}_latin"));
    let mut run = async |statement: String| {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut server).await.unwrap();
    };
    run(format!("create role {guest} login")).await;
    run(format!("create database {latin} template template0 encoding 'LATIN1' locale 'C'")).await;
    let unsaid = [(latin.as_str(), "OTHER"), (guest.as_str(), "GUEST"), (name, "NAME"), (port.as_str(), "HOST:PORT")];
    let encoded = refused(&with_name(url, &latin), &unsaid).await;
    let granted = refused(&format!("postgres://{guest}@{port}/{latin}"), &unsaid).await;
    run(format!("drop database {latin} with (force)")).await;
    run(format!("create database {latin} template template0 encoding 'UTF8' locale 'C'")).await;
    run(format!("revoke all on database {latin} from public")).await;
    let shut = refused(&format!("postgres://{guest}@{port}/{latin}"), &unsaid).await;
    run(format!("grant connect on database {latin} to public")).await;
    let unmade = refused(&format!("postgres://{guest}@{port}/{latin}"), &unsaid).await;
    run(format!("drop database {latin} with (force)")).await;
    run(format!("drop role {guest}")).await;
    insta::assert_snapshot!(encoded, @"the database `OTHER` at HOST:PORT keeps texts as LATIN1, and the host needs a database whose encoding is UTF8");
    assert_eq!(granted, encoded);
    insta::assert_snapshot!(shut, @"the database `OTHER` at HOST:PORT does not let the user `GUEST` in or make tables; have its owner grant that");
    assert_eq!(unmade, shut);
}

#[tokio::test]
async fn i135_a_database_of_a_newer_host_half_a_step_and_one_of_another_build_are_refused_by_name() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    home.store.close().await;
    let mut connection = raw(&home).await;
    let address = database(&home).address();
    let newest: i64 =
        sqlx::query_scalar("select max(version) from _sqlx_migrations").fetch_one(&mut connection).await.unwrap();
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'later', true, '\\x00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let error = Store::connect(&address, home.clock.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStore);
    let said = told(&error, &[(&format!("up to {newest};"), "up to its newest;")]);
    insta::assert_snapshot!(said, @"the database has schema 9999 and this host knows schemas up to its newest; start the newer host that wrote it, or use another database");
    sqlx::raw_sql(
        "delete from _sqlx_migrations where version = 9999;
         update _sqlx_migrations set success = false where version = 47",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let error = Store::connect(&address, home.clock.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStore);
    let said = told(&error, &[(&format!("up to {newest};"), "up to its newest;")]);
    insta::assert_snapshot!(said, @"the step of the database from schema 46 to schema 47 was begun and not ended, and this host knows schemas up to its newest; restore the backup from before that step, or use another database");
    sqlx::raw_sql("update _sqlx_migrations set success = true, checksum = '\\x00'")
        .execute(&mut connection)
        .await
        .unwrap();
    let error = Store::connect(&address, home.clock.clone()).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableStore);
    insta::assert_snapshot!(error, @"the database's schema 1 is not this host's schema 1; start the build that wrote it, or use another database");
}
