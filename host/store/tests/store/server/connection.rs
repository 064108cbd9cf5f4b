use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use troupe_core::Code;

use super::{cut, home, is_wanted, raw, server};
use crate::support::{id, pending, tenant};

#[tokio::test]
async fn a_connection_that_was_cut_while_nobody_used_it_is_made_anew_unseen() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    home.store.create_task(pending(1)).await.unwrap();
    home.store.task(&tenant(), id(1)).await.unwrap();
    let mut connection = raw(&home).await;
    assert!(cut(&mut connection, "").await >= 2);
    home.store.create_task(pending(2)).await.unwrap();
    assert!(home.store.task(&tenant(), id(1)).await.unwrap().is_some());
    home.store.check().unwrap();
    assert!(cut(&mut connection, "").await >= 2);
    let tenant = tenant();
    let (read, written) = tokio::join!(home.store.task(&tenant, id(2)), home.store.create_task(pending(3)));
    assert!(read.unwrap().is_some());
    written.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_cuts_what_was_acknowledged_is_kept_and_what_was_refused_is_not() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_u64 {
        let (store, stop) = (home.store.clone(), Arc::clone(&stop));
        writers.spawn(async move {
            let mut told = Vec::new();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let number = writer * 1_000_000 + number;
                told.push((number, store.create_task(pending(number)).await));
            }
            told
        });
    }
    let mut connection = raw(&home).await;
    let mut cuts = 0;
    while cuts < 40 {
        // In every phase of a batch: between statements, at work, and as it commits.
        tokio::time::sleep(Duration::from_micros(500 + 7_919 * (cuts % 13))).await;
        cuts += u64::from(cut(&mut connection, "and query not like '%read_only = on%'").await > 0);
    }
    stop.store(true, Ordering::Relaxed);
    let told: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    let mut kept = 0;
    for (number, outcome) in &told {
        let is_kept = home.store.task(&tenant(), id(*number)).await.unwrap().is_some();
        kept += u64::from(is_kept);
        match outcome {
            Ok(_) => assert!(is_kept, "task {number} was acknowledged"),
            Err(error) if error.to_string().contains("is not known") => {}
            Err(error) => {
                assert_eq!((error.code, error.retryable), (Code::UnavailableStore, true), "{error}");
                assert!(!is_kept, "task {number} was refused: {error}");
            }
        }
    }
    let refused = told.iter().filter(|(_, outcome)| outcome.is_err()).count();
    println!("{cuts} cuts: {} tasks, {kept} kept, {refused} refused", told.len());
    assert!(kept > 0 && refused > 0, "{kept} kept, {refused} refused");
    let mut seq = 0;
    loop {
        let page = home.store.feed(&tenant(), seq, 1_000).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.iter().map(|event| event.seq).eq(seq + 1..=last.seq), "the feed has a gap");
        seq = last.seq;
    }
    assert_eq!(seq, kept, "an event for each task that is there");
    home.store.check().unwrap();
}

#[tokio::test]
async fn while_the_server_lets_nobody_in_writes_are_refused_in_time_and_taken_afterwards() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    home.store.create_task(pending(1)).await.unwrap();
    let (mut raw_before, mut connection) = (raw(&home).await, server(&home).await);
    let name = &super::database(&home).name;
    let allow = |allowed: &str| sqlx::AssertSqlSafe(format!("alter database {name} allow_connections {allowed}"));
    sqlx::query(allow("false")).execute(&mut connection).await.unwrap();
    cut(&mut raw_before, "").await;
    let began = tokio::time::Instant::now();
    let error = home.store.create_task(pending(2)).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::UnavailableStore, true));
    insta::assert_snapshot!(error, @"the connection to the database was lost; try again");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    sqlx::query(allow("true")).execute(&mut connection).await.unwrap();
    home.store.create_task(pending(2)).await.unwrap();
    assert!(home.store.task(&tenant(), id(2)).await.unwrap().is_some());
}
