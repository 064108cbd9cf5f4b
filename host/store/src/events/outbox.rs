//! Events and deliveries on their way into the database: numbered and routed in memory, and written together.
//!
//! ```text
//!  incoming ──▸ what the database has of them, looked up at once
//!      │
//!      ├─ accepted, one after the other: numbered by the tenant's head, routed to who takes its topic
//!      ▼
//!  rows of events and deliveries; sums of heads, topics and subscriptions ──▸ written, each once
//! ```
//!
//! *The danger:* what one event changes is not seen by the next, which stands in the same line or meets the same limit.
//! *The rule:* what is read here is read through what was added here before, and nobody else writes in between, since all
//! of it is one job of the store's writer. What is not written when that job fails was never there.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::json;
use troupe_core::view::{DeliveryState, TaskFailure};
use troupe_core::{Code, Error, EventPriority, TaskId, TenantId, Timestamp, Topic, TopicPattern, limits};

use super::row::{self, EventHead, EventRow};
use super::subscriptions::candidates;
use super::taker::Taker;
use super::{deliver, incoming::Incoming};
use crate::fault::Done;
use crate::rows::{Columns as _, json, number};
use crate::sql::{Argument, Row, insert, look_up, query, query_scalar};
use crate::writer::Tx;

/// Whether there are events of these names.
const NAMED: &str = "select asked.column1 as at, exists (select 1 from events where tenant = asked.column2
     and sender = asked.column3 and source = asked.column4 and id = asked.column5) as found from";

/// Whether something of these lines has not ended.
const IN_LINE: &str = "select asked.column1 as at, exists (select 1 from deliveries where tenant = asked.column2
     and subscription = asked.column3 and sender = asked.column4 and topic = asked.column5
     and priority = asked.column6 and ended_at is null) as found from";

/// What is held before it is written, in bytes, and what a row takes beside its document.
const BYTES_MAX: usize = 4 * 1024 * 1024;
const ROW_BYTES: usize = 512;

/// What tells an event apart: its tenant, sender, source and id.
type Name = [String; 4];

/// A line of deliveries: its tenant, subscription, sender, topic and priority.
type Line = (TenantId, String, String, String, EventPriority);

/// A subscription that may take events under the first segment of a topic.
struct Candidate {
    pattern: TopicPattern,
    row: Row,
    /// Read once it takes one.
    taker: Option<Arc<Taker>>,
}

/// What was published under a topic.
#[derive(Default)]
struct Noted {
    published: i64,
    unhandled: i64,
    /// Whether the last was unhandled.
    is_missed: bool,
}

/// Events and deliveries that are not written yet, and what is known of what they meet.
#[derive(Default)]
pub(super) struct Outbox {
    heads: HashMap<TenantId, EventHead>,
    candidates: HashMap<(TenantId, String), Vec<Candidate>>,
    /// Whether something of a line has not ended.
    lines: HashMap<Line, bool>,
    /// Whether there is an event of this name.
    names: HashMap<Name, bool>,
    /// How many of those that are not written yet each task led to.
    led_to: HashMap<TaskId, usize>,
    /// How many of them wait for their time.
    put_off: HashMap<TenantId, usize>,
    /// Bytes of what is not written yet.
    bytes: usize,
    events: Vec<[Argument; 17]>,
    deliveries: Vec<[Argument; 14]>,
    topics: BTreeMap<(TenantId, Topic), Noted>,
    /// How many deliveries each subscription got, and how many of them are dead letters.
    routed: BTreeMap<(TenantId, String), (i64, i64)>,
}

impl Outbox {
    /// Looks up at once what accepting these will ask for. What is not foreseen is looked up when it is asked for.
    pub(super) async fn look_ahead(&mut self, tx: &mut Tx, all: impl Iterator<Item = &Incoming> + Clone) -> Done<()> {
        let names: Vec<Name> = all.clone().filter(|event| !event.is_fresh).map(Incoming::name).collect();
        if !names.is_empty() {
            let asked = (0_i64..).zip(&names).map(|(at, [tenant, sender, source, id])| {
                [at.into(), tenant.into(), sender.into(), source.into(), id.into()]
            });
            let found = look_up(&mut tx.connection, NAMED, asked.collect()).await?;
            note(&found, names, &mut self.names)?;
        }
        let mut lines = Vec::new();
        for event in all.filter(|event| event.due_at.is_none()) {
            for taker in self.takers(tx, &event.tenant, &event.topic).await? {
                if taker.in_order() {
                    lines.push(line(&event.tenant, &taker, &event.sender, &event.topic, event.priority));
                }
            }
        }
        lines.sort_unstable();
        lines.dedup();
        if !lines.is_empty() {
            let asked = (0_i64..).zip(&lines).map(|(at, (tenant, subscription, sender, topic, priority))| {
                let priority = i64::from(priority.number());
                [at.into(), tenant.as_str().into(), subscription.into(), sender.into(), topic.into(), priority.into()]
            });
            let found = look_up(&mut tx.connection, IN_LINE, asked.collect()).await?;
            note(&found, lines, &mut self.lines)?;
        }
        Ok(())
    }

    /// How the events of a tenant stand, with what is not written yet.
    pub(super) async fn head(&mut self, tx: &mut Tx, tenant: &TenantId) -> Done<&mut EventHead> {
        Ok(match self.heads.entry(tenant.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(EventHead::find(&mut tx.connection, tenant).await?),
        })
    }

    /// Whether there can be an event of this name, in the database or here.
    pub(super) fn may_have(&self, name: &Name) -> bool {
        self.names.get(name).copied().unwrap_or(true)
    }

    /// How many of those that are not written yet a task led to.
    pub(super) fn led_to_by(&self, root: TaskId) -> usize {
        self.led_to.get(&root).copied().unwrap_or(0)
    }

    /// How many of those that are not written yet wait for their time.
    pub(super) fn put_off(&self, tenant: &TenantId) -> usize {
        self.put_off.get(tenant).copied().unwrap_or(0)
    }

    /// Who takes a topic, by name.
    pub(super) async fn takers(&mut self, tx: &mut Tx, tenant: &TenantId, topic: &Topic) -> Done<Vec<Arc<Taker>>> {
        let candidates = match self.candidates.entry((tenant.clone(), topic.head().to_owned())) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let rows = candidates(&mut tx.connection, tenant, topic.head()).await?.into_iter();
                // Most are passed over, and need not be read whole.
                let read = |row: Row| Ok(Candidate { pattern: row.parsed("pattern")?, row, taker: None });
                entry.insert(rows.map(read).collect::<Done<_>>()?)
            }
        };
        let mut takers = Vec::new();
        for candidate in candidates {
            if !candidate.pattern.admits(topic) {
                continue;
            }
            let taker = match candidate.taker.take() {
                Some(taker) => taker,
                None => Arc::new(Taker::read(&candidate.row)?),
            };
            candidate.taker = Some(Arc::clone(&taker));
            takers.push(taker);
        }
        Ok(takers)
    }

    /// Adds the row of an event that the head counts already.
    pub(super) fn push_event(&mut self, event: &EventRow, from: &Incoming, text: String) -> Done<()> {
        let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
        self.bytes += text.len() + ROW_BYTES;
        self.events.push([
            event.tenant.as_str().into(),
            number(event.position)?.into(),
            (&event.sender).into(),
            (&from.source).into(),
            (&from.id).into(),
            event.topic.as_str().into(),
            i64::from(event.priority.number()).into(),
            text.into(),
            (&from.request).into(),
            bytes.into(),
            i64::from(event.hops).into(),
            event.caused_by.map(|task| task.to_string()).into(),
            event.root.map(|task| task.to_string()).into(),
            event.published_at.as_millis().into(),
            event.due_at.map(Timestamp::as_millis).into(),
            event.routed.map(number).transpose()?.into(),
            number(event.open)?.into(),
        ]);
        if let Some(root) = event.root {
            *self.led_to.entry(root).or_default() += 1;
        }
        if event.routed.is_none() {
            *self.put_off.entry(event.tenant.clone()).or_default() += 1;
        }
        if !from.is_fresh {
            self.names.insert(from.name(), true);
        }
        Ok(())
    }

    /// Makes the deliveries of an event, whose row says how many there are.
    pub(super) async fn hand_over(&mut self, tx: &mut Tx, event: &EventRow, takers: &[Arc<Taker>]) -> Done<()> {
        for taker in takers {
            self.deliver(tx, event, taker).await?;
        }
        self.note_topic(tx, event, takers.is_empty()).await?;
        tx.bus_moved = true;
        Ok(())
    }

    /// Makes one delivery of an event. What was passed on too often is a dead letter at once, which ends its way.
    pub(super) async fn deliver(&mut self, tx: &mut Tx, event: &EventRow, taker: &Taker) -> Done<()> {
        let is_over = event.hops > limits::EVENT_HOPS_MAX;
        let failure = is_over.then(|| {
            let most = limits::EVENT_HOPS_MAX;
            let message =
                format!("the event was passed on {most} times, as often as one may be; agents may publish in a circle");
            TaskFailure::from(&Error::new(Code::LimitHops, message))
        });
        let state = if is_over {
            DeliveryState::Dead
        } else if taker.in_order() && self.joins_open_line(tx, event, taker).await? {
            DeliveryState::Waiting
        } else {
            DeliveryState::Ready
        };
        let is_ready = state == DeliveryState::Ready;
        let head = self.head(tx, &event.tenant).await?;
        head.place += 1;
        head.open += u64::from(!is_over);
        let place = head.place;
        self.bytes += ROW_BYTES;
        self.deliveries.push([
            event.tenant.as_str().into(),
            number(place)?.into(),
            taker.name().into(),
            number(event.position)?.into(),
            (&event.sender).into(),
            event.topic.as_str().into(),
            i64::from(event.priority.number()).into(),
            state.as_str().into(),
            0_i64.into(),
            is_ready.then(|| tx.now.as_millis()).into(),
            is_ready.then(|| deliver::rank(tx.now, event.priority)).into(),
            failure.as_ref().map(json).transpose()?.into(),
            tx.now.as_millis().into(),
            is_over.then(|| tx.now.as_millis()).into(),
        ]);
        let (routed, dead) = self.routed.entry((event.tenant.clone(), taker.name().to_owned())).or_default();
        *routed += 1;
        *dead += i64::from(is_over);
        if let Some(failure) = failure {
            deliver::tell_dead(tx, &event.tenant, (place, event.position), taker.name(), &failure).await?;
        }
        Ok(())
    }

    /// Whether something of the line that an event comes to stand in has not ended. From now on that is so.
    async fn joins_open_line(&mut self, tx: &mut Tx, event: &EventRow, taker: &Taker) -> Done<bool> {
        let line = line(&event.tenant, taker, &event.sender, &event.topic, event.priority);
        match self.lines.insert(line, true) {
            Some(is_open) => Ok(is_open),
            None => deliver::is_line_open(tx, &event.tenant, taker.name(), event).await,
        }
    }

    /// Counts an event by its topic. The feed is told of the first that nobody has subscribed to any more,
    /// and not of each, which may be many.
    async fn note_topic(&mut self, tx: &mut Tx, event: &EventRow, is_unhandled: bool) -> Done<()> {
        let (tenant, topic) = (&event.tenant, &event.topic);
        let key = (tenant.clone(), topic.clone());
        let was_missed = match self.topics.get(&key) {
            Some(noted) => noted.is_missed,
            None if is_unhandled => {
                let found: Option<i64> =
                    query_scalar("select is_missed from event_topics where tenant = $1 and topic = $2")
                        .bind(tenant.as_str())
                        .bind(topic.as_str())
                        .fetch_optional(&mut tx.connection)
                        .await?;
                found == Some(1)
            }
            None => false,
        };
        let noted = self.topics.entry(key).or_default();
        noted.published += 1;
        noted.unhandled += i64::from(is_unhandled);
        noted.is_missed = is_unhandled;
        if is_unhandled {
            self.head(tx, tenant).await?.unhandled += 1;
            if !was_missed {
                let facts = json!({ "topic": topic.as_str(), "position": event.position, "sender": event.sender });
                tx.announce(tenant, "event.unhandled", &row::subject(event.position), &facts);
            }
        }
        Ok(())
    }

    /// Writes what is not written yet, if that is much.
    pub(super) async fn write_much(&mut self, tx: &mut Tx) -> Done<()> {
        if self.bytes < BYTES_MAX { Ok(()) } else { self.write(tx).await }
    }

    /// Writes what is not written yet.
    pub(super) async fn write(&mut self, tx: &mut Tx) -> Done<()> {
        (self.led_to, self.put_off, self.bytes) = Default::default();
        for (tenant, head) in &self.heads {
            head.save(tx, tenant).await?;
        }
        let into =
            "insert into events (tenant, position, sender, source, id, topic, priority, document, request, bytes,
            hops, caused_by, root, published_at, due_at, routed, open) ";
        insert(&mut tx.connection, into, std::mem::take(&mut self.events), "").await?;
        let topics = std::mem::take(&mut self.topics).into_iter().map(|((tenant, topic), noted)| {
            let Noted { published, unhandled, is_missed } = noted;
            let at = tx.now.as_millis();
            [
                tenant.as_str().into(),
                topic.as_str().into(),
                published.into(),
                unhandled.into(),
                is_missed.into(),
                at.into(),
                at.into(),
            ]
        });
        let topics: Vec<[_; 7]> = topics.collect();
        insert(
            &mut tx.connection,
            "insert into event_topics (tenant, topic, published, unhandled, is_missed, first_at, last_at) ",
            topics,
            " on conflict (tenant, topic) do update set published = event_topics.published + excluded.published,
                unhandled = event_topics.unhandled + excluded.unhandled, is_missed = excluded.is_missed,
                last_at = excluded.last_at",
        )
        .await?;
        let into =
            "insert into deliveries (tenant, place, subscription, position, sender, topic, priority, state, attempts,
            due_at, rank, failure, created_at, ended_at) ";
        insert(&mut tx.connection, into, std::mem::take(&mut self.deliveries), "").await?;
        for ((tenant, name), (routed, dead)) in std::mem::take(&mut self.routed) {
            query("update subscriptions set routed = routed + $3, dead = dead + $4 where tenant = $1 and name = $2")
                .bind(tenant.as_str())
                .bind(name)
                .bind(routed)
                .bind(dead)
                .execute(&mut tx.connection)
                .await?;
        }
        Ok(())
    }
}

fn line(tenant: &TenantId, taker: &Taker, sender: &str, topic: &Topic, priority: EventPriority) -> Line {
    (tenant.clone(), taker.name().to_owned(), sender.to_owned(), topic.as_str().to_owned(), priority)
}

/// Notes for each of `asked` what was found by its number.
fn note<K: std::hash::Hash + Eq>(found: &[Row], asked: Vec<K>, known: &mut HashMap<K, bool>) -> Done<()> {
    let mut by_number = HashMap::new();
    for row in found {
        by_number.insert(row.number::<usize>("at")?, row.truth("found")?);
    }
    let known_now = asked.into_iter().enumerate().filter_map(|(at, key)| Some((key, *by_number.get(&at)?)));
    known.extend(known_now);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn each_is_found_without_looking_at_others() {
        for (lookup, columns, index) in [(NAMED, 5, "events_by_id"), (IN_LINE, 6, "deliveries_line")] {
            let plan = plan(&format!("{lookup} (values ({})) as asked", ["'1'"; 6][..columns].join(", "))).await;
            assert!(plan.iter().any(|step| step.contains(&format!("INDEX {index}"))), "{plan:?}");
        }
    }
}
