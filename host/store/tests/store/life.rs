//! How instances live: checks of their health, traps, error, and restarts.

use std::time::Duration;

use troupe_core::view::{InstanceFault, InstanceStatus, TaskFailure, TaskStatus, TaskUsage};
use troupe_core::{Clock as _, Code, Error, InstanceId, Timestamp, limits};
use troupe_store::{
    Checked, Decided, FailedTry, InstanceFilter, InstanceRow, NewInstanceRow, Rest, Started, TaskEnd, TaskRow,
};

use crate::support::{Home, OWNER, agent, completed, id, pending, pin, ran_on, rows_only, tenant};

fn instance_id(number: u64) -> InstanceId {
    format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap()
}

fn failure(code: Code) -> TaskFailure {
    TaskFailure::from(&Error::new(code, "it went wrong"))
}

impl Home {
    /// Starts an instance whose health is checked, or not.
    async fn lives(&self, number: u64, checked: bool) -> InstanceRow {
        let id = instance_id(number);
        let new =
            NewInstanceRow { id, agent: agent(), name: None, session: None, principal: "owner".to_owned(), checked };
        let Started::New(row) = self.store.start_instance(&tenant(), new).await.unwrap() else { panic!("a new one") };
        row
    }

    async fn life(&self, number: u64) -> InstanceRow {
        self.store.instance(&tenant(), instance_id(number)).await.unwrap().unwrap()
    }

    /// Has a task for an instance run and end so.
    async fn ends(&self, number: u64, instance: u64, failure: Option<TaskFailure>) {
        let task = TaskRow { instance: Some(instance_id(instance)), ..pending(number) };
        self.store.create_task(task).await.unwrap();
        let row = self.store.claim(&tenant(), id(number), OWNER, &ran_on(), &self.head()).await.unwrap();
        let status = if failure.is_some() { TaskStatus::Failed } else { TaskStatus::Completed };
        let end = TaskEnd { status, output: failure.is_none().then(|| "1".to_owned()), failure, ..completed() };
        let commit = troupe_store::Commit { end: Some(end), ..rows_only(&pin(&row), Vec::new()) };
        self.store.commit(commit).await.unwrap();
    }

    /// Has the check that is due say so; returns the instance as it then is.
    async fn check(&self, number: u64, checked: Checked) -> InstanceRow {
        let now = self.clock.now();
        let due = self.store.instances_to_check(now, &[], 10).await.unwrap();
        let seen = due.iter().find(|row| row.id == instance_id(number)).expect("a check that is due");
        let until = now.plus(Duration::from_secs(30));
        assert!(self.store.take_check(seen, until).await.unwrap());
        assert!(!self.store.take_check(seen, until).await.unwrap(), "it was taken");
        self.store.checked_instance(seen, until, checked, now.plus(Duration::from_secs(10))).await.unwrap().unwrap()
    }

    /// How long the host waits before it restarts an instance that is in error.
    async fn waits(&self, number: u64) -> Option<Duration> {
        let error = self.life(number).await.life.error.expect("it is in error");
        error.restart_at.map(|at| at.since(error.since))
    }

    /// Restarts what is due; returns how many.
    async fn restarts(&self, checked: bool) -> usize {
        let due = self.store.instances_to_restart(self.clock.now(), 10).await.unwrap();
        for seen in &due {
            let row = self.store.restart_failed(seen, checked).await.unwrap().expect("it is in error as it was seen");
            assert!(row.life.error.is_none());
            assert_eq!(self.store.restart_failed(seen, checked).await.unwrap(), None, "another host is too late");
        }
        due.len()
    }
}

#[tokio::test]
async fn an_instance_whose_health_is_checked_begins_nothing_before_it_was_found_well() {
    let home = Home::open().await;
    assert_eq!(home.lives(1, true).await.status(), InstanceStatus::Starting);
    assert_eq!(home.lives(2, false).await.status(), InstanceStatus::Idle);
    home.store.create_task(TaskRow { instance: Some(instance_id(1)), ..pending(1) }).await.unwrap();
    let claim = async || home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await;
    assert!(home.store.pending().await.unwrap().is_empty());
    assert_eq!(claim().await.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(home.check(1, Checked::Unknown).await.status(), InstanceStatus::Starting);
    home.clock.advance(Duration::from_secs(10));
    assert_eq!(home.check(1, Checked::Bad(failure(Code::GuestFailed), 2)).await.status(), InstanceStatus::Starting);
    assert!(home.store.instances_to_check(home.clock.now(), &[], 10).await.unwrap().is_empty(), "not before its time");
    home.clock.advance(Duration::from_secs(10));
    let well = home.check(1, Checked::Good).await;
    assert_eq!((well.status(), well.life.failures), (InstanceStatus::Idle, 0));
    assert_eq!(home.store.pending().await.unwrap().len(), 1);
    claim().await.unwrap();
    assert_eq!(home.life(1).await.status(), InstanceStatus::Running);
    let kinds = home.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("instance.")).count(), 3, "{kinds:?}");
    assert!(kinds.contains(&"instance.ready".to_owned()), "{kinds:?}");
}

#[tokio::test]
async fn a_check_that_its_host_did_not_live_to_note_is_made_again_and_a_late_word_counts_nothing() {
    let home = Home::open().await;
    let seen = home.lives(1, true).await;
    let until = home.clock.now().plus(Duration::from_secs(30));
    assert!(home.store.take_check(&seen, until).await.unwrap());
    home.clock.advance(Duration::from_secs(30));
    let [again] = home.store.instances_to_check(home.clock.now(), &[], 10).await.unwrap().try_into().unwrap();
    let later = home.clock.now().plus(Duration::from_secs(30));
    assert!(home.store.take_check(&again, later).await.unwrap());
    let bad = Checked::Bad(failure(Code::GuestTrap), 1);
    assert_eq!(home.store.checked_instance(&seen, until, bad.clone(), later).await.unwrap(), None);
    // One that somebody has restarted meanwhile is another.
    home.store.restart_instance(&tenant(), instance_id(1), "owner", true).await.unwrap();
    assert_eq!(home.store.checked_instance(&again, later, bad, later).await.unwrap(), None);
    assert_eq!(home.life(1).await.status(), InstanceStatus::Starting);
}

#[tokio::test]
async fn the_host_restarts_after_pauses_that_double_as_often_as_it_may_and_then_a_person_has_to() {
    let home = Home::open().await;
    home.lives(1, true).await;
    let bad = || Checked::Bad(failure(Code::GuestFailed), 1);
    let mut bound = limits::INSTANCE_RESTART_PAUSE_FIRST;
    for _ in 0..limits::INSTANCE_RESTARTS_MAX {
        let failed = home.check(1, bad()).await;
        let error = failed.life.error.clone().unwrap();
        assert_eq!(
            (failed.status(), error.by, error.code.as_str()),
            (InstanceStatus::Error, InstanceFault::Health, "guest.failed")
        );
        let pause = home.waits(1).await.expect("the host restarts it");
        assert!(bound / 2 <= pause && pause <= bound, "{pause:?} of {bound:?}");
        assert_eq!(home.restarts(true).await, 0, "not before its time");
        assert!(home.store.instances_to_check(home.clock.now().plus(pause), &[], 10).await.unwrap().is_empty());
        home.clock.advance(pause);
        assert_eq!(home.restarts(true).await, 1);
        assert_eq!(home.life(1).await.status(), InstanceStatus::Starting);
        bound = (bound * 2).min(limits::INSTANCE_RESTART_PAUSE_MAX);
    }
    home.check(1, bad()).await;
    assert_eq!(home.waits(1).await, None, "the budget is used up");
    assert_eq!(home.store.next_of_instances(&[]).await.unwrap(), None);
    home.clock.advance(Duration::from_secs(24 * 3_600));
    assert_eq!(home.restarts(true).await, 0);
    assert_eq!(home.life(1).await.status(), InstanceStatus::Error);

    // Somebody has looked, and all of it begins anew.
    let restarted = home.store.restart_instance(&tenant(), instance_id(1), "owner", true).await.unwrap();
    assert_eq!((restarted.status(), restarted.life.restarts.len()), (InstanceStatus::Starting, 0));
    home.check(1, bad()).await;
    assert!(home.waits(1).await.unwrap() <= limits::INSTANCE_RESTART_PAUSE_FIRST);
    // What was spent more than an hour ago is not spent.
    home.clock.advance(limits::INSTANCE_RESTART_PAUSE_FIRST);
    assert_eq!(home.restarts(true).await, 1);
    home.clock.advance(limits::INSTANCE_RESTART_WINDOW);
    home.check(1, bad()).await;
    assert!(home.waits(1).await.unwrap() <= limits::INSTANCE_RESTART_PAUSE_FIRST);
    let audited = home.store.audit_records(&tenant(), &Default::default(), 0, 100, false).await.unwrap();
    let restarts: Vec<_> = audited.iter().filter(|record| record.kind.as_str() == "instance_restarted").collect();
    assert_eq!(restarts.len(), limits::INSTANCE_RESTARTS_MAX + 2);
    assert_eq!(restarts.iter().filter(|record| record.principal.as_deref() == Some("owner")).count(), 1);
}

#[tokio::test]
async fn tasks_that_trap_in_a_row_bring_their_instance_into_error_and_what_others_decide_does_not() {
    let home = Home::open().await;
    home.lives(1, false).await;
    home.lives(2, false).await;
    let trap = || Some(failure(Code::GuestTrap));
    let mut number = 0;
    let mut ends = async |instance, failure| {
        number += 1;
        home.ends(number, instance, failure).await;
    };
    for _ in 1..limits::INSTANCE_TRAPS {
        ends(1, trap()).await;
    }
    // The caller's time says nothing, and an answer begins the count anew.
    ends(1, Some(failure(Code::LimitDeadline))).await;
    assert_eq!(home.life(1).await.life.traps, limits::INSTANCE_TRAPS - 1);
    ends(1, None).await;
    assert_eq!(home.life(1).await.life.traps, 0);
    for _ in 1..limits::INSTANCE_TRAPS {
        ends(1, trap()).await;
    }
    assert_eq!(home.life(1).await.status(), InstanceStatus::Idle);
    ends(1, trap()).await;
    let failed = home.life(1).await;
    let error = failed.life.error.clone().unwrap();
    assert_eq!(
        (failed.status(), error.by, error.code.as_str()),
        (InstanceStatus::Error, InstanceFault::Traps, "guest.trap")
    );
    assert_eq!(home.life(2).await.status(), InstanceStatus::Idle);
    let of = async |status| {
        let filter = InstanceFilter { status: Some(status), ..InstanceFilter::default() };
        home.store.instances(&tenant(), &filter, None, 10).await.unwrap().iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(of(InstanceStatus::Error).await, [instance_id(1)]);
    assert_eq!(of(InstanceStatus::Idle).await, [instance_id(2)]);
    assert!(of(InstanceStatus::Starting).await.is_empty());
    // It is stopped from there, and then in error no longer.
    let stopped = home.store.stop_instance(&tenant(), instance_id(1), None).await.unwrap();
    assert_eq!((stopped.status(), stopped.life.error), (InstanceStatus::Stopped, None));
    let refused = home.store.restart_instance(&tenant(), instance_id(1), "owner", false).await.unwrap_err();
    assert_eq!(refused.code, Code::InstanceStopped);
    let absent = home.store.restart_instance(&tenant(), instance_id(9), "owner", false).await.unwrap_err();
    assert_eq!(absent.code, Code::InstanceNotFound);
    assert!(
        home.store
            .instances_to_restart(home.clock.now().plus(Duration::from_secs(3_600)), 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_paused_instance_in_error_stays_paused_when_the_host_restarts_it_and_not_when_a_person_does() {
    let home = Home::open().await;
    home.lives(1, true).await;
    home.check(1, Checked::Bad(failure(Code::GuestTrap), 1)).await;
    home.store.pause_instance(&tenant(), instance_id(1), true, "owner").await.unwrap();
    assert_eq!(home.life(1).await.status(), InstanceStatus::Error);
    home.clock.advance(limits::INSTANCE_RESTART_PAUSE_FIRST);
    assert_eq!(home.restarts(true).await, 1);
    assert_eq!(home.life(1).await.status(), InstanceStatus::Paused);
    assert!(home.store.instances_to_check(home.clock.now(), &[], 10).await.unwrap().is_empty(), "nobody asks it");
    home.store.restart_instance(&tenant(), instance_id(1), "owner", true).await.unwrap();
    assert_eq!(home.life(1).await.status(), InstanceStatus::Starting);
}

#[tokio::test]
async fn what_is_due_leaves_agents_out_whose_checks_are_under_way() {
    let home = Home::open().await;
    home.lives(1, true).await;
    let (now, agent) = (home.clock.now(), home.life(1).await.agent);
    let due = async |except: &[_]| home.store.instances_to_check(now, except, 10).await.unwrap().len();
    let next = async |except: &[_]| home.store.next_of_instances(except).await.unwrap();
    let busy = [(tenant(), agent.clone())];
    let others = [(tenant(), "another".parse().unwrap()), ("another".parse().unwrap(), agent)];
    assert_eq!((due(&[]).await, due(&busy).await, due(&others).await), (1, 0, 1));
    assert!(next(&[]).await.is_some() && next(&busy).await.is_none() && next(&others).await.is_some());
}

#[tokio::test]
async fn instances_are_checked_once_a_release_serves_that_says_how_and_no_more_once_none_does() {
    let home = Home::open().await;
    home.lives(1, false).await;
    home.lives(2, false).await;
    home.store.stop_instance(&tenant(), instance_id(2), None).await.unwrap();
    assert_eq!(home.store.check_instances(&tenant(), &agent()).await.unwrap(), 1);
    assert_eq!(home.store.check_instances(&tenant(), &agent()).await.unwrap(), 0, "it is known");
    let row = home.check(1, Checked::Good).await;
    assert_eq!((row.status(), row.life.checked_at), (InstanceStatus::Idle, Some(home.clock.now())));
    home.clock.advance(Duration::from_secs(10));
    // A host that has not heard yet what serves.
    let unknown = home.check(1, Checked::Unchecked { epoch: 1 }).await;
    assert_eq!((unknown.life.check_at.is_some(), unknown.life.checked_at), (true, row.life.checked_at));
    home.clock.advance(Duration::from_secs(10));
    let unchecked = home.check(1, Checked::Unchecked { epoch: 0 }).await;
    assert_eq!(unchecked.life.check_at, None);
    assert_eq!(home.store.next_of_instances(&[]).await.unwrap(), None);
}

#[tokio::test]
async fn nothing_of_a_tenant_whose_runtime_is_stopped_is_listed_or_claimed_until_it_is_started() {
    let home = Home::open().await;
    home.store.create_tenant(&tenant(), None).await.ok();
    home.store.create_task(pending(1)).await.unwrap();
    let elsewhere = TaskRow { tenant: "other".parse().unwrap(), ..pending(2) };
    home.store.create_task(elsewhere).await.unwrap();
    let stopped = home.store.stop_runtime(&tenant(), true, "owner").await.unwrap();
    assert_eq!(stopped.stopped_at, Some(home.clock.now()));
    home.clock.advance(Duration::from_secs(1));
    assert_eq!(home.store.stop_runtime(&tenant(), true, "other").await.unwrap(), stopped, "it is so already");
    assert_eq!(home.store.stopped_tenants().await.unwrap(), [tenant()]);
    let listed = async || home.store.pending().await.unwrap().iter().map(|found| found.task).collect::<Vec<_>>();
    assert_eq!(listed().await, [id(2)]);
    let claim = async || home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await;
    assert_eq!(claim().await.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(home.store.pending_of_agent(&tenant(), &agent()).await.unwrap(), 1);
    assert_eq!(home.store.stop_runtime(&tenant(), false, "owner").await.unwrap().stopped_at, None);
    assert_eq!(listed().await, [id(1), id(2)]);
    claim().await.unwrap();
    let absent = home.store.stop_runtime(&"none".parse().unwrap(), true, "owner").await.unwrap_err();
    assert_eq!(absent.code, Code::TenantNotFound);
}

#[tokio::test]
async fn what_a_task_used_adds_up_over_suspensions_and_tries() {
    let home = Home::open().await;
    let used = |memory_bytes, rest| TaskUsage {
        memory_bytes,
        compute_us: rest,
        calls: rest,
        sent_bytes: rest,
        received_bytes: rest,
    };
    home.store.create_task(TaskRow { retry: Some(troupe_core::view::Retry::of(3)), ..pending(1) }).await.unwrap();
    let row = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    assert_eq!(row.usage, TaskUsage::default());
    let rest = Rest { until: home.clock.now(), awaits: Vec::new(), used: used(5, 1) };
    let row = home.store.suspend(&pin(&row), Vec::new(), rest, Decided::default()).await.unwrap();
    assert_eq!(row.usage, used(5, 1));
    home.store.wake(10).await.unwrap();
    let row = home.store.resume(&tenant(), id(1), OWNER).await.unwrap();
    let again_at: Timestamp = home.clock.now();
    let failed = FailedTry {
        failure: failure(Code::GuestUnavailable),
        again_at,
        decided: Decided::default(),
        used: used(3, 10),
    };
    let row = home.store.retry(&pin(&row), Vec::new(), failed).await.unwrap();
    assert_eq!(row.usage, used(5, 11));
    home.store.wake(10).await.unwrap();
    let row = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    let end = TaskEnd { used: used(9, 100), ..completed() };
    let commit = troupe_store::Commit { end: Some(end), ..rows_only(&pin(&row), Vec::new()) };
    home.store.commit(commit).await.unwrap();
    let row = home.store.task(&tenant(), id(1)).await.unwrap().unwrap();
    assert_eq!(row.usage, used(9, 111));
    let [figure] = home.store.task_figures(&tenant(), &Default::default(), 10).await.unwrap().try_into().unwrap();
    assert_eq!(figure.usage, used(9, 111));
}
