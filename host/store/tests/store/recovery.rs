use std::time::Duration;

use troupe_core::view::TaskStatus;
use troupe_core::{Clock as _, limits};
use troupe_store::{Commit, JournalRow, Recovered};

use crate::support::{Home, OWNER, begun, id, intent, pending, ran_on, row, rows_only, set, tenant};

fn name(call: &[u8]) -> String {
    String::from_utf8_lossy(call).into_owned()
}

#[tokio::test]
async fn what_wrote_nothing_runs_again_and_what_wrote_ends_in_doubt() {
    let home = Home::open().await;
    let untouched = home.running(1).await;
    home.store.commit(rows_only(&untouched, vec![row(1, false)])).await.unwrap();
    let wrote_state = home.running(2).await;
    home.change(&wrote_state, 1, set("k", b"v")).await.unwrap();
    let wrote_outside = home.running(3).await;
    home.store.commit(rows_only(&wrote_outside, vec![row(1, true), row(2, false)])).await.unwrap();
    let was_writing = home.running(4).await;
    home.store.commit(rows_only(&was_writing, vec![intent(1), row(2, true)])).await.unwrap();
    home.store.create_task(pending(5)).await.unwrap();

    let recovered = home.store.recover("owner-2", name).await.unwrap();
    assert_eq!(recovered.rerun, [(tenant(), id(1))]);
    assert_eq!(recovered.in_doubt, [(tenant(), id(2)), (tenant(), id(3)), (tenant(), id(4))]);

    let again = home.store.task(&tenant(), id(1)).await.unwrap().unwrap();
    assert_eq!((again.status, again.attempt, again.lease, again.release), (TaskStatus::Pending, 1, None, None));
    let mut told = Vec::new();
    for number in 2..=4 {
        let task = home.store.task(&tenant(), id(number)).await.unwrap().unwrap();
        assert_eq!((task.status, task.lease), (TaskStatus::InDoubt, None));
        assert!(task.ended_at.is_some() && task.release.is_some());
        let failure = task.failure.unwrap();
        assert_eq!(failure.code, "in_doubt");
        told.push(failure.message);
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    the host stopped after call-1 had taken effect; check what is left to do before it is asked for again
    the host stopped after call-1 had taken effect; check what is left to do before it is asked for again
    the host stopped during call-1; check whether it took effect before it is asked for again
    ");
    assert_eq!(home.kinds().await[9..], ["task.pending", "task.in_doubt", "task.in_doubt", "task.in_doubt"]);
    assert_eq!(home.store.recover("owner-2", name).await.unwrap(), Recovered::default());
}

#[tokio::test]
async fn a_second_attempt_has_a_higher_lease_and_the_first_one_is_fenced_off() {
    let home = Home::open().await;
    let first = home.running(1).await;
    home.store.recover("owner-2", name).await.unwrap();
    assert_eq!(
        home.store.commit(rows_only(&first, vec![row(1, false)])).await.unwrap_err().code,
        troupe_core::Code::StaleEpoch
    );
    let second = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    assert_eq!((second.attempt, second.lease.unwrap().number), (2, 2));
    assert_eq!(
        home.store.commit(rows_only(&first, vec![row(1, false)])).await.unwrap_err().code,
        troupe_core::Code::StaleEpoch
    );
    assert!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1.is_empty());
    assert!(home.store.journal(&tenant(), id(1), 2).await.unwrap().is_some());
}

#[tokio::test]
async fn a_write_that_was_refused_is_no_reason_for_doubt() {
    let home = Home::open().await;
    let first = home.running(1).await;
    let refused = Commit {
        write: Some((
            troupe_store::StateChange {
                write: troupe_store::StateWrite::CompareAndSet { key: "k".into(), expected: Some(1), value: vec![] },
                bytes_max: 10,
                keys_max: 10,
                encode: crate::support::encode,
            },
            JournalRow { write: true, ..row(1, true) },
        )),
        ..rows_only(&first, Vec::new())
    };
    home.store.commit(refused).await.unwrap();
    assert_eq!(home.store.recover("owner-2", name).await.unwrap().rerun, [(tenant(), id(1))]);
}

#[tokio::test]
async fn what_was_asked_to_stop_and_wrote_nothing_is_cancelled() {
    let home = Home::open().await;
    home.running(1).await;
    home.store.cancel(&tenant(), id(1)).await.unwrap();
    let recovered = home.store.recover("owner-2", name).await.unwrap();
    assert_eq!(recovered.cancelled, [(tenant(), id(1))]);
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap().unwrap().status, TaskStatus::Cancelled);
}

#[tokio::test]
async fn the_owners_own_tasks_are_left_alone() {
    let home = Home::open().await;
    home.running(1).await;
    assert_eq!(home.store.recover(OWNER, name).await.unwrap(), Recovered::default());
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap().unwrap().status, TaskStatus::Running);
}

#[tokio::test]
async fn a_task_that_is_interrupted_each_time_is_begun_no_more() {
    let home = Home::open().await;
    home.store.create_task(pending(1)).await.unwrap();
    for attempt in 1..=limits::TASK_ATTEMPTS_MAX {
        let owner = format!("owner-{attempt}");
        let task = home.store.claim(&tenant(), id(1), &owner, &ran_on(), &home.head()).await.unwrap();
        assert_eq!(task.attempt, attempt);
        let recovered = home.store.recover("owner-0", name).await.unwrap();
        let last = attempt == limits::TASK_ATTEMPTS_MAX;
        assert_eq!((recovered.rerun.len(), recovered.failed.len()), if last { (0, 1) } else { (1, 0) });
    }
    let task = home.store.task(&tenant(), id(1)).await.unwrap().unwrap();
    assert_eq!(task.status, TaskStatus::Failed);
    let failure = task.failure.unwrap();
    assert_eq!(failure.code, "limit.attempts");
    insta::assert_snapshot!(failure.message, @"the task was interrupted in each of its 3 attempts, so it is not begun again; if it may be what stops the host, look into its agent, else ask for it once more");
}

#[tokio::test]
async fn tasks_whose_lease_has_run_out_are_settled_as_after_a_crash() {
    let home = Home::open().await;
    home.running(1).await;
    let wrote = home.running(2).await;
    home.change(&wrote, 1, set("k", b"v")).await.unwrap();
    home.running(3).await;
    let all = || (1..=3).map(|number| (tenant(), id(number))).collect::<Vec<_>>();
    assert!(home.store.expired(OWNER, home.clock.now()).await.unwrap().is_empty());
    assert_eq!(home.store.settle(OWNER, all(), name).await.unwrap(), Recovered::default());

    home.clock.advance(limits::LEASE_TIME + Duration::from_millis(1));
    home.store.renew(OWNER, &[(tenant(), id(3), 1)]).await.unwrap();
    assert_eq!(home.store.expired(OWNER, home.clock.now()).await.unwrap(), all()[..2]);
    assert!(home.store.expired("owner-2", home.clock.now()).await.unwrap().is_empty());
    assert_eq!(home.store.settle("owner-2", all(), name).await.unwrap(), Recovered::default());
    let settled = home.store.settle(OWNER, all(), name).await.unwrap();
    assert_eq!((settled.rerun, settled.in_doubt), (vec![(tenant(), id(1))], vec![(tenant(), id(2))]));
    assert_eq!(home.store.task(&tenant(), id(3)).await.unwrap().unwrap().status, TaskStatus::Running);
}

#[tokio::test]
async fn the_lease_of_a_call_that_gets_on_disk_late_begins_then() {
    let home = Home::open().await;
    home.clock.advance(Duration::from_secs(60));
    let task = home.store.begin(begun(1), &home.head()).await.unwrap();
    assert_eq!(task.lease.unwrap().until, home.clock.now().plus(limits::LEASE_TIME));
    assert!(home.store.expired(OWNER, home.clock.now()).await.unwrap().is_empty());
}
