use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use troupe_core::Code;

use crate::support::place::{Place, Raw};
use crate::support::{Home, agent, id, pending, set, space, tenant};

#[test]
fn acknowledged_writes_survive_a_store_that_is_dropped_without_being_closed() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let first = runtime();
    let home = first.block_on(async {
        let home = Home::open().await;
        let pin = home.running(1).await;
        home.change(&pin, 1, set("k", b"v")).await.unwrap();
        for number in 2..100 {
            home.store.create_task(pending(number)).await.unwrap();
        }
        // More is under way when everything stops.
        for number in 100..200 {
            let store = home.store.clone();
            tokio::spawn(async move { store.create_task(pending(number)).await });
        }
        home
    });
    first.shutdown_background();
    let Home { store, clock, place } = home;
    drop(store);

    runtime().block_on(async {
        let store = place.open(clock).await;
        assert_eq!(store.state_get(space(&tenant(), &agent(), 1), "k").await.unwrap(), Some((b"v".to_vec(), 1)));
        for number in 1..100 {
            assert!(store.task(&tenant(), id(number)).await.unwrap().is_some(), "task {number}");
        }
        let feed = store.feed(&tenant(), 0, 1_000).await.unwrap();
        assert!(feed.iter().map(|event| event.seq).eq(1..=feed.len() as u64));
        store.close().await;
        let Raw::Sqlite(mut connection) = place.raw().await else { return };
        let check: String = sqlx::query_scalar("pragma integrity_check").fetch_one(&mut connection).await.unwrap();
        assert_eq!(check, "ok");
        let broken = sqlx::query("pragma foreign_key_check").fetch_all(&mut connection).await.unwrap();
        assert!(broken.is_empty());
    });
}

#[tokio::test]
async fn a_write_whose_caller_stopped_waiting_is_carried_out_and_the_next_one_works() {
    let home = Home::open().await;
    {
        let mut abandoned = pin!(home.store.create_task(pending(1)));
        assert!(abandoned.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    home.store.create_task(pending(2)).await.unwrap();
    assert!(home.store.task(&tenant(), id(1)).await.unwrap().is_some());
    assert!(home.store.task(&tenant(), id(2)).await.unwrap().is_some());
}

#[tokio::test]
async fn closing_commits_what_was_handed_over_and_refuses_the_rest() {
    let home = Home::open().await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..50 {
        let store = home.store.clone();
        writers.spawn(async move { (number, store.create_task(pending(number)).await) });
    }
    tokio::task::yield_now().await;
    home.store.close().await;
    let results = writers.join_all().await;
    let error = home.store.create_task(pending(99)).await.unwrap_err();
    assert_eq!(error.code, Code::UnavailableHost);
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap_err().code, Code::UnavailableHost);
    home.store.close().await;

    if let Place::File(_) = home.place {
        let log = home.path().with_extension("db-wal");
        assert!(!log.exists(), "the write-ahead log is folded in");
    }
    let store = home.reopened().await;
    for (number, result) in results {
        let kept = store.task(&tenant(), id(number)).await.unwrap().is_some();
        assert_eq!(kept, result.is_ok(), "task {number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i123_many_writers_and_checkpoints_that_are_forced_beside_them_leave_a_database_that_holds_together() {
    let home = Home::on_file().await;
    let seconds = std::env::var("TROUPE_CHECKPOINT_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    let next = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (store, next) = (home.store.clone(), std::sync::Arc::clone(&next));
        writers.spawn(async move {
            let mut kept = Vec::new();
            while std::time::Instant::now() < until {
                let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                store.create_task(pending(number)).await.unwrap();
                kept.push(number);
            }
            kept
        });
    }
    // Those of other processes, of each kind, and of several at once.
    let mut folders = tokio::task::JoinSet::new();
    for kind in ["passive", "full", "restart", "truncate"] {
        let Raw::Sqlite(mut connection) = home.raw().await else { panic!("it is on a file") };
        folders.spawn(async move {
            let mut folds = 0_u64;
            while std::time::Instant::now() < until {
                let fold = sqlx::AssertSqlSafe(format!("pragma wal_checkpoint({kind})"));
                // One that finds another under way is refused, which harms nobody.
                folds += u64::from(sqlx::query(fold).fetch_all(&mut connection).await.is_ok());
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            folds
        });
    }
    let (mut kept, mut folds) = (Vec::new(), 0);
    while let Some(writer) = writers.join_next().await {
        kept.extend(writer.unwrap());
    }
    while let Some(folder) = folders.join_next().await {
        folds += folder.unwrap();
    }
    assert!(kept.len() > 100 && folds > 20, "{} writes and {folds} checkpoints", kept.len());
    let store = home.reopened().await;
    for number in &kept {
        assert!(store.task(&tenant(), id(*number)).await.unwrap().is_some(), "task {number} was acknowledged");
    }
    let Raw::Sqlite(mut connection) = home.raw().await else { panic!("it is on a file") };
    let check: String = sqlx::query_scalar("pragma integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(check, "ok");
    let broken = sqlx::query("pragma foreign_key_check").fetch_all(&mut connection).await.unwrap();
    assert!(broken.is_empty());
}
