use troupe_core::Code;
use troupe_core::view::{RanOn, TaskFailure, TaskStatus};
use troupe_store::{Commit, Decided, JournalRow, Pin, StateOutcome, TaskEnd};

use crate::support::{
    Home, OWNER, agent, begun, completed, each_write, ended, id, intent, pin, ran_on, row, rows_only, set, space,
    tenant, wide,
};

#[tokio::test]
async fn state_journal_and_end_share_one_commit() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let commit = Commit {
        pin,
        journal: vec![row(1, false), row(2, false)],
        write: Some((wide(set("k", b"v")), row(3, true))),
        end: Some(completed()),
    };
    let answer = home.store.commit(commit).await.unwrap();
    assert_eq!(answer.state, Some(StateOutcome::Written { revision: 1 }));

    let task = home.store.task(&tenant(), id(1)).await.unwrap().unwrap();
    assert_eq!((task.status, task.output, task.lease), (TaskStatus::Completed, completed().output, None));
    assert_eq!(task.ended_at, Some(completed().ended_at));
    assert_eq!(home.store.state_get(space(&tenant(), &agent(), 1), "k").await.unwrap(), Some((b"v".to_vec(), 1)));
    let (_, rows) = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap();
    let written = JournalRow { answer: Some(b"written 1".to_vec()), ..row(3, true) };
    assert_eq!(rows, [row(1, false), row(2, false), written]);
    assert_eq!(home.kinds().await, ["task.created", "task.running", "task.completed"]);
}

#[tokio::test]
async fn an_invocation_that_does_not_hold_the_lease_writes_nothing() {
    let home = Home::open().await;
    let good = home.running(1).await;
    let stale = [
        Pin { lease_number: 2, ..good.clone() },
        Pin { lease_number: 0, ..good.clone() },
        Pin { lease_owner: "owner-2".to_owned(), ..good.clone() },
        Pin { attempt: 2, ..good.clone() },
        Pin { epoch: 2, ..good.clone() },
        Pin { agent: "k8s".parse().unwrap(), ..good.clone() },
    ];
    let before = home.store.task(&tenant(), id(1)).await.unwrap();
    for pin in stale {
        for write in each_write("k") {
            let commit = Commit {
                pin: pin.clone(),
                journal: vec![row(1, false)],
                write: Some((wide(write), row(2, true))),
                end: Some(completed()),
            };
            let error = home.store.commit(commit).await.unwrap_err();
            assert_eq!(error.code, Code::StaleEpoch, "{pin:?}");
        }
    }
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap(), before);
    assert_eq!(home.store.state_get(space(&tenant(), &agent(), 1), "k").await.unwrap(), None);
    assert!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1.is_empty());
    assert_eq!(home.kinds().await, ["task.created", "task.running"]);
    home.store.commit(rows_only(&good, vec![row(1, false)])).await.unwrap();
}

#[tokio::test]
async fn an_ended_task_takes_no_more_writes() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let end = Commit { end: Some(completed()), ..rows_only(&pin, Vec::new()) };
    home.store.commit(end.clone()).await.unwrap();
    assert_eq!(home.store.commit(end).await.unwrap_err().code, Code::StaleEpoch);

    let pin = home.running(2).await;
    let failure =
        TaskFailure { code: "cancelled".into(), message: "x".into(), retryable: false, details: <_>::default() };
    let end = TaskEnd { status: TaskStatus::Cancelled, output: None, failure: Some(failure.clone()), ..completed() };
    home.store.commit(Commit { end: Some(end), ..rows_only(&pin, Vec::new()) }).await.unwrap();
    assert_eq!(home.store.commit(rows_only(&pin, vec![row(1, false)])).await.unwrap_err().code, Code::Cancelled);
    assert_eq!(home.store.task(&tenant(), id(2)).await.unwrap().unwrap().failure, Some(failure));

    let gone = Pin { task: id(9), ..pin };
    assert_eq!(home.store.commit(rows_only(&gone, Vec::new())).await.unwrap_err().code, Code::TaskNotFound);
}

#[tokio::test]
async fn an_end_that_is_none_is_refused_whole() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let end = TaskEnd { status: TaskStatus::Pending, ..completed() };
    let commit = Commit { end: Some(end), ..rows_only(&pin, vec![row(1, false)]) };
    assert_eq!(home.store.commit(commit).await.unwrap_err().code, Code::Internal);
    assert!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1.is_empty());
}

#[tokio::test]
async fn an_intent_gets_its_answer_once() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    home.store.commit(rows_only(&pin, vec![row(1, false), intent(2)])).await.unwrap();
    let (_, rows) = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap();
    assert_eq!(rows, [row(1, false), intent(2)]);

    let answer = JournalRow { call: Vec::new(), answer: Some(b"201".to_vec()), ..row(2, true) };
    home.store.commit(rows_only(&pin, vec![answer.clone(), row(3, false)])).await.unwrap();
    let (_, rows) = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap();
    let answered = JournalRow { call: intent(2).call, ..answer.clone() };
    assert_eq!(rows, [row(1, false), answered, row(3, false)]);

    let commit = Commit { write: Some((wide(set("k", b"v")), row(4, true))), ..rows_only(&pin, vec![answer]) };
    assert_eq!(home.store.commit(commit).await.unwrap_err().code, Code::Internal);
    assert_eq!(home.store.state_get(space(&tenant(), &agent(), 1), "k").await.unwrap(), None);
    assert_eq!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1.len(), 3);
}

#[tokio::test]
async fn a_long_journal_keeps_its_order() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    let rows: Vec<_> = (1..=1_000).map(|number| row(number, false)).collect();
    home.store.commit(rows_only(&pin, rows.clone())).await.unwrap();
    assert_eq!(home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1, rows);
}

#[tokio::test]
async fn an_awaited_call_is_recorded_whole_in_one_commit() {
    let home = Home::open().await;
    let task = ended(1);
    home.store.record(task.clone(), &home.head(), vec![row(1, false)], Decided::default()).await.unwrap();
    assert_eq!(home.store.task(&tenant(), id(1)).await.unwrap(), Some(task));
    let (head, rows) = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap();
    assert_eq!((head, rows), (home.head(), vec![row(1, false)]));
    let feed = home.store.feed(&tenant(), 0, 10).await.unwrap();
    insta::assert_json_snapshot!(feed[1], @r#"
    {
      "seq": 2,
      "at": "2025-11-20T00:53:20.000Z",
      "type": "task.completed",
      "subject": "task/0199a2f0-6c1e-7d3a-9b52-000000000001",
      "data": {
        "agent": "aws",
        "skill": "inventory",
        "version": "1.0.0",
        "digest": "sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
        "epoch": 1
      }
    }
    "#);
}

#[tokio::test]
async fn a_begun_call_and_its_first_commit_can_be_handed_over_together() {
    let home = Home::open().await;
    let task = begun(1);
    let commit = Commit { write: Some((wide(set("k", b"v")), row(1, true))), ..rows_only(&pin(&task), Vec::new()) };
    let head = home.head();
    let (begun, committed) = tokio::join!(home.store.begin(task, &head), home.store.commit(commit));
    begun.unwrap();
    assert_eq!(committed.unwrap().state, Some(StateOutcome::Written { revision: 1 }));
    assert_eq!(home.kinds().await, ["task.created", "task.running"]);
}

#[tokio::test]
async fn a_later_epoch_of_the_route_leaves_what_runs_alone() {
    let home = Home::open().await;
    home.deploy().await;
    let pin = home.running(1).await;
    let change = troupe_store::RouteChange { configuration: Some("{}".into()), ..<_>::default() };
    home.store.change_route(&tenant(), &agent(), Some(1), change, None).await.unwrap();
    home.store.commit(rows_only(&pin, vec![row(1, false)])).await.unwrap();
    let next = RanOn { epoch: 2, ..ran_on() };
    home.store.create_task(crate::support::pending(2)).await.unwrap();
    let claimed = home.store.claim(&tenant(), id(2), OWNER, &next, &home.head()).await.unwrap();
    assert_eq!(claimed.release, Some(next));
}
