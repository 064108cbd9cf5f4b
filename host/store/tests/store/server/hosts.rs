use std::time::Duration;

use troupe_core::Code;
use troupe_store::Words;

use super::{cut, home, host, host_row, is_wanted, raw};
use crate::support::{READING, id, pending, ran_on, tenant};

/// As if so many seconds had passed for a host since it was heard of.
async fn is_late(home: &crate::support::Home, owner: &str) {
    let statement = format!("update hosts set until = 1 where owner = '{owner}'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut raw(home).await).await.unwrap();
}

#[tokio::test]
async fn a_host_that_is_late_goes_on_until_another_takes_over_and_writes_nothing_from_then_on() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let (late, other) = (host(&home, "late").await, host(&home, "other").await);
    late.create_task(pending(1)).await.unwrap();
    late.claim(&tenant(), id(1), "late", &ran_on(), &home.head()).await.unwrap();
    assert!(other.take_over("other").await.unwrap().is_empty(), "nobody is late yet");
    is_late(&home, "late").await;
    late.create_task(pending(2)).await.unwrap();
    late.renew_host("late").await.unwrap();
    assert!(other.take_over("other").await.unwrap().is_empty(), "it was heard of in time");

    is_late(&home, "late").await;
    assert!(!other.any_orphans().await.unwrap());
    let gone = other.take_over("other").await.unwrap();
    assert_eq!(gone.iter().map(|host| host.owner.as_str()).collect::<Vec<_>>(), ["late"]);
    assert!(other.any_orphans().await.unwrap());
    let error = late.create_task(pending(3)).await.unwrap_err();
    insta::assert_snapshot!(error, @"another host has taken over from this one, which was not heard of in time, so it writes no more; start it again");
    assert_eq!(late.check().unwrap_err().code, Code::UnavailableStore);
    assert!(late.renew_host("late").await.is_err(), "nor does it come back");

    let recovered = other.recover("other", READING).await.unwrap();
    assert_eq!(recovered.resume, [(tenant(), id(1))]);
    other.resume(&tenant(), id(1), "other").await.unwrap();
    assert_eq!(other.recover("other", READING).await.unwrap().resume, [], "what a host runs is let be");
    let third = host(&home, "third").await;
    assert_eq!(third.recover("third", READING).await.unwrap().resume, [], "also what another does");
}

#[tokio::test]
async fn a_host_that_starts_anew_in_its_directory_takes_over_from_itself_at_once_and_from_nobody_else() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let (before, other) = (host(&home, "before").await, host(&home, "other").await);
    other.create_task(pending(1)).await.unwrap();
    before.claim(&tenant(), id(1), "before", &ran_on(), &home.head()).await.unwrap();
    let after = home.reopened().await;
    after.enter(host_row("after", "before")).await.unwrap();
    assert!(before.create_task(pending(2)).await.is_err());
    other.create_task(pending(3)).await.unwrap();
    assert_eq!(after.recover("after", READING).await.unwrap().resume, [(tenant(), id(1))]);
    let (hosts, now) = after.hosts().await.unwrap();
    assert_eq!(hosts.iter().map(|host| host.owner.as_str()).collect::<Vec<_>>(), ["other", "after"]);
    assert!(hosts.iter().all(|host| host.started_at <= now && now < host.until));
    other.leave("other").await.unwrap();
    assert!(other.create_task(pending(4)).await.is_err(), "who has left writes no more");
    assert_eq!(after.hosts().await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn a_host_that_was_cut_off_and_was_not_followed_by_another_goes_on() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let store = host(&home, "one").await;
    for number in 1..5 {
        store.create_task(pending(number)).await.unwrap();
        cut(&mut raw(&home).await, "").await;
    }
    store.create_task(pending(5)).await.unwrap();
    store.reached().unwrap();
}

#[tokio::test]
async fn a_commit_wakes_those_who_wait_at_other_hosts_and_says_what_it_has_moved() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let (one, other) = (host(&home, "one").await, host(&home, "other").await);
    let (mut heard, mut feed) = (other.heard(), other.watch(&tenant()));
    let next = async |heard: &mut tokio::sync::broadcast::Receiver<Words>| {
        let heard = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                // It begins to listen some time, and says so.
                match heard.recv().await.unwrap() {
                    words if words.from.is_empty() => {}
                    words => break words,
                }
            }
        });
        heard.await.unwrap()
    };
    // Whoever listens for the first time has heard nothing of what was before.
    tokio::time::sleep(Duration::from_millis(300)).await;
    feed.borrow_and_update();
    one.create_task(pending(1)).await.unwrap();
    let words = next(&mut heard).await;
    assert_eq!((words.from.as_str(), words.feeds.contains(&tenant()), words.routes), ("one", true, false));
    assert!(feed.has_changed().unwrap());
    home.deploy().await;
    // What was published, and what was deployed, by a store that is no host.
    assert!(!heard.recv().await.unwrap().routes);
    assert!(heard.recv().await.unwrap().routes);
    assert_eq!(other.feed_heads().await.unwrap().len(), 1);
    cut(&mut raw(&home).await, "and query like 'LISTEN%'").await;
    let again = tokio::time::timeout(Duration::from_secs(10), heard.recv()).await.unwrap().unwrap();
    assert_eq!(again, Words::anything(), "whatever was said meanwhile");
    one.create_task(pending(2)).await.unwrap();
    assert_eq!(next(&mut heard).await.from, "one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_share_a_database_write_one_after_another_and_the_feed_grows_in_order() {
    if !is_wanted() {
        return;
    }
    let home = home().await;
    let other = home.reopened().await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = if number % 2 == 0 { home.store.clone() } else { other.clone() };
        writers.spawn(async move { store.create_task(pending(number)).await.unwrap() });
    }
    let reader = other.clone();
    let seen = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < 200 {
            let after = seen.last().copied().unwrap_or(0);
            seen.extend(reader.feed(&tenant(), after, 10).await.unwrap().iter().map(|event| event.seq));
        }
        seen
    });
    writers.join_all().await;
    assert!(seen.await.unwrap().into_iter().eq(1..=200));
}
