use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use troupe_core::{Clock, Code, Timestamp};
use troupe_store::Commit;

use crate::support::place::Place;
use crate::support::{Home, agent, id, pending, release, row, rows_only, set, space, tenant, wide};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_have_no_gaps_under_many_writers_some_of_which_fail() {
    let home = Home::open().await;
    home.store.publish(&tenant(), release("aws@1.0.0", "one"), None).await.unwrap();
    let broken = home.running(9_999).await;
    home.store.commit(rows_only(&broken, vec![row(1, false)])).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..32_u64 {
        let (store, broken) = (home.store.clone(), broken.clone());
        writers.spawn(async move {
            for n in 0..8 {
                let tenant = tenant();
                let other = store.publish(&tenant, release("aws@1.0.0", "two"), None);
                // Writes state, then fails at a journal row that has its answer.
                let doomed = Commit {
                    write: Some((wide(set(&format!("k{writer}-{n}"), b"v")), row(2 + writer * 8 + n, true))),
                    ..rows_only(&broken, vec![row(1, false)])
                };
                let (created, refused, failed) =
                    tokio::join!(store.create_task(pending(writer * 8 + n)), other, store.commit(doomed));
                created.unwrap();
                assert_eq!(refused.unwrap_err().code, Code::ArtifactImmutable);
                assert_eq!(failed.unwrap_err().code, Code::Internal);
            }
        });
    }
    writers.join_all().await;
    let feed = home.store.feed(&tenant(), 0, 1_000).await.unwrap();
    assert_eq!(feed.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=259).collect::<Vec<_>>());
    let told: BTreeSet<_> = feed.iter().filter(|e| e.kind == "task.created").map(|e| e.subject.clone()).collect();
    assert!((0..256).all(|number| told.contains(&format!("task/{}", id(number)))));
    assert!(home.store.state_list(space(&tenant(), &agent(), 1), "", None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_reader_resumes_after_the_last_number_it_saw() {
    let home = Home::open().await;
    for number in 1..=5 {
        home.store.create_task(pending(number)).await.unwrap();
    }
    let first = home.store.feed(&tenant(), 0, 2).await.unwrap();
    let rest = home.store.feed(&tenant(), first[1].seq, 10).await.unwrap();
    let seen: Vec<_> = first.iter().chain(&rest).map(|event| event.seq).collect();
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    assert!(home.store.feed(&tenant(), u64::MAX, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn whoever_watches_is_woken_after_the_commit_and_only_by_events() {
    let home = Home::open().await;
    let (mut watch, mut said) = (home.store.watch(&tenant()), home.store.said());
    home.store.create_task(pending(1)).await.unwrap();
    assert!(watch.has_changed().unwrap());
    // A host that shares its database is woken once more when it begins to listen to others, whenever that
    // is. What its commits say is theirs alone.
    assert_eq!(said.try_recv().unwrap().feeds, BTreeSet::from([tenant()]), "nobody is woken by a neighbour");
    home.store.create_task(pending(1)).await.unwrap_err();
    home.store.renew("owner-1", &[(tenant(), id(1), 1)]).await.unwrap();
    assert!(said.try_recv().is_err(), "whoever watches is woken by what has no event");
    home.store.close().await;
    while watch.changed().await.is_ok() {}
}

/// A clock that moves each time it is looked at: once per batch.
#[derive(Debug, Default)]
struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

#[tokio::test]
async fn writes_that_are_handed_over_together_share_a_commit() {
    let place = Place::of_this_run().await;
    let store = place.open(Arc::new(Ticks::default())).await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..64 {
        let store = store.clone();
        writers.spawn(async move { store.create_task(pending(number)).await.unwrap() });
    }
    writers.join_all().await;
    let feed = store.feed(&tenant(), 0, 100).await.unwrap();
    let commits: BTreeSet<_> = feed.iter().map(|event| event.at).collect();
    assert!(commits.len() <= 2, "{} commits for 64 writes", commits.len());
}
