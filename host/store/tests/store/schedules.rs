use std::time::Duration;

use serde_json::json;
use troupe_core::view::{NewSchedule, TaskFailure};
use troupe_core::{Clock as _, Code, Error, Timestamp, limits};
use troupe_store::{Fired, NewScheduleRow, ScheduleRow, TaskEnd};

use crate::support::{Home, OWNER, READING, agent, id, pending, pin, ran_on, tenant};

const HOUR: Duration = Duration::from_secs(3_600);

fn schedule(overlap: bool) -> NewSchedule {
    let task = json!({ "agent": "aws", "skill": "inventory" });
    serde_json::from_value(json!({ "cron": "@hourly", "task": task, "overlap": overlap })).unwrap()
}

async fn set(home: &Home, name: &str, overlap: bool, next_at: Option<Timestamp>) -> troupe_core::Result<ScheduleRow> {
    let new = NewScheduleRow { name: name.parse().unwrap(), agent: agent(), schedule: schedule(overlap), next_at };
    home.store.set_schedule(&tenant(), new, "owner").await
}

/// A schedule whose time has come.
async fn due(home: &Home, overlap: bool) -> ScheduleRow {
    let row = set(home, "hourly", overlap, Some(home.clock.now())).await.unwrap();
    assert_eq!(home.store.due_schedules(home.clock.now(), None, 10).await.unwrap().len(), 1);
    row
}

async fn found(home: &Home) -> ScheduleRow {
    home.store.schedule(&tenant(), &"hourly".parse().unwrap()).await.unwrap().unwrap()
}

fn made(fired: &Fired) -> bool {
    matches!(fired, Fired::Made(_))
}

#[tokio::test]
async fn a_time_passes_once_with_its_task_whoever_looks() {
    let home = Home::open().await;
    let (seen, now) = (due(&home, false).await, home.clock.now());
    let next = Some(now.plus(HOUR));
    let (one, other) = tokio::join!(
        home.store.fire_schedule(&seen, next, Ok(pending(1))),
        home.store.fire_schedule(&seen, next, Ok(pending(2))),
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(made(&one) != made(&other) && (matches!(one, Fired::Changed) || matches!(other, Fired::Changed)));
    assert_eq!(home.store.pending().await.unwrap().len(), 1);
    let row = found(&home).await;
    assert_eq!((row.next_at, row.last_at, row.last_failure), (next, Some(now), None));
    assert_eq!(row.last_task, Some(home.store.pending().await.unwrap()[0].task));
    assert!(home.store.due_schedules(now, None, 10).await.unwrap().is_empty());
    assert_eq!(home.store.next_schedule(now).await.unwrap(), next);
    assert_eq!(home.kinds().await, ["schedule.set", "schedule.fired", "task.created"]);
}

#[tokio::test]
async fn a_schedule_that_was_changed_meanwhile_makes_nothing() {
    let home = Home::open().await;
    let seen = due(&home, false).await;
    set(&home, "hourly", false, Some(home.clock.now())).await.unwrap();
    assert!(matches!(home.store.fire_schedule(&seen, None, Ok(pending(1))).await.unwrap(), Fired::Changed));
    let seen = found(&home).await;
    home.store.remove_schedule(&tenant(), &seen.name, "owner").await.unwrap();
    assert!(matches!(home.store.fire_schedule(&seen, None, Ok(pending(1))).await.unwrap(), Fired::Changed));
    assert!(home.store.pending().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_task_that_goes_on_keeps_the_next_from_being_made_unless_they_may_overlap() {
    for overlap in [false, true] {
        let home = Home::open().await;
        let seen = due(&home, overlap).await;
        assert!(made(&home.store.fire_schedule(&seen, Some(home.clock.now()), Ok(pending(1))).await.unwrap()));
        let seen = found(&home).await;
        let fired = home.store.fire_schedule(&seen, Some(home.clock.now().plus(HOUR)), Ok(pending(2))).await.unwrap();
        assert_eq!(made(&fired), overlap);
        let row = found(&home).await;
        assert_eq!((row.last_task, row.last_failure), (Some(id(if overlap { 2 } else { 1 })), None));
    }
}

#[tokio::test]
async fn a_task_that_has_ended_is_followed_by_the_next() {
    let home = Home::open().await;
    let seen = due(&home, false).await;
    home.store.fire_schedule(&seen, Some(home.clock.now()), Ok(pending(1))).await.unwrap();
    home.store.cancel(&tenant(), id(1), "owner", READING).await.unwrap();
    let seen = found(&home).await;
    assert!(made(&home.store.fire_schedule(&seen, Some(home.clock.now()), Ok(pending(2))).await.unwrap()));
    let claimed = home.store.claim(&tenant(), id(2), OWNER, &ran_on(), &home.head()).await.unwrap();
    let end = TaskEnd {
        status: troupe_core::view::TaskStatus::Completed,
        output: Some("1".to_owned()),
        failure: None,
        said: None,
        ended_at: home.clock.now(),
        decided: troupe_store::Decided::default(),
        used: Default::default(),
    };
    let commit = troupe_store::Commit { pin: pin(&claimed), journal: Vec::new(), write: None, end: Some(end) };
    home.store.commit(commit).await.unwrap();
    let seen = found(&home).await;
    assert!(made(&home.store.fire_schedule(&seen, None, Ok(pending(3))).await.unwrap()));
}

#[tokio::test]
async fn why_no_task_was_made_is_kept_until_one_is() {
    let home = Home::open().await;
    let seen = due(&home, false).await;
    let failure = TaskFailure::from(&Error::new(Code::SkillNotFound, "there is none"));
    let fired = home.store.fire_schedule(&seen, Some(home.clock.now()), Err(failure.clone())).await.unwrap();
    assert!(matches!(fired, Fired::None));
    let seen = found(&home).await;
    assert_eq!((seen.last_failure.clone(), seen.last_task), (Some(failure), None));
    home.store.fire_schedule(&seen, None, Ok(pending(1))).await.unwrap();
    assert_eq!(found(&home).await.last_failure, None);
}

#[tokio::test]
async fn a_tenant_has_as_many_schedules_as_it_may_and_a_paused_one_is_never_due() {
    let home = Home::open().await;
    for number in 0..limits::SCHEDULES_MAX {
        set(&home, &format!("s{number}"), false, None).await.unwrap();
    }
    assert_eq!(set(&home, "more", false, None).await.unwrap_err().code, Code::LimitSchedules);
    set(&home, "s1", true, None).await.unwrap();
    home.clock.advance(HOUR);
    assert!(home.store.due_schedules(home.clock.now(), None, 10).await.unwrap().is_empty());
    assert_eq!(home.store.next_schedule(home.clock.now()).await.unwrap(), None);
    assert_eq!(home.store.schedules(&tenant(), "s1", 2).await.unwrap()[1].name.as_str(), "s100");
    assert!(home.store.schedules(&"other".parse().unwrap(), "", 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_due_is_read_past_what_stays_due() {
    let home = Home::open().await;
    let now = home.clock.now();
    for (name, at) in
        [("c", now), ("a", now), ("b", now), ("early", Timestamp::from_millis(1)), ("late", now.plus(HOUR))]
    {
        set(&home, name, false, Some(at)).await.unwrap();
    }
    let (mut names, mut last) = (Vec::new(), None);
    loop {
        let page = home.store.due_schedules(now, last.as_ref(), 2).await.unwrap();
        names.extend(page.iter().map(|row| row.name.to_string()));
        let Some(row) = page.last() else { break };
        last = Some(row.clone());
    }
    assert_eq!(names, ["early", "a", "b", "c"]);
}
