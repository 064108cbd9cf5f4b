use serde_json::json;
use troupe_core::view::{GroupProgress, GroupStatus, Member, NewGroup, TaskStatus};
use troupe_core::{Code, GroupId, TenantId, limits};
use troupe_store::{Commit, Decided, GroupCreation, GroupFilter, GroupMove, GroupRow, NewGroupRow, TaskEnd, TaskRow};

use crate::support::{Home, OWNER, READING, completed, id, pending, pin, ran_on, tenant};

fn group_id(number: u64) -> GroupId {
    format!("0199a2f0-6c1e-7d3a-9b53-{number:012x}").parse().unwrap()
}

fn document(key: Option<&str>) -> NewGroup {
    let steps = json!([{ "name": "a", "task": { "agent": "aws", "skill": "inventory", "input": { "x": 1, "y": 2 } } }]);
    serde_json::from_value(json!({ "idempotency_key": key, "steps": steps })).unwrap()
}

const PROGRESS: GroupProgress = GroupProgress { ended: 0, steps: 1, fraction: 0.0 };

fn new(number: u64, group: NewGroup) -> NewGroupRow {
    NewGroupRow {
        tenant: tenant(),
        id: group_id(number),
        group,
        principal: "owner".to_owned(),
        retry_of: None,
        state: "{}".to_owned(),
        progress: PROGRESS,
    }
}

async fn made(home: &Home, number: u64) -> GroupRow {
    match home.store.create_group(new(number, document(None))).await.unwrap() {
        GroupCreation::New(row) => *row,
        GroupCreation::Existing(row) => panic!("{row:?}"),
    }
}

async fn found(home: &Home, number: u64) -> GroupRow {
    home.store.group(&tenant(), group_id(number)).await.unwrap().unwrap()
}

fn member(number: u64, item: u32, compensates: bool) -> Member {
    Member { group: group_id(number), step: "a".parse().unwrap(), item, compensates }
}

/// A task of a group.
fn task(number: u64, member: Member) -> TaskRow {
    TaskRow { group: Some(member), ..pending(number) }
}

fn to(status: GroupStatus, made: Vec<TaskRow>, is_whole: bool) -> GroupMove {
    GroupMove { status, state: "moved".to_owned(), progress: PROGRESS, failure: None, made, is_whole }
}

async fn due(home: &Home) -> usize {
    home.store.due_groups(None, 10).await.unwrap().len()
}

#[tokio::test]
async fn a_group_is_due_until_what_happened_to_it_was_seen_and_moves_once_whoever_looks() {
    let home = Home::open().await;
    let seen = made(&home, 1).await;
    assert_eq!((due(&home).await, seen.head.status), (1, GroupStatus::Running));
    let (one, other) = tokio::join!(
        home.store.move_group(&seen, to(GroupStatus::Running, vec![task(1, member(1, 0, false))], true)),
        home.store.move_group(&seen, to(GroupStatus::Running, vec![task(2, member(1, 0, false))], true)),
    );
    assert!(one.unwrap() != other.unwrap());
    assert_eq!((due(&home).await, home.store.pending().await.unwrap().len()), (0, 1));
    let row = found(&home, 1).await;
    assert_eq!((row.state.as_str(), row.revision), ("moved", 2));
    assert_eq!(home.kinds().await, ["group.created", "task.created"]);

    // A move that leaves something to be done leaves the group due.
    home.store.cancel_group(&tenant(), group_id(1), "owner").await.unwrap();
    assert_eq!(due(&home).await, 1);
    let seen = found(&home, 1).await;
    assert!(home.store.move_group(&seen, to(GroupStatus::Stopping, Vec::new(), false)).await.unwrap());
    assert_eq!((due(&home).await, home.kinds().await.last().map(String::as_str)), (1, Some("group.stopping")));
}

#[tokio::test]
async fn a_call_of_a_group_has_one_task_and_the_move_that_makes_a_second_changes_nothing() {
    let home = Home::open().await;
    let seen = made(&home, 1).await;
    let both = vec![task(1, member(1, 0, false)), task(2, member(1, 0, false))];
    assert!(home.store.move_group(&seen, to(GroupStatus::Running, both, true)).await.is_err());
    assert!(home.store.pending().await.unwrap().is_empty() && found(&home, 1).await.revision == 1);
    let all = vec![task(1, member(1, 0, false)), task(2, member(1, 1, false)), task(3, member(1, 0, true))];
    assert!(home.store.move_group(&seen, to(GroupStatus::Running, all, true)).await.unwrap());
    let members = home.store.group_members(&tenant(), group_id(1)).await.unwrap();
    assert_eq!(members.iter().map(|member| member.task).collect::<Vec<_>>(), [id(1), id(3), id(2)]);
    assert_eq!(home.store.member_task(&tenant(), &member(1, 0, true)).await.unwrap(), Some(id(3)));
    assert_eq!(home.store.task(&tenant(), id(2)).await.unwrap().unwrap().group, Some(member(1, 1, false)));
}

#[tokio::test]
async fn each_end_of_a_task_is_heard_by_its_group_with_it_and_in_order() {
    let home = Home::open().await;
    let seen = made(&home, 1).await;
    let all = (1..=3).map(|number| task(number, member(1, number as u32 - 1, false))).collect();
    assert!(home.store.move_group(&seen, to(GroupStatus::Running, all, true)).await.unwrap());
    // The second ends first: it runs; the third is cancelled before it does.
    let claimed = home.store.claim(&tenant(), id(2), OWNER, &ran_on(), &home.head()).await.unwrap();
    let end = TaskEnd { decided: Decided::default(), ..completed() };
    home.store.commit(Commit { pin: pin(&claimed), journal: Vec::new(), write: None, end: Some(end) }).await.unwrap();
    assert_eq!(due(&home).await, 1);
    home.store.cancel(&tenant(), id(3), "owner", READING).await.unwrap();

    let ends = home.store.group_ends(&tenant(), group_id(1), 0).await.unwrap();
    let said: Vec<_> = ends.iter().map(|end| (end.number, end.member.item, end.status)).collect();
    assert_eq!(said, [(1, 1, TaskStatus::Completed), (2, 2, TaskStatus::Cancelled)]);
    assert_eq!(ends[1].failure.as_ref().unwrap().code, "cancelled");
    assert_eq!(home.store.group_ends(&tenant(), group_id(1), 1).await.unwrap(), ends[1..]);
    let step = "a".parse().unwrap();
    assert_eq!(home.store.step_output_bytes(&tenant(), group_id(1), &step).await.unwrap(), 11);
    let outputs = home.store.step_outputs(&tenant(), group_id(1), &step).await.unwrap();
    assert_eq!(outputs, [(0, None), (1, Some(r#"{"ok":true}"#.to_owned())), (2, None)]);

    // What ended after a look is still to be seen.
    let seen = found(&home, 1).await;
    home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    assert!(home.store.move_group(&seen, to(GroupStatus::Running, Vec::new(), true)).await.unwrap());
    assert_eq!(due(&home).await, 1);
    // Once it has ended nothing moves it.
    let seen = found(&home, 1).await;
    assert!(home.store.move_group(&seen, to(GroupStatus::Failed, Vec::new(), true)).await.unwrap());
    let seen = found(&home, 1).await;
    assert!(seen.head.ended_at.is_some() && due(&home).await == 0);
    assert!(!home.store.move_group(&seen, to(GroupStatus::Running, Vec::new(), true)).await.unwrap());
    let error = home.store.cancel_group(&tenant(), group_id(1), "owner").await.unwrap_err();
    assert_eq!((error.code, due(&home).await), (Code::GroupEnded, 0));
}

#[tokio::test]
async fn the_same_request_under_its_key_gives_the_same_group() {
    let home = Home::open().await;
    home.store.create_group(new(1, document(Some("key")))).await.unwrap();
    let mut again = document(Some("key"));
    again.steps[0].task.as_mut().unwrap().input = json!({ "y": 2, "x": 1 });
    let existing = home.store.create_group(new(2, again.clone())).await.unwrap();
    assert!(matches!(existing, GroupCreation::Existing(row) if row.head.id == group_id(1)));
    assert_eq!(home.store.group_by_key(&tenant(), &again).await.unwrap().unwrap().head.id, group_id(1));
    again.steps[0].task.as_mut().unwrap().input = json!(1);
    let error = home.store.create_group(new(2, again)).await.unwrap_err();
    assert_eq!(error.code, Code::ConflictIdempotency);
    assert_eq!(home.kinds().await, ["group.created"]);
}

#[tokio::test]
async fn a_tenant_has_as_many_groups_under_way_as_it_may_and_sees_its_own_alone() {
    let home = Home::open().await;
    for number in 0..limits::GROUPS_MAX {
        made(&home, number).await;
    }
    let refused = home.store.create_group(new(5_000, document(None))).await.unwrap_err();
    assert_eq!((refused.code, refused.retryable), (Code::LimitGroups, true));
    let seen = found(&home, 7).await;
    assert!(home.store.move_group(&seen, to(GroupStatus::Completed, Vec::new(), true)).await.unwrap());
    made(&home, 5_000).await;
    let list = async |status, after| {
        let rows = home.store.groups(&tenant(), GroupFilter { status, after }, 2).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None).await, [group_id(5_000), group_id(999)]);
    assert_eq!(list(None, Some(group_id(2))).await, [group_id(1), group_id(0)]);
    assert_eq!(list(Some(GroupStatus::Completed), None).await, [group_id(7)]);
    let other: TenantId = "other".parse().unwrap();
    assert!(home.store.groups(&other, GroupFilter::default(), 10).await.unwrap().is_empty());
    assert!(home.store.group(&other, group_id(1)).await.unwrap().is_none());
    assert_eq!(home.store.cancel_group(&other, group_id(1), "x").await.unwrap_err().code, Code::GroupNotFound);
}
