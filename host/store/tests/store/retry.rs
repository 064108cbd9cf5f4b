use std::time::Duration;

use troupe_core::view::{Retry, TaskFailure, TaskStatus};
use troupe_core::{Clock as _, Code, Error, Timestamp, limits};
use troupe_store::{AuditFilter, Decided, FailedTry, JournalRow, Pending, Pin, Recovered, TaskRow, Timed};

use crate::support::{Home, OWNER, READING, agent, denied, ended, id, pending, pin, ran_on, row, set, tenant};

const HOUR: Duration = Duration::from_secs(3_600);

fn failed(again_at: Timestamp) -> FailedTry {
    let failure = TaskFailure::from(&Error::new(Code::UnavailableUpstream, "nobody is there"));
    FailedTry {
        failure,
        again_at,
        decided: Decided { entries: vec![denied(1)], journal: None },
        used: Default::default(),
    }
}

/// A task that is tried three times, put off for an hour after its first try.
async fn tried(home: &Home) -> Pin {
    home.store.create_task(TaskRow { retry: Some(Retry::of(3)), ..pending(1) }).await.unwrap();
    let pin = pin(&home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap());
    home.store.retry(&pin, vec![row(1, false)], failed(home.clock.now().plus(HOUR))).await.unwrap();
    pin
}

async fn found(home: &Home) -> TaskRow {
    home.store.task(&tenant(), id(1)).await.unwrap().unwrap()
}

fn due() -> Vec<Pending> {
    vec![Pending { tenant: tenant(), agent: agent(), task: id(1), priority: 0 }]
}

#[tokio::test]
async fn a_try_that_failed_is_over_and_its_task_waits_for_the_next() {
    let home = Home::open().await;
    let pin = tried(&home).await;
    let (task, until) = (found(&home).await, home.clock.now().plus(HOUR));
    assert_eq!((task.status, task.lease, task.release, task.started_at), (TaskStatus::Pending, None, None, None));
    assert_eq!((task.attempt, task.retries, task.wake_at), (1, 1, Some(until)));
    assert_eq!((task.retry, task.failure.unwrap().message.as_str()), (Some(Retry::of(3)), "nobody is there"));
    assert_eq!(home.store.timed().await.unwrap(), Timed { count: 1, suspended: 0, next: Some(until) });
    // What it did is kept and on record, under the release on which it did that.
    assert_eq!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1, [row(1, false)]);
    let records = home.store.audit_records(&tenant(), &AuditFilter::default(), 0, 10, false).await.unwrap();
    let [record] = &records[..] else { panic!("{records:#?}") };
    assert_eq!((record.attempt, record.version.clone()), (Some(1), Some(ran_on().version.to_string())));
    // Nobody writes for it any more, and nobody takes it up before its time.
    assert_eq!(home.change(&pin, 2, set("k", b"v")).await.unwrap_err().code, Code::StaleEpoch);
    assert!(home.store.pending().await.unwrap().is_empty() && home.store.wake(10).await.unwrap().is_empty());
    let early = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await;
    assert_eq!(early.unwrap_err().code, Code::StaleEpoch);
    // The end of a host changes nothing about it.
    assert_eq!(home.store.recover("owner-2", READING).await.unwrap(), Recovered::default());
    assert_eq!(found(&home).await.wake_at, Some(until));
}

#[tokio::test]
async fn the_next_try_is_an_attempt_of_its_own_with_interruptions_of_its_own() {
    let home = Home::open().await;
    tried(&home).await;
    home.clock.advance(HOUR);
    assert_eq!((home.store.wake(10).await.unwrap(), home.store.pending().await.unwrap()), (due(), due()));
    let next = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    assert_eq!((next.attempt, next.retries, next.failure.clone(), next.wake_at), (2, 1, None, None));
    assert_eq!(home.store.journal(&tenant(), id(1), 2).await.unwrap().unwrap().1, Vec::<JournalRow>::new());
    for _ in 1..limits::TASK_INTERRUPTIONS_MAX {
        assert_eq!(home.store.recover("nobody", READING).await.unwrap().resume, [(tenant(), id(1))]);
        home.store.resume(&tenant(), id(1), OWNER).await.unwrap();
    }
    assert_eq!(home.store.recover("nobody", READING).await.unwrap().failed, [(tenant(), id(1))]);
}

#[tokio::test]
async fn who_was_asked_to_end_is_not_tried_again() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    let refused = home.store.retry(&pin, vec![row(1, false)], failed(home.clock.now())).await;
    assert_eq!(refused.unwrap_err().code, Code::Cancelled);
    assert!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1.is_empty());
    assert_eq!((found(&home).await.status, found(&home).await.retries), (TaskStatus::Running, 0));
}

#[tokio::test]
async fn a_task_that_waits_for_its_time_is_cancelled_at_once() {
    let home = Home::open().await;
    tried(&home).await;
    let cancelled = home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    assert_eq!((cancelled.status, cancelled.wake_at), (TaskStatus::Cancelled, None));
    home.clock.advance(HOUR);
    assert!(home.store.wake(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_task_that_is_put_off_is_queued_when_its_time_has_come() {
    let home = Home::open().await;
    let until = home.clock.now().plus(HOUR);
    home.store.create_task(TaskRow { wake_at: Some(until), ..pending(1) }).await.unwrap();
    assert!(home.store.pending().await.unwrap().is_empty() && home.store.wake(10).await.unwrap().is_empty());
    assert_eq!(home.store.timed_by_tenant().await.unwrap(), [(tenant(), 1)].into());
    home.clock.advance(HOUR);
    assert_eq!(home.store.wake(10).await.unwrap(), due());
    home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    assert_eq!(home.kinds().await, ["task.created", "task.pending", "task.running"]);
    assert_eq!(home.store.timed().await.unwrap(), Timed::default());
}

#[tokio::test]
async fn how_a_task_is_tried_again_reads_back_as_it_was() {
    let home = Home::open().await;
    let retry = Retry { tries: 20, pause_ms: 7, pause_max_ms: Some(9) };
    let task = TaskRow { retry: Some(retry), retries: 4, ..ended(1) };
    home.store.record(task.clone(), &home.head(), Vec::new(), Decided::default()).await.unwrap();
    assert_eq!(found(&home).await, task);
}
