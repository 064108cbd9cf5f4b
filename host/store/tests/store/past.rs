use troupe_core::view::{TaskFailure, TaskStatus};
use troupe_core::{Code, Error, TaskId};
use troupe_store::{Decided, PastFilter, PastTask, RecordedTask, Redact, TaskRow, Withheld};

use crate::support::{Home, agent, ended, id, pending, row, tenant};

const REDACT: Redact = Redact { call: |_| Vec::new(), answer: Vec::new, documents: false };

async fn record(home: &Home, task: TaskRow) {
    home.store.record(task, &home.head(), vec![row(1, false), row(2, true)], Decided::default()).await.unwrap();
}

async fn past(home: &Home, filter: PastFilter, limit: u32) -> Vec<PastTask> {
    home.store.past_tasks(&tenant(), &agent(), &filter, limit).await.unwrap()
}

fn ids(tasks: &[PastTask]) -> Vec<TaskId> {
    tasks.iter().map(|task| task.id).collect()
}

#[tokio::test]
async fn tasks_of_the_past_come_newest_first_by_skill_and_status_with_what_became_of_their_journals() {
    let home = Home::open().await;
    let failure = Some(TaskFailure::from(&Error::new(Code::GuestFailed, "so")));
    record(&home, ended(1)).await;
    record(&home, TaskRow { skill: "stop".parse().unwrap(), ..ended(2) }).await;
    record(&home, TaskRow { status: TaskStatus::Failed, output: None, failure, ..ended(3) }).await;
    record(&home, TaskRow { agent: "other".parse().unwrap(), ..ended(4) }).await;
    home.store.create_task(pending(5)).await.unwrap();
    home.store.redact(&tenant(), id(1), REDACT, None).await.unwrap();

    let all = past(&home, PastFilter::default(), 10).await;
    assert_eq!(ids(&all), [id(5), id(3), id(2), id(1)]);
    let seen: Vec<_> =
        all.iter().map(|task| (task.status, task.attempt, task.failure.as_deref(), task.withheld)).collect();
    assert_eq!(
        seen,
        [
            (TaskStatus::Pending, 0, None, Some(Withheld::Dropped)),
            (TaskStatus::Failed, 1, Some("guest.failed"), None),
            (TaskStatus::Completed, 1, None, None),
            (TaskStatus::Completed, 1, None, Some(Withheld::Redacted)),
        ]
    );
    let stop = PastFilter { skill: Some("stop".parse().unwrap()), ..PastFilter::default() };
    assert_eq!(ids(&past(&home, stop, 10).await), [id(2)]);
    let failed = PastFilter { status: Some(TaskStatus::Failed), ..PastFilter::default() };
    assert_eq!(ids(&past(&home, failed, 10).await), [id(3)]);
    let before = PastFilter { before: Some(id(3)), ..PastFilter::default() };
    assert_eq!(ids(&past(&home, before, 1).await), [id(2)]);
    let others = home.store.past_tasks(&"zeta".parse().unwrap(), &agent(), &PastFilter::default(), 10).await.unwrap();
    assert!(others.is_empty());
}

#[tokio::test]
async fn a_recorded_task_comes_whole_or_with_the_reason_why_not() {
    let home = Home::open().await;
    for number in 1..=2 {
        record(&home, ended(number)).await;
    }
    home.store.redact(&tenant(), id(2), REDACT, None).await.unwrap();
    home.store.create_task(pending(3)).await.unwrap();
    let recorded = async |task, bytes_max| home.store.recorded_task(&tenant(), id(task), bytes_max).await.unwrap();
    let whole = recorded(1, 1 << 20).await;
    assert_eq!(whole, Some(RecordedTask::Whole(ended(1), home.head(), vec![row(1, false), row(2, true)])));
    let bytes = 2 * ("call-1".len() + "answer".len()) as u64;
    assert_eq!(recorded(1, bytes - 1).await, Some(RecordedTask::TooLarge(bytes)));
    assert_eq!(recorded(1, bytes).await, whole);
    assert_eq!(recorded(2, 1 << 20).await, Some(RecordedTask::Withheld(Withheld::Redacted)));
    assert_eq!(recorded(3, 1 << 20).await, Some(RecordedTask::Withheld(Withheld::Dropped)));
    assert_eq!(recorded(9, 1 << 20).await, None);
    assert_eq!(home.store.recorded_task(&"zeta".parse().unwrap(), id(1), 1 << 20).await.unwrap(), None);
}
