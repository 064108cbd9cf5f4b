//! Locks: who is given what, in which order, until when, and what is refused.

use std::time::Duration;

use troupe_core::view::TaskStatus;
use troupe_core::{
    Clock as _, Code, Fence, LockChange, LockHolder, LockLoss, LockName, LockOutcome, LockPriority, LockQuota, limits,
};
use troupe_store::{Decided, FailedTry, LockCommit, Pin, StateOutcome, Store, TaskEnd};

use crate::support::{Home, OWNER, READING, agent, completed, id, pending, pin, ran_on, row, set, tenant, wide};

const MINUTE: Duration = Duration::from_secs(60);
const NEVER: Decided = Decided { entries: Vec::new(), journal: None };

fn name(text: &str) -> LockName {
    text.parse().unwrap()
}

fn encode(outcome: &LockOutcome) -> Vec<u8> {
    format!("{outcome:?}").into_bytes()
}

/// How a lock is asked for, as the call `number`.
fn asked(lock: &str, number: u64) -> LockChange {
    LockChange::Acquire {
        name: name(lock),
        number,
        priority: LockPriority::Normal,
        lease: MINUTE,
        wait: None,
        preempt: false,
    }
}

fn with(change: LockChange, more: impl FnOnce(&mut LockPriority, &mut Option<Duration>, &mut bool)) -> LockChange {
    let LockChange::Acquire { name, number, mut priority, lease, mut wait, mut preempt } = change else {
        panic!("another change")
    };
    more(&mut priority, &mut wait, &mut preempt);
    LockChange::Acquire { name, number, priority, lease, wait, preempt }
}

fn urgent(lock: &str, number: u64, of: LockPriority) -> LockChange {
    with(asked(lock, number), |priority, _, _| *priority = of)
}

async fn tried(store: &Store, pin: &Pin, call: u64, change: LockChange) -> troupe_core::Result<LockOutcome> {
    store.commit_lock(pin, Vec::new(), LockCommit { change, encode }, row(call, true)).await
}

async fn change(home: &Home, pin: &Pin, call: u64, change: LockChange) -> LockOutcome {
    tried(&home.store, pin, call, change).await.unwrap()
}

async fn acquire(home: &Home, pin: &Pin, call: u64, lock: &str) -> LockOutcome {
    change(home, pin, call, asked(lock, call)).await
}

/// The token of a lock that was given.
fn token(outcome: &LockOutcome) -> u64 {
    match outcome {
        LockOutcome::Given { token, .. } => *token,
        other => panic!("not given: {other:?}"),
    }
}

async fn take(home: &Home, pin: &Pin, call: u64, number: u64) -> LockOutcome {
    change(home, pin, call, LockChange::Take { number }).await
}

async fn release(home: &Home, pin: &Pin, call: u64, lock: &str, token: u64) -> LockOutcome {
    change(home, pin, call, LockChange::Release { lock: Fence { name: name(lock), token } }).await
}

async fn renew(home: &Home, pin: &Pin, call: u64, lock: &str, token: u64) -> LockOutcome {
    change(home, pin, call, LockChange::Renew { lock: Fence { name: name(lock), token }, lease: None }).await
}

async fn end(home: &Home, pin: &Pin, end: TaskEnd) {
    let commit = troupe_store::Commit { pin: pin.clone(), journal: Vec::new(), write: None, end: Some(end) };
    home.store.commit(commit).await.unwrap();
}

/// Who holds a lock, and who waits for it.
async fn stands(home: &Home, lock: &str) -> Option<(troupe_core::TaskId, Vec<troupe_core::TaskId>)> {
    let (held, queue) = home.store.lock(&tenant(), &name(lock)).await.unwrap()?;
    Some((held.task, queue.into_iter().map(|wait| wait.task).collect()))
}

#[tokio::test]
async fn a_queue_is_served_by_priority_then_age_and_tokens_only_rise() {
    let home = Home::open().await;
    let mut pins = Vec::new();
    for number in 1..=5 {
        pins.push(home.running(number).await);
    }
    let mut last = token(&acquire(&home, &pins[0], 1, "a").await);
    let waits =
        [(1, LockPriority::Normal), (2, LockPriority::Low), (3, LockPriority::Critical), (4, LockPriority::Normal)];
    for (place, priority) in waits {
        assert_eq!(change(&home, &pins[place], 1, urgent("a", 1, priority)).await, LockOutcome::Waiting);
        home.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(stands(&home, "a").await, Some((id(1), vec![id(4), id(2), id(5), id(3)])));
    let mut holder = 0;
    for next in [3, 1, 4, 2] {
        assert!(!home.store.lock_settled(&pins[next], 1).await.unwrap());
        assert_eq!(take(&home, &pins[next], 2, 1).await, LockOutcome::Waiting);
        assert_eq!(release(&home, &pins[holder], 3, "a", last).await, LockOutcome::Released);
        assert!(home.store.lock_settled(&pins[next], 1).await.unwrap());
        let given = take(&home, &pins[next], 4, 1).await;
        assert!(token(&given) > last, "{given:?}");
        assert_eq!(take(&home, &pins[next], 5, 1).await, LockOutcome::Taken);
        (last, holder) = (token(&given), next);
    }
    assert_eq!(release(&home, &pins[holder], 6, "a", last).await, LockOutcome::Released);
    assert_eq!(stands(&home, "a").await, None);
    let kinds = home.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "lock.given").count(), 4, "{kinds:?}");
}

#[tokio::test]
async fn the_row_of_a_call_is_kept_with_its_change_or_neither_is_and_is_no_write() {
    let home = Home::open().await;
    let holds = home.running(1).await;
    let given = acquire(&home, &holds, 1, "a").await;
    let (_, rows) = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].answer.as_deref(), rows[0].write), (Some(encode(&given).as_slice()), false));
    // Whoever lost its task changes nothing.
    let stale = Pin { lease_number: 9, ..holds.clone() };
    assert_eq!(tried(&home.store, &stale, 2, asked("b", 2)).await.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(stands(&home, "b").await, None);
    // So the attempt can be given up, and its locks with it.
    assert!(home.store.start_over(&holds, NEVER).await.unwrap().is_some());
    assert_eq!(stands(&home, "a").await, None);
}

#[tokio::test]
async fn whatever_ends_a_task_gives_its_locks_to_the_next_in_the_same_commit() {
    for how in ["completed", "failed", "cancelled", "tried again", "in doubt"] {
        let home = Home::open().await;
        let (holds, waits) = (home.running(1).await, home.running(2).await);
        acquire(&home, &holds, 1, "a").await;
        acquire(&home, &holds, 2, "b").await;
        acquire(&home, &waits, 1, "a").await;
        acquire(&home, &waits, 2, "b").await;
        let failure = troupe_core::view::TaskFailure::from(&troupe_core::Error::new(Code::GuestFailed, "no"));
        let over = |status| TaskEnd { status, output: None, failure: Some(failure.clone()), ..completed() };
        match how {
            "completed" => end(&home, &holds, completed()).await,
            "failed" => end(&home, &holds, over(TaskStatus::Failed)).await,
            "in doubt" => end(&home, &holds, over(TaskStatus::InDoubt)).await,
            "cancelled" => {
                // One that is suspended and that nobody tells.
                let until = home.clock.now().plus(MINUTE * 60);
                home.store.suspend(&holds, Vec::new(), until, NEVER).await.unwrap();
                assert_eq!(stands(&home, "a").await, Some((id(1), vec![id(2)])), "what is suspended holds on");
                home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
                assert_eq!(stands(&home, "a").await, Some((id(1), vec![id(2)])), "nor does one that is yet to be told");
                home.store.cancel_untold(&tenant(), id(1), READING).await.unwrap();
            }
            _ => {
                let failed = FailedTry {
                    failure: failure.clone(),
                    again_at: home.clock.now(),
                    decided: NEVER,
                    used: Default::default(),
                };
                home.store.retry(&holds, Vec::new(), failed).await.unwrap();
            }
        }
        for lock in ["a", "b"] {
            assert_eq!(stands(&home, lock).await, Some((id(2), vec![])), "{how}");
        }
        token(&take(&home, &waits, 3, 1).await);
    }
}

#[tokio::test]
async fn a_task_that_waits_and_is_cancelled_leaves_the_queue() {
    let home = Home::open().await;
    let (holds, waits, last) = (home.running(1).await, home.running(2).await, home.running(3).await);
    let held = token(&acquire(&home, &holds, 1, "a").await);
    acquire(&home, &waits, 1, "a").await;
    acquire(&home, &last, 1, "a").await;
    home.store.suspend(&waits, Vec::new(), home.clock.now().plus(MINUTE), NEVER).await.unwrap();
    home.store.cancel(&tenant(), id(2), "owner", READING).await.unwrap();
    home.store.cancel_untold(&tenant(), id(2), READING).await.unwrap();
    assert_eq!(stands(&home, "a").await, Some((id(1), vec![id(3)])));
    release(&home, &holds, 2, "a", held).await;
    assert_eq!(stands(&home, "a").await, Some((id(3), vec![])));
}

#[tokio::test]
async fn a_suspended_task_is_due_once_it_is_given_the_lock_or_its_time_is_over() {
    let home = Home::open().await;
    let (holds, waits) = (home.running(1).await, home.running(2).await);
    let held = token(&acquire(&home, &holds, 1, "a").await);
    acquire(&home, &waits, 1, "a").await;
    let later = home.clock.now().plus(MINUTE * 60);
    home.store.suspend(&waits, Vec::new(), later, NEVER).await.unwrap();
    let mut moves = home.store.watch_locks();
    moves.borrow_and_update();
    assert!(home.store.wake(10).await.unwrap().is_empty());
    release(&home, &holds, 2, "a", held).await;
    assert!(moves.has_changed().unwrap());
    assert_eq!(home.store.wake(10).await.unwrap().len(), 1);
    let resumed = pin(&home.store.resume(&tenant(), id(2), OWNER).await.unwrap());
    token(&take(&home, &resumed, 2, 1).await);

    // One that is given it in the moment in which it leaves off is due at once.
    let quick = home.running(3).await;
    acquire(&home, &quick, 1, "a").await;
    end(&home, &resumed, completed()).await;
    let suspended = home.store.suspend(&quick, Vec::new(), later, NEVER).await.unwrap();
    assert_eq!(suspended.wake_at, Some(home.clock.now()));
}

#[tokio::test]
async fn a_lease_ends_by_the_stores_time_and_whoever_had_it_is_told() {
    let home = Home::open().await;
    let (slow, next) = (home.running(1).await, home.running(2).await);
    let held = token(&acquire(&home, &slow, 1, "a").await);
    home.clock.advance(MINUTE / 2);
    let until = home.clock.now().plus(MINUTE);
    assert_eq!(renew(&home, &slow, 2, "a", held).await, LockOutcome::Renewed(until));
    acquire(&home, &next, 1, "a").await;
    assert_eq!(home.store.next_lock_end().await.unwrap(), Some(until));
    assert_eq!(home.store.end_locks(10).await.unwrap(), 0);
    home.clock.advance(MINUTE);
    assert_eq!(stands(&home, "a").await, None, "what is over is not shown");
    assert_eq!(home.store.end_locks(10).await.unwrap(), 1);
    assert_eq!(stands(&home, "a").await, Some((id(2), vec![])));
    for call in [3, 4] {
        assert_eq!(renew(&home, &slow, call, "a", held).await, LockOutcome::Lost(LockLoss::Expired));
    }
    assert_eq!(release(&home, &slow, 5, "a", held).await, LockOutcome::Lost(LockLoss::Expired));
    assert_eq!(stands(&home, "a").await, Some((id(2), vec![])));
    // One whose lease is over before anybody looked loses it when it asks, and the next has it.
    acquire(&home, &slow, 6, "a").await;
    let given = token(&take(&home, &next, 2, 1).await);
    home.clock.advance(MINUTE * 2);
    assert_eq!(renew(&home, &next, 3, "a", given).await, LockOutcome::Lost(LockLoss::Expired));
    assert_eq!(stands(&home, "a").await, Some((id(1), vec![])));
    // So does one that took too long to take it.
    home.clock.advance(MINUTE * 2);
    home.store.end_locks(10).await.unwrap();
    assert_eq!(take(&home, &slow, 7, 6).await, LockOutcome::Lost(LockLoss::Expired));
    assert!(home.kinds().await.iter().filter(|kind| *kind == "lock.expired").count() >= 3);
}

#[tokio::test]
async fn a_wait_that_is_over_is_told_and_is_not_given_the_lock() {
    let home = Home::open().await;
    let (holds, short, long) = (home.running(1).await, home.running(2).await, home.running(3).await);
    let held = token(&acquire(&home, &holds, 1, "a").await);
    let within = |seconds| with(asked("a", 1), |_, wait, _| *wait = Some(Duration::from_secs(seconds)));
    change(&home, &short, 1, within(5)).await;
    change(&home, &long, 1, within(50)).await;
    home.clock.advance(Duration::from_secs(6));
    // Whether or not anybody has looked.
    assert!(home.store.lock_settled(&short, 1).await.unwrap());
    release(&home, &holds, 2, "a", held).await;
    assert_eq!(stands(&home, "a").await, Some((id(3), vec![id(2)])));
    home.store.end_locks(10).await.unwrap();
    assert_eq!(take(&home, &short, 2, 1).await, LockOutcome::TimedOut);
    token(&take(&home, &long, 2, 1).await);
}

#[tokio::test]
async fn whoever_does_not_wait_is_told_what_may_be_said_of_the_holder() {
    let home = Home::open().await;
    let (holds, asks) = (home.running(1).await, home.running(2).await);
    change(&home, &holds, 1, urgent("a", 1, LockPriority::High)).await;
    let at_once = with(asked("a", 1), |_, wait, _| *wait = Some(Duration::ZERO));
    let until = home.clock.now().plus(MINUTE);
    let holder = LockHolder { agent: agent(), priority: LockPriority::High, until };
    assert_eq!(change(&home, &asks, 1, at_once).await, LockOutcome::Busy(holder));
    assert_eq!(stands(&home, "a").await, Some((id(1), vec![])));
}

#[tokio::test]
async fn a_lock_is_taken_from_a_holder_of_a_lower_priority_and_from_nobody_else() {
    let home = Home::open().await;
    let (low, high, same) = (home.running(1).await, home.running(2).await, home.running(3).await);
    let takes = |number, of| with(urgent("a", number, of), |_, _, preempt| *preempt = true);
    let first = token(&acquire(&home, &low, 1, "a").await);
    let second = token(&change(&home, &high, 1, takes(1, LockPriority::High)).await);
    assert!(second > first);
    assert_eq!(renew(&home, &low, 2, "a", first).await, LockOutcome::Lost(LockLoss::Preempted));
    assert_eq!(change(&home, &same, 1, takes(1, LockPriority::High)).await, LockOutcome::Waiting);
    assert_eq!(stands(&home, "a").await, Some((id(2), vec![id(3)])));
    let lost = home.store.feed(&tenant(), 0, 100).await.unwrap().into_iter().find(|event| event.kind == "lock.lost");
    assert_eq!(lost.unwrap().data["reason"], "preempted");
}

#[tokio::test]
async fn who_would_wait_in_a_circle_is_refused_with_the_circle_named() {
    let home = Home::open().await;
    let (one, two, three) = (home.running(1).await, home.running(2).await, home.running(3).await);
    acquire(&home, &one, 1, "a").await;
    acquire(&home, &two, 1, "b").await;
    acquire(&home, &three, 1, "c").await;
    assert_eq!(acquire(&home, &one, 2, "b").await, LockOutcome::Waiting);
    assert_eq!(acquire(&home, &two, 2, "c").await, LockOutcome::Waiting);
    let names = vec![name("a"), name("b"), name("c")];
    assert_eq!(acquire(&home, &three, 2, "a").await, LockOutcome::Deadlock(names));
    assert_eq!(stands(&home, "a").await, Some((id(1), vec![])), "it does not wait");
    assert_eq!(acquire(&home, &three, 3, "c").await, LockOutcome::Deadlock(vec![name("c")]));
    let feed = home.store.feed(&tenant(), 0, 100).await.unwrap();
    let told = feed.iter().find(|event| event.kind == "lock.deadlock").unwrap();
    assert_eq!(told.data["cycle"][1]["task"], id(1).to_string());
    // Whoever gives way lets the others go on.
    end(&home, &three, completed()).await;
    token(&take(&home, &two, 3, 2).await);
    // Nobody else's locks are in it.
    home.store.create_task(troupe_store::TaskRow { tenant: "other".parse().unwrap(), ..pending(4) }).await.unwrap();
    let other = "other".parse().unwrap();
    let theirs = pin(&home.store.claim(&other, id(4), OWNER, &ran_on(), &home.head()).await.unwrap());
    assert_eq!(token(&acquire(&home, &theirs, 1, "a").await), 1, "each tenant counts for itself");
}

#[tokio::test]
async fn a_write_under_a_lock_is_made_only_with_its_newest_token() {
    let home = Home::open().await;
    let (slow, next) = (home.running(1).await, home.running(2).await);
    let fenced = |token| {
        let fence = Some(Fence { name: name("a"), token });
        troupe_store::StateChange { fence, ..wide(set("k", b"v")) }
    };
    let write = async |pin: &Pin, call, token| {
        let write = Some((fenced(token), row(call, true)));
        let commit = troupe_store::Commit { pin: pin.clone(), journal: Vec::new(), write, end: None };
        home.store.commit(commit).await.unwrap().state.unwrap()
    };
    assert_eq!(write(&slow, 1, 1).await, StateOutcome::Stale { newest: None });
    let first = token(&acquire(&home, &slow, 2, "a").await);
    assert_eq!(write(&slow, 3, first).await, StateOutcome::Written { revision: 1 });
    assert_eq!(write(&slow, 4, first + 1).await, StateOutcome::Stale { newest: Some(first) });
    home.clock.advance(MINUTE * 2);
    let second = token(&acquire(&home, &next, 1, "a").await);
    assert_eq!(write(&slow, 5, first).await, StateOutcome::Stale { newest: Some(second) });
    assert_eq!(write(&next, 2, second).await, StateOutcome::Written { revision: 2 });
    let (_, rows) = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap();
    let writes: Vec<(u64, bool)> = rows.iter().map(|row| (row.number, row.write)).collect();
    assert_eq!(writes, [(1, false), (2, false), (3, true), (4, false), (5, false)]);
}

#[tokio::test]
async fn an_operator_takes_a_lock_from_whom_it_looked_at_alone() {
    let home = Home::open().await;
    let (holds, waits) = (home.running(1).await, home.running(2).await);
    let held = token(&acquire(&home, &holds, 1, "a").await);
    acquire(&home, &waits, 1, "a").await;
    let by = "key/1";
    let taken = home.store.release_lock(&tenant(), &name("a"), held, by).await.unwrap();
    assert_eq!((taken.task, taken.token), (id(1), held));
    assert_eq!(renew(&home, &holds, 2, "a", held).await, LockOutcome::Lost(LockLoss::Operator));
    assert_eq!(stands(&home, "a").await, Some((id(2), vec![])));
    let again = home.store.release_lock(&tenant(), &name("a"), held, by).await.unwrap_err();
    assert_eq!(again.code, Code::LockConflict);
    let absent = home.store.release_lock(&"other".parse().unwrap(), &name("a"), held, by).await.unwrap_err();
    assert_eq!(absent.code, Code::LockNotFound);
}

#[tokio::test]
async fn a_task_holds_and_waits_for_as_many_as_it_may() {
    let home = Home::open().await;
    let (greedy, other) = (home.running(1).await, home.running(2).await);
    acquire(&home, &other, 1, "other").await;
    acquire(&home, &greedy, 1, "other").await;
    for number in 2..=limits::LOCKS_PER_TASK_MAX {
        token(&acquire(&home, &greedy, number, &format!("a/{number}")).await);
    }
    assert_eq!(acquire(&home, &greedy, 100, "b").await, LockOutcome::Full(LockQuota::OfTask));
    let held = home.store.locks(&tenant(), Some(&"a/*".parse().unwrap()), "", 500).await.unwrap();
    assert_eq!(held.len() as u64, limits::LOCKS_PER_TASK_MAX - 1);
    let first = held[0].0.clone();
    let alone = home.store.locks(&tenant(), Some(&first.name.as_str().parse().unwrap()), "", 500).await.unwrap();
    assert_eq!(alone.iter().map(|(row, _)| &row.name).collect::<Vec<_>>(), [&first.name]);
    assert_eq!(release(&home, &greedy, 101, first.name.as_str(), first.token).await, LockOutcome::Released);
    token(&acquire(&home, &greedy, 102, "b").await);
    assert_eq!(change(&home, &greedy, 103, LockChange::Leave { number: 1 }).await, LockOutcome::Released);
    assert_eq!(stands(&home, "other").await, Some((id(2), vec![])));
}

#[tokio::test]
async fn names_are_forgotten_where_there_are_many_and_tokens_rise_nevertheless() {
    let home = Home::open().await;
    let task = home.running(1).await;
    let first = token(&acquire(&home, &task, 1, "first").await);
    release(&home, &task, 2, "first", first).await;
    // Many at once, so that they share a sync of the disk.
    let at_once = limits::LOCKS_PER_TASK_MAX;
    let mut last = first;
    for batch in 0..limits::LOCK_NAMES_MAX / at_once {
        let numbers = (batch * at_once..(batch + 1) * at_once).map(|number| (10 + number, format!("n/{number}")));
        let mut given = tokio::task::JoinSet::new();
        for (call, lock) in numbers {
            let (store, pin) = (home.store.clone(), task.clone());
            given.spawn(async move {
                let token = token(&tried(&store, &pin, call, asked(&lock, call)).await.unwrap());
                (call, Fence { name: name(&lock), token })
            });
        }
        let given = given.join_all().await;
        let mut released = tokio::task::JoinSet::new();
        for (call, lock) in given {
            last = last.max(lock.token);
            let (store, pin) = (home.store.clone(), task.clone());
            released
                .spawn(async move { tried(&store, &pin, 500_000 + call, LockChange::Release { lock }).await.unwrap() });
        }
        assert!(released.join_all().await.iter().all(|outcome| *outcome == LockOutcome::Released));
    }
    let fence = Some(Fence { name: name("first"), token: first });
    let write = Some((troupe_store::StateChange { fence, ..wide(set("k", b"v")) }, row(900_000, true)));
    let commit = troupe_store::Commit { pin: task.clone(), journal: Vec::new(), write, end: None };
    assert_eq!(home.store.commit(commit).await.unwrap().state.unwrap(), StateOutcome::Stale { newest: None });
    assert!(token(&acquire(&home, &task, 900_001, "first").await) > last);
}

#[tokio::test]
async fn locks_outlive_the_host_with_those_who_wait() {
    let home = Home::open().await;
    let (holds, waits) = (home.running(1).await, home.running(2).await);
    let held = token(&acquire(&home, &holds, 1, "a").await);
    acquire(&home, &waits, 1, "a").await;
    home.store.close().await;
    let store = home.reopened().await;
    store.recover("owner-2", READING).await.unwrap();
    let resumed = pin(&store.resume(&tenant(), id(1), "owner-2").await.unwrap());
    let lock = Fence { name: name("a"), token: held };
    let kept = tried(&store, &resumed, 2, LockChange::Renew { lock: lock.clone(), lease: None }).await.unwrap();
    assert!(matches!(kept, LockOutcome::Renewed(_)), "{kept:?}");
    assert_eq!(tried(&store, &resumed, 3, LockChange::Release { lock }).await.unwrap(), LockOutcome::Released);
    let resumed = pin(&store.resume(&tenant(), id(2), "owner-2").await.unwrap());
    token(&tried(&store, &resumed, 2, LockChange::Take { number: 1 }).await.unwrap());
    store.close().await;
}
