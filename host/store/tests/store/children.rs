//! Tasks that agents ask for: made with the row of the call, bounded, and ended with whoever asked.

use troupe_core::view::{BudgetSpent, TaskApproval, TaskBudget, TaskStatus, TaskUsage};
use troupe_core::{AskOutcome, Awaited, Cause, Clock as _, Code, TaskId, limits};
use troupe_store::{AskAnswer, AskCommit, Commit, Decided, NeededApproval, Pin, Rest, TaskRow};

use crate::support::{Home, OWNER, READING, completed, id, pending, pin as pinned, ran_on, row, rows_only, tenant};
use crate::task_approvals;

fn encode(outcome: &AskOutcome, agent: &str, skill: &str) -> Vec<u8> {
    format!("{outcome:?} {agent}/{skill}").into_bytes()
}

fn asked(number: u64) -> AskCommit {
    let child = TaskRow { principal: "nobody".to_owned(), timeout_ms: 600_000, ..pending(number) };
    AskCommit { child, key: None, priority: None, outlives: false, writes: true, encode }
}

async fn ask(home: &Home, pin: &Pin, call: u64, ask: AskCommit) -> AskAnswer {
    home.store.commit_ask(pin, Vec::new(), ask, row(call, true)).await.unwrap()
}

async fn task(home: &Home, number: u64) -> TaskRow {
    home.store.task(&tenant(), id(number)).await.unwrap().unwrap()
}

/// The tasks that somebody shall end.
async fn to_cancel(home: &Home) -> Vec<TaskId> {
    home.store.to_cancel(OWNER, home.clock.now()).await.unwrap().into_iter().map(|(_, task, _)| task).collect()
}

#[tokio::test]
async fn a_child_is_made_with_its_row_for_whoever_the_parent_is_for_and_within_its_time() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let answer = ask(&home, &pin, 1, asked(2)).await;
    let child = answer.made.unwrap();
    assert_eq!(answer.outcome, AskOutcome::Made(id(2)));
    assert_eq!(child, task(&home, 2).await);
    let cause = child.cause.unwrap();
    assert_eq!((child.principal.as_str(), cause.by, cause.root, cause.hops), ("owner", Some(id(1)), Some(id(1)), 1));
    assert!(child.timeout_ms <= 60_000 && child.lifetime_ms == Some(child.timeout_ms), "the parent has a minute");
    let rows = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1;
    assert!(rows[0].write && rows[0].answer.as_deref().unwrap().starts_with(b"Made"));
    let stale = Pin { lease_number: 9, ..pin };
    let refused = home.store.commit_ask(&stale, Vec::new(), asked(3), row(2, true)).await.unwrap_err();
    assert_eq!(refused.code, Code::StaleEpoch);
    assert_eq!(home.store.task(&tenant(), id(3)).await.unwrap(), None);
}

#[tokio::test]
async fn whoever_the_parent_is_for_has_asked_where_others_have_to_approve_of_the_child() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let by_nobody = TaskApproval { asked_by: String::new(), ..task_approvals::asked(&home) };
    let approval = task_approvals::approval(2);
    let needed = NeededApproval { id: approval, asked: Some(Box::new(by_nobody)) };
    let child = TaskRow { status: TaskStatus::AwaitingApproval, approval: Some(needed), ..asked(2).child };
    ask(&home, &pin, 1, AskCommit { child, ..asked(2) }).await;
    let kept = home.store.task_approval(&tenant(), approval).await.unwrap().unwrap();
    assert_eq!((kept.task, kept.approval.asked_by.as_str()), (id(2), "owner"));
}

#[tokio::test]
async fn a_key_finds_the_same_request_and_the_depth_has_an_end() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let keyed = |number| AskCommit { key: Some("k".to_owned()), ..asked(number) };
    ask(&home, &pin, 1, keyed(2)).await;
    assert_eq!(ask(&home, &pin, 2, keyed(3)).await, AskAnswer { outcome: AskOutcome::Made(id(2)), made: None });
    let mut other = keyed(3);
    other.child.input = "{}".to_owned();
    assert!(matches!(ask(&home, &pin, 3, other).await.outcome, AskOutcome::Invalid(_)));
    // Each asks for the next.
    let mut deep = pending(10);
    deep.cause = Some(Cause {
        by: Some(id(1)),
        event: None,
        root: Some(id(1)),
        hops: limits::TASK_HOPS_MAX,
        outlives: false,
        key: None,
    });
    home.store.create_task(deep).await.unwrap();
    let pin = pinned(&home.store.claim(&tenant(), id(10), OWNER, &ran_on(), &home.head()).await.unwrap());
    assert_eq!(ask(&home, &pin, 1, asked(11)).await.outcome, AskOutcome::Hops);
}

#[tokio::test]
async fn the_end_of_a_parent_asks_for_that_of_its_children_and_theirs_has_it_go_on() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    ask(&home, &pin, 1, asked(2)).await;
    ask(&home, &pin, 2, AskCommit { outlives: true, ..asked(3) }).await;
    let until = home.clock.now().plus(std::time::Duration::from_secs(30));
    let rest = Rest { until, awaits: vec![Awaited::Task(id(2))], used: Default::default() };
    home.store.suspend(&pin, vec![row(3, false)], rest, Decided::default()).await.unwrap();
    // What it does not wait for leaves it alone.
    home.store.cancel(&tenant(), id(3), "owner", READING).await.unwrap();
    assert_eq!(task(&home, 1).await.wake_at, Some(until));
    home.store.cancel(&tenant(), id(2), "owner", READING).await.unwrap();
    assert_eq!(task(&home, 1).await.wake_at, Some(home.clock.now()));

    let pin = home.running(5).await;
    ask(&home, &pin, 1, asked(6)).await;
    ask(&home, &pin, 2, AskCommit { outlives: true, ..asked(7) }).await;
    home.store.commit(Commit { end: Some(completed()), ..rows_only(&pin, Vec::new()) }).await.unwrap();
    assert_eq!(to_cancel(&home).await, [id(6)]);
    home.store.cancel(&tenant(), id(6), "", READING).await.unwrap();
    let cancelled = task(&home, 6).await;
    assert_eq!(cancelled.status, TaskStatus::Cancelled);
    assert_eq!(cancelled.failure.unwrap().details["caused_by"], id(5).to_string());
    assert_eq!(to_cancel(&home).await, []);
}

#[tokio::test]
async fn what_all_below_a_task_have_used_is_held_against_its_budget() {
    let home = Home::open().await;
    let budget = TaskBudget { compute_ms: Some(5), ..TaskBudget::default() };
    home.store.create_task(TaskRow { budget: Some(budget), ..pending(1) }).await.unwrap();
    let pin = pinned(&home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap());
    for number in 2..5 {
        ask(&home, &pin, number - 1, asked(number)).await;
    }
    assert_eq!(home.store.end_over_budget(&tenant(), id(3), id(1)).await.unwrap(), None, "there is some left");
    let runs = async |number: u64| {
        pinned(&home.store.claim(&tenant(), id(number), OWNER, &ran_on(), &home.head()).await.unwrap())
    };
    let (child, other) = (runs(2).await, runs(4).await);
    let used = TaskUsage { compute_us: 5_000, ..TaskUsage::default() };
    let end = troupe_store::TaskEnd { used, ..completed() };
    home.store.commit(Commit { end: Some(end), ..rows_only(&child, Vec::new()) }).await.unwrap();
    // The next is not asked for, what waits does not begin, and what runs shall end.
    let spent = BudgetSpent { part: "compute_ms", most: 5 };
    assert_eq!(ask(&home, &pin, 4, asked(9)).await.outcome, AskOutcome::Budget(spent));
    let ended = home.store.end_over_budget(&tenant(), id(3), id(1)).await.unwrap().unwrap();
    let failure = ended.failure.unwrap();
    assert_eq!((ended.status, failure.code.as_str()), (TaskStatus::Failed, "limit.budget"));
    assert_eq!(to_cancel(&home).await, [other.task]);
    assert_eq!(home.store.end_over_budget(&tenant(), id(4), id(1)).await.unwrap(), None, "it has begun");
}
