use std::time::Duration;

use troupe_core::view::TaskStatus;
use troupe_core::{Clock as _, Code, limits};
use troupe_store::{Decided, JournalRow, Pending, Pin, Recovered, Timed};

use crate::support::{Home, OWNER, READING, agent, id, intent, pending, pin, ran_on, row, rows_only, set, tenant};

const HOUR: Duration = Duration::from_secs(3_600);

/// The row of the wait that a task is suspended in.
fn open_wait(number: u64) -> JournalRow {
    JournalRow { write: false, ..intent(number) }
}

/// A task that is suspended for an hour.
async fn suspended(home: &Home, number: u64) -> Pin {
    let pin = home.running(number).await;
    let until = home.clock.now().plus(HOUR);
    home.store.suspend(&pin, vec![row(1, false), open_wait(2)], until, Decided::default()).await.unwrap();
    pin
}

fn woken(number: u64) -> Pending {
    Pending { tenant: tenant(), agent: agent(), task: id(number), priority: 0 }
}

#[tokio::test]
async fn a_suspended_task_is_nobodys_and_keeps_what_its_attempt_is_pinned_to() {
    let home = Home::open().await;
    let pin = suspended(&home, 1).await;
    let task = home.store.task(&tenant(), id(1)).await.unwrap().unwrap();
    let until = home.clock.now().plus(HOUR);
    assert_eq!((task.status, task.lease, task.wake_at), (TaskStatus::Suspended, None, Some(until)));
    assert_eq!((task.attempt, task.release), (1, Some(ran_on())));
    assert_eq!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1, [row(1, false), open_wait(2)]);
    assert_eq!(home.store.timed().await.unwrap(), Timed { count: 1, suspended: 1, next: Some(until) });
    // Whoever ran it writes nothing more, and nobody takes it up before its time.
    assert_eq!(home.store.commit(rows_only(&pin, vec![row(3, false)])).await.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(home.store.resume(&tenant(), id(1), OWNER).await.unwrap_err().code, Code::StaleEpoch);
    assert!(home.store.wake(10).await.unwrap().is_empty());
    assert!(home.store.pending().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_due_is_pending_and_resumed_and_completes_the_row_of_its_wait() {
    let home = Home::open().await;
    suspended(&home, 1).await;
    home.clock.advance(HOUR);
    suspended(&home, 2).await;
    assert_eq!(home.store.wake(10).await.unwrap(), [woken(1)]);
    assert_eq!(home.store.pending().await.unwrap(), [woken(1)]);
    let task = home.store.task(&tenant(), id(1)).await.unwrap().unwrap();
    assert_eq!((task.status, task.wake_at), (TaskStatus::Pending, None));

    let resumed = home.store.resume(&tenant(), id(1), "owner-2").await.unwrap();
    assert_eq!((resumed.attempt, resumed.lease.as_ref().unwrap().number), (1, 2));
    home.store.commit(rows_only(&pin(&resumed), vec![row(2, false)])).await.unwrap();
    assert_eq!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1, [row(1, false), row(2, false)]);
    let told: Vec<_> = home.store.feed(&tenant(), 0, 100).await.unwrap();
    let of_first = told.iter().filter(|event| event.subject.ends_with(&id(1).to_string()));
    assert_eq!(
        of_first.map(|event| event.kind.as_str()).collect::<Vec<_>>(),
        ["task.created", "task.running", "task.suspended", "task.pending", "task.running"]
    );
}

#[tokio::test]
async fn what_is_due_is_taken_up_in_order_and_in_bounded_numbers() {
    let home = Home::open().await;
    for number in (1..=5).rev() {
        suspended(&home, number).await;
        home.clock.advance(Duration::from_secs(1));
    }
    home.clock.advance(HOUR);
    assert_eq!(home.store.wake(2).await.unwrap(), [woken(5), woken(4)]);
    assert_eq!(home.store.timed().await.unwrap().count, 3);
    assert_eq!(home.store.timed_by_tenant().await.unwrap(), [(tenant(), 3)].into());
    assert_eq!(home.store.wake(10).await.unwrap(), [woken(3), woken(2), woken(1)]);
    assert_eq!(home.store.timed().await.unwrap(), Timed::default());
}

#[tokio::test]
async fn a_suspended_task_that_is_cancelled_waits_to_be_told_for_a_while_and_no_longer() {
    let home = Home::open().await;
    suspended(&home, 1).await;
    let cancel = async || home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    let to_cancel = async || home.store.to_cancel(OWNER, home.clock.now()).await.unwrap().len();
    let told = cancel().await;
    assert_eq!((told.status, told.wake_at), (TaskStatus::Pending, None));
    assert_eq!(home.store.pending().await.unwrap(), [woken(1)], "whoever looks takes it up");
    assert!(home.store.is_cancel_requested(&tenant(), id(1)).await.unwrap());
    assert_eq!(
        (cancel().await.status, to_cancel().await),
        (TaskStatus::Pending, 0),
        "nor is it ended by who asks twice"
    );
    // The end of a host changes nothing about that, and neither does the time it was suspended until.
    assert_eq!(home.store.recover("owner-2", READING).await.unwrap(), Recovered::default());
    home.clock.advance(limits::CANCEL_WAIT_MAX);
    assert_eq!(to_cancel().await, 1);
    assert_eq!(cancel().await.status, TaskStatus::Cancelled);
    assert_eq!(to_cancel().await, 0);
    home.clock.advance(HOUR);
    assert!(home.store.wake(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_suspended_task_that_is_resumed_to_be_told_ends_as_one_that_runs() {
    let home = Home::open().await;
    // It has written, and nobody is in doubt about that.
    for (number, answered) in [(1, true), (2, false)] {
        let first = home.running(number).await;
        home.change(&first, 1, set("k", b"v")).await.unwrap();
        let until = home.clock.now().plus(HOUR);
        home.store.suspend(&first, vec![open_wait(2)], until, Decided::default()).await.unwrap();
        home.store.cancel(&tenant(), id(number), "owner", READING).await.unwrap();
        let running = pin(&home.store.resume(&tenant(), id(number), OWNER).await.unwrap());
        if !answered {
            home.store.commit(rows_only(&running, vec![intent(3)])).await.unwrap();
        }
        // It cannot be brought back to where it was.
        let ended = home.store.start_over(&running, Decided::default()).await.unwrap();
        assert_eq!(ended.map(|row| row.status), answered.then_some(TaskStatus::Cancelled));
    }
    // Whoever runs it dies.
    let recovered = home.store.recover("owner-2", READING).await.unwrap();
    assert_eq!(recovered.in_doubt, [(tenant(), id(2))]);
    suspended(&home, 3).await;
    home.store.cancel(&tenant(), id(3), "owner", READING).await.unwrap();
    home.store.resume(&tenant(), id(3), OWNER).await.unwrap();
    assert_eq!(home.store.recover("owner-2", READING).await.unwrap().cancelled, [(tenant(), id(3))]);
}

#[tokio::test]
async fn one_that_has_just_come_to_its_time_is_told_as_well() {
    let home = Home::open().await;
    suspended(&home, 1).await;
    home.clock.advance(HOUR);
    home.store.wake(10).await.unwrap();
    assert_eq!(home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap().status, TaskStatus::Pending);
    // One that was interrupted since is not: it ends as it always did.
    suspended(&home, 2).await;
    home.clock.advance(HOUR);
    home.store.wake(10).await.unwrap();
    home.store.resume(&tenant(), id(2), OWNER).await.unwrap();
    home.store.recover("owner-2", READING).await.unwrap();
    assert_eq!(home.store.cancel(&tenant(), id(2), "owner", READING).await.unwrap().status, TaskStatus::Cancelled);
}

#[tokio::test]
async fn who_was_asked_to_end_is_not_suspended() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    let until = home.clock.now().plus(HOUR);
    assert_eq!(
        home.store.suspend(&pin, vec![row(1, false)], until, Decided::default()).await.unwrap_err().code,
        Code::Cancelled
    );
    assert!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1.is_empty());
    let stale = Pin { lease_number: 2, ..home.running(2).await };
    assert_eq!(
        home.store.suspend(&stale, Vec::new(), until, Decided::default()).await.unwrap_err().code,
        Code::StaleEpoch
    );
}

#[tokio::test]
async fn the_end_of_a_host_changes_nothing_about_what_is_suspended() {
    let home = Home::open().await;
    suspended(&home, 1).await;
    assert_eq!(home.store.recover("owner-2", READING).await.unwrap(), Recovered::default());
    home.clock.advance(HOUR);
    assert_eq!(home.store.wake(10).await.unwrap(), [woken(1)]);
    // Pending or running by then, it is taken up as every other.
    assert_eq!(home.store.recover("owner-3", READING).await.unwrap(), Recovered::default());
    home.store.resume(&tenant(), id(1), "owner-3").await.unwrap();
    assert_eq!(home.store.recover("owner-4", READING).await.unwrap().resume, [(tenant(), id(1))]);
}

#[tokio::test]
async fn suspensions_are_no_interruptions_and_begin_their_count_anew() {
    let home = Home::open().await;
    let mut held = home.running(1).await;
    home.change(&held, 1, set("k", b"v")).await.unwrap();
    let most = limits::TASK_INTERRUPTIONS_MAX;
    for round in 0..3 * most {
        home.store.suspend(&held, Vec::new(), home.clock.now(), Decided::default()).await.unwrap();
        assert_eq!(home.store.wake(1).await.unwrap(), [woken(1)], "{round}");
        held = pin(&home.store.resume(&tenant(), id(1), OWNER).await.unwrap());
        if round % 2 == 0 {
            assert_eq!(home.store.recover("nobody", READING).await.unwrap().resume, [(tenant(), id(1))], "{round}");
            held = pin(&home.store.resume(&tenant(), id(1), OWNER).await.unwrap());
        }
    }
    // One interruption follows the last suspension already.
    for _ in 2..most {
        home.store.recover("nobody", READING).await.unwrap();
        home.store.resume(&tenant(), id(1), OWNER).await.unwrap();
    }
    home.store.recover("nobody", READING).await.unwrap();
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap().unwrap().status, TaskStatus::InDoubt);
}

#[tokio::test]
async fn a_lifetime_reads_back_as_it_was() {
    let home = Home::open().await;
    let task = troupe_store::TaskRow { lifetime_ms: Some(86_400_000), ..pending(1) };
    home.store.create_task(task.clone()).await.unwrap();
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap(), Some(task));
}
