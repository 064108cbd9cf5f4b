//! Approvals that the agents of running tasks ask for: made with the row of the call, bounded, decided with what
//! becomes of the task, and void with its attempt.

use serde_json::json;
use troupe_core::approval::{ApprovalRule, ApprovalsFull, AskedApproval};
use troupe_core::view::{ApprovedAction, TaskApproval, TaskApprovalStatus, TaskStatus};
use troupe_core::{ApprovalId, Awaited, Clock as _, Code, Digest, Effect, limits};
use troupe_store::{ApprovalCommit, ApprovalEffect, ApprovalMove, Decided, Pin, Rest, TaskApprovalRow};

use crate::support::{Home, READING, id, row, tenant, version};

const SHOWN: &str = r#"{"summary":"remove a","action":{"remove":"a"}}"#;

fn approval(number: u64) -> ApprovalId {
    format!("0199a2f0-6c1e-7d3a-8b52-{number:012x}").parse().unwrap()
}

fn encode(asked: &AskedApproval) -> Vec<u8> {
    format!("{asked:?}").into_bytes()
}

fn commit(home: &Home, number: u64, open_max: u32) -> ApprovalCommit {
    let rule: ApprovalRule = serde_json::from_value(json!({ "levels": [{}] })).unwrap();
    let action = ApprovedAction {
        agent: "aws".to_owned(),
        version: version("1.0.0"),
        digest: Digest::of(b"one"),
        skill: "inventory".to_owned(),
        effect: Effect::Write,
        instance: None,
        configuration: None,
    };
    let now = home.clock.now();
    let digest = Digest::of(SHOWN.as_bytes());
    let latest = now.plus(std::time::Duration::from_secs(3_600));
    let asked = TaskApproval::of_action(action, digest, "owner", (0, &rule, 0), (now, latest));
    ApprovalCommit { id: approval(number), asked, shown: SHOWN.to_owned(), open_max, encode }
}

async fn ask(home: &Home, pin: &Pin, number: u64, open_max: u32) -> AskedApproval {
    home.store.commit_approval(pin, Vec::new(), commit(home, number, open_max), row(number, true)).await.unwrap()
}

async fn seen(home: &Home, number: u64) -> TaskApprovalRow {
    home.store.task_approval(&tenant(), approval(number)).await.unwrap().unwrap()
}

async fn grant(home: &Home, seen: &TaskApprovalRow) -> Option<TaskApprovalRow> {
    let status = TaskApprovalStatus::Granted;
    let by = Some("key/1".to_owned());
    let to = ApprovalMove {
        approval: seen.approval.clone(),
        status,
        step: status.as_str(),
        by,
        level: None,
        link: None,
        task: ApprovalEffect::Told,
    };
    home.store.move_approval(seen, to).await.unwrap().map(|(moved, _)| moved)
}

#[tokio::test]
async fn it_is_made_with_its_row_which_is_no_write_and_decided_once() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let digest = Digest::of(SHOWN.as_bytes());
    assert_eq!(ask(&home, &pin, 1, 10).await, AskedApproval::Made { id: approval(1), digest });
    let rows = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1;
    assert!(!rows[0].write && rows[0].answer.as_deref().unwrap().starts_with(b"Made"));
    let stale = Pin { lease_number: 9, ..pin.clone() };
    let refused = home.store.commit_approval(&stale, Vec::new(), commit(&home, 2, 10), row(2, true)).await;
    assert_eq!(refused.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(home.store.task_approval(&tenant(), approval(2)).await.unwrap(), None);

    let found = seen(&home, 1).await;
    assert_eq!((found.status, found.shown.as_deref()), (TaskApprovalStatus::Pending, Some(SHOWN)));
    assert_eq!(home.store.asked_approval(&tenant(), id(1), approval(1)).await.unwrap(), Some(found.clone()));
    assert_eq!(home.store.asked_approval(&tenant(), id(2), approval(1)).await.unwrap(), None, "of another task");
    let awaited = Awaited::Approval(approval(1));
    assert!(!home.store.has_come_to_pass(&tenant(), awaited).await.unwrap());
    let (one, other) = tokio::join!(grant(&home, &found), grant(&home, &found));
    assert!(one.is_some() != other.is_some(), "one of two decides");
    assert!(home.store.has_come_to_pass(&tenant(), awaited).await.unwrap());
}

#[tokio::test]
async fn whoever_waits_is_due_with_the_decision_also_in_the_moment_in_which_it_leaves_off() {
    let home = Home::open().await;
    let late = home.clock.now().plus(std::time::Duration::from_secs(3_600));
    let pin = home.running(1).await;
    ask(&home, &pin, 1, 10).await;
    let rest = Rest { until: late, awaits: vec![Awaited::Approval(approval(1))], used: Default::default() };
    let left = home.store.suspend(&pin, Vec::new(), rest, Decided::default()).await.unwrap();
    assert_eq!((left.status, left.wake_at), (TaskStatus::Suspended, Some(late)));
    grant(&home, &seen(&home, 1).await).await.unwrap();
    let due = home.store.task(&tenant(), id(1)).await.unwrap().unwrap();
    assert_eq!(due.wake_at, Some(home.clock.now()));

    let pin = home.running(2).await;
    ask(&home, &pin, 2, 10).await;
    grant(&home, &seen(&home, 2).await).await.unwrap();
    let rest = Rest { until: late, awaits: vec![Awaited::Approval(approval(2))], used: Default::default() };
    let left = home.store.suspend(&pin, Vec::new(), rest, Decided::default()).await.unwrap();
    assert_eq!(left.wake_at, Some(home.clock.now()));
}

#[tokio::test]
async fn what_is_undecided_is_bounded_by_task_and_agent_and_all_that_was_asked_by_task() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let most = limits::APPROVALS_OPEN_PER_TASK_MAX;
    for number in 1..=most {
        assert!(matches!(ask(&home, &pin, number, 100).await, AskedApproval::Made { .. }));
    }
    let full = |which, most| AskedApproval::Full { which, most };
    assert_eq!(ask(&home, &pin, 100, 100).await, full(ApprovalsFull::Task, most));
    let other = home.running(2).await;
    assert_eq!(ask(&home, &other, 100, 8).await, full(ApprovalsFull::Agent, 8));
    assert!(matches!(ask(&home, &other, 101, 9).await, AskedApproval::Made { .. }));
    for number in 1..=most {
        grant(&home, &seen(&home, number).await).await.unwrap();
    }
    let mut asked = most;
    while asked < limits::APPROVALS_PER_TASK_MAX {
        asked += 1;
        assert!(matches!(ask(&home, &pin, 200 + asked, 100).await, AskedApproval::Made { .. }));
        grant(&home, &seen(&home, 200 + asked).await).await.unwrap();
    }
    assert_eq!(ask(&home, &pin, 300, 100).await, full(ApprovalsFull::TaskInAll, limits::APPROVALS_PER_TASK_MAX));
}

#[tokio::test]
async fn a_cancel_voids_it_before_the_task_has_ended() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    ask(&home, &pin, 1, 10).await;
    let before = seen(&home, 1).await;
    home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    let now = seen(&home, 1).await;
    assert_eq!((now.status, now.revision), (TaskApprovalStatus::Cancelled, 2));
    assert_eq!(grant(&home, &before).await, None);
}
