//! Writes of one kind that are done as one: what comes of each is what would come of it alone.

use serde_json::json;
use troupe_core::view::{DeliveryState, NewSubscription, TaskStatus};
use troupe_core::{Code, EventDraft};
use troupe_store::{Decided, NewEventRow, NewSubscriptionRow, Publication, TaskRow};

use crate::support::{Home, id, pending, ran_on, row, tenant};

fn event(topic: &str, id: &str, number: u64) -> NewEventRow {
    let draft = EventDraft::new(topic.parse().unwrap(), json!({ "n": number }));
    let (sender, source) = ("owner".to_owned(), "/owner".to_owned());
    NewEventRow { draft, sender, source, id: id.to_owned(), is_drawn: false, due_at: None, caused_by: None }
}

async fn subscribe(home: &Home, name: &str, topic: &str) {
    let subscription =
        NewSubscription::new(topic.parse().unwrap(), "aws".parse().unwrap(), "inventory".parse().unwrap());
    let new = NewSubscriptionRow { name: name.parse().unwrap(), subscription };
    home.store.set_subscription(&tenant(), new, "owner").await.unwrap();
}

/// What came of publishing one: its position, and whether it is new.
fn came_of(published: &[Publication]) -> (u64, bool) {
    match published {
        [Publication::New(row)] => (row.position, true),
        [Publication::Existing(row)] => (row.position, false),
        other => panic!("not one: {other:?}"),
    }
}

#[tokio::test]
async fn events_that_come_at_once_are_numbered_in_their_order_and_one_that_is_refused_fails_no_other() {
    let home = Home::open().await;
    subscribe(&home, "one", "a.>").await;
    let publish = |topic: &'static str, id: &'static str, number: u64| {
        let tenant = tenant();
        let store = home.store.clone();
        async move { store.publish_events(&tenant, vec![event(topic, id, number)]).await }
    };
    let first = publish("a.b", "0", 0).await.unwrap();
    assert_eq!(came_of(&first), (1, true));
    let (a, b, again, other, c, unheard) = tokio::join!(
        publish("a.b", "1", 1),
        publish("a.c", "2", 2),
        publish("a.b", "1", 1),
        // The same id with something else in it, and one whose first is in the database.
        publish("a.b", "2", 7),
        publish("a.b", "3", 3),
        publish("z.b", "4", 4),
    );
    assert_eq!(other.unwrap_err().code, Code::ConflictIdempotency);
    let all = [a, b, again, c, unheard].map(|published| came_of(&published.unwrap()));
    assert_eq!(all, [(2, true), (3, true), (2, false), (4, true), (5, true)]);
    assert_eq!(came_of(&publish("a.b", "0", 0).await.unwrap()), (1, false));

    let mut states = Vec::new();
    for position in 1..=4 {
        let deliveries = home.store.deliveries(&tenant(), position, 10).await.unwrap();
        assert_eq!(deliveries.len(), 1);
        states.push(deliveries[0].state);
    }
    let (ready, waiting) = (DeliveryState::Ready, DeliveryState::Waiting);
    assert_eq!(states, [ready, waiting, ready, waiting]);
    let head = home.store.event_head(&tenant()).await.unwrap();
    assert_eq!((head.position, head.place, head.open, head.published, head.unhandled), (5, 4, 4, 5, 1));
    let stats = home.store.subscription(&tenant(), "one").await.unwrap().unwrap().stats;
    assert_eq!((stats.routed, stats.open), (4, 4));
    assert_eq!(home.kinds().await, ["subscription.set", "event.unhandled"]);
}

#[tokio::test]
async fn many_events_of_many_topics_are_each_there_once() {
    let home = Home::open().await;
    subscribe(&home, "one", "a.>").await;
    subscribe(&home, "two", "a.*").await;
    let mut publishing = tokio::task::JoinSet::new();
    for number in 0..90_u64 {
        let store = home.store.clone();
        let new =
            NewEventRow { is_drawn: true, ..event(&format!("a.t{}", number % 7), &format!("{number:032x}"), number) };
        publishing.spawn(async move { store.publish_events(&tenant(), vec![new]).await.unwrap() });
    }
    let mut positions: Vec<_> = publishing.join_all().await.iter().map(|one| came_of(one).0).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=90).collect::<Vec<_>>());
    let head = home.store.event_head(&tenant()).await.unwrap();
    assert_eq!((head.position, head.place, head.open), (90, 180, 180));
    for name in ["one", "two"] {
        let stats = home.store.subscription(&tenant(), name).await.unwrap().unwrap().stats;
        assert_eq!((stats.routed, stats.open), (90, 90));
    }
    let mut ready = 0;
    for position in 1..=90 {
        let deliveries = home.store.deliveries(&tenant(), position, 10).await.unwrap();
        assert_eq!(deliveries.len(), 2);
        ready += deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Ready).count();
    }
    assert_eq!(ready, 14, "the first of each line");
}

fn ended(number: u64) -> TaskRow {
    let now = troupe_core::Timestamp::from_millis(1_763_600_000_000);
    TaskRow {
        status: TaskStatus::Completed,
        attempt: 1,
        release: Some(ran_on()),
        output: Some("{}".to_owned()),
        started_at: Some(now),
        ended_at: Some(now),
        ..pending(number)
    }
}

#[tokio::test]
async fn calls_that_end_at_once_are_recorded_each_and_one_that_cannot_be_fails_no_other() {
    let home = Home::open().await;
    let head = home.head();
    home.store.record(ended(9), &head, Vec::new(), Decided::default()).await.unwrap();
    let record = |number: u64| home.store.record(ended(number), &head, vec![row(1, false)], Decided::default());
    // The third is there already.
    let (a, b, there, c) = tokio::join!(record(1), record(2), record(9), record(3));
    for one in [a, b, c] {
        one.unwrap();
    }
    assert_eq!(there.unwrap_err().code, Code::Internal);
    for number in 1..=3 {
        assert_eq!(home.store.task(&tenant(), id(number)).await.unwrap().unwrap(), ended(number));
        let (found, rows) = home.store.journal(&tenant(), id(number), 1).await.unwrap().unwrap();
        assert_eq!((found, rows), (head.clone(), vec![row(1, false)]));
    }
    assert_eq!(home.store.journal(&tenant(), id(9), 1).await.unwrap().unwrap().1, []);
    let kinds = home.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "task.created").count(), 4, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "task.completed").count(), 4, "{kinds:?}");
}
