use std::time::Duration;

use troupe_core::view::TaskStatus;
use troupe_core::{Clock as _, Code, limits};
use troupe_store::{Decided, Recovered};

use crate::support::{Home, OWNER, READING, begun, id, intent, pending, ran_on, row, rows_only, set, tenant};

#[tokio::test]
async fn what_was_interrupted_is_to_be_resumed_whatever_it_has_done() {
    let home = Home::open().await;
    let untouched = home.running(1).await;
    home.store.commit(rows_only(&untouched, vec![row(1, false)])).await.unwrap();
    let wrote_state = home.running(2).await;
    home.change(&wrote_state, 1, set("k", b"v")).await.unwrap();
    let was_writing = home.running(3).await;
    home.store.commit(rows_only(&was_writing, vec![intent(1), row(2, true)])).await.unwrap();
    home.store.create_task(pending(4)).await.unwrap();

    let recovered = home.store.recover("owner-2", READING).await.unwrap();
    let all: Vec<_> = (1..=3).map(|number| (tenant(), id(number))).collect();
    assert_eq!(recovered, Recovered { resume: all, ..Recovered::default() });
    for number in 1..=3 {
        let task = home.store.task(&tenant(), id(number)).await.unwrap().unwrap();
        assert_eq!(
            (task.status, task.attempt, task.lease, task.release),
            (TaskStatus::Pending, 1, None, Some(ran_on()))
        );
        let resumed = home.store.resume(&tenant(), id(number), "owner-2").await.unwrap();
        assert_eq!((resumed.status, resumed.attempt, resumed.lease.unwrap().number), (TaskStatus::Running, 1, 2));
    }
    assert_eq!(
        home.kinds().await[7..],
        ["task.pending", "task.pending", "task.pending", "task.running", "task.running", "task.running"]
    );
    assert_eq!(home.store.resume(&tenant(), id(4), "owner-2").await.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(home.store.recover("owner-2", READING).await.unwrap(), Recovered::default());
}

#[tokio::test]
async fn what_cannot_be_resumed_and_wrote_nothing_starts_over() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    assert!(home.store.start_over(&pin, Decided::default()).await.unwrap().is_some());
    let again = home.store.task(&tenant(), id(1)).await.unwrap().unwrap();
    assert_eq!((again.status, again.attempt, again.lease, again.release), (TaskStatus::Pending, 1, None, None));
    assert_eq!(home.store.start_over(&pin, Decided::default()).await.unwrap_err().code, Code::StaleEpoch);
    let second = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    assert_eq!((second.attempt, second.lease.unwrap().number), (2, 2));
    assert!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1.is_empty());
    assert!(home.store.journal(&tenant(), id(1), 2).await.unwrap().is_some());
}

#[tokio::test]
async fn what_has_written_by_the_time_it_cannot_go_on_does_not_start_over() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    home.store.commit(rows_only(&pin, vec![row(1, false)])).await.unwrap();
    home.store.commit(rows_only(&pin, vec![row(2, true)])).await.unwrap();
    assert!(home.store.start_over(&pin, Decided::default()).await.unwrap().is_none());
    let still = home.store.task(&tenant(), id(1)).await.unwrap().unwrap();
    assert_eq!((still.status, still.attempt), (TaskStatus::Running, 1));
    // It is its holder's to end.
    home.store.commit(rows_only(&pin, vec![row(3, false)])).await.unwrap();
}

#[tokio::test]
async fn whoever_resumes_has_a_higher_lease_and_the_dead_one_is_fenced_off() {
    let home = Home::open().await;
    let first = home.running(1).await;
    let refused = async || home.store.commit(rows_only(&first, vec![row(1, false)])).await.unwrap_err().code;
    home.store.recover("owner-2", READING).await.unwrap();
    assert_eq!(refused().await, Code::StaleEpoch);
    home.store.resume(&tenant(), id(1), "owner-2").await.unwrap();
    assert_eq!(refused().await, Code::StaleEpoch);
}

#[tokio::test]
async fn what_was_asked_to_stop_is_cancelled_unless_a_write_is_in_doubt() {
    let home = Home::open().await;
    home.running(1).await;
    let wrote = home.running(2).await;
    home.change(&wrote, 1, set("k", b"v")).await.unwrap();
    let was_writing = home.running(3).await;
    home.store.commit(rows_only(&was_writing, vec![intent(1), row(2, true)])).await.unwrap();
    for number in 1..=3 {
        home.store.cancel(&tenant(), id(number), "owner", READING).await.unwrap();
    }
    let recovered = home.store.recover("owner-2", READING).await.unwrap();
    assert_eq!(recovered.cancelled, [(tenant(), id(1)), (tenant(), id(2))]);
    assert_eq!(recovered.in_doubt, [(tenant(), id(3))]);
    let failure = home.store.task(&tenant(), id(3)).await.unwrap().unwrap().failure.unwrap();
    insta::assert_snapshot!(failure.message, @"the host stopped during call-1; check whether it took effect before it is asked for again");
    // The same when it is asked only now.
    let was_writing = home.running(4).await;
    home.store.commit(rows_only(&was_writing, vec![intent(1)])).await.unwrap();
    home.store.recover("owner-2", READING).await.unwrap();
    assert_eq!(home.store.cancel(&tenant(), id(4), "owner", READING).await.unwrap().status, TaskStatus::InDoubt);
}

#[tokio::test]
async fn the_owners_own_tasks_are_left_alone() {
    let home = Home::open().await;
    home.running(1).await;
    assert_eq!(home.store.recover(OWNER, READING).await.unwrap(), Recovered::default());
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap().unwrap().status, TaskStatus::Running);
}

#[tokio::test]
async fn a_task_that_is_interrupted_again_and_again_is_taken_up_no_more() {
    let home = Home::open().await;
    let most = limits::TASK_INTERRUPTIONS_MAX;
    home.running(1).await;
    let wrote = home.running(2).await;
    home.change(&wrote, 1, set("k", b"v")).await.unwrap();
    for time in 1..most {
        let owner = format!("owner-{time}");
        assert_eq!(home.store.recover("nobody", READING).await.unwrap().resume.len(), 2, "{time}");
        for number in 1..=2 {
            home.store.resume(&tenant(), id(number), &owner).await.unwrap();
        }
    }
    let recovered = home.store.recover("nobody", READING).await.unwrap();
    assert_eq!((recovered.failed, recovered.in_doubt), (vec![(tenant(), id(1))], vec![(tenant(), id(2))]));
    let mut told = Vec::new();
    for (number, code) in [(1, "limit.attempts"), (2, "in_doubt")] {
        let failure = home.store.task(&tenant(), id(number)).await.unwrap().unwrap().failure.unwrap();
        assert_eq!(failure.code, code);
        told.push(failure.message);
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    the task was interrupted 5 times, so it is not taken up again; if it may be what stops the host, look into its agent, else ask for it once more
    the host stopped after call-1 had taken effect; check what is left to do before it is asked for again
    ");
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
    assert_eq!(home.store.settle(OWNER, all(), READING).await.unwrap(), Recovered::default());

    home.clock.advance(limits::LEASE_TIME + Duration::from_millis(1));
    home.store.renew(OWNER, &[(tenant(), id(3), 1)]).await.unwrap();
    assert_eq!(home.store.expired(OWNER, home.clock.now()).await.unwrap(), all()[..2]);
    assert!(home.store.expired("owner-2", home.clock.now()).await.unwrap().is_empty());
    assert_eq!(home.store.settle("owner-2", all(), READING).await.unwrap(), Recovered::default());
    let settled = home.store.settle(OWNER, all(), READING).await.unwrap();
    assert_eq!(settled.resume, all()[..2]);
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
