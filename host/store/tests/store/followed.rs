//! Events that are followed, and subscriptions that end with an instance.

use std::collections::BTreeSet;

use serde_json::json;
use troupe_core::view::{DeliveryState, NewSubscription, TaskFailure, TaskStatus};
use troupe_core::{Clock as _, Code, Error, EventDraft, InstanceId, TopicPattern, limits};
use troupe_store::{
    Commit, Dispatched, NewEventRow, NewInstanceRow, NewSubscriptionRow, Publication, Started, TaskEnd,
};

use crate::support::{Home, OWNER, agent, completed, pending, pin, ran_on, tenant};

async fn publish(home: &Home, topic: &str, bytes: usize) -> u64 {
    let draft = EventDraft::new(topic.parse().unwrap(), json!("x".repeat(bytes)));
    let id = home.store.event_head(&tenant()).await.unwrap().position.to_string();
    let (source, sender) = ("/owner".to_owned(), "owner".to_owned());
    let event = NewEventRow { draft, sender, source, id, is_drawn: false, due_at: None, caused_by: None };
    match home.store.publish_events(&tenant(), vec![event]).await.unwrap().remove(0) {
        Publication::New(row) => row.position,
        Publication::Existing(row) => panic!("it was there: {row:?}"),
    }
}

async fn after(home: &Home, topic: Option<&str>, after: u64, limit: u32) -> (Vec<u64>, u64) {
    let topic = topic.map(|topic| topic.parse::<TopicPattern>().unwrap());
    let (rows, looked_at) = home.store.events_after(&tenant(), topic.as_ref(), after, limit).await.unwrap();
    (rows.into_iter().map(|row| row.position).collect(), looked_at)
}

#[tokio::test]
async fn events_are_read_on_after_a_position_as_many_as_are_wanted_and_no_more_than_fit_at_once() {
    let home = Home::open().await;
    for topic in ["a.b", "c.d", "a.e", "c.f", "a.b"] {
        publish(&home, topic, 1).await;
    }
    assert_eq!(after(&home, None, 0, 10).await, (vec![1, 2, 3, 4, 5], 5));
    assert_eq!(after(&home, None, 2, 2).await, (vec![3, 4], 4));
    assert_eq!(after(&home, Some("a.*"), 0, 10).await, (vec![1, 3, 5], 5));
    // What stands behind the last that is wanted is looked at by the next.
    assert_eq!(after(&home, Some("a.*"), 0, 2).await, (vec![1, 3], 4));
    assert_eq!(after(&home, Some("a.b"), 1, 10).await, (vec![5], 5));
    assert_eq!(after(&home, Some("x.>"), 0, 10).await, (vec![], 5));
    assert_eq!(after(&home, None, u64::MAX, 10).await, (vec![], u64::MAX));
    let large = usize::try_from(limits::STREAM_EVENTS_BYTES).unwrap();
    for _ in 0..3 {
        publish(&home, "a.large", large).await;
    }
    assert_eq!(after(&home, None, 5, 10).await, (vec![6], 6));
    assert_eq!(after(&home, None, 4, 10).await, (vec![5], 5));
}

#[tokio::test]
async fn whoever_follows_the_events_of_a_tenant_is_woken_by_the_commit_that_publishes() {
    let home = Home::open().await;
    home.store
        .set_subscription(&tenant(), wanted(None), "owner")
        .await
        .expect("a subscription, so that the feed is told of nothing");
    let (mut watch, mut said) = (home.store.watch(&tenant()), home.store.said());
    watch.borrow_and_update();
    publish(&home, "a.b", 1).await;
    assert!(watch.has_changed().unwrap());
    assert_eq!(said.recv().await.unwrap().feeds, BTreeSet::from([tenant()]));
    assert_eq!(home.kinds().await, ["subscription.set"]);
}

fn instance(number: u64) -> InstanceId {
    format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap()
}

fn wanted(of: Option<u64>) -> NewSubscriptionRow {
    let plain = NewSubscription::new("a.>".parse().unwrap(), agent(), "inventory".parse().unwrap());
    let name = of.map_or("all".to_owned(), |number| format!("of-{number}"));
    let subscription = NewSubscription { instance: of.map(instance), ..plain };
    NewSubscriptionRow { name: name.parse().unwrap(), subscription }
}

async fn start(home: &Home, number: u64) {
    let principal = "owner".to_owned();
    let id = instance(number);
    let new = NewInstanceRow { id, agent: agent(), name: None, session: None, principal, checked: false };
    assert!(matches!(home.store.start_instance(&tenant(), new).await.unwrap(), Started::New(_)));
}

async fn states(home: &Home, position: u64) -> Vec<(String, DeliveryState)> {
    let deliveries = home.store.deliveries(&tenant(), position, 10).await.unwrap();
    let mut states: Vec<_> = deliveries.into_iter().map(|row| (row.subscription, row.state)).collect();
    states.sort_by(|one, other| one.0.cmp(&other.0));
    states
}

#[tokio::test]
async fn subscriptions_of_an_instance_go_with_it_and_with_them_what_waits_or_would_be_tried_again() {
    let home = Home::open().await;
    for number in [1, 2] {
        start(&home, number).await;
        home.store.set_subscription(&tenant(), wanted(Some(number)), "owner").await.unwrap();
    }
    home.store.set_subscription(&tenant(), wanted(None), "owner").await.unwrap();
    let first = publish(&home, "a.b", 1).await;
    let second = publish(&home, "a.b", 1).await;
    home.store.stop_instance(&tenant(), instance(1), Some("owner")).await.unwrap();
    let of = |name: &str, state| (name.to_owned(), state);
    let (dropped, ready) = (DeliveryState::Dropped, DeliveryState::Ready);
    assert_eq!(states(&home, first).await, [of("all", ready), of("of-1", dropped), of("of-2", ready)]);
    assert_eq!(
        states(&home, second).await,
        [of("all", DeliveryState::Waiting), of("of-1", dropped), of("of-2", DeliveryState::Waiting)]
    );
    assert_eq!(home.store.subscription(&tenant(), "of-1").await.unwrap(), None);
    assert_eq!(home.store.event_head(&tenant()).await.unwrap().open, 4);
    assert_eq!(home.store.event(&tenant(), first).await.unwrap().unwrap().open, 2);
    let third = publish(&home, "a.b", 1).await;
    assert_eq!(states(&home, third).await.len(), 2);
    let gone = home.store.set_subscription(&tenant(), wanted(Some(1)), "owner").await.unwrap_err();
    assert_eq!(gone.code, Code::InstanceStopped);

    // What was being handled when it stopped, and failed, is not tried again for nobody.
    let at = (tenant().to_string(), "of-1".to_owned());
    let (_, rows) = home.store.ready_deliveries(home.clock.now(), &at, 64).await.unwrap().unwrap();
    let Dispatched::Made(task) = home.store.dispatch(&rows[0], Ok(pending(9))).await.unwrap() else {
        panic!("no task")
    };
    home.store.stop_instance(&tenant(), instance(2), None).await.unwrap();
    assert_eq!(states(&home, first).await[2], of("of-2", DeliveryState::Running));
    let pin = pin(&home.store.claim(&tenant(), task.id, OWNER, &ran_on(), &home.head()).await.unwrap());
    let failure = Some(TaskFailure::from(&Error::new(Code::InputInvalid, "no")));
    let end = TaskEnd { status: TaskStatus::Failed, failure, output: None, ..completed() };
    home.store.commit(Commit { pin, journal: Vec::new(), write: None, end: Some(end) }).await.unwrap();
    assert_eq!(states(&home, first).await[2], of("of-2", dropped));
    assert_eq!(home.store.event_head(&tenant()).await.unwrap().open, 3);
    let kinds = home.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "subscription.removed").count(), 2, "{kinds:?}");
}
