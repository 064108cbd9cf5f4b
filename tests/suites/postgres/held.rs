//! Somebody else holds what every commit needs.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use troupe_core::limits;
use troupe_tests::guests;

use super::Base;
use crate::cases::asked::{Call, DOORS};
use crate::faults::no_door_accepts;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i121_a_lock_that_somebody_else_holds_is_a_bounded_wait_through_each_door() {
    let Some(base) = Base::new() else { return };
    let mut host = base.host();
    host.start().await;
    let client = host.client();
    client.publish(guests().echo.archive("1.0.0")).await.of(201);
    client.swap("echo", "1.0.0").await.of(200);
    let call = Call::new("echo", "echo", json!({ "text": "x" }));
    assert_eq!(call.alike(&client).await.code(), "completed");
    let hold = "begin; select pg_advisory_xact_lock(8390891605932179457); select pg_sleep(30)";
    let mut holder = Command::new("psql")
        .args(["-X", "-q", "-d", &base.url(), "-c", hold])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let held = "select count(*) from pg_locks where locktype = 'advisory' and granted
        and database = (select oid from pg_database where datname = current_database())
        and pid in (select pid from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid())";
    while base.ask(held) == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let asked = Instant::now();
    no_door_accepts(&client, "unavailable.store").await;
    // For each the wait itself, that of a commit before it, and what a busy machine takes.
    assert!(asked.elapsed() < 6 * limits::STORE_BUSY_TIME_MAX + Duration::from_secs(10), "{:?}", asked.elapsed());
    // What was there is read all the while.
    client.get("/api/v1/tasks").await.of(200);
    holder.kill().unwrap();
    holder.wait().unwrap();
    base.ask("select count(pg_terminate_backend(pid)) from pg_stat_activity where query like '%pg_sleep(30)%' and pid <> pg_backend_pid()");
    assert_eq!(call.alike(&client).await.code(), "completed");
    let tasks = client.get("/api/v1/tasks").await.of(200);
    assert_eq!(tasks["items"].as_array().unwrap().len(), 2 * DOORS.len(), "half a commit is there: {tasks:#}");
}
