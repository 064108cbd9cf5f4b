//! Events: what is routed to whom, in which order it is handed out, and what is refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use troupe_core::view::{DeliveryState, NewSubscription, NewWebhook, TaskFailure, WebhookTry};
use troupe_core::{Clock as _, Code, Error, EventDraft, EventPriority, TaskId, TenantId, WebhookSecret, limits};
use troupe_store::{
    Again, Dispatched, DueEvent, EventRow, NewEventRow, NewSubscriptionRow, Pin, Publication, PublishCommit, ReadyRow,
    Sent, SubscriptionRow, TaskRow,
};

use crate::support::{Home, OWNER, READING, id, pending, pin as pinned, ran_on, row, tenant};

/// Tells events apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn new(topic: &str, priority: EventPriority, caused_by: Option<TaskId>) -> NewEventRow {
    let draft = EventDraft { priority, ..EventDraft::new(topic.parse().unwrap(), json!({ "n": 1 })) };
    let id = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
    let sender = "owner".to_owned();
    NewEventRow { draft, source: "/owner".to_owned(), sender, id, is_drawn: false, due_at: None, caused_by }
}

async fn publish(home: &Home, event: NewEventRow) -> EventRow {
    match home.store.publish_events(&tenant(), vec![event]).await.unwrap().remove(0) {
        Publication::New(row) => *row,
        Publication::Existing(row) => panic!("it was there: {row:?}"),
    }
}

async fn subscribe(home: &Home, name: &str, topic: &str, parallel: u32) -> SubscriptionRow {
    let plain = NewSubscription::new(topic.parse().unwrap(), "aws".parse().unwrap(), "inventory".parse().unwrap());
    let subscription = NewSubscription { parallel, tries: 2, ..plain };
    let new = NewSubscriptionRow { name: name.parse().unwrap(), subscription };
    home.store.set_subscription(&tenant(), new, "owner").await.unwrap()
}

/// What can be handed out now at the first subscription that has something.
async fn ready(home: &Home) -> Vec<ReadyRow> {
    let none = (String::new(), String::new());
    let found = home.store.ready_deliveries(home.clock.now(), &none, limits::EVENTS_PARALLEL_MAX).await.unwrap();
    found.map(|(_, rows)| rows).unwrap_or_default()
}

async fn dispatch(home: &Home, row: &ReadyRow, task: u64) -> TaskRow {
    match home.store.dispatch(row, Ok(pending(task))).await.unwrap() {
        Dispatched::Made(task) => *task,
        other => panic!("no task: {other:?}"),
    }
}

fn failure() -> TaskFailure {
    TaskFailure::from(&Error::new(Code::InputInvalid, "no"))
}

async fn state(home: &Home, position: u64) -> DeliveryState {
    home.store.deliveries(&tenant(), position, 10).await.unwrap().remove(0).state
}

#[tokio::test]
async fn a_delivery_is_made_a_task_once_whoever_looks() {
    let home = Home::open().await;
    subscribe(&home, "one", "a.b", 16).await;
    publish(&home, new("a.b", EventPriority::Normal, None)).await;
    let rows = ready(&home).await;
    let (one, two) =
        tokio::join!(home.store.dispatch(&rows[0], Ok(pending(1))), home.store.dispatch(&rows[0], Ok(pending(2))));
    let made = [one.unwrap(), two.unwrap()];
    assert_eq!(made.iter().filter(|made| matches!(made, Dispatched::Made(_))).count(), 1, "{made:?}");
    assert!(ready(&home).await.is_empty());
}

#[tokio::test]
async fn hosts_of_one_database_handle_no_more_at_once_together_than_one_would() {
    let home = Home::open().await;
    subscribe(&home, "one", "a.>", 1).await;
    for topic in ["a.1", "a.2"] {
        publish(&home, new(topic, EventPriority::Normal, None)).await;
    }
    let first = ready(&home).await.remove(0);
    // What another host saw that looked before the first was begun, and read its rows after it.
    let second = ReadyRow { place: first.place + 1, ..first.clone() };
    let task = dispatch(&home, &first, 1).await;
    if home.store.is_shared() {
        assert!(matches!(home.store.dispatch(&second, Ok(pending(2))).await.unwrap(), Dispatched::Changed));
        assert_eq!(home.store.begin_sending(&second, home.clock.now()).await.unwrap(), None);
    }
    assert!(ready(&home).await.is_empty());
    home.store.cancel(&tenant(), task.id, "owner", READING).await.unwrap();
    assert_eq!(ready(&home).await, std::slice::from_ref(&second));
    dispatch(&home, &second, 2).await;
}

#[tokio::test]
async fn an_event_that_finds_no_room_is_not_looked_at_with_those_of_others() {
    let home = Home::open().await;
    let (mine, other) = (tenant(), "other".parse().unwrap());
    for tenant in [&mine, &other] {
        let event = NewEventRow { due_at: Some(home.clock.now()), ..new("a.b", EventPriority::Normal, None) };
        home.store.publish_events(tenant, vec![event]).await.unwrap();
    }
    let later = home.clock.now().plus(Duration::from_secs(60));
    let event = NewEventRow { due_at: Some(later), ..new("a.b", EventPriority::Normal, None) };
    publish(&home, event).await;
    let now = home.clock.now();
    let due = async |after: Option<&DueEvent>, full: &[TenantId]| {
        let due = home.store.due_events(now, after, full, 10).await.unwrap();
        due.into_iter().map(|due| due.tenant.to_string()).collect::<Vec<_>>()
    };
    let all = home.store.due_events(now, None, &[], 10).await.unwrap();
    assert_eq!(due(None, &[]).await.len(), 2);
    assert_eq!(due(Some(&all[0]), &[]).await, [all[1].tenant.to_string()]);
    assert_eq!(due(None, std::slice::from_ref(&mine)).await, ["other"]);
    assert_eq!(due(None, &[mine, other]).await, Vec::<String>::new());
    assert_eq!(home.store.next_event(now).await.unwrap(), Some(later));
}

#[tokio::test]
async fn a_priority_is_a_head_start_and_nobody_starves() {
    let home = Home::open().await;
    subscribe(&home, "one", "a.>", 16).await;
    let order = async |home: &Home| -> Vec<u64> {
        let rows = ready(home).await;
        rows.iter().map(|row| row.place).collect()
    };
    for (topic, priority) in
        [("a.1", EventPriority::Low), ("a.2", EventPriority::Normal), ("a.3", EventPriority::Critical)]
    {
        publish(&home, new(topic, priority, None)).await;
    }
    assert_eq!(order(&home).await, [3, 2, 1]);
    // Whoever has waited for longer than the head start goes before those that came since.
    home.clock.advance(limits::EVENT_HEAD_START_CRITICAL + Duration::from_secs(1));
    publish(&home, new("a.4", EventPriority::Critical, None)).await;
    assert_eq!(order(&home).await, [3, 2, 1, 4]);
}

#[tokio::test]
async fn a_line_goes_on_when_what_is_before_it_ends_and_not_while_that_pauses() {
    let home = Home::open().await;
    subscribe(&home, "one", "a.b", 16).await;
    for _ in 0..3 {
        publish(&home, new("a.b", EventPriority::Normal, None)).await;
    }
    let rows = ready(&home).await;
    assert_eq!(rows.len(), 1);
    assert!(matches!(home.store.dispatch(&rows[0], Err(failure())).await.unwrap(), Dispatched::Failed));
    assert!(ready(&home).await.is_empty(), "it pauses, and the others wait for it");
    let next = home.store.next_delivery(home.clock.now()).await.unwrap().unwrap();
    let pause = next.since(home.clock.now());
    assert!(pause > Duration::ZERO && pause <= limits::EVENT_PAUSE_FIRST, "{pause:?}");
    home.clock.advance(pause);
    let rows = ready(&home).await;
    assert_eq!((rows[0].place, rows[0].attempts), (1, 1));
    home.store.dispatch(&rows[0], Err(failure())).await.unwrap();
    assert_eq!(state(&home, 1).await, DeliveryState::Dead);
    let rows = ready(&home).await;
    assert_eq!(rows.iter().map(|row| row.place).collect::<Vec<_>>(), [2]);
    let kinds = home.kinds().await;
    assert_eq!(kinds, ["subscription.set", "event.dead"]);
    let stats = home.store.subscription(&tenant(), "one").await.unwrap().unwrap().stats;
    assert_eq!((stats.routed, stats.failed, stats.dead, stats.open), (3, 2, 1, 2));
}

#[tokio::test]
async fn f68_what_goes_round_in_a_circle_is_a_dead_letter_after_sixteen_hops() {
    let home = Home::open().await;
    subscribe(&home, "circle", "a.>", 64).await;
    let mut caused_by = None;
    for hop in 0..=u64::from(limits::EVENT_HOPS_MAX) {
        let event = publish(&home, new(&format!("a.{hop}"), EventPriority::Normal, caused_by)).await;
        assert_eq!(u64::from(event.hops), hop);
        let rows = ready(&home).await;
        let task = dispatch(&home, &rows[0], hop).await;
        assert_eq!(task.id, id(hop));
        caused_by = Some(task.id);
    }
    let last = publish(&home, new("a.last", EventPriority::Normal, caused_by)).await;
    assert!(ready(&home).await.is_empty());
    let letters = home.store.dead_letters(&tenant(), None, 0, 10).await.unwrap();
    let codes: Vec<_> = letters.iter().map(|dead| (dead.position, dead.failure.clone().unwrap().code)).collect();
    assert_eq!(codes, [(last.position, "limit.hops".to_owned())]);
    // Whoever decides that it goes on has it begin anew.
    home.store.decide_dead_letter(&tenant(), letters[0].place, true, "owner").await.unwrap();
    assert_eq!(ready(&home).await.len(), 1);
}

#[tokio::test]
async fn f67_publishing_is_refused_while_too_much_is_open_and_nothing_of_it_is_kept() {
    let home = Home::open().await;
    let subscriptions = 200;
    for number in 0..subscriptions {
        subscribe(&home, &format!("s{number}"), "a.b", 16).await;
    }
    let events = |count: u64| (0..count).map(|_| new("a.b", EventPriority::Normal, None)).collect::<Vec<_>>();
    let fit = limits::EVENT_DELIVERIES_OPEN_MAX / subscriptions;
    let at_once = limits::EVENT_DELIVERIES_AT_ONCE / subscriptions;
    let refused = home.store.publish_events(&tenant(), events(at_once + 1)).await.unwrap_err();
    assert_eq!(refused.code, Code::LimitRequest, "a commit is everybody's: {refused}");
    for _ in 0..fit / at_once {
        home.store.publish_events(&tenant(), events(at_once)).await.unwrap();
    }
    let refused = home.store.publish_events(&tenant(), events(1)).await.unwrap_err();
    assert_eq!((refused.code, refused.retryable), (Code::LimitEvents, true), "{refused}");
    let head = home.store.event_head(&tenant()).await.unwrap();
    assert_eq!((head.position, head.open), (fit, limits::EVENT_DELIVERIES_OPEN_MAX));
    let again = Again { from: 1, subscription: Some("s0".to_owned()), ..Again::default() };
    assert_eq!(home.store.redeliver(&tenant(), again, "owner").await.unwrap_err().code, Code::LimitEvents);
    // What nobody takes needs no room among them; and once there is room, more is accepted.
    home.store.publish_events(&tenant(), vec![new("a.c", EventPriority::Normal, None)]).await.unwrap();
    home.store.remove_subscription(&tenant(), "s0", "owner").await.unwrap();
    home.store.publish_events(&tenant(), events(1)).await.unwrap_err();
    for number in 1..=subscriptions / fit {
        home.store.remove_subscription(&tenant(), &format!("s{number}"), "owner").await.unwrap();
    }
    home.store.publish_events(&tenant(), events(1)).await.unwrap();
}

#[tokio::test]
async fn events_are_removed_when_they_are_old_and_nothing_has_to_be_done_about_them() {
    let home = Home::open().await;
    subscribe(&home, "one", "a.b", 16).await;
    publish(&home, new("a.c", EventPriority::Normal, None)).await;
    publish(&home, new("a.b", EventPriority::Normal, None)).await;
    let before = home.clock.now();
    assert_eq!(home.store.sweep_events(&tenant(), before).await.unwrap(), 0, "they are not that old");
    home.clock.advance(Duration::from_secs(60));
    assert_eq!(home.store.sweep_events(&tenant(), home.clock.now()).await.unwrap(), 1, "one of them is open");
    let rows = ready(&home).await;
    home.store.dispatch(&rows[0], Err(failure())).await.unwrap();
    home.clock.advance(Duration::from_secs(60));
    home.store.dispatch(&ready(&home).await[0], Err(failure())).await.unwrap();
    assert_eq!(home.store.sweep_events(&tenant(), home.clock.now()).await.unwrap(), 0, "it is a dead letter");
    home.store.decide_dead_letter(&tenant(), 1, false, "owner").await.unwrap();
    assert_eq!(home.store.sweep_events(&tenant(), home.clock.now()).await.unwrap(), 1);
    let head = home.store.event_head(&tenant()).await.unwrap();
    assert_eq!((head.position, head.bytes, head.open), (2, 0, 0));
    assert_eq!(publish(&home, new("a.b", EventPriority::Normal, None)).await.position, 3);
}

fn encode(position: u64) -> Vec<u8> {
    format!("event {position}").into_bytes()
}

/// What an agent publishes under an id, if it gives one.
fn of_agent(topic: &str, own_id: Option<&str>) -> PublishCommit {
    let draft = EventDraft { id: own_id.map(str::to_owned), ..EventDraft::new(topic.parse().unwrap(), json!(1)) };
    PublishCommit { draft, delay: Duration::ZERO, encode }
}

async fn publish_by(home: &Home, pin: &Pin, call: u64, event: PublishCommit) -> troupe_core::Result<Publication> {
    home.store.commit_publish(pin, Vec::new(), event, row(call, true)).await
}

#[tokio::test]
async fn an_event_of_an_agent_is_kept_with_the_row_of_its_call_and_says_what_led_to_it() {
    let home = Home::open().await;
    subscribe(&home, "one", "a.>", 16).await;
    let pin = home.running(1).await;
    let Publication::New(first) = publish_by(&home, &pin, 1, of_agent("a.b", None)).await.unwrap() else { panic!() };
    assert_eq!((first.caused_by, first.root, first.hops, first.open), (Some(id(1)), Some(id(1)), 0, 1));
    assert_eq!(first.sender, format!("agent/{}", pin.agent));
    assert_eq!(first.document["id"], format!("{}-1-1", id(1)));
    let rows = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1;
    assert!(rows[0].write && rows[0].answer.as_deref() == Some(b"event 1"));
    // Whoever does not hold the task any more publishes nothing.
    let stale = Pin { lease_number: 9, ..pin.clone() };
    let refused = publish_by(&home, &stale, 2, of_agent("a.b", None)).await.unwrap_err();
    assert_eq!(refused.code, Code::StaleEpoch);
    // What handles it is led to by it, and what that publishes, too.
    let task = dispatch(&home, &ready(&home).await[0], 2).await;
    let cause = home.store.task(&tenant(), task.id).await.unwrap().unwrap().cause.unwrap();
    assert_eq!((cause.by, cause.event, cause.root, cause.hops), (None, Some(1), Some(id(1)), 1));
    let claimed = home.store.claim(&tenant(), id(2), OWNER, &ran_on(), &home.head()).await.unwrap();
    let second = publish_by(&home, &pinned(&claimed), 1, of_agent("a.c", None)).await.unwrap();
    let Publication::New(second) = second else { panic!() };
    assert_eq!((second.position, second.caused_by, second.root, second.hops), (2, Some(id(2)), Some(id(1)), 1));
}

#[tokio::test]
async fn an_agent_publishes_the_same_under_one_id_once_and_nothing_is_kept_of_what_is_refused() {
    let home = Home::open().await;
    let pin = home.running(1).await;
    publish_by(&home, &pin, 1, of_agent("a.b", Some("x"))).await.unwrap();
    let again = publish_by(&home, &pin, 2, of_agent("a.b", Some("x"))).await.unwrap();
    assert!(matches!(again, Publication::Existing(row) if row.position == 1));
    let other = publish_by(&home, &pin, 3, of_agent("a.c", Some("x"))).await.unwrap_err();
    assert_eq!(other.code, Code::ConflictIdempotency);
    let rows = home.store.journal(&tenant(), id(1), 1).await.unwrap().unwrap().1;
    assert_eq!(rows.iter().map(|row| row.write).collect::<Vec<_>>(), [true, false]);
    // As many as one task may lead to.
    for call in 3..limits::EVENT_DESCENDANTS_MAX + 2 {
        publish_by(&home, &pin, call, of_agent("a.b", None)).await.unwrap();
    }
    let refused = publish_by(&home, &pin, 5_000, of_agent("a.b", None)).await.unwrap_err();
    assert_eq!(refused.code, Code::LimitDescendants);
    let head = home.store.event_head(&tenant()).await.unwrap();
    assert_eq!((head.position, head.published), (limits::EVENT_DESCENDANTS_MAX, limits::EVENT_DESCENDANTS_MAX));
}

/// A webhook that takes a topic, and an event at it.
async fn sent_to_webhook(home: &Home, tries: u32) -> ReadyRow {
    let webhook = NewWebhook { tries, ..NewWebhook::new("a.b".parse().unwrap(), "https://example.com/".to_owned()) };
    let (id, mark) = ("1".to_owned(), "mark".to_owned());
    let secret = WebhookSecret { id, generation: 1, mark, made_at: home.clock.now(), before_until: None };
    home.store.set_webhook(&tenant(), &"out".parse().unwrap(), webhook, secret, "owner").await.unwrap();
    publish(home, new("a.b", EventPriority::Normal, None)).await;
    ready(home).await.remove(0)
}

fn tried(home: &Home) -> WebhookTry {
    WebhookTry { event: 1, at: home.clock.now(), took_ms: 1, status: Some(500), code: None }
}

#[tokio::test]
async fn a_delivery_is_one_host_s_until_its_lease_is_over_and_what_it_says_then_counts_for_nothing() {
    let home = Home::open().await;
    let row = sent_to_webhook(&home, 3).await;
    let until = home.clock.now().plus(limits::WEBHOOK_LEASE);
    let (one, two) = tokio::join!(home.store.begin_sending(&row, until), home.store.begin_sending(&row, until));
    let begun: Vec<_> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
    let [first] = &begun[..] else { panic!("{begun:?}") };
    assert_eq!(home.store.next_end_of_sending().await.unwrap(), Some(until));
    assert_eq!(home.store.end_leases_of_sending(home.clock.now()).await.unwrap(), 0);
    assert_eq!(home.store.end_leases_of_sending(until).await.unwrap(), 1);
    assert!(!home.store.end_sending(first, Sent::Taken, tried(&home)).await.unwrap(), "it is another's by now");
    assert_eq!(state(&home, 1).await, DeliveryState::Ready);
    home.clock.advance(limits::EVENT_PAUSE_MAX);
    let second = home.store.begin_sending(&ready(&home).await[0], until).await.unwrap().unwrap();
    assert_eq!(second.attempt, 2);
    assert!(home.store.end_sending(&second, Sent::Taken, tried(&home)).await.unwrap());
    assert!(!home.store.end_sending(&second, Sent::Taken, tried(&home)).await.unwrap());
    assert_eq!(state(&home, 1).await, DeliveryState::Delivered);
    let row = home.store.webhook(&tenant(), "out").await.unwrap().unwrap();
    assert_eq!((row.stats.delivered, row.stats.failed, row.stats.open), (1, 1, 0));
    assert_eq!(row.last.unwrap().status, Some(500));
}

#[tokio::test]
async fn what_a_webhook_does_not_take_is_tried_so_often_and_what_is_gone_not_once_more() {
    let home = Home::open().await;
    let mut row = sent_to_webhook(&home, 2).await;
    let until = home.clock.now().plus(limits::WEBHOOK_LEASE);
    for expected in [DeliveryState::Ready, DeliveryState::Dead] {
        let sending = home.store.begin_sending(&row, until).await.unwrap().unwrap();
        let failed = Sent::Failed(failure(), Some(Duration::from_secs(600)));
        assert!(home.store.end_sending(&sending, failed, tried(&home)).await.unwrap());
        assert_eq!(state(&home, 1).await, expected);
        if expected == DeliveryState::Ready {
            home.clock.advance(Duration::from_secs(599));
            assert!(ready(&home).await.is_empty(), "the server asked for that long");
            home.clock.advance(Duration::from_secs(1));
            row = ready(&home).await.remove(0);
        }
    }
    publish(&home, new("a.b", EventPriority::Normal, None)).await;
    let sending = home.store.begin_sending(&ready(&home).await[0], until).await.unwrap().unwrap();
    home.store.end_sending(&sending, Sent::Gone(failure()), tried(&home)).await.unwrap();
    assert_eq!(state(&home, 2).await, DeliveryState::Dead);
    assert!(home.store.webhook(&tenant(), "out").await.unwrap().unwrap().webhook.paused);
    // What is under way when it is removed comes to nothing.
    home.store.pause_webhook(&tenant(), "out", false, "owner").await.unwrap();
    publish(&home, new("a.b", EventPriority::Normal, None)).await;
    let row = ready(&home).await.remove(0);
    home.store.begin_sending(&row, until).await.unwrap().unwrap();
    home.store.remove_webhook(&tenant(), "out", "owner").await.unwrap();
    assert_eq!(home.store.end_leases_of_sending(until).await.unwrap(), 1);
    home.clock.advance(limits::EVENT_PAUSE_MAX);
    assert_eq!(home.store.begin_sending(&ready(&home).await[0], until).await.unwrap(), None);
    assert_eq!(state(&home, 3).await, DeliveryState::Dropped);
}

#[tokio::test]
async fn a_secret_is_rotated_by_whoever_looked_at_the_last() {
    let home = Home::open().await;
    sent_to_webhook(&home, 2).await;
    let before = home.store.webhook(&tenant(), "out").await.unwrap().unwrap().secret;
    let next = WebhookSecret { generation: 2, mark: "other".to_owned(), ..before };
    home.store.rotate_webhook(&tenant(), "out", next.clone(), "owner").await.unwrap();
    let late = home.store.rotate_webhook(&tenant(), "out", next, "owner").await.unwrap_err();
    assert_eq!(late.code, Code::WebhookConflict);
}
