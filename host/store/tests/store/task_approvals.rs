use serde_json::json;
use troupe_core::approval::ApprovalRule;
use troupe_core::view::{ApprovedAction, TaskApproval, TaskApprovalStatus, TaskFailure, TaskStatus};
use troupe_core::{ApprovalId, Clock as _, Code, Digest, Effect, Error, Timestamp};
use troupe_store::{ApprovalEffect, ApprovalMove, NeededApproval, TaskApprovalFilter, TaskApprovalRow, TaskRow};

use crate::support::{Home, OWNER, READING, id, pending, ran_on, tenant, version};

pub fn approval(number: u64) -> ApprovalId {
    format!("0199a2f0-6c1e-7d3a-8b52-{number:012x}").parse().unwrap()
}

/// What is asked about a task, by its owner.
pub fn asked(home: &Home) -> TaskApproval {
    let rule: ApprovalRule =
        serde_json::from_value(json!({ "levels": [{ "quorum": 1 }], "expires_after_ms": 1_000 })).unwrap();
    let action = ApprovedAction {
        agent: "aws".to_owned(),
        version: version("1.0.0"),
        digest: Digest::of(b"one"),
        skill: "inventory".to_owned(),
        effect: Effect::Write,
        instance: None,
        configuration: None,
    };
    TaskApproval::asked(action, "owner", (1, &rule, 1), home.clock.now())
}

/// A task that waits for the approval of its number.
async fn waiting(home: &Home, number: u64) -> TaskApprovalRow {
    let needed = NeededApproval { id: approval(number), asked: Some(Box::new(asked(home))) };
    let task = TaskRow { status: TaskStatus::AwaitingApproval, approval: Some(needed), ..pending(number) };
    home.store.create_task(task).await.unwrap();
    home.store.task_approval(&tenant(), approval(number)).await.unwrap().unwrap()
}

fn to(seen: &TaskApprovalRow, status: TaskApprovalStatus, task: ApprovalEffect) -> ApprovalMove {
    let by = Some("key/1".to_owned());
    ApprovalMove { approval: seen.approval.clone(), status, step: status.as_str(), by, level: None, link: None, task }
}

fn grant(seen: &TaskApprovalRow, from: Option<Timestamp>) -> ApprovalMove {
    to(seen, TaskApprovalStatus::Granted, ApprovalEffect::Runs(from))
}

async fn status(home: &Home, number: u64) -> TaskStatus {
    home.store.task(&tenant(), id(number)).await.unwrap().unwrap().status
}

#[tokio::test]
async fn a_task_that_waits_is_nobodys_to_run_until_it_is_approved_of_once() {
    let home = Home::open().await;
    let seen = waiting(&home, 1).await;
    assert!(home.store.pending().await.unwrap().is_empty());
    let claimed = home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await;
    assert_eq!(claimed.unwrap_err().code, Code::StaleEpoch);
    let (one, other) = tokio::join!(
        home.store.move_approval(&seen, grant(&seen, None)),
        home.store.move_approval(&seen, grant(&seen, None)),
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one.is_some() != other.is_some(), "one of two decides");
    assert_eq!(home.store.pending().await.unwrap().len(), 1);
    let kinds = home.kinds().await;
    assert_eq!(kinds, ["task.created", "approval.requested", "approval.granted", "task.pending"]);
    let filter = TaskApprovalFilter { status: Some(TaskApprovalStatus::Pending), ..TaskApprovalFilter::default() };
    assert!(home.store.task_approvals(&tenant(), &filter, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_ends_the_task_ends_its_approval_and_the_other_way_round() {
    let home = Home::open().await;
    let seen = waiting(&home, 1).await;
    home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    assert_eq!(home.store.move_approval(&seen, grant(&seen, None)).await.unwrap(), None);
    let now = home.store.task_approval(&tenant(), approval(1)).await.unwrap().unwrap();
    assert_eq!(now.status, TaskApprovalStatus::Cancelled);
    assert_eq!(status(&home, 1).await, TaskStatus::Cancelled);

    let seen = waiting(&home, 2).await;
    let failure = TaskFailure::from(&Error::new(Code::ApprovalRejected, "no"));
    let no = to(&seen, TaskApprovalStatus::Rejected, ApprovalEffect::Fails(failure));
    home.store.move_approval(&seen, no).await.unwrap().unwrap();
    assert_eq!(status(&home, 2).await, TaskStatus::Failed);
    assert_eq!(home.store.next_approval().await.unwrap(), None);
}

#[tokio::test]
async fn one_that_is_void_is_asked_for_anew_unless_the_task_runs_by_then() {
    let home = Home::open().await;
    let seen = waiting(&home, 1).await;
    let (granted, _) = home.store.move_approval(&seen, grant(&seen, None)).await.unwrap().unwrap();
    let anew = |number| ApprovalEffect::AskedAnew(approval(number), Box::new(asked(&home)));
    let (void, task) =
        home.store.move_approval(&granted, to(&granted, TaskApprovalStatus::Void, anew(7))).await.unwrap().unwrap();
    assert_eq!(void.status, TaskApprovalStatus::Void);
    let task = task.unwrap();
    assert_eq!(task.status, TaskStatus::AwaitingApproval);
    assert_eq!(task.approval, Some(NeededApproval { id: approval(7), asked: None }));

    let again = home.store.task_approval(&tenant(), approval(7)).await.unwrap().unwrap();
    let (granted, _) = home.store.move_approval(&again, grant(&again, None)).await.unwrap().unwrap();
    home.store.claim(&tenant(), id(1), OWNER, &ran_on(), &home.head()).await.unwrap();
    let late = home.store.move_approval(&granted, to(&granted, TaskApprovalStatus::Void, anew(8))).await;
    assert_eq!(late.unwrap_err().code, Code::ApprovalDecided);
    assert_eq!(home.store.task_approval(&tenant(), approval(8)).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_due_is_found_in_its_order_and_a_task_that_is_put_off_is_not_woken_before() {
    let home = Home::open().await;
    let seen = waiting(&home, 1).await;
    home.clock.advance(std::time::Duration::from_millis(10));
    waiting(&home, 2).await;
    let due = seen.approval.due().unwrap();
    assert_eq!(home.store.next_approval().await.unwrap(), Some(due));
    home.clock.advance(std::time::Duration::from_secs(1));
    let found = home.store.due_approvals(home.clock.now(), None, 1).await.unwrap();
    assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [approval(1)]);
    let next = home.store.due_approvals(home.clock.now(), found.last(), 10).await.unwrap();
    assert_eq!(next.iter().map(|row| row.id).collect::<Vec<_>>(), [approval(2)]);
    let later = home.clock.now().plus(std::time::Duration::from_secs(60));
    let (_, task) = home.store.move_approval(&seen, grant(&seen, Some(later))).await.unwrap().unwrap();
    assert_eq!(task.unwrap().wake_at, Some(later));
    assert!(home.store.wake(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_policy_is_set_over_the_one_that_was_looked_at_and_the_newest_are_kept() {
    let home = Home::open().await;
    let policy = || serde_json::from_value(json!({ "rules": [{ "levels": [{}] }] })).unwrap();
    let set = async |before| home.store.set_approval_policy(&tenant(), before, policy(), "owner").await;
    assert_eq!(set(Some(0)).await.unwrap().revision, 1);
    assert_eq!(set(Some(0)).await.unwrap_err().code, Code::ApprovalConflict);
    for revision in 2..40 {
        assert_eq!(set(None).await.unwrap().revision, revision);
    }
    let all = home.store.approval_policies().await.unwrap();
    assert_eq!(all.iter().map(|row| (row.tenant.clone(), row.revision)).collect::<Vec<_>>(), [(tenant(), 39)]);
}
