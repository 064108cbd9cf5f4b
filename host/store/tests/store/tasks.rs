use std::time::Duration;

use troupe_core::view::TaskStatus;
use troupe_core::{Cause, Code, limits};
use troupe_store::{Asked, Creation, Decided, TaskFilter, TaskRow};

use crate::support::{
    Home, OWNER, READING, agent, begun, completed, ended, id, is_new, pending, ran_on, rows_only, tenant,
};

fn keyed(number: u64, input: &str) -> TaskRow {
    TaskRow { idempotency_key: Some("key".to_owned()), input: input.to_owned(), ..pending(number) }
}

#[tokio::test]
async fn a_created_task_reads_back_as_it_was() {
    let home = Home::open().await;
    let mut task = pending(1);
    task.priority = -7;
    let (by, root, key) = (Some(id(9)), Some(id(8)), Some("k".to_owned()));
    task.cause = Some(Cause { by, event: Some(3), root, hops: 2, outlives: true, key });
    task.retry_of = Some(id(7));
    assert_eq!(home.store.create_task(task.clone()).await.unwrap(), Creation::New(task.clone()));
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap(), Some(task));
    assert_eq!(home.store.task(&tenant(), id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn the_same_request_under_one_key_gives_the_same_task() {
    let home = Home::open().await;
    let first = keyed(1, r#"{"a":1,"b":{"c":2,"d":3}}"#);
    assert!(is_new(&home.store.create_task(first.clone()).await.unwrap()));
    let same = keyed(2, r#"{ "b": {"d":3, "c":2}, "a": 1 }"#);
    assert_eq!(home.store.create_task(same).await.unwrap(), Creation::Existing(first.clone()));
    let asked = |input: &'static str| Asked { agent: "aws", skill: "inventory", input, instance: None };
    let by_key = async |key, input| home.store.task_by_key(&tenant(), key, asked(input)).await;
    assert_eq!(by_key("key", r#"{"b":{"d":3,"c":2},"a":1}"#).await.unwrap(), Some(first));
    assert_eq!(by_key("other", "{}").await.unwrap(), None);
    assert_eq!(by_key("key", "{}").await.unwrap_err().code, Code::ConflictIdempotency);
    assert_eq!(home.kinds().await, ["task.created"]);
}

#[tokio::test]
async fn another_request_under_a_used_key_is_a_conflict() {
    let home = Home::open().await;
    home.store.create_task(keyed(1, r#"{"a":1}"#)).await.unwrap();
    let other_agent = TaskRow { agent: "k8s".parse().unwrap(), ..keyed(2, r#"{"a":1}"#) };
    let other_skill = TaskRow { skill: "costs".parse().unwrap(), ..keyed(2, r#"{"a":1}"#) };
    for task in [keyed(2, r#"{"a":2}"#), keyed(2, r#"[{"a":1}]"#), other_agent, other_skill] {
        let error = home.store.create_task(task).await.unwrap_err();
        assert_eq!(error.code, Code::ConflictIdempotency);
        assert_eq!(error.details["task"], id(1).to_string());
        insta::allow_duplicates! { insta::assert_snapshot!(error, @"this idempotency key came with another request before; use a new key for a new request"); }
    }
    let other_tenant = TaskRow { tenant: "other".parse().unwrap(), ..keyed(2, r#"{"a":2}"#) };
    assert!(is_new(&home.store.create_task(other_tenant).await.unwrap()));
}

#[tokio::test]
async fn a_task_enters_only_in_the_status_that_fits() {
    let home = Home::open().await;
    assert_eq!(home.store.create_task(begun(1)).await.unwrap_err().code, Code::Internal);
    assert_eq!(home.store.begin(pending(1), &home.head()).await.unwrap_err().code, Code::Internal);
    assert_eq!(
        home.store.record(begun(1), &home.head(), Vec::new(), Decided::default()).await.unwrap_err().code,
        Code::Internal
    );
    let keyed = |task| TaskRow { idempotency_key: Some("key".to_owned()), ..task };
    assert_eq!(home.store.begin(keyed(begun(1)), &home.head()).await.unwrap_err().code, Code::Internal);
    assert_eq!(
        home.store.record(keyed(ended(1)), &home.head(), Vec::new(), Decided::default()).await.unwrap_err().code,
        Code::Internal
    );
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_claim_pins_attempt_release_and_lease_and_succeeds_once() {
    let home = Home::open().await;
    home.store.create_task(pending(1)).await.unwrap();
    let task = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    assert_eq!((task.status, task.attempt, task.release.clone()), (TaskStatus::Running, 1, Some(ran_on())));
    let lease = task.lease.clone().unwrap();
    assert_eq!((lease.owner.as_str(), lease.number), (OWNER, 1));
    assert_eq!(lease.until, home.head().started_at.plus(limits::LEASE_TIME));
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap(), Some(task.clone()));
    let (head, rows) = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap();
    assert_eq!((head, rows), (home.head(), Vec::new()));

    let again = home.store.claim(&tenant(), id(1), "owner-2", &ran_on(), &home.head()).await.unwrap_err();
    assert_eq!(again.code, Code::StaleEpoch);
    let missing = home.store.claim(&tenant(), id(2), OWNER, &ran_on(), &home.head()).await.unwrap_err();
    assert_eq!(missing.code, Code::TaskNotFound);
    home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    home.store.create_task(pending(3)).await.unwrap();
    home.store.cancel(&tenant(), id(3), "owner", READING).await.unwrap();
    let ended = home.store.claim(&tenant(), id(3), OWNER, &ran_on(), &home.head()).await.unwrap_err();
    assert_eq!(ended.code, Code::TaskEnded);
}

#[tokio::test]
async fn leases_are_renewed_together_and_lost_ones_are_named() {
    let home = Home::open().await;
    home.running(1).await;
    home.running(2).await;
    home.clock.advance(Duration::from_secs(5));
    let leases = [(tenant(), id(1), 1), (tenant(), id(2), 2), (tenant(), id(3), 1)];
    let lost = home.store.renew(OWNER, &leases).await.unwrap();
    assert_eq!(lost, [(tenant(), id(2)), (tenant(), id(3))]);
    let until = home.store.task(&tenant(), id(1)).await.unwrap().unwrap().lease.unwrap().until;
    assert_eq!(until, home.head().started_at.plus(limits::LEASE_TIME));
    assert_eq!(home.store.renew("owner-2", &leases[..1]).await.unwrap(), [(tenant(), id(1))]);
}

#[tokio::test]
async fn pending_tasks_come_by_priority_and_then_by_age() {
    let home = Home::open().await;
    for (number, priority, later) in [(1, 0, 3), (2, 5, 2), (3, 0, 1), (4, 5, 1), (5, -1, 0)] {
        let mut task = pending(number);
        task.priority = priority;
        task.created_at = task.created_at.plus(Duration::from_secs(later));
        home.store.create_task(task).await.unwrap();
    }
    home.running(6).await;
    let order: Vec<_> = home.store.pending().await.unwrap().into_iter().map(|p| (p.task, p.priority)).collect();
    assert_eq!(order, [(id(4), 5), (id(2), 5), (id(3), 0), (id(1), 0), (id(5), -1)]);
}

#[tokio::test]
async fn a_pending_task_is_cancelled_at_once_and_a_running_one_by_whoever_runs_it() {
    let home = Home::open().await;
    home.store.create_task(pending(1)).await.unwrap();
    let row = home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    assert_eq!((row.status, row.failure.as_ref().unwrap().code.as_str()), (TaskStatus::Cancelled, "cancelled"));
    assert!(row.ended_at.is_some());

    let pin = home.running(2).await;
    let mut moves = home.store.watch_locks();
    moves.borrow_and_update();
    assert!(home.store.cancel_requested(OWNER).await.unwrap().is_empty());
    assert_eq!(home.store.cancel(&tenant(), id(2), "owner", READING).await.unwrap().status, TaskStatus::Running);
    assert_eq!(home.store.cancel_requested(OWNER).await.unwrap(), [(tenant(), id(2))]);
    assert!(home.store.cancel_requested("owner-2").await.unwrap().is_empty());
    // Whoever runs it is told once: who looks and asks again wakes nobody, and itself least of all.
    assert!(moves.has_changed().unwrap());
    moves.borrow_and_update();
    home.store.cancel(&tenant(), id(2), "", READING).await.unwrap();
    assert!(!moves.has_changed().unwrap());
    let mut commit = rows_only(&pin, Vec::new());
    commit.end = Some(completed());
    home.store.commit(commit).await.unwrap();
    assert!(home.store.cancel_requested(OWNER).await.unwrap().is_empty());

    for task in [id(1), id(2)] {
        assert_eq!(home.store.cancel(&tenant(), task, "owner", READING).await.unwrap_err().code, Code::TaskEnded);
    }
    assert_eq!(home.store.cancel(&tenant(), id(3), "owner", READING).await.unwrap_err().code, Code::TaskNotFound);
}

#[tokio::test]
async fn pages_walk_from_newest_to_oldest_and_filters_narrow_them() {
    let home = Home::open().await;
    for number in 1..=7 {
        let mut task = pending(number);
        if number % 2 == 0 {
            task.agent = "k8s".parse().unwrap();
        }
        home.store.create_task(task).await.unwrap();
    }
    home.store.cancel(&tenant(), id(3), "owner", READING).await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = home.store.tasks(&tenant(), TaskFilter::default(), after, 3).await.unwrap();
        seen.extend(page.tasks.iter().map(|task| task.id));
        after = seen.last().copied();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (1..=7).rev().map(id).collect::<Vec<_>>());

    let tenant = tenant();
    let only =
        |agent, status| home.store.tasks(&tenant, TaskFilter { agent, status, ..TaskFilter::default() }, None, 10);
    let ids = |page: troupe_store::TaskPage| page.tasks.iter().map(|task| task.id).collect::<Vec<_>>();
    assert_eq!(ids(only(Some(agent()), None).await.unwrap()), [id(7), id(5), id(3), id(1)]);
    assert_eq!(ids(only(None, Some(TaskStatus::Cancelled)).await.unwrap()), [id(3)]);
    assert_eq!(ids(only(Some(agent()), Some(TaskStatus::Pending)).await.unwrap()), [id(7), id(5), id(1)]);
}

#[tokio::test]
async fn a_page_stops_before_its_documents_grow_too_large() {
    let home = Home::open().await;
    let output = format!("\"{}\"", "x".repeat(limits::OUTPUT_BYTES_MAX - 2));
    for number in 1..=4 {
        let task = TaskRow { output: Some(output.clone()), ..ended(number) };
        home.store.record(task, &home.head(), Vec::new(), Decided::default()).await.unwrap();
    }
    let page = home.store.tasks(&tenant(), TaskFilter::default(), None, 50).await.unwrap();
    assert_eq!((page.tasks.len(), page.more), (1, true));
    let page = home.store.tasks(&tenant(), TaskFilter::default(), Some(id(2)), 50).await.unwrap();
    assert_eq!((page.tasks.len(), page.more), (1, false));
}
